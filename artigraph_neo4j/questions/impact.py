"""Impact: everything that derives from some artifacts, counted first and read on request."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from artigraph_neo4j.common.colours import ARTIFACT, OK
from artigraph_neo4j.common.diagram import Diagram, DiagramEdge, DiagramNode, Drawable
from artigraph_neo4j.common.markup import Html, dot, escaped, joined, table
from artigraph_neo4j.engine import given
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.given import AnyArtifact
from artigraph_neo4j.engine.missing import absent
from artigraph_neo4j.find.conditions import condition
from artigraph_neo4j.find.filters import Filter
from artigraph_neo4j.find.lineage import LineageStep, step_from_row
from artigraph_neo4j.find.parameters import Parameters, has_label
from artigraph_neo4j.find.recorder import as_filter
from artigraph_neo4j.find.targets import ArtifactTarget
from artigraph_neo4j.graph.cypher import impact as cypher
from artigraph_neo4j.graph.names import users_labels
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.graph.span_rows import span_from_row
from artigraph_neo4j.recording.artifact_model import ArtifactModel

__all__ = ["Impact", "ImpactRun", "impact"]

STREAM_ROWS = 1000


@dataclass(frozen=True, slots=True)
class ImpactRun:
    """A run that was reached.

    Attributes:
        span: Its root span.
        spans: Number of its spans that were reached.
    """

    span: Span
    spans: int


@dataclass(frozen=True, slots=True)
class Impact(Drawable):
    """The counts of what derives from some artifacts, with methods to read the nodes.

    Attributes:
        node_ids: Ids of the artifacts at the start.
        spans: Number of spans that were reached.
        artifacts: Number of artifacts that were reached, without those at the start.
        by_depth: ``(spans, artifacts)`` for each distance, in relationships; nearest first.
        by_model: Number of artifacts of each stored model, largest first, then by name.
        by_class: Number of spans of each span class, where ``Span`` counts spans without another
            class; and number of artifacts of each model and of the models it inherits from.
    """

    node_ids: tuple[str, ...]
    spans: int
    artifacts: int
    by_depth: dict[int, tuple[int, int]]
    by_model: dict[str, int]
    by_class: dict[str, int]
    walk: cypher.Walk = field(repr=False)
    parameters: dict[str, Any] = field(repr=False)

    @property
    def total(self) -> int:
        """The number of spans and artifacts."""
        return self.spans + self.artifacts

    async def stream(self) -> AsyncGenerator[LineageStep]:
        """Yield each span and artifact once, nearest first.

        One statement, whose rows are fetched about 1,000 at a time as they are consumed; leaving
        the loop early ends it.

        Raises:
            ConnectionFailed: The connection broke. Items so far are right; start again.
        """
        text = cypher.stream(self.walk)
        async with aclosing(
            get_engine().stream(text, self.parameters, items=STREAM_ROWS)
        ) as stream:
            async for rows in stream:
                for ((row,),) in rows:
                    yield step_from_row(*row)

    async def read_steps(self, *, limit: int = 1000) -> list[LineageStep]:
        """Read the nearest spans and artifacts. One statement.

        Args:
            limit: Maximum number of them.
        """
        found: list[LineageStep] = []
        async with aclosing(self.stream()) as steps:
            async for step in steps:
                if len(found) >= limit:
                    break
                found.append(step)
        return found

    async def read_runs(self) -> list[ImpactRun]:
        """Read the runs that were reached, the latest first. One round trip."""
        rows = await get_engine().ask(cypher.runs(self.walk), self.parameters)
        return [ImpactRun(span_from_row(row), spans) for (chunk,) in rows for row, spans in chunk]

    async def read_tagged(self, tag: str) -> list[str]:
        """Read the ids of reached artifacts that have a tag, in order. One round trip.

        Where only few artifacts have the tag, the search walks up from them, which costs their own
        ancestry. That is cheaper where a table feeds everything and few models are in production.

        Args:
            tag: The tag's name.
        """
        rows = await get_engine().ask(cypher.tagged(self.walk), self.parameters | {"tag": tag})
        return [node_id for (chunk,) in rows for node_id in chunk]

    def diagram(self) -> Diagram:
        """Draw one node for each distance, with the counts there."""
        start = DiagramNode("start", "artifact", (f"{len(self.node_ids):,} changed",), ARTIFACT)
        nodes, edges = [start], list[DiagramEdge]()
        for depth, (spans, artifacts) in self.by_depth.items():
            is_span = spans > 0
            number = f"{spans:,} spans" if is_span else f"{artifacts:,} artifacts"
            nodes.append(
                DiagramNode(
                    f"depth {depth}",
                    "span" if is_span else "artifact",
                    (number, f"distance {depth}"),
                    OK if is_span else ARTIFACT,
                    {"spans": spans, "artifacts": artifacts, "distance": depth},
                )
            )
            kind = "USED" if is_span else "MADE_BY"
            edges.append(DiagramEdge(nodes[-2].node_id, nodes[-1].node_id, kind))
        return Diagram(nodes, edges, "right")

    def _repr_html_(self) -> str:
        title = joined(
            dot(ARTIFACT, "artifact", "■"),
            f" {self.spans:,} spans and {self.artifacts:,} artifacts derive from "
            f"{len(self.node_ids):,} artifacts",
        )
        models = table(("model", "artifacts"), list(self.by_model.items())[:50])
        depths = [(d, f"{s:,}", f"{a:,}") for d, (s, a) in list(self.by_depth.items())[:50]]
        by_depth = table(("distance", "spans", "artifacts"), depths)
        return Html(f"<div>{escaped(title)}</div>{models}{by_depth}")


async def impact(
    *artifacts: AnyArtifact,
    where: Filter | Callable[[Any], Filter | int] | None = None,
    model: type[ArtifactModel] = ArtifactModel,
    until: datetime | None = None,
    versions: Literal["this", "all"] = "this",
    through: Literal["span", "tree"] = "span",
) -> Impact:
    """Count everything that derives from some artifacts: by distance, model and class.

    An artifact derives from the artifacts that its maker span used, and from those that these
    derive from. A span counts as a whole: all that it made came from all that it used. A nested
    artifact counts as the one that it is part of; a shared artifact derives from what its maker
    used.

    One round trip. Each start is a walk of its own, which visits each node only once, however many
    ways lead to it.

    Args:
        artifacts: Artifacts that changed or are in doubt, or their ids. They are not counted.
        where: A filter of ``find_artifacts``: only artifacts for which it holds are counted, read
            and streamed. The walk passes the others too.
        model: The model whose fields ``where`` names; then only artifacts of this model count.
        until: Count only what existed at that time; the walk does not pass anything that was
            opened or recorded later.
        versions: ``"all"`` starts from all versions of each artifact, ``"this"`` from those given.
        through: ``"tree"`` counts what a child span used for its parents too, for programs
            that read in children and record in the parent.

    Returns:
        The counts; its methods read ids, spans, runs and tagged artifacts by further round trips.

    Raises:
        ValueError: No artifact was given, or an option has another value.
        NotFoundError: One of the artifacts does not exist.
        FilterError: The filter does not fit the model.
        ConnectionFailed: The database stayed out of reach.
    """
    if not artifacts:
        raise ValueError("impact needs one artifact, or its id, at least")
    if versions not in ("this", "all") or through not in ("span", "tree"):
        raise ValueError('versions must be "this" or "all", through "span" or "tree"')
    ids = tuple(dict.fromkeys(map(given.artifact_id, artifacts)))
    found = Parameters()
    test = ""
    if where is not None or model is not ArtifactModel:
        target = ArtifactTarget(model)
        tests = [condition(as_filter(target, [] if where is None else [where]), target, "n", found)]
        if target.labels:
            tests.append(has_label("n", target.labels, found))
        test = " AND ".join(tests)
    walk = cypher.Walk(
        several=len(ids) > 1 or versions == "all",
        versions=versions == "all",
        tree=through == "tree",
        until=until is not None,
        where=test,
    )
    parameters: dict[str, Any] = {**found.values, "ids": list(ids)}
    if until is not None:
        parameters["until"] = until.astimezone(UTC).isoformat()
    ((missing, groups),) = await get_engine().ask(cypher.count(walk), parameters)
    if missing:
        raise await absent(get_engine(), "artifact", missing[0])
    return _counted(ids, groups, walk, parameters)


def _counted(
    ids: tuple[str, ...], groups: list[Any], walk: cypher.Walk, parameters: dict[str, Any]
) -> Impact:
    depths: dict[int, list[int]] = {}
    models, classes = Counter[str](), Counter[str]()
    for labels, model, numbers in groups:
        kind = 0 if "Span" in labels else 1
        number = sum(n for _, n in numbers)
        for distance, n in numbers:
            depths.setdefault(distance, [0, 0])[kind] += n
        for name in users_labels(labels) or ["Span"]:
            classes[name] += number
        if kind:
            models[model] += number
    by_depth = {depth: (spans, found) for depth, (spans, found) in sorted(depths.items())}
    return Impact(
        ids,
        sum(spans for spans, _ in by_depth.values()),
        sum(found for _, found in by_depth.values()),
        by_depth,
        _largest_first(models),
        _largest_first(classes),
        walk,
        parameters,
    )


def _largest_first(numbers: Mapping[str, int]) -> dict[str, int]:
    """Return the numbers sorted, equal ones by name."""
    return dict(sorted(numbers.items(), key=lambda item: (-item[1], item[0])))
