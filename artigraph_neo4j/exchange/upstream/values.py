"""Artigraph's serializers, for reading only, and the names of its storages."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

from artigraph_neo4j.errors import SerializationError

__all__ = ["Decode", "Undecodable", "decoder", "storage_name"]

Decode = Callable[[bytes], Any]
"""Function that turns bytes of a serializer of Artigraph into a value."""


class Undecodable(SerializationError):  # noqa: N818 - a reason rather than a failure
    """A value that is kept as bytes."""


def _array(data: bytes) -> Any:
    frame = _pandas(data)
    return (frame["1darray"] if "1darray" in frame.columns else frame).to_numpy()


def _pandas(data: bytes) -> Any:
    import pandas as pd

    return pd.read_parquet(BytesIO(data))


def _polars(read: Decode) -> Decode:
    def decode(data: bytes) -> Any:
        import polars as pl

        return pl.from_arrow(read(data))

    return decode


def _parquet(data: bytes) -> Any:
    from pyarrow import parquet

    return parquet.read_table(BytesIO(data))


def _feather(data: bytes) -> Any:
    from pyarrow import feather

    return feather.read_table(BytesIO(data))


_DECODERS: dict[str, Decode] = {
    "artigraph-bytes": lambda data: data,
    "artigraph-datetime": lambda data: datetime.fromisoformat(data.decode()),
    "artigraph-json": json.loads,
    "artigraph-json-sorted": json.loads,
    "artigraph-json-unsorted": json.loads,
    "artigraph-numpy": _array,
    "artigraph-pandas": _pandas,
    "artigraph-polars-artigraph-pyarrow-feather": _polars(_feather),
    "artigraph-polars-artigraph-pyarrow-parquet": _polars(_parquet),
    "artigraph-pyarrow-feather": _feather,
    "artigraph-pyarrow-parquet": _parquet,
    "artigraph-string": bytes.decode,
    "artigraph-timedelta": lambda data: timedelta(seconds=float(data)),
}


def decoder(name: str | None, own: Mapping[str, Decode], *, allow_pickle: bool) -> Decode:
    """Return the function that reads the bytes of an old serializer.

    Raises:
        Undecodable: No function does, or it would unpickle.
    """
    if name is not None and (found := own.get(name) or _DECODERS.get(name)):
        return found
    if name is not None and "pickle" in name.lower():
        if allow_pickle:
            return pickle.loads
        raise Undecodable(
            f"serializer {name!r} pickles, and to unpickle runs code; allow_pickle=True, or "
            "--allow-pickle, does so for a database that you trust"
        )
    raise Undecodable(f"serializer {name!r} is none of Artigraph's; give serializers= a function")


_NOT_SLUG = re.compile(r"[^a-z0-9]+")


def storage_name(place: str) -> str:
    """Return Artigraph's name of a storage: a directory, or ``s3://bucket/prefix``."""
    if place.startswith("s3://"):
        bucket, _, prefix = place.removeprefix("s3://").partition("/")
        return _slug(f"artigraph-s3-{bucket}-{prefix}")
    return _slug(f"artigraph-file-system-{place}")


def _slug(text: str) -> str:
    return _NOT_SLUG.sub("-", text.lower()).strip("-")
