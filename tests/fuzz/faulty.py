"""A serializer that does to a process what stored bytes must not; it shows that a run sees it."""

from __future__ import annotations

import ctypes
import sys
from typing import ClassVar

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer import Serializer

NAME = "tests.faulty"
KINDS = ("dies", "hangs", "takes memory", "ends the program", "raises an error that is not ours")
kept: list[bytes] = []


class FaultySerializer(Serializer[bytes]):
    """Does one of ``KINDS``, which the first byte chooses, or refuses the bytes."""

    name: ClassVar[str] = NAME

    def serialize(self, value: bytes, /) -> bytes:
        return value

    def deserialize(self, data: bytes, /) -> bytes:
        match data[:1]:
            case b"\x00":
                ctypes.string_at(0)
            case b"\x01":
                while True:
                    pass
            case b"\x02":
                kept.append(b"x" * 400 * 2**20)
            case b"\x03":
                sys.exit()
            case b"\x04":
                raise KeyError("not ours")
            case _:
                raise SerializationError("the bytes are refused")
        return data


faulty_serializer = FaultySerializer()
SEEDS = [bytes([kind]) + bytes(500) for kind in range(len(KINDS) + 1)]
"""The last is refused; most mutations leave the first byte."""
