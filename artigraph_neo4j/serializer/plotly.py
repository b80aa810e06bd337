"""Figures of plotly, as the JSON of plotly."""

from __future__ import annotations

import json
from typing import Any, ClassVar, cast

from artigraph_neo4j.serializer.base import (
    DamagedError,
    Serializer,
    exactly,
    unreadable,
    unwritable,
)
from artigraph_neo4j.serializer.needed import needed

__all__ = ["FigureSerializer", "figure_serializer"]

_objects: Any = needed("plotly.graph_objects", "plotly")
_json: Any = needed("plotly.io", "plotly")


class FigureSerializer(Serializer[Any]):
    """A figure with its data, layout and frames; arrays come back as plotly's JSON has them."""

    name: ClassVar[str] = "plotly"
    types: ClassVar[tuple[type[Any], ...]] = (_objects.Figure,)
    text: ClassVar[bool] = True
    heavy: ClassVar[bool] = True

    def serialize(self, value: Any, /) -> bytes:
        """Return the figure as JSON.

        Raises:
            SerializationError: The figure is of a subclass, such as a widget, or has a value that
                JSON cannot hold.
        """
        figure = exactly(_objects.Figure, value)
        with unwritable("JSON of plotly"):
            text: str = _json.to_json(figure, validate=True, engine="json")
            # In order, so that equal figures are stored once.
            return json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")).encode()

    def deserialize(self, data: bytes, /) -> Any:
        """Return the figure.

        Raises:
            SerializationError: The bytes are not JSON of a valid figure.
        """
        with unreadable("JSON of plotly"):
            about: Any = json.loads(data)
            if not isinstance(about, dict) or not {"data", "layout"} <= cast("Any", about).keys():
                raise DamagedError("it has no data and layout")
            return _json.from_json(data.decode(), output_type="Figure", engine="json")


figure_serializer = FigureSerializer().register()
