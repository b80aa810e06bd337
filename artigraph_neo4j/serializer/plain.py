"""Which serializer a value gets when its field names none."""

from __future__ import annotations

from typing import Any

from artigraph_neo4j.serializer.base import Serializer, infer_serializer
from artigraph_neo4j.serializer.json import json_serializer, why_not_json
from artigraph_neo4j.serializer.msgpack import msgpack_serializer

__all__ = ["serializer_for"]


def serializer_for(value: object) -> Serializer[Any]:
    """The registered serializer of the value's type; else JSON where it is faithful; else msgpack.

    msgpack refuses, when it is asked to write, what it cannot give back.
    """
    found = infer_serializer(type(value))
    if found is not None:
        return found
    return msgpack_serializer if why_not_json(value) else json_serializer
