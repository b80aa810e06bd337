"""Makes the database beside this file, with Artigraph 0.0.5 itself.

In an environment of its own, with an S3 at hand (``artigraph up``)::

    uv venv /tmp/old && uv pip install -p /tmp/old artigraph==0.0.5 aiosqlite boto3 pandas polars
    eval "$(artigraph env)" && /tmp/old/bin/python make.py DIRECTORY

Writes ``artigraph.db``, ``files/`` (a FileSystemStorage) and ``s3/`` (a copy of what went to S3).
"""

import asyncio
import importlib
import pickle
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, ClassVar

import boto3
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from artigraph import (
    ArtifactMapping,
    ArtifactModel,
    ArtifactModelConfig,
    ArtifactSequence,
    Serializer,
    Span,
    create_span_artifact,
    span_context,
)
from artigraph.api.artifact import create_artifact
from artigraph.api.node import delete_nodes
from artigraph.db import set_engine
from artigraph.orm.artifact import DatabaseArtifact
from artigraph.serializer.pyarrow import parquet_serializer
from artigraph.storage.aws import S3Storage, s3_client_context
from artigraph.storage.file import FileSystemStorage
from sqlalchemy.orm import Mapped, mapped_column

for name in ("datetime", "numpy", "pandas", "polars"):  # which registers their serializers
    importlib.import_module(f"artigraph.serializer.{name}")

HERE = Path(sys.argv[1] if len(sys.argv) > 1 else ".").absolute()
BUCKET, PREFIX = "artifacts", "old"
FILES = FileSystemStorage(HERE / "files", name="values").register()
S3 = S3Storage(BUCKET, PREFIX).register()


class Complex(Serializer):
    name = "lab-pickle"
    types = (complex,)
    serialize = staticmethod(pickle.dumps)
    deserialize = staticmethod(pickle.loads)


class Shout(Serializer):
    name = "lab-shout"
    types = ()
    serialize = staticmethod(lambda text: text.upper().encode())
    deserialize = staticmethod(lambda data: data.decode().lower())


Complex().register()
SHOUT = Shout().register()


class TrialSpan(Span):
    polymorphic_identity = "trial_span"
    __mapper_args__: ClassVar[dict[str, Any]] = {"polymorphic_identity": polymorphic_identity}
    trial_note: Mapped[str] = mapped_column(nullable=True, default=None)
    trial_seed: Mapped[int] = mapped_column(nullable=True, default=None)


@dataclass(frozen=True)
class OldScore(ArtifactModel, version=1):
    auc: float
    count: int
    name: str
    nothing: None
    rows: list
    table: dict


@dataclass(frozen=True)
class OldTimes(ArtifactModel, version=3):
    naive: datetime
    aware: datetime
    took: timedelta
    data: bytes


@dataclass(frozen=True)
class OldFrames(ArtifactModel, version=1):
    line: np.ndarray
    plane: np.ndarray
    frame: pd.DataFrame
    polars: pl.DataFrame
    arrow: pa.Table


@dataclass(frozen=True)
class OldInner(ArtifactModel, version=2):
    x: int


@dataclass(frozen=True)
class OldNest(ArtifactModel, version=1):
    inner: OldInner
    by_name: ArtifactMapping
    in_order: ArtifactSequence


@dataclass(frozen=True)
class OldFiled(ArtifactModel, version=1, config=ArtifactModelConfig(default_field_storage=FILES)):
    frame: pd.DataFrame
    text: str


@dataclass(frozen=True)
class OldClouded(ArtifactModel, version=1, config=ArtifactModelConfig(default_field_storage=S3)):
    frame: pd.DataFrame


@dataclass(frozen=True)
class OldPickled(ArtifactModel, version=1):
    value: complex
    x: int


@dataclass(frozen=True)
class OldShouted(
    ArtifactModel, version=1, config=ArtifactModelConfig(default_field_serializer=SHOUT)
):
    text: str


@dataclass(frozen=True)
class OldParquet(
    ArtifactModel,
    version=1,
    config=ArtifactModelConfig(default_field_serializer=parquet_serializer),
):
    table: pa.Table


FRAME = pd.DataFrame({"x": [1, 2, 3], "y": ["a", "b", None]})
ZONE = timezone(timedelta(hours=2))


async def main() -> None:
    async with span_context() as study:
        await create_span_artifact(
            "current",
            label="score",
            artifact=OldScore(
                0.93, 2**70, "naïve “quoted”", None, [1, [2.5, "x"]], {"a": {"b": 1}}
            ),
        )
        await create_span_artifact("current", label="score", artifact=OldInner(1))  # a second one
        await OldInner(2).create(None, study.node_id)
        async with span_context(TrialSpan(node_parent_id=None, trial_note="first", trial_seed=7)):
            await create_span_artifact(
                "current",
                label="times",
                artifact=OldTimes(
                    datetime(2023, 8, 4, 12, 30, 1, 5),
                    datetime(2023, 8, 4, 12, 30, tzinfo=ZONE),
                    timedelta(days=2, microseconds=3),
                    b"\x00\xff",
                ),
            )
            async with span_context():
                table = pa.table({"a": [1, None], "b": ["x", "y"]})
                await create_span_artifact(
                    "current",
                    label="frames",
                    artifact=OldFrames(
                        np.array([1.5, 2.5]),
                        np.arange(6).reshape(2, 3),
                        FRAME,
                        pl.DataFrame({"p": [1, 2]}),
                        table,
                    ),
                )
                await create_span_artifact("current", label="table", artifact=OldParquet(table))
            await create_span_artifact(
                "current",
                label="nest",
                artifact=OldNest(
                    OldInner(3),
                    ArtifactMapping({"a key": OldInner(4), "deep": ArtifactMapping(z=OldInner(5))}),
                    ArtifactSequence([OldInner(i) for i in range(11)]),
                ),
            )
    async with span_context():
        await create_span_artifact("current", label="filed", artifact=OldFiled(FRAME, "on disk"))
        await create_span_artifact("current", label="cloud", artifact=OldClouded(FRAME))
        await create_span_artifact("current", label="pickle", artifact=OldPickled(1 + 2j, 5))
        await create_span_artifact("current", label="shout", artifact=OldShouted("hello"))
        await create_span_artifact("current", label="map", artifact=ArtifactMapping(a=OldInner(6)))
        await create_span_artifact("current", label="seq", artifact=ArtifactSequence([1, "two"]))
    await OldInner(7).create("alone")
    await create_artifact(
        DatabaseArtifact(
            node_parent_id=study.node_id,
            artifact_label="raw",
            artifact_serializer="artigraph-json",
        ),
        {"__is_artifact_model__": True},
    )
    gone = await OldInner(8).create("gone")
    await delete_nodes([gone])  # which leaves its field
    await span_context().__aenter__()  # of a program that was killed


if __name__ == "__main__":
    (HERE / "files").mkdir(parents=True, exist_ok=True)
    (HERE / "s3").mkdir(exist_ok=True)
    set_engine(f"sqlite+aiosqlite:///{HERE / 'artigraph.db'}", create_tables=True)
    client = boto3.client("s3")
    with s3_client_context(client):
        asyncio.run(main())
    for item in client.list_objects_v2(Bucket=BUCKET, Prefix=f"{PREFIX}/")["Contents"]:
        body = client.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read()
        (HERE / "s3" / item["Key"].rpartition("/")[2]).write_bytes(body)
