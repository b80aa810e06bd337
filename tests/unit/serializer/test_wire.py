"""What earlier versions wrote is still read: files under ``tests/data/wire``, never changed.

``python -m tests.unit.serializer.test_wire`` writes a file for each case that has none.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PosixPath, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgpack
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import pytz

from artigraph_neo4j.serializer import base, find_serializer, serializer_names
from artigraph_neo4j.serializer.file import File
from artigraph_neo4j.serializer.msgpack import MARKS
from artigraph_neo4j.serializer.msgpack_leaves import LEAVES
from artigraph_neo4j.testing import difference
from tests.unit.serializer import plain_values as own
from tests.unit.serializer.test_arrow import table_difference
from tests.unit.serializer.test_numpy import array_difference, masked_difference
from tests.unit.serializer.test_pandas import same_frame, same_index, same_series

WIRE = Path(__file__).parents[2] / "data" / "wire"
NONE_YET = {"file", "polars.lazy", "torch.module"}
"""Serializers that write nothing, or a file as it is."""

PARIS = ZoneInfo("Europe/Paris")
OFFSET = timezone(timedelta(seconds=1))
PLAIN = [None, True, -1, 2**64 - 1, 1.5, "\ud800", b"x", {1: 2}]
TEXT: Any = pd.StringDtype("pyarrow", na_value=np.nan)
"""What pandas 3 takes for text. Version 2 takes objects, and nanoseconds, and zones of pytz."""
NESTED: dict[str, Any] = {"text": "ü", "list": [1, 2.5, None, True], "empty": {}}


def _none(left: Any, right: Any) -> None:
    assert difference(left, right) is None


def _scalar(left: Any, right: Any) -> None:
    assert type(left) is type(right)
    assert array_difference(np.asarray(left), np.asarray(right).copy()) is None


def _table(left: Any, right: Any) -> None:
    assert table_difference(left, right) is None


def _polars(left: Any, right: Any) -> None:
    assert type(left) is type(right)
    assert left.equals(right)
    assert left.shape == right.shape
    assert (left.schema == right.schema) if hasattr(left, "schema") else (left.dtype == right.dtype)


class Case(NamedTuple):
    """A value kept by a serializer, and how it is compared."""

    serializer: str
    file: str
    value: Callable[[], Any]
    same: Callable[[Any, Any], Any] = _none


def _words(*words: str | None, dtype: Any) -> pd.Index[Any]:
    return pd.Index(words, dtype=dtype)


def _frame(text: Any = TEXT, unit: Any = "us", zone: Any = PARIS) -> pd.DataFrame:
    dates = pd.date_range("2020-01-01", periods=3, freq="D", tz=zone, unit=unit)
    frame = pd.DataFrame(
        {
            "int": np.array([1, 2, 3], "int16"),
            "float": [1.5, np.nan, -0.0],
            "complex": [1j, 2, 3],
            "text": _words("a", "ü", None, dtype=text),
            "object": pd.Series([b"x", (1, "y"), None], dtype=object),
            "when": dates,
            "second": pd.to_datetime(["2020", "2021", None]).astype("datetime64[s]"),
            "nanosecond": pd.to_timedelta([1, 2, 3], unit="ns").astype("timedelta64[ns]"),
            "category": pd.Categorical(
                ["a", None, "b"], categories=_words("b", "a", dtype=text), ordered=True
            ),
            "nullable": pd.array([1, None, 3], dtype="Int64"),
            "boolean": pd.array([True, None, False], dtype="boolean"),
            "period": pd.period_range("2020-01", periods=3, freq="M"),
            "interval": pd.interval_range(0, 3, closed="left"),
            "arrow": pd.array([[1], None, []], dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
        },
        index=pd.MultiIndex.from_arrays(
            [_words("x", "x", "y", dtype=text), [1, 2, 1]], names=["outer", None]
        ),
    )
    frame.columns = frame.columns.astype(text)
    frame.attrs = {"unit": "m", "pair": (1, 2)}
    return frame


def _labels(text: Any = TEXT) -> pd.DataFrame:
    columns = pd.MultiIndex.from_arrays(
        [_words("a", "a", "a", dtype=text), [1, 2, 1]], names=["text", 0]
    )
    return pd.DataFrame([[1, 2, 3]], columns=columns, index=pd.RangeIndex(5, 6, name="row"))


def _series(unit: Any = "us") -> pd.Series[Any]:
    index = pd.date_range("2020", periods=3, freq="2D", unit=unit)
    return pd.Series([1, 2, 3], index=index, name=("a", 1), dtype="uint8")


def _index(text: Any = TEXT) -> pd.Index[Any]:
    return pd.CategoricalIndex(["a", None], categories=_words("a", dtype=text), name="n")


def _polars_frame() -> Any:
    import polars as pl

    columns = {
        "int": [1, None],
        "text": ["a", "ü"],
        "enum": pl.Series(["x", None], dtype=pl.Enum(["y", "x"])),
        "when": pl.Series([datetime(2020, 1, 1), None], dtype=pl.Datetime("ns", "Europe/Paris")),
    }
    return pl.DataFrame(columns)


FILES = (
    ("picture", "picture.png", 0),
    ("markdown", "note.md", 0),
    ("html", "note.html", 0),
    ("pillow", "image.png", 4),
    ("pillow", "palette.png", 3),
    ("plotly", "figure.json", 0),
    ("networkx", "graph.msgpack", 0),
    ("networkx", "edges.msgpack", 1),
    ("scipy.sparse", "matrix.npz", 0),
    ("scipy.sparse", "places.npz", 3),
    ("onnx", "model.onnx", 0),
    ("sklearn", "estimator.skops", 1),
    ("sklearn", "tree.skops", 2),
    ("xgboost", "model.json", 0),
    ("xgboost", "linear.json", 2),
    ("xgboost.estimator", "estimator.msgpack", 0),
    ("lightgbm", "categories.txt", 0),
    ("lightgbm", "linear.txt", 1),
    ("lightgbm.estimator", "estimator.msgpack", 1),
    ("torch", "tensor.safetensors", 0),
    ("torch.state", "state.safetensors", 0),
)
"""Values of ``media_values``, which imports every package: only where one is asked for."""


def _at(name: str, at: int) -> Callable[[], Any]:
    def value() -> Any:
        from tests.unit.serializer import media_values

        return media_values.VALUES[name]()[at]

    return value


def _like(name: str) -> Callable[[Any, Any], Any]:
    def compare(left: Any, right: Any) -> None:
        from tests.unit.serializer import media_values

        assert type(left) is type(right)
        if name in ("sklearn", "xgboost.estimator"):
            assert left.get_params() == pytest.approx(right.get_params(), nan_ok=True)
        elif name != "xgboost":  # another version may fit another model
            differences = media_values.DIFFERENCES.items()
            differ = next((d for kind, d in differences if isinstance(left, kind)), difference)
            assert differ(left, right) is None

    return compare


def _arrow() -> pa.Table:
    table = pa.table(
        {
            "int": pa.array([1, None], pa.int8()),
            "when": pa.array([1, None], pa.timestamp("ns", "Europe/Paris")),
            "seconds": pa.array([1, None], pa.timestamp("s")),
            "nested": pa.array([[{"x": "ü"}], None]),
            "words": pa.array(["a", "b"]).dictionary_encode(),
        }
    )
    return table.replace_schema_metadata({"made": "by hand"})


LEAF_VALUES: dict[int, Any] = {
    4: 2**70,
    5: complex(1.5, -0.0),
    6: Decimal("-1.50E+3"),
    7: UUID(int=7),
    8: date(2020, 2, 29),
    9: time(1, 2, 3, 4, tzinfo=timezone(timedelta(hours=-3, minutes=-30), "N"), fold=1),
    10: datetime(2020, 10, 25, 2, 30, tzinfo=PARIS, fold=1),
    11: timedelta(days=-1, microseconds=1),
    12: range(1, 2**65, 3),
    13: bytearray(b"\0x"),
    14: PosixPath("/a/ü"),
    15: PurePosixPath("a"),
    16: PureWindowsPath("C:\\a"),
    18: Fraction(-1, 3),
}
NO_LEAF_HERE = {17: "a WindowsPath can only be made on Windows"}
MARK_VALUES: dict[str, Any] = {
    "tuple": (1, (), "x"),
    "set": {1, "a", (2,)},
    "frozenset": frozenset({None}),
    "dict": {(1, 2): "tuple key", None: 0, 1.5: []},
    "enum": own.Color.BLUE,
    "namedtuple": own.Point(1, own.Number.ONE),
    "dataclass": own.Derived(1, own.Frozen("x"), [2]),
    "flag": own.Permission.READ | own.Permission.WRITE,
    "pydantic": own.Model(number=1, nested=(1,), extra="more"),
    "serialized": [np.float32(1.5), np.arange(3), pd.Timestamp("2020-01-01", tz="Europe/Paris")],
}


def _marked(left: Any, right: Any) -> None:
    if isinstance(left, list):
        assert array_difference(left.pop(1), right.pop(1)) is None
    _none(left, right)


CASES = [
    Case("json", "nested.json", lambda: NESTED),
    Case("json-sorted", "nested.json", lambda: dict(sorted(NESTED.items()))),
    Case("str", "text.txt", lambda: "ü\n\0"),
    Case("bytes", "bytes.bin", lambda: b"\0\xff"),
    Case("file", "file.bin", lambda: File(WIRE / "bytes" / "bytes.bin")),
    Case("date", "date.txt", lambda: date(1, 2, 3)),
    Case("time", "time.txt", lambda: LEAF_VALUES[9]),
    Case("timedelta", "timedelta.txt", lambda: timedelta.max),
    Case("datetime", "naive.txt", lambda: datetime(2020, 1, 2, 3, 4, 5, 6)),
    Case("datetime", "utc.txt", lambda: datetime.max.replace(tzinfo=UTC)),
    Case("datetime", "offset.txt", lambda: datetime(1, 1, 1, tzinfo=OFFSET)),
    Case("datetime", "zone-fold.txt", lambda: LEAF_VALUES[10]),
    Case("msgpack", "plain.msgpack", lambda: PLAIN),
    *(
        Case("msgpack", f"{n}-{type(v).__name__}.msgpack", lambda v=v: v)
        for n, v in LEAF_VALUES.items()
    ),
    *(Case("msgpack", f"{n}.msgpack", lambda v=v: v, _marked) for n, v in MARK_VALUES.items()),
    Case(
        "numpy",
        "array.npy",
        lambda: np.asfortranarray(np.arange(6, dtype=">f4").reshape(2, 3)),
        array_difference,
    ),
    Case(
        "numpy",
        "record.npy",
        lambda: np.array([(1, "ü", "2020")], [("ü", "i1"), ("b", "U3"), ("t", "M8[s]")]),
        array_difference,
    ),
    Case(
        "numpy.masked",
        "masked.npz",
        lambda: np.ma.array([1, 2], mask=[0, 1], fill_value=9, hard_mask=True),
        masked_difference,
    ),
    Case("numpy.scalar", "scalar.npy", lambda: np.datetime64("2020-01-01", "3D"), _scalar),
    Case("pandas.parquet", "frame.parquet", _frame, same_frame),
    Case("pandas.parquet", "labels.parquet", _labels, same_frame),
    Case("pandas.series", "series.parquet", _series, same_series),
    Case("pandas.index", "index.parquet", _index, same_index),
    Case(
        "pandas.parquet",
        "frame-of-2.parquet",
        lambda: _frame(object, "ns", pytz.timezone("Europe/Paris")),
        same_frame,
    ),
    Case("pandas.parquet", "labels-of-2.parquet", lambda: _labels(object), same_frame),
    Case("pandas.series", "series-of-2.parquet", lambda: _series("ns"), same_series),
    Case("pandas.index", "index-of-2.parquet", lambda: _index(object), same_index),
    Case("pandas.timestamp", "timestamp.msgpack", lambda: pd.Timestamp(1, tz="Europe/Paris")),
    Case("pandas.timedelta", "timedelta.msgpack", lambda: pd.Timedelta(1, "ns")),
    Case("pandas.period", "period.msgpack", lambda: pd.Period("2020-01", "M")),
    Case("pandas.interval", "interval.msgpack", lambda: pd.Interval(0, 1.5, "both")),
    Case("pandas.missing", "missing.txt", lambda: pd.NA, lambda a, b: a is b),
    Case("arrow.feather", "table.arrow", _arrow, _table),
    Case("arrow.parquet", "table.parquet", _arrow, _table),
    Case("arrow.batch", "batch.arrow", lambda: _arrow().to_batches()[0], _table),
    Case("polars.ipc", "frame.arrow", _polars_frame, _polars),
    Case("polars.series", "series.arrow", lambda: _polars_frame()["enum"], _polars),
    *(Case(name, file, _at(name, at), _like(name)) for name, file, at in FILES),
]
IDS = [f"{case.serializer}/{case.file}" for case in CASES]


def _read(case: Case) -> Any:
    serializer = find_serializer(case.serializer)
    assert serializer is not None
    return serializer.deserialize((WIRE / case.serializer / case.file).read_bytes())


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_still_read(case: Case) -> None:
    if case.serializer.startswith("polars"):
        pytest.importorskip("polars")
    if case.serializer.startswith("torch"):
        pytest.importorskip("torch")
    assert case.same(case.value(), _read(case)) in (None, True)


def test_no_serializer_and_no_type_is_forgotten() -> None:
    base.serializer_types()
    modules = {name: type(find_serializer(name)).__module__ for name in serializer_names()}
    ours = {name for name, module in modules.items() if module.startswith("artigraph_neo4j.")}
    assert ours - {case.serializer for case in CASES} - NONE_YET == set()
    assert LEAVES.keys() == LEAF_VALUES.keys() | NO_LEAF_HERE.keys()
    assert set(MARKS.values()) == MARK_VALUES.keys()


def test_no_file_is_without_a_case() -> None:
    files = {str(path.relative_to(WIRE)) for path in WIRE.rglob("*") if path.is_file()}
    assert files - {"README.md"} == set(IDS)


def test_read_without_this_library() -> None:
    """Each format is one that other tools know."""
    plain = msgpack.unpackb((WIRE / "msgpack/dataclass.msgpack").read_bytes())
    assert plain[1:] == [
        "tests.unit.serializer.plain_values:Derived",
        {"a": 1, "b": plain[2]["b"], "c": [2], "total": 1},
    ]
    assert msgpack.unpackb((WIRE / "msgpack/6-Decimal.msgpack").read_bytes()).data == b"-1.50E+3"
    assert np.load(WIRE / "numpy/array.npy").tolist() == [[0, 1, 2], [3, 4, 5]]
    assert pq.read_table(WIRE / "pandas.parquet/frame.parquet")["int"].to_pylist() == [1, 2, 3]
    frame = pd.read_parquet(WIRE / "pandas.parquet/frame.parquet")
    assert frame["text"].tolist()[:2] == ["a", "ü"]
    with pa.ipc.open_file(io.BytesIO((WIRE / "arrow.feather/table.arrow").read_bytes())) as file:
        assert file.read_all()["int"].to_pylist() == [1, None]
    text = (WIRE / "datetime/zone-fold.txt").read_text()
    assert text == "2020-10-25T02:30:00[Europe/Paris];fold=1"


def main() -> None:
    """Write the files that are not there."""
    for case in CASES:
        path = WIRE / case.serializer / case.file
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            serializer = find_serializer(case.serializer)
            assert serializer is not None
            path.write_bytes(serializer.serialize(case.value()))
            print(path)


if __name__ == "__main__":
    main()
