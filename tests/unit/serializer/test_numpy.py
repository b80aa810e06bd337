"""Arrays and scalars of numpy come back with dtype, shape and order, or are refused."""

from __future__ import annotations

import ast
import io
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer import find_serializer, infer_serializer
from artigraph_neo4j.serializer.numpy import (
    array_serializer,
    masked_array_serializer,
    scalar_serializer,
)
from artigraph_neo4j.testing import SerializerTests, difference


def significant_bytes(array: Any) -> bytes:
    """The bytes that mean something: the last 6 of a long double are whatever was in memory."""
    if array.dtype.kind not in "fc" or array.dtype.char not in "gG":
        return array.tobytes()
    parts = np.frombuffer(array.tobytes(), np.uint8).reshape(-1, np.dtype(np.longdouble).itemsize)
    return parts[:, :10].tobytes()


def array_difference(left: Any, right: Any) -> str | None:
    """How two arrays differ to the bit, or None; order counts where there is one."""
    for name in ("dtype", "shape"):
        if (problem := difference(getattr(left, name), getattr(right, name), name)) is not None:
            return problem
    if type(left) is not type(right):
        return f"{type(left)} is not {type(right)}"
    if significant_bytes(left) != significant_bytes(right):
        return f"{left!r} is not {right!r}"
    for order in ("c_contiguous", "f_contiguous"):
        ordered = left.flags.c_contiguous or left.flags.f_contiguous
        if ordered and getattr(left.flags, order) != getattr(right.flags, order):
            return f"{order} differs"
    return None if right.flags.writeable else "it is read-only"


def masked_difference(left: Any, right: Any) -> str | None:
    if (left.mask is np.ma.nomask) is not (right.mask is np.ma.nomask):
        return "one has no mask"
    for name in ("mask", "data", "fill_value"):
        ours, theirs = (np.asarray(getattr(v, name)).copy() for v in (left, right))
        if (problem := array_difference(ours, theirs)) is not None:
            return f"{name}: {problem}"
    return None if left.hardmask == right.hardmask else "hardmask differs"


A = np.arange(24).reshape(2, 3, 4)
HAS_GENERIC_UNITS = tuple(map(int, np.__version__.split(".")[:2])) < (2, 5)  # deprecated since
RECORD = np.dtype([("a", "i1"), ("b", ">f8", (2,)), ("ü", "U3"), ("t", "M8[ms]")])


class TestArrays(SerializerTests):
    serializer = array_serializer
    values = (
        A,
        A.T,
        A[:, ::2],
        A[::-1],
        np.asfortranarray(A),
        np.array(3),
        np.zeros((3, 0)),
        np.zeros((0, 3), order="F"),
        np.array([1.5, -0.0, np.nan, np.inf], "f2"),
        np.array([1.5], ">f8"),
        np.array([1], np.longdouble),
        np.array([1j], np.clongdouble),
        np.array(["2020", "NaT"], "M8[25s]"),
        *([np.array(["NaT"], "M8")] if HAS_GENERIC_UNITS else []),
        np.array(["2", "NaT"], "m8[ns]"),
        np.array(["", "ü", "a\0b", "\ud800"]),
        np.array([b"", b"a\0b"]),
        np.zeros(2, RECORD),
        np.zeros((2, 0), RECORD),
        np.zeros(2, np.dtype([(("a title", "a"), "i4")])),
        np.zeros(2, "V5"),
        np.zeros(2, "V0"),
        np.zeros(2, np.dtype([])),
        np.zeros(1, [(f"field {n} \u0100", "i8") for n in range(1000)]),
        np.broadcast_to(np.array([1, 2]), (3, 2)),
    )
    refused = (
        np.array([1, None]),
        np.zeros(2, [("a", "O")]),
        np.array(["a"], np.dtypes.StringDType()),
        np.rec.array([(1,)], dtype=[("a", int)]),
        np.zeros(2, np.dtype((np.record, [("a", "i4")]))),
        np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
        np.zeros(2, np.dtype("i4", metadata={"unit": "m"})),
        np.ma.array([1]),
    )
    garbage = (b"", b"\x93NUMPY", b"garbage", array_serializer.serialize(A) + b"more")

    def difference(self, left: Any, right: Any) -> str | None:
        return array_difference(left, right)


class TestMaskedArrays(SerializerTests):
    serializer = masked_array_serializer
    values = (
        np.ma.array([1, 2, 3], mask=[0, 1, 0]),
        np.ma.array([1.0, 2.0]),
        np.ma.array([1.0, np.nan], fill_value=7, mask=[1, 0]),
        np.ma.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")], mask=[(1, 0)]),
        np.ma.array([1, 2], mask=[0, 1], hard_mask=True),
        np.ma.array(3, mask=True),
        np.ma.zeros((2, 0)),
        np.ma.array(["a", "bb"], mask=[1, 0], fill_value="zz"),
        np.ma.array(np.array(["2020"], "M8[D]"), mask=True),
        np.ma.array(A.T, mask=A.T % 2),
    )
    refused = (np.ma.masked, np.ma.array([1, None], mask=[0, 1]))

    def difference(self, left: Any, right: Any) -> str | None:
        return masked_difference(left, right)


class TestScalars(SerializerTests):
    serializer = scalar_serializer
    values = (
        np.float64("nan"),
        np.float16(-0.0),
        np.int8(-1),
        np.uint64(2**64 - 1),
        np.bool_(True),
        np.complex64(1j),
        np.longdouble(1) / 3,
        np.clongdouble(1j),
        np.str_("a\0b"),
        np.str_("\ud800"),
        np.str_(""),
        np.bytes_(b""),
        np.bytes_(b"a\0b"),
        np.datetime64("2020", "3D"),
        *([np.datetime64("NaT"), np.timedelta64(3)] if HAS_GENERIC_UNITS else []),
        np.datetime64("NaT", "s"),
        np.timedelta64(3, "h"),
        np.void(b"abc"),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", ">f8")])[0],
    )
    refused = (
        np.str_("a\0"),
        np.bytes_(b"\0"),
        np.array([(1,)], dtype=[("a", "O")])[0],
        np.rec.array([(1,)], dtype=[("a", int)])[0],
        type("Sub", (np.float64,), {})(1),
    )
    garbage = (b"", b"garbage", array_serializer.serialize(A))

    def difference(self, left: Any, right: Any) -> str | None:
        if type(left) is not type(right):
            return f"{type(left)} is not {type(right)}"
        return array_difference(np.asarray(left), np.asarray(right).copy())


@given(
    hnp.arrays(hnp.array_dtypes() | hnp.scalar_dtypes(), hnp.array_shapes(min_side=0)), st.data()
)
def test_any_array_in_any_layout(array: np.ndarray, data: st.DataObject) -> None:
    layout = data.draw(st.sampled_from(["C", "F", "slice", "reverse", "transpose"]))
    match layout:
        case "F":
            array = np.asfortranarray(array)
        case "slice":
            array = array[..., ::2]
        case "reverse":
            array = array[::-1]
        case "transpose":
            array = array.T
    serializer = infer_serializer(type(array))
    assert serializer is array_serializer
    assert array_difference(array, serializer.deserialize(serializer.serialize(array))) is None


@given(
    hnp.arrays(hnp.scalar_dtypes(), st.shared(hnp.array_shapes(min_side=0), key="shape")),
    hnp.arrays(bool, st.shared(hnp.array_shapes(min_side=0), key="shape")),
    st.booleans(),
)
def test_any_masked_array(data: np.ndarray, mask: np.ndarray, hard: bool) -> None:
    array = np.ma.array(data, mask=mask, hard_mask=hard)
    back = masked_array_serializer.deserialize(masked_array_serializer.serialize(array))
    assert masked_difference(array, back) is None


@given(hnp.scalar_dtypes().flatmap(lambda dtype: hnp.arrays(dtype, ())))
def test_any_scalar_comes_back_or_is_refused(array: np.ndarray) -> None:
    value = array[()]
    serializer = infer_serializer(type(value))
    assert serializer is scalar_serializer
    back = serializer.deserialize(serializer.serialize(value))
    assert type(back) is type(value)
    assert np.asarray(back).tobytes() == np.asarray(value).tobytes()
    assert back.dtype == value.dtype


def test_files_are_read_by_numpy_alone() -> None:
    array = np.asfortranarray(A)
    assert np.array_equal(np.load(io.BytesIO(array_serializer.serialize(array))), array)
    masked = np.ma.array([1, 2], mask=[0, 1], fill_value=9)
    with np.load(io.BytesIO(masked_array_serializer.serialize(masked))) as parts:
        assert parts["data"].tolist() == [1, 2]
        assert parts["mask"].tolist() == [False, True]
        assert parts["fill"] == 9


def test_equal_arrays_are_equal_bytes() -> None:
    masked = np.ma.array([1, 2], mask=[0, 1])
    first, second = (masked_array_serializer.serialize(masked.copy()) for _ in range(2))
    assert first == second


def test_no_pickle_is_read() -> None:
    """A file that numpy wrote with pickle in it, by whomever, is never opened."""
    sink = io.BytesIO()
    np.save(sink, np.array([print], dtype=object), allow_pickle=True)
    for serializer in (array_serializer, scalar_serializer):
        with pytest.raises(SerializationError, match="as pickle, which is not read"):
            serializer.deserialize(sink.getvalue())
        with pytest.raises(SerializationError):
            serializer.deserialize(pickle.dumps(A))


def test_refusals_say_what_to_do() -> None:
    with pytest.raises(SerializationError, match="holds Python objects.*astype"):
        array_serializer.serialize(np.array([1, None]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        matrix = np.matrix([[1]])
    with pytest.raises(SerializationError, match=r"numpy\.matrix is not exactly a numpy\.ndarray"):
        array_serializer.serialize(matrix)


def test_found_by_their_names() -> None:
    for serializer in (array_serializer, masked_array_serializer, scalar_serializer):
        assert find_serializer(serializer.name) is serializer


@pytest.mark.parametrize("name", ["array", "masked", "records", "estimator"])
def test_another_thread_that_parses_python_does_no_harm(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CPython 3.11 counts the depths of all threads together, and lets one of them fail."""
    linear = pytest.importorskip("sklearn.linear_model")
    made = {
        "array": np.arange(3),
        "masked": np.ma.masked_array([1, 2], [True, False]),
        "records": np.zeros(2, [("a", "i4")]),
        "estimator": linear.LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0]),
    }[name]
    serializer: Any = infer_serializer(type(made))
    data = serializer.serialize(made)
    parse, failures = ast.literal_eval, 2

    def disturbed(text: Any) -> Any:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise SystemError("AST constructor recursion depth mismatch (before=57, after=56)")
        return parse(text)

    monkeypatch.setattr(ast, "literal_eval", disturbed)
    found = serializer.deserialize(data)
    assert failures < 0
    assert type(found) is type(made)


def test_other_errors_of_the_interpreter_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: Any) -> Any:
        raise SystemError("something else")

    data = array_serializer.serialize(np.arange(3))
    monkeypatch.setattr(ast, "literal_eval", broken)
    with pytest.raises(SerializationError, match="something else"):
        array_serializer.deserialize(data)
