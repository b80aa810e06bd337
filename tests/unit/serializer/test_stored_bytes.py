"""Bytes that somebody else wrote: refused at once, whatever they say of themselves."""

from __future__ import annotations

import base64
import io
import json
import time
import zipfile
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgpack
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgpack import ExtType

from artigraph_neo4j.errors import ArtigraphError, SerializationError, StorageError
from artigraph_neo4j.serializer import Serializer, find_serializer, limits
from artigraph_neo4j.serializer.arrow import feather_serializer, parquet_serializer
from artigraph_neo4j.serializer.base import unreadable, unwritable
from artigraph_neo4j.serializer.json import json_serializer
from artigraph_neo4j.serializer.limits import MAX_DEPTH, MAX_NESTED
from artigraph_neo4j.serializer.msgpack import pack, unpack
from artigraph_neo4j.serializer.numpy import (
    array_serializer,
    masked_array_serializer,
    scalar_serializer,
)
from artigraph_neo4j.serializer.pandas import dataframe_serializer, series_serializer
from tests.unit.serializer.plain_values import Bits, Permission

MARK = {name: ExtType(code, b"") for name, code in (("tuple", 1), ("set", 2), ("dict", 20))}
CLASSES = "tests.unit.serializer.plain_values"


def packed(tree: Any) -> bytes:
    data: bytes = msgpack.packb(tree)
    return data


def refused(serializer: Serializer[Any], data: bytes, match: str | None = None) -> None:
    with pytest.raises(SerializationError, match=match) as caught:
        serializer.deserialize(data)
    assert len(str(caught.value)) < 1500


def inside(data: bytes, name: str = "msgpack") -> bytes:
    return packed([ExtType(40, b""), name, data])


# msgpack and JSON -------------------------------------------------------------------------------


def test_a_value_within_itself_is_refused() -> None:
    """Each level would take its share of the C stack."""
    data = packed(1)
    for _ in range(300):
        data = inside(data)
    with pytest.raises(SerializationError, match="'msgpack' is never used inside a container"):
        unpack(data)


@pytest.mark.parametrize("name", ["json", "str", "bytes", "arrow.parquet", "msgpack"])
def test_only_serializers_of_types_are_inside_of_values(name: str) -> None:
    with pytest.raises(SerializationError, match="never used inside a container"):
        unpack(inside(b"1", name))


def frames(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = pd.Series([(value,)], dtype=object)
    return value


def test_serializers_inside_one_another_are_counted() -> None:
    """For writers as for readers, so that what was written can be read."""
    deepest = next(n for n in range(1, 100) if not _can_write(frames(n + 1)))
    assert deepest >= MAX_NESTED // 2
    value = series_serializer.deserialize(series_serializer.serialize(frames(deepest)))
    for _ in range(deepest):
        value = value.iloc[0][0]
    assert value == 1
    data = packed([packed_interval(MAX_NESTED + 2)])
    with pytest.raises(SerializationError, match=f"more than {MAX_NESTED} serializers"):
        unpack(data)


def _can_write(value: Any) -> bool:
    try:
        series_serializer.serialize(value)
    except SerializationError as error:
        if "store the inner ones in fields of their own" in str(error):
            return False
        raise
    return True


def packed_interval(levels: int) -> Any:
    tree: Any = 0
    for _ in range(levels):
        tree = [ExtType(40, b""), "pandas.interval", packed([tree, 1, "left"])]
    return tree


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: {"a": v}, lambda v: [MARK["tuple"], v]])
def test_depth(wrap: Callable[[Any], Any]) -> None:
    tree: Any = wrap(None)
    for _ in range(MAX_DEPTH):
        tree = wrap(tree)
    value = unpack(packed(tree))
    assert unpack(pack(value)) == value
    with pytest.raises(SerializationError, match=f"more than {MAX_DEPTH} deep"):
        unpack(packed(wrap(tree)))


def test_depth_of_json() -> None:
    good, deep = (b"[" * n + b"]" * n for n in (MAX_DEPTH + 1, MAX_DEPTH + 2))
    assert json_serializer.serialize(json_serializer.deserialize(good)) == good
    refused(json_serializer, deep, "nested more than 200 deep")
    refused(json_serializer, b'{"a":' * 900 + b"1" + b"}" * 900)
    assert len(json_serializer.deserialize(json.dumps([[1]] * 5000).encode())) == 5000


@pytest.mark.parametrize("data", [b"NaN", b"[-Infinity]", b"\xff\xfe[\x00]\x00", b"9" * 5000])
def test_json_that_is_not_written(data: bytes) -> None:
    refused(json_serializer, data)


@pytest.mark.parametrize(
    "leaf",
    [
        ExtType(18, b"1e999999999"), ExtType(18, b"1.5"), ExtType(18, b" 1/2"), ExtType(18, b"1/0"),
        ExtType(18, b"9" * 100_000), ExtType(6, b"1e5"), ExtType(6, b" 1"), ExtType(6, b"1_0"),
        ExtType(6, b"1E+" + b"9" * 30), ExtType(12, b"0:1:0"), ExtType(12, b"1:2"),
        ExtType(12, b"9" * 5000 + b":1:1"), ExtType(10, b"2024-01-01T00:00[../../../etc/passwd]"),
        ExtType(10, b"2024" + b"[" * 100_000), ExtType(11, b"9" * 5000), ExtType(7, b"x"),
        ExtType(5, b"x"), msgpack.Timestamp(1), ExtType(99, b""), ExtType(1, b"x"),
    ],
)  # fmt: skip
def test_leaves_that_are_not_written(leaf: ExtType) -> None:
    began = time.process_time()
    for data in (packed(leaf), packed([leaf]), packed({"a": leaf}), packed([MARK["tuple"], leaf])):
        with pytest.raises(SerializationError):
            unpack(data)
    assert time.process_time() - began < 2  # one that hangs would take hours


def test_numbers_of_any_size_that_writers_write() -> None:
    for value in (Decimal("1E+999999999999999999"), Decimal("-sNaN12"), 10**50_000):
        assert repr(pack(unpack(pack(value)))) == repr(pack(value))
    for value in (Fraction(10**3900, 3), range(-(10**3900), 1)):
        assert unpack(pack(value)) == value
    for value in (Fraction(10**4000), range(10**4000)):
        with pytest.raises(SerializationError, match="3,900 digits"):
            pack(value)


@pytest.mark.parametrize(
    "tree",
    [
        [MARK["set"], 1, 1],
        [MARK["set"], [1]],
        [MARK["dict"], 1, 2, 1, 3],
        [MARK["dict"], 1],
        [1, MARK["tuple"]],
        {"a": MARK["tuple"]},
        [MARK["tuple"], MARK["tuple"]],
        [ExtType(30, b""), f"{CLASSES}:Color", 1],
        [ExtType(30, b""), f"{CLASSES}:Color", ["RED"]],
        [ExtType(31, b""), f"{CLASSES}:Point", [1, 2]],
        [ExtType(32, b""), f"{CLASSES}:Plain", {1: 2}],
        [ExtType(32, b""), f"{CLASSES}:Plain", {"a": 1, "__class__": 2}],
        [ExtType(34, b""), f"{CLASSES}:Model", {"fields": {"number": 1}}],
        [ExtType(34, b""), f"{CLASSES}:Model", {"fields": [], "set": []}],
        [ExtType(34, b""), f"{CLASSES}:Model", {"fields": {"number": 1}, "set": [1]}],
        [ExtType(33, b""), f"{CLASSES}:Permission", 64],
        [ExtType(33, b""), f"{CLASSES}:Permission", True],
        [ExtType(33, b""), f"{CLASSES}:Bits", ExtType(4, b"\x40" + bytes(100_000))],
        [ExtType(32, b"")],
        [ExtType(40, b""), 1, b""],
        [ExtType(40, b""), "numpy", "text"],
        [ExtType(40, b""), ["numpy"], b""],
    ],
)
def test_marks_that_are_not_written(tree: Any) -> None:
    for whole in (tree, [tree], {"a": [tree]}):
        with pytest.raises(SerializationError):
            unpack(packed(whole))


def test_flags_that_writers_write() -> None:
    for value in (Permission(3), ~Permission.READ, Bits(2**40), Bits(0)):
        assert unpack(pack(value)) == value
    with pytest.raises(SerializationError, match="bits beyond"):
        pack(Bits(2**70))


# numpy ------------------------------------------------------------------------------------------


def npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode("latin-1") + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


def header(descr: str, shape: str) -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"


@pytest.mark.parametrize(
    "data",
    [
        npy(header("'<f8'", "(1000000000000,)")),
        npy(header("'<f8'", "(2,)"), bytes(15)),
        npy(header("'<f8'", "(2,)"), bytes(17)),
        npy(header("'<f8'", "(-1,)")),
        npy(header("'<f8'", "(1.0,)"), bytes(8)),
        npy(header("'|V0'", "(1000000000000000,)")),
        npy(header("'|O'", "(1,)"), bytes(8)),
        npy(header("'<U1'", "(1,)"), b"\xff\xff\xff\xff"),
        npy("(" * 3000),
        npy("not " * 3000 + "1"),
        npy("-" * 3000 + "1"),
        npy(header("[('a', " * 200 + "'<f8'" + ")]" * 200, "()"), bytes(8)),
        npy("{'descr': '<f8'}"),
        b"\x93NUMPY\x03\x00" + (2**31).to_bytes(4, "little"),
    ],
)
def test_arrays_that_are_not_written(data: bytes) -> None:
    for serializer in (array_serializer, scalar_serializer):
        refused(serializer, data)


def test_masked_arrays_are_not_compressed() -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.npy", array_serializer.serialize(np.zeros(5_000_000)))
        archive.writestr("hard.npy", array_serializer.serialize(np.array(False)))
    assert len(sink.getvalue()) < 100_000
    refused(masked_array_serializer, sink.getvalue(), "a member is compressed")
    others = io.BytesIO()
    with zipfile.ZipFile(others, "w") as archive:
        archive.writestr("other.npy", array_serializer.serialize(np.zeros(1)))
    refused(masked_array_serializer, others.getvalue(), "its members are")


# Arrow and Parquet ------------------------------------------------------------------------------


def replaced(data: bytes, old: int, new: int, form: str = "little", size: int = 8) -> bytes:
    """The bytes with a number in the heads and the footer replaced by another."""
    return data.replace(old.to_bytes(size, form), new.to_bytes(size, form))


@pytest.mark.parametrize("name", ["arrow.feather", "arrow.batch", "polars.ipc"])
def test_buffers_of_an_arrow_file_do_not_overlap(name: str) -> None:
    """Many columns that are one region of the file would each be decompressed for themselves."""
    zeros = np.zeros(100_000)
    columns = {"a": zeros, "b": zeros}
    serializer = find_serializer(name)
    assert serializer is not None
    make: Any = {"arrow.feather": pa.table, "arrow.batch": pa.record_batch}.get(name, pl.DataFrame)
    data = serializer.serialize(make(columns))
    reasons: list[str] = []
    for at in range(0, len(data) - 8, 8):
        try:
            serializer.deserialize(data[:at] + bytes(8) + data[at + 8 :])
        except SerializationError as error:
            reasons.append(str(error))
    assert "parts of the Arrow file overlap" in reasons


def test_compressed_data_does_not_claim_to_be_large() -> None:
    data = feather_serializer.serialize(pa.table({"a": np.zeros(10_000)}))
    claimed = replaced(data, 80_000, 2**40)
    assert claimed != data
    refused(feather_serializer, claimed, "bytes of lz4 cannot stand for")
    frame = find_serializer("polars.ipc")
    assert frame is not None
    data = frame.serialize(pl.DataFrame({"a": np.zeros(10_000)}))
    refused(frame, replaced(data, 80_000, 2**40), "bytes of lz4 cannot stand for")


def test_arrow_files_are_compressed_as_they_are_written() -> None:
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(sink, pa.schema([("a", pa.float64())]), options=options) as writer:
        writer.write_table(pa.table({"a": np.zeros(1_000_000)}))
    assert len(sink.getvalue()) < 4000
    refused(feather_serializer, sink.getvalue(), "not compressed by lz4")


def test_types_of_an_arrow_file_are_not_nested_too_deeply() -> None:
    kind: Any = pa.int8()
    for _ in range(100):
        kind = pa.list_(kind)
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, pa.schema([("a", kind)])):
        pass
    refused(feather_serializer, sink.getvalue(), "nested too deeply")


def test_arrow_files_are_read_as_before() -> None:
    """Also without compression, and as streams of others would be refused."""
    table = pa.table({"a": [1, None], "b": [["x"], []]})
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    assert feather_serializer.deserialize(sink.getvalue()).equals(table)
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    refused(feather_serializer, stream.getvalue())


def test_what_arrow_says_of_its_data_is_checked() -> None:
    """Offsets out of their buffer would be followed out of the memory of the process."""
    table = pa.table({"a": [list(range(77))]})
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    offsets, broken = (np.array([0, end], "i4").tobytes() for end in (77, 2**30))
    head, _, rest = sink.getvalue().rpartition(offsets)
    refused(feather_serializer, head + broken + rest, "Length spanned by list offsets")


def parquet(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def constant(text: str, rows: int) -> pa.Table:
    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, "i4")), pa.array([text]))
    return pa.table({"a": words})


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (parquet(constant("x" * 20_000, 1_000_000), store_schema=False), "stand for"),
        (parquet(pa.table({"a": [[["x" * 20_000] * 50_000]]})), "stand for"),
        (parquet(constant("x", 10), compression="zstd"), "compressed in another way"),
        (parquet(constant("x", 10), data_page_version="2.0"), "has no field 5"),
        (
            parquet(
                pa.table({"a": ["x" * 100, "x" * 101]}),
                use_dictionary=False,
                column_encoding="DELTA_BYTE_ARRAY",
            ),
            "a page of another kind",
        ),
    ],
    ids=["a text in many rows", "in lists", "codec", "pages", "encoding"],
)
def test_parquet_files_that_are_not_written(data: bytes, match: str) -> None:
    assert len(data) < 20_000
    refused(parquet_serializer, data, match)


def test_honest_files_that_are_far_smaller_than_their_tables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A column of one value is read; a text in very many rows is refused when it is written."""
    rare = np.ones(1_000_000, "i4")
    rare[:3] = 0
    words = pa.DictionaryArray.from_arrays(pa.array(rare), pa.array(["x" * 50_000, "y"]))
    data = parquet(pa.table({"a": words}), store_schema=False)
    assert parquet_serializer.deserialize(data).num_rows == 1_000_000
    zeros = pa.table({"a": np.zeros(9_000_000), "b": pa.nulls(9_000_000, pa.int64())})
    data = parquet_serializer.serialize(zeros)
    assert len(data) < 100_000
    assert parquet_serializer.deserialize(data).equals(zeros)
    large = constant("x" * 1_000, 100_000).cast(pa.schema([("a", pa.string())]))
    with pytest.raises(SerializationError, match=r"set ARTIGRAPH_MAX_DECODED_BYTES=\d+"):
        parquet_serializer.serialize(large)
    monkeypatch.setenv("ARTIGRAPH_MAX_DECODED_BYTES", str(2**30))
    data = parquet_serializer.serialize(large)
    assert parquet_serializer.deserialize(data).equals(large)
    monkeypatch.setenv("ARTIGRAPH_MAX_DECODED_BYTES", str(2**20))
    with pytest.raises(SerializationError, match=r"100,000,000|1\d\d,\d{3},\d{3} bytes in memory"):
        parquet_serializer.deserialize(data)
    monkeypatch.setenv("ARTIGRAPH_MAX_DECODED_BYTES", "1 GiB")
    with pytest.raises(SerializationError, match="set it to digits only"):
        limits.max_decoded_bytes(1)


# pandas -----------------------------------------------------------------------------------------


def with_metadata(frame: pd.DataFrame, change: Callable[[dict[str, Any]], object]) -> bytes:
    """A stored frame of which the metadata says something else."""
    table = pq.read_table(io.BytesIO(dataframe_serializer.serialize(frame)))
    about = unpack(base64.b64decode((table.schema.metadata or {})[b"artigraph"]))
    change(about)
    metadata = {b"artigraph": base64.b64encode(pack(about))}
    return parquet(table.replace_schema_metadata(metadata))


def labels_of(rows: int) -> list[Any]:
    return [[], {"kind": "range", "names": [None], "range": [0, rows, 1]}]


@pytest.mark.parametrize(
    "change",
    [
        lambda about: about.update(labels=labels_of(10**12)),
        lambda about: about.update(labels=[]),
        lambda about: about.update(columns=[["numpy", "<U1000000"]]),
        lambda about: about.update(columns=[["numpy", "|O"]]),
        lambda about: about.update(columns=[["masked", "<M8[ns]"]]),
        lambda about: about.update(columns=[["times", "V", "ns"]]),
        lambda about: about.update(columns=[["zoned", "ns", "zone", "../../etc/passwd"]]),
        lambda about: about.update(columns=[["category", False, b"x", ["object"]]]),
        lambda about: about.update(columns=[["no such recipe"]]),
        lambda about: about.update(columns=[None]),
        lambda about: about.update(columns=[["object"]] * 3),
        lambda about: about.update(columns=1),
        lambda about: about.update(format=2),
        lambda about: about.update(format="1"),
        lambda about: about.update(index={"kind": "multi", "names": [1, 2], "levels": []}),
        lambda about: about.update(index={"kind": "index"}),
        lambda about: about.update(attrs=1),
        lambda about: about.pop("duplicates"),
    ],
)
def test_metadata_of_frames_that_is_not_written(change: Callable[[dict[str, Any]], object]) -> None:
    refused(dataframe_serializer, with_metadata(pd.DataFrame({"a": [1, 2]}), change))


def test_a_freq_that_takes_many_steps_is_refused() -> None:
    """pandas walks through business hours one after the other."""
    times = pd.date_range("2024-01-01", periods=3, freq="bh")
    frame = pd.DataFrame({"a": [1, 2, 3]}, index=times)
    assert (
        dataframe_serializer.deserialize(dataframe_serializer.serialize(frame)).index.freq == "bh"
    )
    data = with_metadata(frame, lambda about: about["index"].update(freq="999999999bh"))
    refused(dataframe_serializer, data, "too many steps")


@pytest.mark.parametrize(
    ("name", "tree"),
    [
        ("pandas.timestamp", [1, "century", None, 0]), ("pandas.timestamp", [2**63, "ns", None, 0]),
        ("pandas.timestamp", [1, "ns", ["zone", "x"], 0]), ("pandas.timestamp", [1, "ns", 1, 0]),
        ("pandas.timestamp", [1, "ns", None, 7]), ("pandas.timestamp", {}),
        ("pandas.timedelta", [1, "Y"]), ("pandas.timedelta", ["1", "ns"]),
        ("pandas.period", [1, 1]), ("pandas.period", [1, "x"]), ("pandas.period", [2**70, "M"]),
        ("pandas.interval", [1, 0, "left"]), ("pandas.interval", [0, 1, "top"]),
        ("pandas.interval", ["a", "b", "left"]), ("pandas.interval", [0, 1]),
    ],
)  # fmt: skip
def test_single_values_of_pandas_that_are_not_written(name: str, tree: Any) -> None:
    found = find_serializer(name)
    assert found is not None
    refused(found, pack(tree))


# Errors -----------------------------------------------------------------------------------------


class UglyError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    "error", [ValueError("x" * 10_000), SystemExit(3), MemoryError(), RecursionError("deep"),
              UglyError(), pa.ArrowInvalid("bad"), OSError("pyarrow's"), KeyError(1)],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_every_error_becomes_ours(error: BaseException) -> None:
    with pytest.raises(SerializationError, match="restore them from a backup") as caught:
        with unreadable("a file"):
            raise error
    assert caught.value.__cause__ is error
    assert type(error).__name__ in str(caught.value)
    assert len(str(caught.value)) < 1000
    with pytest.raises(SerializationError, match=r"artifact_field\(serializer="):
        with unwritable("a file"):
            raise error


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), StorageError("gone"), SerializationError("known")]
)
def test_some_errors_pass(error: BaseException) -> None:
    for guard in (unreadable, unwritable):
        with pytest.raises(type(error)) as caught:
            with guard("a file"):
                raise error
        assert caught.value is error
    full = OSError(28, "No space left on device")
    with pytest.raises(OSError, match="No space"):
        with unwritable("a file"):
            raise full
    assert issubclass(SerializationError, ArtigraphError)
