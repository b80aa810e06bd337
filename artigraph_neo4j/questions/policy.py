"""Policies: rules about the origin that artifacts must not have, or the ways they must come."""

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
        source: Id of the forbidden origin; None where a required way is missing.
        way: One shortest forbidden way to the origin, the artifact first; empty where a required
            way is missing.
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
        name: The policy's name, for messages.
        start: The artifacts that the policy covers: a tag, or a query of ``find_artifacts``.
        source: The forbidden origin: a tag, a model, or a filter of ``find_artifacts``. Without
            one the policy requires a way instead: each artifact must come through ``through``.
        through: Span classes or models. A way that passes one of them is allowed, or required.
        enforce: Action of ``add_tags`` on a violation, once the policy is registered and when
            the tag is ``start``: ``"refuse"`` raises ``PolicyError``, ``"warn"`` warns.
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
        """Register it for ``check_policies``, ``artigraph check`` and, if enforced, ``add_tags``.

        A policy of the same name is replaced.

        Returns:
            The policy itself.
        """
        _registered[self.name] = self
        if _guard not in guards:
            guards.append(_guard)
        return self

    async def check(self) -> list[Violation]:
        """Find violations, in order of ids. One round trip, two where ``start`` is a query."""
        if isinstance(self.start, str):
            return await self._broken({"tag": self.start})
        return await self._broken({"ids": await self.start.read_ids()})

    async def check_one(self, node_id: str) -> list[Violation]:
        """Find violations by one artifact, as if it had the tag. One round trip."""
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


async def _guard(node_id: str, names: Iterable[str]) -> None:
    """Check policies before an artifact gets a tag; concurrent writes are not seen."""
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
