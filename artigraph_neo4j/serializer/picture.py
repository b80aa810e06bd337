"""Pictures, as files of PNG, SVG, JPEG, GIF or WebP: shown by notebooks, never run."""

from __future__ import annotations

import base64
import os
import re
import struct
from pathlib import Path
from typing import Any, ClassVar

from artigraph_neo4j.serializer.base import DamagedError, Serializer, exactly, unreadable

__all__ = ["Picture", "PictureSerializer", "picture_serializer"]

_MEDIA_TYPES = {
    "png": "image/png",
    "svg": "image/svg+xml",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
}

# After declarations and comments; not an <svg> inside of a page of HTML.
_SVG = re.compile(
    rb"(?:\xef\xbb\xbf)?"
    rb"(?>\s|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[[^\]]*\]\s*)?>)*+<(?:\w+:)?svg\b",
    re.DOTALL,
)


class Picture:
    """A picture: the bytes of a PNG, SVG, JPEG, GIF or WebP file, which notebooks show.

    A figure of matplotlib is stored as a picture, and comes back as one. Two pictures are equal if
    their bytes are.

    Args:
        data: The bytes of the file.

    Attributes:
        data: The bytes of the file.
        format: ``"png"``, ``"svg"``, ``"jpeg"``, ``"gif"`` or ``"webp"``.

    Raises:
        ValueError: The bytes do not begin as one of these files does.
    """

    __slots__ = ("data", "format")

    def __init__(self, data: bytes) -> None:
        found = _format_of(data)
        if found is None:
            raise ValueError("the bytes are not a PNG, SVG, JPEG, GIF or WebP file")
        self.data = data
        self.format = found

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Picture:
        """Return the picture in a file.

        Raises:
            ValueError: The file is of another format.
            OSError: The file cannot be read.
        """
        return cls(Path(path).read_bytes())

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the bytes to a file, and return its path."""
        target = Path(path)
        target.write_bytes(self.data)
        return target

    @property
    def media_type(self) -> str:
        """The media type of the file, such as ``"image/png"``."""
        return _MEDIA_TYPES[self.format]

    @property
    def url(self) -> str:
        """The picture as a ``data:`` address, for the ``src`` of ``<img>``: scripts do not run."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode()}"

    def _repr_html_(self) -> str:
        """HTML for notebooks."""
        return f'<img src="{self.url}" alt="{self!r}" style="max-width:100%">'

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Picture):
            return NotImplemented
        return self.data == other.data

    def __hash__(self) -> int:
        return hash(self.data)

    def __reduce__(self) -> tuple[Any, ...]:
        return Picture, (self.data,)

    def __repr__(self) -> str:
        size = _size_of_png(self.data) if self.format == "png" else None
        sides = f", {size[0]} × {size[1]}" if size else ""
        return f"(Picture {self.format}{sides}, {len(self.data):,} bytes)"


def _format_of(data: bytes) -> str | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return "svg" if _SVG.match(data[:4000]) else None


def _size_of_png(data: bytes) -> tuple[int, int] | None:
    return struct.unpack(">II", data[16:24]) if len(data) >= 24 else None


class PictureSerializer(Serializer[Picture]):
    """A picture as the file that it is."""

    name: ClassVar[str] = "picture"
    types: ClassVar[tuple[type[Any], ...]] = (Picture,)
    raw: ClassVar[bool] = True

    def serialize(self, value: Picture, /) -> bytes:
        """Return the bytes of the file."""
        return exactly(Picture, value).data

    def deserialize(self, data: bytes, /) -> Picture:
        """Return the picture.

        Raises:
            SerializationError: The bytes do not begin as a picture does.
        """
        with unreadable("a picture"):
            try:
                return Picture(data)
            except ValueError as error:
                raise DamagedError(str(error)) from error


picture_serializer = PictureSerializer().register()
