"""Rules about origin: what some artifacts must not come from, or must have passed."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.errors import FilterError, PolicyError
from artigraph_neo4j.find.conditions import Parameters, condition, has_label
from artigraph_neo4j.find.filters import Filter
from artigraph_neo4j.find.lineage import LineageStep, step_from_row, step_name
from artigraph_neo4j.find.query import ArtifactQuery
from artigraph_neo4j.find.recorder import as_filter
from artigraph_neo4j.find.targets import ArtifactTarget, SpanTarget
from artigraph_neo4j.find.terms import tagged
from artigraph_neo4j.graph.cypher.policy import broken
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.model.base import ModelBase
from artigraph_neo4j.recording.annotations import guards
from artigraph_neo4j.recording.artifact_model import ArtifactModel

__all__ = ["Policy", "Violation", "check_policies", "registered_policies"]


@dataclass(frozen=True, slots=True)
class Violation:
    """An artifact that breaks a policy.

    Attributes:
        policy: The policy's name.
        node_id: Id of the artifact.
        source: Id of what it must not come from; None where a demanded way is missing.
        way: One shortest way to it that is not allowed, the artifact first; empty likewise.
    """

    policy: str
    node_id: str
    source: str | None
    way: tuple[LineageStep, ...]

    def __str__(self) -> str:
        if not self.way:
            return f"{self.policy}: artifact {self.node_id} did not pass what it has to"
        way = " ← ".join(step_name(step) for step in self.way)
        return f"{self.policy}: artifact {self.node_id} comes from {self.source}: {way}"


@dataclass(frozen=True, slots=True)
class Policy:
    """A rule about where artifacts may come from.

    ::

        Policy("no personal data in production", start="prod", source="pii", through=[Anonymize])
        Policy("reviewed", start="prod", through=[Review])

    Args:
        name: What it is called in messages.
        start: The artifacts it is about: a tag, or a query of ``find_artifacts``.
        source: What they must not come from: a tag, a model, or a filter of ``find_artifacts``.
            Without one the policy demands a way instead: each must come through ``through``.
        through: Span classes or models: a way that passes one of them is allowed, or demanded.
        enforce: Whether ``add_tags`` looks before it gives ``start`` to an artifact, once the
            policy is registered: ``"refuse"`` raises ``PolicyError``, ``"warn"`` warns.
    """

    name: str
    start: str | ArtifactQuery[Any]
    source: str | type[ModelBase] | Filter | None = None
    through: tuple[type[Span | ModelBase], ...] | list[Any] = field(default=())
    enforce: Literal["refuse", "warn"] | None = None

    def __post_init__(self) -> None:
        if self.source is None and not self.through:
            raise FilterError(f"policy {self.name!r} forbids nothing: give it source or through")
        if self.enforce is not None and not isinstance(self.start, str):
            raise FilterError(f"policy {self.name!r}: only the start of a tag can be enforced")

    def register(self) -> Policy:
        """Let ``check_policies``, ``artigraph check`` and, if it is enforced, ``add_tags`` know it.

        Returns:
            Itself. One of the same name is replaced.
        """
        _registered[self.name] = self
        if _guard not in guards:
            guards.append(_guard)
        return self

    async def check(self) -> list[Violation]:
        """Find what breaks it, in order of ids. One round trip, two where ``start`` is a query."""
        if isinstance(self.start, str):
            return await self._broken({"tag": self.start})
        return await self._broken({"ids": await self.start.read_ids()})

    async def check_one(self, node_id: str) -> list[Violation]:
        """Find out whether an artifact breaks it, or would once it had the tag. One round trip."""
        return await self._broken({"ids": [node_id]})

    async def _broken(self, start: dict[str, Any]) -> list[Violation]:
        found = Parameters()
        source = "" if self.source is None else _condition(self.source, found)
        labels = tuple(label for cls in self.through for label in _labels(cls))
        through, inside = (
            has_label(node, labels, found) if labels else "false" for node in ("n", "y")
        )
        text = broken(ids="ids" in start, source=source, through=through, inside=inside)
        rows = await get_engine().read(text, {**found.values, **start})
        return [
            Violation(self.name, node_id, other, tuple(step_from_row(*step) for step in way or ()))
            for (chunk,) in rows
            for node_id, other, way in chunk
        ]


async def check_policies(*policies: Policy) -> list[Violation]:
    """Find what breaks some policies, or all that are registered. One round trip each.

    Args:
        policies: The policies; none means those that are registered.

    Raises:
        ConnectionFailed: The database stayed out of reach.
    """
    found: list[Violation] = []
    for policy in policies or registered_policies():
        found += await policy.check()
    return found


def registered_policies() -> list[Policy]:
    """The policies that are registered, in order of their names."""
    return [policy for _, policy in sorted(_registered.items())]


_registered: dict[str, Policy] = {}


async def _guard(node_id: str, names: Iterable[str]) -> None:
    """Look before an artifact gets a tag; what this program does at the same time is not seen."""
    wanted = set(names)
    for policy in registered_policies():
        if policy.enforce is None or policy.start not in wanted:
            continue
        for violation in await policy.check_one(node_id):
            if policy.enforce == "refuse":
                raise PolicyError(f"{violation}; it was not tagged {policy.start!r}")
            warnings.warn(str(violation), stacklevel=4)


def _condition(source: str | type[ModelBase] | Filter, found: Parameters) -> str:
    if isinstance(source, type):
        return has_label("f", _labels(source), found)
    target = ArtifactTarget(ArtifactModel)
    wanted = tagged(source) if isinstance(source, str) else source
    return condition(as_filter(target, [wanted]), target, "f", found)


def _labels(cls: type[Span | ModelBase]) -> tuple[str, ...]:
    return SpanTarget(cls).labels if issubclass(cls, Span) else ArtifactTarget(cls).labels
