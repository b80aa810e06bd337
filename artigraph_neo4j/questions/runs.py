"""Runs in memory, to compare them: a tree of spans, and contents by id."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from artigraph_neo4j.common.times import instant
from artigraph_neo4j.graph.names import SPAN_PROPERTIES, users_labels
from artigraph_neo4j.questions.content import Content, content_from_rows

__all__ = ["PROVENANCE", "Run", "RunSpan", "run_from_rows"]

ARGUMENTS = "CallArguments"
"""The model of recorded arguments: the span makes them, but they count as its inputs."""

KEY = "CallKey"
"""The model of keys of cached calls; left out, as arguments and results say the same."""

PROVENANCE = (
    "git_commit",
    "git_dirty",
    "git_remote",
    "program",
    "host",
    "user",
    "python_version",
    "library_version",
)
_OURS = {
    *PROVENANCE, *SPAN_PROPERTIES, "node_id", "label", "status", "opened_at", "closed_at",
    "root_id", "depth", "writer_id", "pid", "exception_type", "exception_message",
    "exception_stacktrace", "run_key", "run_attempt", "cell",
}  # fmt: skip


@dataclass(slots=True)
class RunSpan:
    """One span of a run.

    Attributes:
        node_id: Its id.
        label: Its label, or None.
        classes: Labels of its class.
        status: ``(status, exception type, exception message)``.
        opened_at: When it was opened.
        closed_at: When it was closed, or None.
        seconds: Its duration, or None.
        properties: The properties of its class.
        facts: All properties.
        parent: The span above, None for the run itself.
        children: The spans below, by label and rank among those of equal label, in order of
            opening.
        above: The parent as an object.
        step: Label and rank, which identify it among the parent's children.
        made: Ids of artifacts that it made, without recorded arguments.
        used: Ids of artifacts that it used.
        arguments: Ids of recorded arguments.
    """

    node_id: str
    label: str | None
    classes: tuple[str, ...]
    status: tuple[str, str | None, str | None]
    opened_at: datetime
    closed_at: datetime | None
    seconds: float | None
    properties: dict[str, Any]
    facts: dict[str, Any]
    parent: str | None
    made: list[str]
    used: list[str]
    arguments: list[str] = field(default_factory=list)
    children: dict[tuple[str, int], RunSpan] = field(default_factory=dict)
    above: RunSpan | None = field(default=None, repr=False)
    step: tuple[str, int] = ("", 0)

    @property
    def parameters(self) -> dict[str, Any]:
        """The entries of its property ``params``, as ``autolog`` records the arguments of a fit."""
        return {name: v for name, v in self.properties.items() if name.startswith("params.")}

    @property
    def place(self) -> str:
        """The labels from the run down to the span, with ``#2`` after a second equal label."""
        steps: list[str] = []
        span = self
        while span.above is not None:
            name, rank = span.step
            steps.append(name if not rank else f"{name}#{rank + 1}")
            span = span.above
        return "/".join(reversed(steps))


@dataclass(slots=True)
class Run:
    """A run and its contents.

    Attributes:
        root: The span that was asked for.
        makers: The span that made each artifact, by the artifact's id.
        contents: Contents of artifacts that were made or used, by id.
        labels: Labels of artifacts by id.
        at: Times of recording of artifacts, by id.
        digests: Digests of contents, by id.
    """

    root: RunSpan
    makers: dict[str, RunSpan] = field(default_factory=dict)
    contents: dict[str, Content] = field(default_factory=dict)
    labels: dict[str, str | None] = field(default_factory=dict)
    at: dict[str, datetime] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    def digest(self, node_id: str) -> str:
        """Return the digest of an artifact's content."""
        return self.digests[node_id]


def run_from_rows(spans: list[list[Any]], contents: list[list[Any]]) -> Run:
    """Build a run from its rows of ``diff.TWO_RUNS``."""
    names = {element: facts["node_id"] for element, facts, *_ in spans}
    names |= {element: nodes[0][0]["node_id"] for element, nodes in contents}
    found = [
        _span(facts, labels, names.get(parent), [names[a] for a in made], [names[a] for a in used])
        for _, facts, labels, parent, made, used in spans
    ]
    by_id = {span.node_id: span for span in found}
    (root,) = [span for span in found if span.parent is None]
    run = Run(root)
    for _, nodes in contents:
        properties = nodes[0][0]
        node_id = properties["node_id"]
        content = run.contents[node_id] = content_from_rows(nodes)
        run.digests[node_id] = content.digest
        run.labels[node_id] = properties.get("artifact_label")
        run.at[node_id] = instant(properties["recorded_at"])
    ranks: dict[tuple[str, str], int] = {}
    for span in sorted(found, key=lambda span: (span.opened_at, span.node_id)):
        for made in span.made:
            run.makers[made] = span
        if any(run.contents[a].model in (ARGUMENTS, KEY) for a in span.made):
            span.arguments = [a for a in span.made if run.contents[a].model == ARGUMENTS]
            span.made = [a for a in span.made if run.contents[a].model not in (ARGUMENTS, KEY)]
        if span.parent is not None:
            name = span.label or next(iter(span.classes), "span")
            rank = ranks.get((span.parent, name), 0)
            span.step, span.above = (name, rank), by_id[span.parent]
            span.above.children[span.step] = span
            ranks[span.parent, name] = rank + 1
    return run


@lru_cache(maxsize=1024)
def _classes(labels: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(users_labels(labels)))


def _span(
    facts: dict[str, Any], labels: list[str], parent: str | None, made: list[str], used: list[str]
) -> RunSpan:
    closed = facts.get("closed_at")
    return RunSpan(
        facts["node_id"],
        facts.get("label"),
        _classes(tuple(labels)),
        (
            facts.get("status", "UNSET"),
            facts.get("exception_type"),
            facts.get("exception_message"),
        ),
        instant(facts["opened_at"]),
        None if closed is None else instant(closed),
        facts.get("duration_"),
        {name: facts[name] for name in facts.keys() - _OURS},
        facts,
        parent,
        made,
        used,
    )
