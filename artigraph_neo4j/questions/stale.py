"""Stale artifacts, which would come out differently today, and plans to run spans again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from artigraph_neo4j.common.colours import ARTIFACT, ERROR
from artigraph_neo4j.common.diagram import Diagram, DiagramEdge, DiagramNode, Drawable
from artigraph_neo4j.common.markup import Html, escaped, joined, table
from artigraph_neo4j.common.wording import time_text
from artigraph_neo4j.engine import given
from artigraph_neo4j.engine.given import AnyArtifact
from artigraph_neo4j.find.lineage import (
    LineageLink,
    LineageStep,
    step_name,
    step_sign,
    steps_diagram,
)
from artigraph_neo4j.graph.cypher import ancestry
from artigraph_neo4j.questions.content import content_from_rows
from artigraph_neo4j.questions.reach import in_order, reach
from artigraph_neo4j.questions.recipe import Ancestry, read_above
from artigraph_neo4j.questions.why import chain
from artigraph_neo4j.recording.decorator import memory_of

__all__ = ["Cause", "Code", "ReplayPlan", "Staleness", "replay_plan", "stale"]

Code = str | Mapping[str, str] | Iterable[Callable[..., Any]]
"""Today's code: a commit, commits by qualified name, or functions with a cache."""

CauseKind = Literal["DATA", "CODE", "GONE"]


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason why an artifact is stale.

    Attributes:
        kind: ``"DATA"``: a newer version of an artifact above it exists, with other content;
            ``"CODE"``: a span above it ran another commit, or another version of its function;
            ``"GONE"``: the maker of an artifact above it was deleted, or an artifact that a span
            above it used.
        step: The artifact or span above.
        newest: Id of the newest version, for ``"DATA"``.
        commit: The commit that ran, for ``"CODE"`` by commits.
        way: One shortest way from the stale artifact to it.
    """

    kind: CauseKind
    step: LineageStep
    newest: str | None
    commit: str | None
    way: tuple[LineageStep, ...]


@dataclass(frozen=True, slots=True)
class Staleness(Drawable):
    """The staleness of an artifact, with its causes.

    Attributes:
        node_id: Id of the artifact.
        causes: All causes, nearest first; empty for a fresh artifact.
    """

    node_id: str
    causes: list[Cause]

    def __bool__(self) -> bool:
        return bool(self.causes)

    def diagram(self) -> Diagram:
        """Draw the way to each cause, which is red, and newer versions; arrows follow the data."""
        steps = {step.node_id: step for cause in self.causes for step in cause.way}
        links = dict.fromkeys(link for cause in self.causes for link in chain(cause.way))
        drawn = steps_diagram(steps.values(), links)
        if not steps:
            fresh = (self.node_id, "fresh")
            drawn.nodes.append(DiagramNode(self.node_id, "artifact", fresh, ARTIFACT))
        kinds = {cause.step.node_id: cause.kind for cause in self.causes}
        drawn.nodes = [
            replace(node, lines=(*node.lines, kinds[node.node_id]), colour=ERROR)
            if node.node_id in kinds
            else node
            for node in drawn.nodes
        ]
        known = set(steps)
        for cause in self.causes:
            if cause.newest is None:
                continue
            if cause.newest not in known:
                known.add(cause.newest)
                lines = (step_name(cause.step), "newest version")
                drawn.nodes.append(DiagramNode(cause.newest, "artifact", lines, ARTIFACT))
            drawn.edges.append(
                DiagramEdge(cause.newest, cause.step.node_id, "SUPERSEDES", "newer than")
            )
        return drawn

    def _repr_html_(self) -> str:
        rows = [
            (c.kind, joined(step_sign(c.step), " ", step_name(c.step)), len(c.way) - 1)
            for c in self.causes[:100]
        ]
        title = f"{self.node_id} is {'stale' if self.causes else 'fresh'}"
        note = f"{len(self.causes):,} causes"
        return Html(
            f"<div>{escaped(title)}</div>{table(('cause', 'because of', 'hops'), rows, note)}"
        )


@dataclass(frozen=True, slots=True)
class ReplayPlan(Drawable):
    """A plan of spans to run again, each after those that it needs.

    Attributes:
        node_id: Id of the artifact that will then be fresh.
        spans: The spans, in order; empty for a fresh artifact.
        inputs: Ids of the artifacts to use now, by the id of the artifact that was used.
        cut: Ids of superseded artifacts whose newest version has equal content, so that nothing
            below has to run because of them.
        links: Hops between the spans and the artifacts between them.
        steps: The spans and those artifacts.
    """

    node_id: str
    spans: list[LineageStep]
    inputs: dict[str, str]
    cut: list[str]
    links: list[LineageLink]
    steps: list[LineageStep]

    def diagram(self) -> Diagram:
        """Draw the spans and the artifacts between them; arrows follow the data."""
        return steps_diagram(self.steps, self.links)

    def _repr_html_(self) -> str:
        rows = [
            (number, joined(step_sign(s), " ", step_name(s)), time_text(s.at))
            for number, s in enumerate(self.spans[:100], start=1)
        ]
        title = f"to make {self.node_id} again"
        below = table(("", "span", "ran at"), rows, f"{len(self.spans):,} spans")
        return Html(f"<div>{escaped(title)}</div>{below}")


async def stale(*artifacts: AnyArtifact, code: Code | None = None) -> list[Staleness]:
    """Tell which artifacts would come out differently today, and why.

    An artifact is stale when an ancestor of it, at any distance, has a newer version with other
    content, was made by other code, or lost its maker. A revision of the artifact itself does not
    make it stale. One round trip for all of them.

    Args:
        artifacts: Artifacts, or their ids.
        code: Compare the code too: today's commit; or a dict of commits by qualified name, for
            functions that ``spanned(arguments=...)`` recorded; or functions that ``cached``
            decorates, whose ``version=`` or source is compared. What was not recorded counts as
            equal.

    Returns:
        One answer for each artifact, in the order given.

    Raises:
        ValueError: No artifact was given.
        NotFoundError: One of the artifacts does not exist.
        SpanError: ``code`` has a function without a cache.
        ConnectionFailed: The database stayed out of reach.
    """
    if not artifacts:
        raise ValueError("stale needs one artifact, or its id, at least")
    today = _Today.of(code)
    ids = [given.artifact_id(artifact) for artifact in artifacts]
    above = await read_above(ancestry.STALE, list(dict.fromkeys(ids)), code=today is not None)
    causes, _ = _causes(above, today)
    return [Staleness(node_id, _of_one(above, above.wholes[node_id], causes)) for node_id in ids]


async def replay_plan(artifact: AnyArtifact, /, *, code: Code | None = None) -> ReplayPlan:
    """Plan which spans have to run again, and in which order, to make an artifact fresh.

    These are spans above the artifact that are below a cause, or that ran other code themselves. An
    artifact with a newer version is replaced by it; spans above that do not run again. One round
    trip.

    Args:
        artifact: An artifact, or its id.
        code: See ``stale``.

    Raises:
        NotFoundError: The artifact does not exist.
        SpanError: ``code`` has a function without a cache.
        ConnectionFailed: The database stayed out of reach.
    """
    today = _Today.of(code)
    asked = given.artifact_id(artifact)
    above = await read_above(ancestry.STALE, [asked], code=today is not None)
    whole = above.wholes[asked]
    causes, cut = _causes(above, today)
    causes.pop(whole, None)
    # A newer version replaces an artifact, so nothing above the old version has to run.
    replaced = {node for node, (kind, _, _) in causes.items() if kind == "DATA"}
    live = reach([whole], {n: needs for n, needs in above.needs.items() if n not in replaced})
    again = reach(causes.keys() & live, _onward(above)) & live
    spans = {n for n in again if above.steps[n].kind == "span"}
    order, _ = in_order(again, above.needs, lambda node: above.steps[node].at)
    made = {n for n in again if above.steps[n].kind == "artifact"}
    links = [
        LineageLink(other, node, "HAS_ARTIFACT" if node in made else "USED")
        for node in order
        for other in sorted(above.needs[node])
        if other in again
    ]
    inputs = {
        node: newest
        for node, (kind, newest, _) in causes.items()
        if kind == "DATA" and newest is not None
    }
    return ReplayPlan(
        whole,
        [above.steps[n] for n in order if n in spans],
        dict(sorted(inputs.items())),
        sorted(cut),
        links,
        [above.steps[n] for n in order],
    )


_Reason = tuple[CauseKind, str | None, str | None]


@dataclass(frozen=True, slots=True)
class _Today:
    """Today's code: one commit, or commits and versions of functions by qualified name."""

    commit: str | None = None
    commits: Mapping[str, str] = field(default_factory=dict[str, str])
    versions: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(cls, code: Code | None) -> _Today | None:
        if code is None:
            return None
        if isinstance(code, str):
            return cls(commit=code)
        if isinstance(code, Mapping):
            return cls(commits=cast("Mapping[str, str]", code))
        return cls(versions={m.name: m.version for m in map(memory_of, code)})

    def other(self, ran: str | None, calls: list[list[Any]]) -> bool:
        """Tell whether a span ran other code: its commit, and its calls as the statement reads."""
        wanted = [self.commit, *(self.commits.get(function) for function, _ in calls)]
        if ran is not None and any(commit not in (None, ran) for commit in wanted):
            return True
        return any(
            json.loads(parts)["version"] != self.versions[function]
            for function, parts in calls
            if parts is not None and function in self.versions
        )


def _causes(above: Ancestry, today: _Today | None) -> tuple[dict[str, _Reason], set[str]]:
    """Return the reason for each node that is a cause, and artifacts with equal newer content."""
    causes: dict[str, _Reason] = {}
    cut: set[str] = set()
    for node, more in above.more.items():
        if above.steps[node].kind == "span":
            run, lost, calls = more
            commit = above.runs.get(run, (None,))[0]
            if today is not None and today.other(commit, calls):
                causes[node] = ("CODE", None, commit)
            elif lost:
                causes[node] = ("GONE", None, None)
            continue
        gone, newest, versions = more
        if newest is not None:
            old, new = map(content_from_rows, versions)
            if old.digest == new.digest:
                cut.add(node)
            else:
                causes[node] = ("DATA", newest, None)
        elif gone:
            causes[node] = ("GONE", None, None)
    return causes, cut


def _onward(above: Ancestry) -> dict[str, list[str]]:
    onward: dict[str, list[str]] = {}
    for node, needs in above.needs.items():
        for other in needs:
            onward.setdefault(other, []).append(node)
    return onward


def _of_one(above: Ancestry, start: str, causes: dict[str, _Reason]) -> list[Cause]:
    """Search breadth first from one artifact, so that the way to each cause is a shortest one."""
    if start not in above.steps:  # nothing above any of them is suspect
        return []
    came: dict[str, str | None] = {start: None}
    order = [start]
    for node in order:  # grows during the loop
        for other in sorted(above.needs[node]):
            if other not in came:
                came[other] = node
                order.append(other)
    found: list[Cause] = []
    for node in order[1:]:
        if node not in causes:
            continue
        way: list[LineageStep] = []
        at: str | None = node
        while at is not None:
            way.append(above.steps[at])
            at = came[at]
        kind, newest, commit = causes[node]
        found.append(Cause(kind, above.steps[node], newest, commit, tuple(reversed(way))))
    return found
