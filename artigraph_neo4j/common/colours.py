"""The colours of every picture of this project: trees in notebooks, Mermaid, neo4j-viz, Browser.

Nodes have the same colours in every picture: a span is green if it is OK, red if it failed and
amber as long as its end is unknown; artifacts are blue, stored values grey.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ARTIFACT", "BLOB", "ERROR", "OK", "STATUS", "UNSET", "Colour"]


@dataclass(frozen=True, slots=True)
class Colour:
    """A colour with matching colours for border and text, as ``#rrggbb``.

    Attributes:
        fill: The colour inside a node; visible as a dot on white and on black.
        border: The colour of the border, darker.
        text: The colour of letters on the fill.
    """

    fill: str
    border: str
    text: str


OK = Colour("#2e9e5b", "#1f6f40", "#ffffff")
"""The colour of a span that ended well."""

ERROR = Colour("#d64545", "#972d2d", "#ffffff")
"""The colour of a span that failed."""

UNSET = Colour("#e5a02b", "#a87216", "#1f1500")
"""The colour of a span that is open, or whose end was not recorded."""

ARTIFACT = Colour("#3b82c4", "#285d8f", "#ffffff")
"""The colour of an artifact, nested models too."""

BLOB = Colour("#8c939c", "#646a72", "#ffffff")
"""The colour of bytes in a storage."""

STATUS = {"OK": OK, "ERROR": ERROR, "UNSET": UNSET}
"""The colour of a span by its status."""
