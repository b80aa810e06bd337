"""Policies: rules about the origin that artifacts must not have, or the ways they must come."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.scope import current_batch
from artigraph_neo4j.errors import FilterError, PolicyError
from artigraph_neo4j.find.conditions import Parameters, condition, has_label
from artigraph_neo4j.find.filters import Filter
from artigraph_neo4j.find.lineage import LineageStep, step_from_row, step_name
from artigraph_neo4j.find.queries import ArtifactQuery, find_artifacts
from artigraph_neo4j.find.recorder import as_filter
from artigraph_neo4j.find.targets import ArtifactTarget, SpanTarget
from artigraph_neo4j.find.terms import tagged
from artigraph_neo4j.graph.cypher.policy import broken, broken_by_write
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.model.base import ModelBase
from artigraph_neo4j.recording import guards
from artigraph_neo4j.recording.artifact_model import ArtifactModel
from artigraph_neo4j.recording.used import used_so_far

__all__ = ["Policy", "Violation", "check_policies", "registered_policies"]


@dataclass(frozen=True, slots=True)
class Violation:
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
            it is a model, recording an artifact of it in a span looks. Other starts cannot be
            enforced.
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
        found, conditions = self._conditions()
        text = broken_by_write(**conditions)
        used = sorted(used)
        rows = await get_engine().ask(text, {**found.values, "span": span_id, "used": used})
        return [self._violation(span_id, *row) for row in rows]

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
    """Check policies before an artifact gets a tag; concurrent writes are not seen."""
    wanted = set(names)
    for policy in registered_policies():
        if policy.enforce is not None and policy.start in wanted:
            found = await policy.check_one(node_id)
            _enforce(policy, found, f"it was not tagged {policy.start!r}")


async def _guard_artifacts(artifacts: Sequence[ModelBase], span_id: str) -> None:
    """Check policies before artifacts are recorded, by what their span has used so far.

    A batch is written first, since the graph has to know the span. Nothing of an atomic batch can
    be, so what it records is not checked.
    """
    for policy in registered_policies():
        start = policy.start
        if policy.enforce is None or not isinstance(start, type):
            continue
        if any(isinstance(artifact, start) for artifact in artifacts):
            batch = current_batch(get_engine())
            if batch is not None and batch.atomic:
                continue
            if batch is not None:
                await batch.flush()
            found = await policy.check_write(span_id, used_so_far(span_id))
            _enforce(policy, found[:1], f"the {start.__name__} was not recorded")


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
