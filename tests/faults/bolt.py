"""As much of Bolt as a proxy needs: messages in chunks, their tags, and a few answers of its own.

The proxy offers the server versions up to 5.6 only, whose failures are a code and a message.
"""

from __future__ import annotations

import asyncio
from enum import IntEnum
from typing import Any

__all__ = ["OFFER", "Tag", "failure", "message", "pack", "read_message", "success"]

OFFER = b"\x60\x60\xb0\x17" + b"\x00\x02\x06\x05" + b"\x00" * 12
"""The handshake that the server gets: versions 5.4 to 5.6."""


class Tag(IntEnum):
    """Messages that a proxy tells apart."""

    HELLO = 0x01
    GOODBYE = 0x02
    RESET = 0x0F
    RUN = 0x10
    BEGIN = 0x11
    COMMIT = 0x12
    PULL = 0x3F
    ROUTE = 0x66
    SUCCESS = 0x70
    RECORD = 0x71
    IGNORED = 0x7E
    FAILURE = 0x7F
    OTHER = 0x100

    @classmethod
    def of(cls, body: bytes) -> Tag:
        """The tag of a message."""
        known = {int(tag) for tag in cls}
        return cls(body[1]) if len(body) > 1 and body[1] in known else cls.OTHER


async def read_message(reader: asyncio.StreamReader) -> bytes:
    """The next message without its chunks.

    Raises:
        asyncio.IncompleteReadError: The connection ended.
    """
    parts: list[bytes] = []
    while True:
        size = int.from_bytes(await reader.readexactly(2), "big")
        if size:
            parts.append(await reader.readexactly(size))
        elif parts:  # without one, it is a sign that the peer is alive
            return b"".join(parts)


def message(body: bytes) -> bytes:
    """A message in chunks."""
    sizes = range(0, len(body), 0xFFFF)
    chunks = [body[start : start + 0xFFFF] for start in sizes]
    return b"".join(len(c).to_bytes(2, "big") + c for c in chunks) + b"\x00\x00"


def success(facts: dict[str, Any]) -> bytes:
    """A ``SUCCESS`` in chunks."""
    return message(b"\xb1\x70" + pack(facts))


def failure(code: str, text: str) -> bytes:
    """A ``FAILURE`` in chunks."""
    return message(b"\xb1\x7f" + pack({"code": code, "message": text}))


def pack(value: Any) -> bytes:
    """A value as PackStream; text, numbers, lists and maps are enough."""
    match value:
        case bool() | None:
            return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
        case int():
            return b"\xcb" + value.to_bytes(8, "big", signed=True)
        case str():
            data = value.encode()
            return b"\xd2" + len(data).to_bytes(4, "big") + data
        case list():
            return b"\xd6" + len(value).to_bytes(4, "big") + b"".join(map(pack, value))
        case dict():
            items = b"".join(pack(key) + pack(item) for key, item in value.items())
            return b"\xda" + len(value).to_bytes(4, "big") + items
        case _:
            raise TypeError(f"{value!r} cannot be packed")
