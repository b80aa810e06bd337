"""Policies: rules about the origin that artifacts must not have, or the ways they must come."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from artigraph_neo4j.common.diagram import Diagram, Drawable
from artigraph_neo4j.common.markup import Html, escaped, joined, table
from artigraph_neo4j.common.wording import time_text
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.errors import FilterError, PolicyError
from artigraph_neo4j.find.conditions import condition
from artigraph_neo4j.find.filters import Filter
from artigraph_neo4j.find.lineage import (
    LineageStep,
    step_from_row,
    step_name,
    step_sign,
    step_type,
    steps_diagram,
)
from artigraph_neo4j.find.parameters import Parameters, has_label
from artigraph_neo4j.find.queries import ArtifactQuery, find_artifacts
from artigraph_neo4j.find.recorder import as_filter
from artigraph_neo4j.find.targets import ArtifactTarget, SpanTarget
from artigraph_neo4j.find.terms import tagged
from artigraph_neo4j.graph.attempts import Ask
from artigraph_neo4j.graph.cypher.policy import broken, broken_by_write
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.model.base import ModelBase
from artigraph_neo4j.questions.why import chain
from artigraph_neo4j.recording import guards
from artigraph_neo4j.recording.artifact_model import ArtifactModel
from artigraph_neo4j.recording.block import batch_for
from artigraph_neo4j.recording.used import used_so_far, write_current_uses

__all__ = ["Policy", "Violation", "check_policies", "registered_policies"]


@dataclass(frozen=True, slots=True)
class Violation(Drawable):
    """An artifact that breaks a policy.

    Attributes:
        policy: The policy's name.
        node_id: Id of the artifact; or of the span, for an artifact that is not recorded yet.
        source: Id of the forbidden origin; None where a required way is missing.
        way: One shortest forbidden way to the origin, the artifact or span first; empty where a
            required way is missing.
    """

    policy: str
    node_id: str
    source: str | None
    way: tuple[LineageStep, ...]

    def __str__(self) -> str:
        if not self.way:
            return f"{self.policy}: {self.node_id} did not pass what it has to"
        way = " ← ".join(step_name(step) for step in self.way)
        return f"{self.policy}: {self.node_id} comes from {self.source}: {way}"

    def diagram(self) -> Diagram:
        """Draw the way; arrows follow the data."""
        return steps_diagram(self.way, chain(self.way))

    def _repr_html_(self) -> str:
        rows = [
            (s.distance, joined(step_sign(s), " ", step_name(s)), step_type(s), time_text(s.at))
            for s in self.way
        ]
        heads = ("hops", "step", "class", "at")
        return Html(f"<div>{escaped(self)}</div>{table(heads, rows) if rows else ''}")


@dataclass(frozen=True, slots=True)
class Policy:
    """A rule about where artifacts may come from.

    ::

        Policy("no personal data in production", start="prod", source="pii", through=[Anonymize])
        Policy("reviewed", start="prod", through=[Review])

    Args:
        name: The policy's name, for messages.
        start: The artifacts that the policy covers: a tag, a model, or a query of
            ``find_artifacts``.
        source: The forbidden origin: a tag, a model, or a filter of ``find_artifacts``. Without
            one the policy requires a way instead: each artifact must come through ``through``.
        through: Span classes or models. A way that passes one of them is allowed, or required.
        enforce: Action on a violation, once the policy is registered: ``"refuse"`` raises
            ``PolicyError``, ``"warn"`` warns. ``add_tags`` looks where ``start`` is the tag; where
            it is a model, recording an artifact of it in a span looks; an atomic batch looks at
            its end, and is refused as a whole. Other starts cannot be enforced.
    """

    name: str
    start: str | type[ArtifactModel] | ArtifactQuery[Any]
    source: str | type[ModelBase] | Filter | None = None
    through: tuple[type[Span | ModelBase], ...] | list[Any] = field(default=())
    enforce: Literal["refuse", "warn"] | None = None

    def __post_init__(self) -> None:
        if self.source is None and not self.through:
            raise FilterError(f"policy {self.name!r} forbids nothing: give it source or through")
        if self.enforce is not None and not isinstance(self.start, (str, type)):
            raise FilterError(
                f"policy {self.name!r}: only a policy that starts from a tag or a model can be "
                "enforced"
            )

    def register(self) -> Policy:
        """Register it for ``check_policies``, ``artigraph check`` and, if enforced, for writes.

        A policy of the same name is replaced.

        Returns:
            The policy itself.
        """
        _registered[self.name] = self
        if _guard_tags not in guards.of_tags:
            guards.of_tags.append(_guard_tags)
            guards.of_artifacts.append(_guard_artifacts)
        return self

    async def check(self) -> list[Violation]:
        """Find violations, in order of ids. One round trip, two where ``start`` is not a tag."""
        if isinstance(self.start, str):
            return await self._broken({"tag": self.start})
        query = find_artifacts(self.start) if isinstance(self.start, type) else self.start
        return await self._broken({"ids": await query.read_ids()})

    async def check_one(self, node_id: str) -> list[Violation]:
        """Find violations by one artifact, as if it had the tag. One round trip."""
        return await self._broken({"ids": [node_id]})

    async def check_write(self, span_id: str, used: Iterable[str]) -> list[Violation]:
        """Find violations by an artifact that a span is about to record. One round trip.

        Args:
            span_id: The id of the span.
            used: Ids of artifacts that it used, which need not be recorded yet.

        Returns:
            Violations by the span, since the artifact has no id; their ways begin at the span.
        """
        return await self.check_writes(get_engine().ask, {span_id: used})

    async def check_writes(self, ask: Ask, writes: Mapping[str, Iterable[str]]) -> list[Violation]:
        """Find violations by artifacts that spans record, as ``check_write``. One round trip.

        Args:
            ask: The function that runs the statement.
            writes: Ids of artifacts that each span used, by the span's id.
        """
        found, conditions = self._conditions()
        pairs = [[span_id, sorted(used)] for span_id, used in sorted(writes.items())]
        rows = await ask(broken_by_write(**conditions), {**found.values, "writes": pairs})
        return [
            self._violation(span_id, source, _from_span(way, step))
            for span_id, source, way, step in rows
        ]

    async def _broken(self, start: dict[str, Any]) -> list[Violation]:
        found, conditions = self._conditions()
        text = broken(ids="ids" in start, **conditions)
        rows = await get_engine().ask(text, {**found.values, **start})
        return [self._violation(*row) for (chunk,) in rows for row in chunk]

    def _conditions(self) -> tuple[Parameters, dict[str, str]]:
        found = Parameters()
        source = "" if self.source is None else _condition(self.source, found)
        labels = tuple(label for cls in self.through for label in _labels(cls))
        through, inside = (
            has_label(node, labels, found) if labels else "false" for node in ("n", "y")
        )
        return found, {"source": source, "through": through, "inside": inside}

    def _violation(self, node_id: str, source: str | None, way: list[Any] | None) -> Violation:
        steps = tuple(step_from_row(*step) for step in way or ())
        return Violation(self.name, node_id, source, steps)


async def check_policies(*policies: Policy) -> list[Violation]:
    """Find violations of some policies, or of all registered ones. One round trip each.

    Args:
        policies: The policies; without any, all that are registered.

    Raises:
        ConnectionFailed: The database stayed out of reach.
    """
    found: list[Violation] = []
    for policy in policies or registered_policies():
        found += await policy.check()
    return found


def registered_policies() -> list[Policy]:
    """Return the registered policies, in order of their names."""
    return [policy for _, policy in sorted(_registered.items())]


_registered: dict[str, Policy] = {}


async def _guard_tags(node_id: str, names: Iterable[str]) -> None:
    """Check policies before an artifact gets a tag; concurrent writes are not seen.

    Uses of the current spans are recorded first, since the artifact may be theirs.
    """
    wanted = set(names)
    asked = [p for p in registered_policies() if p.enforce is not None and p.start in wanted]
    batch = batch_for(get_engine()) if asked else None
    if asked and (batch is None or not batch.atomic):  # spans of an atomic one do not exist yet
        await write_current_uses(get_engine())
    for policy in asked:
        found = await policy.check_one(node_id)
        _enforce(policy, found, f"it was not tagged {policy.start!r}")


async def _guard_artifacts(artifacts: Sequence[ModelBase], span_id: str) -> None:
    """Check policies before artifacts are recorded, by what their span has used so far.

    A batch is written first, since the graph has to know the span. Nothing of an atomic batch can
    be, so it is checked at its end: after everything is written, before it is committed.
    """
    for policy in registered_policies():
        start = policy.start
        if policy.enforce is None or not isinstance(start, type):
            continue
        if any(isinstance(artifact, start) for artifact in artifacts):
            batch = batch_for(get_engine())
            if batch is not None and batch.atomic:
                check = batch.checks.setdefault(policy.name, _AtCommit(policy))
                if isinstance(check, _AtCommit):
                    check.spans.setdefault(span_id, set()).update(used_so_far(span_id))
                continue
            if batch is not None:
                await batch.flush()
            found = await policy.check_write(span_id, used_so_far(span_id))
            _enforce(policy, found[:1], f"the {start.__name__} was not recorded")


@dataclass(slots=True, eq=False)
class _AtCommit:
    """The check of what an atomic batch has written, by one policy.

    Attributes:
        policy: The policy.
        spans: Ids of artifacts that each span with an artifact to check had used, when that was
            recorded. What the batch itself records of uses is in the graph by then.
        found: One violation for each span that has any.
    """

    policy: Policy
    spans: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    found: list[Violation] = field(default_factory=list[Violation])

    async def verify(self, ask: Ask) -> None:
        """Refuse the batch if the policy says so."""
        found = await self.policy.check_writes(ask, self.spans)
        self.found = list({violation.node_id: violation for violation in reversed(found)}.values())
        if self.found and self.policy.enforce == "refuse":
            raise PolicyError(f"{self.found[-1]}; nothing of the atomic batch was recorded")

    def tell(self) -> None:
        """Warn about each span, in the order of their ids."""
        for violation in sorted(self.found, key=lambda violation: violation.node_id):
            warnings.warn(str(violation), stacklevel=4)


def _from_span(way: list[Any] | None, span: list[Any]) -> list[Any] | None:
    """Return a path that begins at a span, from rows of steps that may begin at what it used."""
    if way is None or way[0][0] == span[0]:
        return way
    return [span, *([node_id, distance + 1, *rest] for node_id, distance, *rest in way)]


def _enforce(policy: Policy, found: list[Violation], what: str) -> None:
    for violation in found:
        if policy.enforce == "refuse":
            raise PolicyError(f"{violation}; {what}")
        warnings.warn(str(violation), stacklevel=5)


def _condition(source: str | type[ModelBase] | Filter, found: Parameters) -> str:
    if isinstance(source, type):
        return has_label("f", _labels(source), found)
    target = ArtifactTarget(ArtifactModel)
    wanted = tagged(source) if isinstance(source, str) else source
    return condition(as_filter(target, [wanted]), target, "f", found)


def _labels(cls: type[Span | ModelBase]) -> tuple[str, ...]:
    return SpanTarget(cls).labels if issubclass(cls, Span) else ArtifactTarget(cls).labels
