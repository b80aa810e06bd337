"""Names that users import, by the paths that the docs give; they outlive every move inside."""

from __future__ import annotations

import importlib
import pickle
import subprocess
import sys
from types import FunctionType

import pytest

import artigraph_neo4j
from artigraph_neo4j import Lazy, Span

PATHS = {
    "artigraph_neo4j": artigraph_neo4j.__all__,
    "artigraph_neo4j.errors": ["ArtigraphError", "NotFoundError", "StorageError", "BatchError"],
    "artigraph_neo4j.find": [
        "ArtifactQuery", "Attributes", "Explanation", "F", "Filter", "Page", "Query", "SpanQuery",
        "above", "artifact", "contains", "find_artifacts", "find_spans", "has_artifact", "in_span",
        "is_a", "is_null", "not_", "one_of", "span", "tagged", "under",
    ],
    "artigraph_neo4j.gc": [
        "BlobReference", "GarbageReport", "Tally", "collect_garbage", "take_new_graph_id",
    ],
    "artigraph_neo4j.local": ["LocalStack", "StackInfo", "StackStatus", "running_stack"],
    "artigraph_neo4j.sync": ["Results", "batch", "find_artifacts", "find_spans", "run",
                             "span_context", "create_artifact", "read_artifact"],
    "artigraph_neo4j.upstream": [
        "ArtifactMapping", "ArtifactSequence", "ImportReport", "RawArtifact", "import_artigraph",
        "storage_name",
    ],
    "artigraph_neo4j.testing": ["SerializerTests", "StorageTests", "difference"],
    "artigraph_neo4j.storage": [
        "Storage",
        "StoredBytes",
        "find_storage",
        "open_storage",
        "storage_names",
    ],
    "artigraph_neo4j.storage.base": ["Storage"],
    "artigraph_neo4j.storage.aws": ["S3Storage"],
    "artigraph_neo4j.storage.file": ["FileSystemStorage"],
    "artigraph_neo4j.storage.fsspec": ["FsspecStorage"],
    "artigraph_neo4j.storage.memory": ["MemoryStorage"],
    "artigraph_neo4j.serializer": ["Serializer", "find_serializer"],
    "artigraph_neo4j.serializer.base": ["Serializer"],
    "artigraph_neo4j.serializer.datetime": ["datetime_serializer"],
    "artigraph_neo4j.serializer.json": ["json_serializer"],
    "artigraph_neo4j.serializer.pandas": ["dataframe_serializer"],
    "artigraph_neo4j.serializer.pickle": ["pickle_serializer"],
}  # fmt: skip
MODULES = [
    "arrow", "core", "datetime", "file", "json", "msgpack", "numpy", "pandas", "pandas_scalars",
    "pickle", "polars",
]  # fmt: skip
PLUG_INS = ("artigraph_neo4j.serializer", "artigraph_neo4j.storage")
DOORS = ["artigraph_neo4j"] + [
    f"artigraph_neo4j.{name}" for name in ("find", "gc", "sync", "testing", "upstream")
]


@pytest.mark.parametrize("module", PATHS)
def test_every_name_is_where_the_docs_say(module: str) -> None:
    found = importlib.import_module(module)
    assert [name for name in PATHS[module] if not hasattr(found, name)] == []


@pytest.mark.parametrize("module", MODULES)
def test_every_serializer_has_its_module(module: str) -> None:
    importlib.import_module(f"artigraph_neo4j.serializer.{module}")


@pytest.mark.parametrize("module", DOORS)
def test_names_say_the_public_module_they_come_from(module: str) -> None:
    """Else tracebacks and pickles would name rooms, which may change."""
    found = importlib.import_module(module)
    private = {
        name: item.__module__
        for name in found.__all__
        if isinstance(item := getattr(found, name), type | FunctionType)
        and item.__module__ not in (*DOORS, "artigraph_neo4j.errors")
        and not item.__module__.startswith(PLUG_INS)
    }
    assert private == {}


def test_pickles_name_the_public_place() -> None:
    text = pickle.dumps([Lazy, Span], protocol=0).decode("latin-1")
    assert "artigraph_neo4j\n" in text
    assert "artigraph_neo4j.model" not in text
    assert pickle.loads(pickle.dumps([Lazy, Span])) == [Lazy, Span]


def test_the_order_of_imports_does_not_matter() -> None:
    for first in DOORS:
        program = (
            f"import importlib; importlib.import_module({first!r})\n"
            "from artigraph_neo4j import collect_garbage, find_spans\n"
            "print(find_spans.__module__, collect_garbage.__module__)"
        )
        printed = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout
        assert printed.split() == ["artigraph_neo4j", "artigraph_neo4j"], first
