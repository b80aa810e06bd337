"""Pieces of work that calls make, and a commit writes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from artigraph_neo4j.errors import Lost
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.graph.span_rows import mark_opened
from artigraph_neo4j.model.base import ArtifactInfo, ModelBase, note_artifact
from artigraph_neo4j.model.encode import Encoded
from artigraph_neo4j.values.upload import Uploads

__all__ = [
    "Closing",
    "IfExists",
    "Opening",
    "Recording",
    "Work",
    "artifact_key",
    "closing_of",
    "count_of",
    "losses_of",
    "owner_of",
]


IfExists = Literal["error", "keep", "revise"]
"""The handling of a label that is taken; see ``create_span_artifact``."""


@dataclass(slots=True, eq=False)
class Closing:
    """The end of a span, or changes to one that goes on or has ended.

    Attributes:
        span: The span.
        properties: The library's own: status, exception, duration.
        at: When; None where it does not end.
        used: What it used: pairs of id and time, sorted by id.
        changed: The user's properties that changed since the span was stored. The end of a span is
            written without them rather than not at all.
    """

    span: Span
    properties: dict[str, Any]
    at: datetime | None
    used: list[list[str]]
    changed: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(slots=True, eq=False)
class Opening:
    """A new span.

    Attributes:
        span: The span.
        properties: All of them, but for the times; its place in the tree included.
        at: When.
        parent: The id of its parent, or None.
        closing: Its end, where that is written together with it.
    """

    span: Span
    properties: dict[str, Any]
    at: datetime
    parent: str | None
    closing: Closing | None = None

    def opened(self, element_id: str | None = None) -> None:
        """Note on the span that it is open, and its element id once the graph has given one."""
        if not self.span.is_recorded:
            mark_opened(self.span, self.at, self.properties)
        self.span.__dict__["element_id_property"] = element_id


@dataclass(slots=True, eq=False)
class Recording:
    """The artifacts of one call.

    Attributes:
        encoded: Their nodes.
        labels: A label, or None, for each.
        span_id: The span that produced them, or None.
        uploads: Their values that are not native, or None where all are.
        revises: The id of the artifact of which the only one is a new version.
        if_exists: The handling of a label that is taken; one artifact only, unless ``"error"``.
        objects: The objects that it was made from, for which ``kept`` is noted.
        part_of: The field of the span whose parts the artifacts become; None for artifacts of the
            span, which reads return.
        kept: The artifact that has the label already and is kept, so that nothing is written.
        keys: What makes each label unique within the span; None where there is no label.
    """

    encoded: Encoded
    labels: Sequence[str | None]
    span_id: str | None
    uploads: Uploads | None
    revises: str | None = None
    if_exists: IfExists = "error"
    objects: list[ModelBase] = field(default_factory=list[ModelBase])
    part_of: str | None = None
    kept: ArtifactInfo | None = None
    keys: list[str | None] = field(init=False)

    def __post_init__(self) -> None:
        span_id = self.span_id
        self.keys = [
            None if span_id is None or label is None else artifact_key(span_id, label)
            for label in self.labels
        ]

    @property
    def links(self) -> list[list[Any]]:
        """``[id, id of a part, path]`` of all models nested in others, and of parts of the span."""
        found: list[list[Any]] = [list(link) for link in self.encoded.links]
        if self.part_of is not None:
            found += [[self.span_id, node.node_id, self.part_of] for node in self.encoded.roots]
        return found

    @property
    def asks(self) -> bool:
        """True if it has to be known first whether its label is taken."""
        return self.if_exists != "error" and self.kept is None and self.revises is None

    def keeps_out(self, other: Recording) -> None:
        """Note that an artifact of this work has the label of another, which is not written."""
        at = self.keys.index(other.keys[0])
        node, label = self.encoded.roots[at], self.labels[at]
        model = node.plan.info
        other.is_taken_by(
            ArtifactInfo(
                node.node_id, label, self.span_id, node.recorded_at, model.name, model.version
            )
        )
        if self.asks:
            self.objects += other.objects

    def is_taken_by(self, info: ArtifactInfo) -> None:
        """Note that another artifact has the label: it is kept, or this is its new version."""
        if self.if_exists == "revise":
            self.revises = info.node_id
            return
        self.kept = info
        for made in self.objects:
            note_artifact(made, info)


Work = Opening | Closing | Recording


def closing_of(work: Work) -> Closing | None:
    """The end of a span that is written with some work, if one is."""
    if isinstance(work, Opening):
        return work.closing
    return work if isinstance(work, Closing) else None


def count_of(work: Work) -> int:
    """The number of spans, ends of spans or artifacts that some work records."""
    if isinstance(work, Recording):
        return 0 if work.kept else len(work.labels)
    return 1


def losses_of(work: Work, cause: BaseException) -> Iterator[Lost]:
    """Losses that come with some lost work, for ``BatchError``."""
    match work:
        case Opening(span=span):
            yield Lost("span", span.node_id, span.label, cause)
        case Closing(span=span):
            yield Lost("end of span", span.node_id, span.label, cause)
        case Recording():
            for node, label in zip(work.encoded.roots, work.labels, strict=True):
                yield Lost("artifact", node.node_id, label, cause)


def artifact_key(span_id: str, label: str) -> str:
    """The key that makes a label unique within its span: the SHA-256 of both, in hex.

    A length before the span's id keeps ``("a", "bc")`` and ``("ab", "c")`` apart.
    """
    text = f"{len(span_id)}:{span_id}{label}"
    return hashlib.sha256(text.encode()).hexdigest()


def owner_of(work: Work) -> str | None:
    """The id of the span that must exist before a work can be written."""
    match work:
        case Opening():
            return work.parent
        case Recording():
            return work.span_id
        case Closing():
            return work.span.node_id
