"""What artifacts came from and what they fed: uses, shared artifacts, lineage."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from artigraph_neo4j.absence import absent
from artigraph_neo4j.context import current_cell, get_current_span_id
from artigraph_neo4j.current import get_engine
from artigraph_neo4j.diagram import Diagram, Drawable
from artigraph_neo4j.errors import (
    DuplicateLabelError,
    NotFoundError,
    RevisionError,
    SpanError,
)
from artigraph_neo4j.graph import lineage
from artigraph_neo4j.graph.connection import ConflictError
from artigraph_neo4j.graph.names import check_text, users_labels
from artigraph_neo4j.lineage_view import lineage_diagram, lineage_html
from artigraph_neo4j.model.base import artifact_id
from artigraph_neo4j.models import ArtifactModel
from artigraph_neo4j.writes import artifact_key
from artigraph_neo4j.zones import instant

__all__ = ["Lineage", "LineageLink", "LineageStep", "link_artifact", "read_lineage", "use"]

Direction = Literal["up", "down"]

_STATEMENTS = {"up": lineage.LINEAGE_UP, "down": lineage.LINEAGE_DOWN}


@dataclass(frozen=True, slots=True)
class LineageStep:
    """One span or artifact that another artifact came from, or fed.

    Attributes:
        kind: ``"span"`` or ``"artifact"``.
        node_id: Its id.
        label: The span's label, or the one that the artifact was created with; or None.
        model: An artifact's stored model; None for a span.
        classes: Labels of its class and of those that it inherits from: ``("Span", "Trial")`` of a
            span, those of its models of an artifact.
        distance: Over how many relationships, at the least: spans are at odd distances, artifacts
            at even ones.
        at: When the span was opened, or the artifact recorded.
        status: A span's; None for an artifact.
    """

    kind: Literal["span", "artifact"]
    node_id: str
    label: str | None
    model: str | None
    classes: tuple[str, ...]
    distance: int
    at: datetime
    status: str | None = None


@dataclass(frozen=True, slots=True)
class LineageLink:
    """One hop of a lineage, in the direction in which data went.

    Attributes:
        source: The id of the artifact that was used, or of the span that made one.
        target: The id of the span that used it, or of the artifact that was made.
        type: ``"USED"`` or ``"HAS_ARTIFACT"``, the relationship; in the graph both start at
            the span.
    """

    source: str
    target: str
    type: Literal["USED", "HAS_ARTIFACT"]


@dataclass(frozen=True, slots=True)
class Lineage(Drawable):
    """What an artifact came from, or what it fed.

    A notebook shows it as a table; ``to_mermaid``, ``to_networkx`` and ``to_viz`` draw it, with
    arrows along the way of the data: from what was used to the span, and on to what that made.

    Attributes:
        node_id: The artifact's id.
        direction: ``"up"``: what it came from; ``"down"``: what it fed.
        steps: Each span and artifact once, by distance, time and id; not the artifact itself.
        links: The hops between them, and to the artifact; empty when they were not asked for.
        start: The artifact itself; the whole that it is part of, for a nested one.
    """

    node_id: str
    direction: Direction
    steps: list[LineageStep]
    links: list[LineageLink] = field(default_factory=list, compare=False)
    start: LineageStep | None = field(default=None, compare=False)

    @property
    def artifacts(self) -> list[LineageStep]:
        """The steps that are artifacts, in the same order."""
        return [step for step in self.steps if step.kind == "artifact"]

    @property
    def spans(self) -> list[LineageStep]:
        """The steps that are spans, in the same order."""
        return [step for step in self.steps if step.kind == "span"]

    def diagram(self) -> Diagram:
        """The steps and links, as plain data for a picture of another kind."""
        return lineage_diagram(self)

    def _repr_html_(self) -> str:
        return lineage_html(self)


def use(*artifacts: ArtifactModel | str) -> None:
    """Say that the current span uses artifacts which it did not read: they came another way.

    Works inside ``record_used(False)`` too. No round trip: it is recorded when the span ends. An
    artifact that is not in the graph then is left out, and so is one that the span itself made.

    Args:
        *artifacts: Artifacts that were read or recorded, or their ids.

    Raises:
        SpanError: No span is current.
        NotFoundError: An artifact was neither read nor recorded.
    """
    ids = [artifact_id(artifact) for artifact in artifacts]
    cell = current_cell()
    if cell is None:
        raise SpanError(
            "no span is current here, so none can use an artifact; "
            'open one with "async with span_context(label=...)"'
        )
    cell.note_used(ids)


async def link_artifact(
    span: str, artifact: ArtifactModel | str, /, *, label: str | None = None
) -> None:
    """Share an artifact with another span, which then has it as if it were its own.

    The artifact still comes from the span that made it: sharing takes no part in its lineage. To
    link it again changes nothing. One round trip.

    Args:
        span: The id of the span that gets it, or ``"current"``.
        artifact: An artifact that was read or recorded, or its id.
        label: Its label there, unique within that span; or None.

    Raises:
        SpanError: ``"current"``, and no span is; or the artifact is nested in another.
        DuplicateLabelError: The span has another artifact of this label, or this artifact under
            another label.
        RevisionError: The artifact has a newer version.
        NotFoundError: The span or the artifact does not exist.
        ConnectionFailed: The database stayed out of reach.
    """
    span_id, node_id = get_current_span_id(span), artifact_id(artifact)
    if label is not None:
        check_text(label, "artifact label", SpanError)
    parameters = {
        "span": span_id,
        "node_id": node_id,
        "label": label,
        "key": None if label is None else artifact_key(span_id, label),
        "at": datetime.now(UTC).isoformat(),
    }
    engine = get_engine()
    try:
        rows = await engine.write(lineage.LINK_ARTIFACT, parameters)
    except ConflictError as error:
        raise DuplicateLabelError(
            f"span {span_id} has another artifact labeled {label!r} already; use another label, "
            "or None to link without one"
        ) from error
    found_span, found, whole, newer, labels = rows[0]
    if found_span is None:
        raise await absent(engine, "span", span_id, "; nothing was linked")
    if found is None:
        raise await absent(engine, "artifact", node_id, "; nothing was linked")
    if newer is not None:
        raise RevisionError(f"artifact {node_id} was revised by {newer}; link its newest version")
    if whole is not None:
        raise SpanError(f"artifact {node_id} is nested in artifact {whole}; link that one")
    if label is not None and label not in labels:
        has = f"as {labels[0]!r}" if labels else "without a label"
        raise DuplicateLabelError(
            f"span {span_id} has artifact {node_id} {has} already; an artifact has one label in "
            "a span"
        )


async def read_lineage(
    artifact: ArtifactModel | str,
    direction: Direction,
    /,
    *,
    depth: int | None = None,
    links: bool = True,
) -> Lineage:
    """Read what an artifact came from, or what it fed: spans and artifacts, each once.

    It goes by the spans that made artifacts and by what these spans used, whether they read it or
    said so with ``use``. A span counts as a whole: all that it made came from all that it used. A
    nested artifact counts as the one that it is part of. No values are loaded.

    One round trip, whatever the depth.

    Args:
        artifact: An artifact that was read or recorded, or its id.
        direction: ``"up"``: what it came from; ``"down"``: what it fed.
        depth: At most so many relationships far: 1 is the span that made it (or the spans that
            used it), 2 are the artifacts beyond; by default all the way, to a million.
        links: Whether to tell the hops between the steps too, which pictures need; without them a
            lineage over a million uses takes half the time.

    Raises:
        ValueError: The direction is another, or the depth is less than 1.
        NotFoundError: There is no such artifact.
        ConnectionFailed: The database stayed out of reach.
    """
    if direction not in _STATEMENTS:
        raise ValueError(f'the direction must be "up" or "down", not {direction!r}')
    if depth is not None and depth < 1:
        raise ValueError(f"depth must be 1 or more, not {depth}")
    node_id = artifact_id(artifact)
    rows = await get_engine().read(
        _STATEMENTS[direction],
        {"node_id": node_id, "depth": 1_000_000 if depth is None else depth, "links": links},
    )
    if rows == [[None]]:
        raise NotFoundError(f"there is no artifact with id {node_id!r}")
    found = [row for (chunk,) in rows for row in chunk]
    steps = [_step(*row[:-1]) for row in found]
    steps.sort(key=lambda step: (step.distance, step.at, step.node_id))
    if not steps or steps[0].distance:
        raise NotFoundError(f"artifact {node_id!r} was deleted while its lineage was read")
    start, *others = steps
    beyond = {row[0]: row[-1] for row in found}
    return Lineage(node_id, direction, others, _links(steps, beyond, direction), start)


def _links(
    steps: list[LineageStep], beyond: dict[str, list[str]], direction: Direction
) -> list[LineageLink]:
    """The hops between steps, of which the last ones' own may lead further than was read."""
    links: list[LineageLink] = []
    for step in steps:
        made = (step.kind == "artifact") == (direction == "up")
        for other in beyond[step.node_id]:
            if other in beyond:
                source, target = (
                    (other, step.node_id) if direction == "up" else (step.node_id, other)
                )
                links.append(LineageLink(source, target, "HAS_ARTIFACT" if made else "USED"))
    return links


def _step(
    node_id: str,
    distance: int,
    is_span: bool,
    labels: list[str],
    label: str | None,
    model: str | None,
    at: str,
    status: str | None,
) -> LineageStep:
    return LineageStep(
        "span" if is_span else "artifact",
        node_id,
        label,
        None if is_span else model,
        (*(["Span"] if is_span else []), *users_labels(labels)),
        distance,
        instant(at),
        status if is_span else None,
    )
