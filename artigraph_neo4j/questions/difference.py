"""Differences between two runs, as an answer to draw and to look through."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from artigraph_neo4j.common.colours import ERROR, OK, UNSET
from artigraph_neo4j.common.diagram import Diagram, DiagramEdge, DiagramNode, Drawable
from artigraph_neo4j.common.markup import Html, escaped, table
from artigraph_neo4j.common.wording import counted, cut, number_text, size_text, visible

__all__ = ["Cause", "Difference", "Divergence", "Kind", "RunDiff"]

Kind = Literal["only", "class", "status", "input", "arguments", "output", "property", "provenance"]
CHARACTERS = 200
"""Maximum characters of a value that is shown."""

Cause = Literal["code", "nondeterminism", "arguments", "input"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between two runs.

    Attributes:
        kind: ``"only"``: a span that only one run has; ``"class"`` and ``"status"`` of a span;
            ``"input"``: content that the span used; ``"arguments"`` of its call; ``"output"``:
            content that it made; ``"property"`` of its class; ``"provenance"`` of the run.
        place: The labels from the run down to the span, with ``#2`` and so on behind the second
            and further ones of equal label; ``""`` is the run itself.
        name: Label, field, argument or property, where there is one.
        first: The value in the first run; None where there is none.
        second: The value in the second run; likewise.
    """

    kind: Kind
    place: str
    name: str
    first: Any
    second: Any

    @property
    def texts(self) -> tuple[str, str]:
        """Both values for people: short, and floats rounded unless that hides the difference."""
        rounded = _text(self.first, whole=False), _text(self.second, whole=False)
        if rounded[0] != rounded[1]:
            return rounded
        return _text(self.first, whole=True), _text(self.second, whole=True)


def _text(value: object, *, whole: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, (bytes, bytearray)):
        return f"{size_text(len(value))}, SHA-256 {sha256(value).hexdigest()[:12]}…"
    if type(value) is float and not whole:
        return number_text(value)
    return cut(visible(str(value)), CHARACTERS)


@dataclass(frozen=True, slots=True)
class Divergence:
    """The place where two runs first parted.

    Attributes:
        cause: ``"code"``: a span with equal inputs came out differently, and the commits differ;
            ``"nondeterminism"``: the same with equal or unknown commits; ``"arguments"`` or
            ``"input"``: a span started from different arguments (also entries of a property
            ``params``) or inputs.
        place: The span's place, as in ``Difference``.
        first: Id of the span in the first run.
        second: Id of the span in the second run.
        inputs: Ids of the inputs that differ, from both runs; empty for the first two causes, and
            for ``params``.
    """

    cause: Cause
    place: str
    first: str
    second: str
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunDiff(Drawable):
    """The differences between two runs.

    Attributes:
        first: Id of the first run's span.
        second: Id of the second run's span.
        differences: All differences except times, from the run downwards.
        divergence: The place where they first parted; None where no difference can show it.
        durations: Seconds that a span took in each run, by its id in the first run, for closed
            spans that both runs have.
    """

    first: str
    second: str
    differences: list[Difference]
    divergence: Divergence | None
    durations: dict[str, tuple[float, float]]

    def __bool__(self) -> bool:
        return bool(self.differences)

    def of_kind(self, *kinds: Kind) -> list[Difference]:
        """Return the differences of some kinds, in the same order."""
        return [d for d in self.differences if d.kind in kinds]

    def diagram(self) -> Diagram:
        """Draw the places that differ as a tree below the run; the divergence is red."""
        parted = None if self.divergence is None else self.divergence.place
        kinds: dict[str, list[str]] = {}
        for found in self.differences:
            kinds.setdefault(found.place, []).append(found.kind)
        places: dict[str, None] = {"": None}
        for place in kinds:
            parts = place.split("/") if place else []
            places.update(("/".join(parts[: i + 1]), None) for i in range(len(parts)))
        nodes = [
            DiagramNode(
                place or "run",
                "span",
                (place.rpartition("/")[2] or "run", ", ".join(dict.fromkeys(kinds.get(place, ())))),
                ERROR if place == parted else UNSET if place in kinds else OK,
                {"differences": len(kinds.get(place, ()))},
            )
            for place in places
        ]
        edges = [
            DiagramEdge(place.rpartition("/")[0] or "run", place, "PARENT_OF")
            for place in places
            if place
        ]
        return Diagram(nodes, edges)

    def _repr_html_(self) -> str:
        parted = self.divergence
        title = "the runs are equal" if not self.differences else "the runs differ"
        if parted is not None:
            title += f"; they parted at {parted.place or 'the run itself'}: {parted.cause}"
        rows = [(d.kind, d.place, d.name, *d.texts) for d in self.differences[:100]]
        note = counted(len(self.differences), "difference")
        heads = ("kind", "span", "name", "first", "second")
        return Html(f"<div>{escaped(title)}</div>{table(heads, rows, note)}")
