"""Figures of matplotlib, drawn when they are written: a ``Picture`` comes back."""

from __future__ import annotations

import io
from typing import Any, ClassVar, Self

from artigraph_neo4j.serializer.base import Serializer, register_type, unwritable
from artigraph_neo4j.serializer.needed import needed
from artigraph_neo4j.serializer.picture import Picture, picture_serializer

__all__ = ["FigureSerializer", "figure_serializer", "svg_serializer"]

_matplotlib: Any = needed("matplotlib", "matplotlib")
_figure: Any = needed("matplotlib.figure", "matplotlib")


class FigureSerializer(Serializer[Any]):
    """A figure as the picture that it shows; reading needs no matplotlib.

    Args:
        format: ``"png"``, or ``"svg"`` for a drawing that stays sharp.
    """

    # Bytes are read by the serializer of pictures, since they are a picture.
    name: ClassVar[str] = picture_serializer.name
    types: ClassVar[tuple[type[Any], ...]] = (_figure.Figure,)
    raw: ClassVar[bool] = True

    def __init__(self, format: str = "png") -> None:  # noqa: A002 - matplotlib's own word
        self.format = format

    def serialize(self, value: Any, /) -> bytes:
        """Return the picture that the figure shows, with all its margins.

        Raises:
            SerializationError: The figure cannot be drawn.
        """
        if isinstance(value, Picture):  # what an earlier version of the field holds
            return picture_serializer.serialize(value)
        sink = io.BytesIO()
        # Without the date and the version, equal figures are stored once.
        metadata = {"Software": None} if self.format == "png" else {"Date": None, "Creator": None}
        steady = _matplotlib.rc_context({"svg.hashsalt": "artigraph"})
        with unwritable("a picture", "draw it again, or store a Picture"), steady:
            value.savefig(sink, format=self.format, bbox_inches="tight", metadata=metadata)
        return picture_serializer.serialize(Picture(sink.getvalue()))

    def deserialize(self, data: bytes, /) -> Picture:
        """Return the picture.

        Raises:
            SerializationError: The bytes are not a picture.
        """
        return picture_serializer.deserialize(data)

    def register(self) -> Self:
        """Make this the serializer of figures, and return it; the name is that of pictures."""
        for type_ in self.types:
            register_type(type_, self)
        return self


figure_serializer = FigureSerializer().register()
svg_serializer = FigureSerializer("svg")
