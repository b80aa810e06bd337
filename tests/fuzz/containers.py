"""Mutations inside Parquet and zip files, whose outsides fit, so that readers get there."""

from __future__ import annotations

import base64
import io
import random
import zipfile
from collections.abc import Callable
from functools import cache
from typing import Any

import msgpack
import pyarrow.parquet as pq

from artigraph_neo4j.serializer.zipped import zipped

__all__ = [
    "FRAMES",
    "PARQUET",
    "ZIPPED",
    "with_other_member",
    "with_other_metadata",
    "with_other_schema",
]

FRAMES = ("pandas.parquet", "pandas.series", "pandas.index")
"""Serializers whose files have a recipe in base64, where other mutations rarely hit."""

PARQUET = ("arrow.parquet", *FRAMES)
"""Serializers whose files have the Arrow schema in base64."""

ZIPPED = ("numpy.masked", "scipy.sparse", "sklearn")
"""Serializers of zip files, which have a checksum for each member."""

_RECIPE, _SCHEMA = b"artigraph", b"ARROW:schema"


def with_other_schema(data: bytes, rng: random.Random, number: Callable[[], bytes]) -> bytes:
    """Return a Parquet file of ours that says another Arrow schema of itself.

    Args:
        data: The file.
        rng: Chooses what is replaced.
        number: Returns the bytes that replace as many of the schema.
    """
    written = _metadata(data).get(_SCHEMA)
    if written is None:
        return data
    schema = base64.b64decode(written)
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.randrange(0, len(schema) - 8, 4)
        put = number()
        schema = schema[:at] + put + schema[at + len(put) :]
    return data.replace(written, base64.b64encode(schema))


def with_other_metadata(data: bytes, rng: random.Random, change: Callable[[Any], Any]) -> bytes:
    """Return a Parquet file of ours in which some of what it says of its columns is changed.

    Args:
        data: The file.
        rng: Chooses how often it is changed, and how many rows are left.
        change: Returns what the file says of its columns with something in it replaced.
    """
    if rng.random() < 0.3:
        data = _sliced(data, rng.randrange(_rows(data) + 1))
    written = _metadata(data)[_RECIPE]
    about = msgpack.unpackb(
        base64.b64decode(written), strict_map_key=False, unicode_errors="surrogatepass"
    )
    for _ in range(rng.choice((1, 1, 2))):
        about = change(about)
    packed = msgpack.packb(about, unicode_errors="surrogatepass")
    return _replaced(data, written, base64.b64encode(packed))


def with_other_member(data: bytes, rng: random.Random, mutated: Callable[[bytes], bytes]) -> bytes:
    """Return a zip file in which one member is mutated, or has the bytes of another.

    Args:
        data: The file.
        rng: Chooses the member.
        mutated: Returns the bytes of a member with some of them replaced.
    """
    members = dict(_members(data))
    name = rng.choice(list(members))
    if rng.random() < 0.1:
        members[name] = rng.choice(list(members.values()))
    else:
        for _ in range(rng.choice((1, 1, 2))):
            members[name] = mutated(members[name])
    return zipped(members)


@cache
def _metadata(data: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = pq.read_metadata(io.BytesIO(data)).metadata or {}
    return found


@cache
def _rows(data: bytes) -> int:
    rows: int = pq.read_metadata(io.BytesIO(data)).num_rows
    return rows


@cache
def _sliced(data: bytes, rows: int) -> bytes:
    """Return a Parquet file with the rows from one on."""
    table = pq.ParquetFile(io.BytesIO(data)).read().slice(rows)
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def _replaced(data: bytes, old: bytes, new: bytes) -> bytes:
    """Return a Parquet file with another text in its footer, in which lengths precede texts."""
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    footer = data[start:-8].replace(_varint(len(old)) + old, _varint(len(new)) + new)
    return data[:start] + footer + len(footer).to_bytes(4, "little") + data[-4:]


def _varint(number: int) -> bytes:
    parts: list[int] = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


@cache
def _members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
