"""Images of Pillow, as PNG without loss."""

from __future__ import annotations

import io
import warnings
from typing import Any, ClassVar

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import DamagedError, Serializer, unreadable, unwritable
from artigraph_neo4j.serializer.limits import check_decoded

try:
    from PIL import Image
except ImportError as error:  # pragma: no cover - an install without the extra
    raise ImportError(
        'this serializer needs Pillow: pip install "artigraph-neo4j[pillow]"'
    ) from error

__all__ = ["ImageSerializer", "image_serializer"]

_BYTES_A_PIXEL = 8
"""Upper bound of the memory for a pixel, while it is read and after."""


class ImageSerializer(Serializer[Image.Image]):
    """The pixels of an image, with mode, palette and transparency.

    Metadata of the file that it came from is not part of it; ``File`` and ``Picture`` keep it.
    """

    name: ClassVar[str] = "pillow"
    types: ClassVar[tuple[type[Any], ...]] = (Image.Image,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: Image.Image, /) -> bytes:
        """Return the image as PNG.

        Raises:
            SerializationError: The image is of a class that is not Pillow's, or has a mode that PNG
                does not keep, such as CMYK.
        """
        if not type(value).__module__.startswith("PIL."):
            raise SerializationError(
                f"a value of type {type(value).__qualname__} is not an image of Pillow's own "
                "classes; convert it with copy()"
            )
        sink = io.BytesIO()
        kept = _transparency(value)
        with unwritable("a PNG file", "convert it, for example image.convert('RGB')"):
            value.load()
            plain = value.copy()
            plain.info = {**kept}
            plain.save(sink, format="PNG")
        data = sink.getvalue()
        back = self.deserialize(data)
        if _content(back) != _content(plain):
            raise SerializationError(
                f"PNG would change an image of mode {value.mode!r}; convert it, for example "
                "image.convert('RGB'), or store np.asarray(image)"
            )
        return data

    def deserialize(self, data: bytes, /) -> Image.Image:
        """Return the image.

        Raises:
            SerializationError: The bytes are not a PNG file.
        """
        with unreadable("a PNG file"), warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            width, height = _sides(data)
            check_decoded(width * height * _BYTES_A_PIXEL, len(data))
            with Image.open(io.BytesIO(data), formats=["PNG"]) as file:
                if file.size != (width, height):
                    raise DamagedError("the file tells two sizes")
                file.load()
                found = file.copy()
            found.info = {name: i for name, i in found.info.items() if name == "transparency"}
            return found


def _sides(data: bytes) -> tuple[int, int]:
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR":
        raise DamagedError("it has no header")
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def _content(image: Image.Image) -> tuple[Any, ...]:
    if image.mode == "P":
        return image.mode, image.size, image.tobytes(), image.convert("RGBA").tobytes()
    return image.mode, image.size, image.tobytes(), image.info.get("transparency")


def _transparency(image: Image.Image) -> dict[Any, Any]:
    palette = image.palette if image.mode == "P" else None
    if palette is not None and palette.mode == "RGBA" and "transparency" not in image.info:
        return {"transparency": bytes(image.getpalette("RGBA") or ())[3::4]}
    return {name: item for name, item in image.info.items() if name == "transparency"}


image_serializer = ImageSerializer().register()
