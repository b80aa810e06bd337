"""The choice of a serializer for a value whose field does not name one."""

from __future__ import annotations

from typing import Any

from artigraph_neo4j.serializer.base import Serializer, infer_serializer
from artigraph_neo4j.serializer.json import json_serializer, why_not_json
from artigraph_neo4j.serializer.msgpack import msgpack_serializer

__all__ = ["serializer_for"]


def serializer_for(value: object) -> Serializer[Any]:
    """Return the serializer registered for the type, else JSON if it is exact, else msgpack.

    msgpack refuses values that would come back changed.
    """
    found = infer_serializer(type(value))
    if found is not None:
        return found
    return msgpack_serializer if why_not_json(value) else json_serializer
