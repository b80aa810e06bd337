"""The colours of every picture of this project: trees in notebooks, Mermaid, neo4j-viz, Browser.

A thing has the same colour wherever it is drawn: a span is green when it is OK, red when it failed
and amber while nothing is known of its end; artifacts are blue, stored values grey.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ARTIFACT", "BLOB", "ERROR", "OK", "STATUS", "UNSET", "Colour"]


@dataclass(frozen=True, slots=True)
class Colour:
    """A colour with those that go with it, as ``#rrggbb``.

    Attributes:
        fill: The inside of a node; readable as a dot on white and on black.
        border: Around it, darker.
        text: Of letters on it.
    """

    fill: str
    border: str
    text: str


OK = Colour("#2e9e5b", "#1f6f40", "#ffffff")
"""A span that ended well."""

ERROR = Colour("#d64545", "#972d2d", "#ffffff")
"""A span that failed."""

UNSET = Colour("#e5a02b", "#a87216", "#1f1500")
"""A span that is open, or whose end nobody recorded."""

ARTIFACT = Colour("#3b82c4", "#285d8f", "#ffffff")
"""An artifact, nested models too."""

BLOB = Colour("#8c939c", "#646a72", "#ffffff")
"""Bytes that are kept in a storage."""

STATUS = {"OK": OK, "ERROR": ERROR, "UNSET": UNSET}
"""The colour of a span by its status."""
