"""Annotations as Python has them, what they allow in fields, and what filters make of them."""

from __future__ import annotations

import io
import sys
import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Final,
    Literal,
    NewType,
    Optional,
    Protocol,
    TypedDict,
    TypeVar,
    Union,
)
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from typing_extensions import TypeAliasType

from artigraph_neo4j import ArtifactModel, F, Lazy, find_artifacts
from artigraph_neo4j.common.annotations import alternatives, hint_of
from artigraph_neo4j.common.fitting import fits_of
from artigraph_neo4j.common.times import zone_from, zone_to
from artigraph_neo4j.errors import FilterError, ModelError, SerializationError
from artigraph_neo4j.find.kinds import ANY, field_kinds
from tests.unit.model.roundtrip import there_and_back

if TYPE_CHECKING:
    from decimal import Decimal

T = TypeVar("T")
Number = TypeAliasType("Number", Union[int, float])  # noqa: UP007
Twice = TypeAliasType("Twice", "Number | None")
Itself = TypeAliasType("Itself", "Itself | int")
Json = TypeAliasType("Json", "dict[str, Json] | list[Json] | str | None")
Broken = TypeAliasType("Broken", "NoSuchName | int")  # noqa: F821
Pairs = TypeAliasType("Pairs", list[tuple[T, T]], type_params=(T,))
Accuracy = NewType("Accuracy", float)


class Colour(Enum):
    RED = 1


class Shaped(Protocol):
    shape: int


class Options(TypedDict):
    depth: int


@dataclass
class Inner(ArtifactModel, version=1):
    x: int


@dataclass
class Annotated1(ArtifactModel, version=1):
    plain: int
    alias: Number
    nested: Twice
    itself: Itself
    broken: Broken
    json: Json
    pairs: Pairs[int]
    final: Final[int]
    bare: Final  # type: ignore[type-arg]
    noted: Annotated[Optional[float], "unit: m"]  # noqa: UP045
    literal: Literal["a", 1, None]  # noqa: PYI061
    new: Accuracy
    model: Inner | None
    only_checked: Decimal
    optional: str | None


@pytest.mark.parametrize(
    ("name", "native"),
    [
        ("plain", {"number"}),
        ("alias", {"number"}),
        ("nested", {"number"}),
        ("itself", None),
        ("broken", None),
        ("json", {"str", "list"}),
        ("pairs", {"list"}),
        ("final", {"number"}),
        ("bare", None),
        ("noted", {"number"}),
        ("literal", {"str", "number"}),
        ("new", {"number"}),
        ("model", set()),
        ("only_checked", None),
        ("optional", {"str"}),
    ],
)
def test_filters_see_through_annotations(name: str, native: Any) -> None:
    kinds = field_kinds(Annotated1, name)
    assert (None if kinds.native is None else set(kinds.native)) == native
    assert (kinds.model is Inner) is (name == "model")
    assert (kinds is ANY) is (native is None)


def test_an_alias_is_compared_as_what_it_stands_for() -> None:
    find_artifacts(Annotated1, F("alias") > 3, F("nested") == 1.5, F("final") < 2)
    with pytest.raises(FilterError, match="holds Number, and 'a' is of another type"):
        find_artifacts(Annotated1, F("alias") == "a")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the type statement is of Python 3.12")
def test_the_type_statement() -> None:
    names: dict[str, Any] = {}
    exec("type Num = int | float\ntype Box[T] = list[T]", names)
    assert alternatives(names["Num"]) == [int, float]
    assert alternatives(names["Box"][int]) == [list[int]]


def test_an_annotation_that_cannot_be_evaluated_hides_no_other() -> None:
    class Local:
        pass

    @dataclass
    class Half(ArtifactModel, version=1):
        local: Local
        missing: Decimal
        number: int

    assert hint_of(Half, "number") is int
    assert there_and_back(Half(1, 2, 3)) == Half(1, 2, 3)  # type: ignore[arg-type]
    with pytest.raises(SerializationError, match=r"Half.number takes int, not the str 'a'"):
        there_and_back(Half(1, 2, "a"))  # type: ignore[arg-type]


def test_a_subclass_without_its_dataclass_is_told() -> None:
    class Forgotten(Inner, version=1):
        y: int = 2

    with pytest.raises(ModelError, match="Forgotten is not a dataclass; put @dataclass above it"):
        there_and_back(Forgotten(1))


# -- what fits -----------------------------------------------------------------------------------

FITS: list[tuple[Any, list[Any], list[Any]]] = [
    (int, [1, np.int32(1), np.uint64(3)], [True, 1.0, "1", None, np.float64(1), np.bool_(1)]),
    (float, [1.0, 1, np.float32(1), np.int8(1), float("nan")], [True, "0.95", None, 1j]),
    (complex, [1j, 1.0, np.complex64(1)], ["1", True]),
    (bool, [True, np.bool_(False)], [1, 0, "true", None]),
    (str, ["a", np.str_("a")], [b"a", 1, Path("a")]),
    (bytes, [b"a"], ["a", bytearray(b"a")]),
    (date, [date(2026, 1, 1)], [datetime(2026, 1, 1), "2026-01-01"]),
    (datetime, [datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC)], [date(2026, 1, 1)]),
    (timedelta, [timedelta(1)], [1.0]),
    (list[int], [[], ["not", "looked", "at"]], [(1,), "ab", np.zeros(1)]),
    (dict[str, int], [{}, {1: 2}], [[("a", 1)]]),
    (Sequence[int], [[1], (1,)], [{1}, 1]),
    (Mapping[str, int], [{}], [[]]),
    (Optional[int], [None, 1], ["1"]),  # noqa: UP045
    (None, [None], [0]),
    (Literal["a", 1], ["a", 1], ["b", 1.0, True]),
    (Colour, [Colour.RED], [1, "RED"]),
    (Number, [1, 2.5], ["1"]),
    (Accuracy, [0.5], ["0.5"]),
    (Path, [Path("a")], ["a"]),
    (Lazy[bytes], [Lazy(b"")], [b""]),
    (Inner, [Inner(1)], [1]),
    (np.ndarray, [np.zeros(2)], [[0.0, 0.0]]),
]


@pytest.mark.parametrize(("hint", "fitting", "other"), FITS, ids=lambda x: str(x)[:30])
def test_what_fits_an_annotation(hint: Any, fitting: list[Any], other: list[Any]) -> None:
    fits = fits_of(hint)
    assert fits is not None
    assert all(map(fits, fitting))
    assert not any(map(fits, other))


@pytest.mark.parametrize("hint", [Any, object, T, Shaped, Options, "Later", list[int] | T])
def test_what_is_not_understood_allows_anything(hint: Any) -> None:
    assert fits_of(hint) is None


def test_what_may_be_called_or_is_a_class() -> None:
    for hint, value in ((Callable[[], int], len), (type[int], int)):
        fits = fits_of(hint)
        assert fits is not None
        assert fits(value)
        assert not fits(1)


def test_a_value_that_does_not_fit_is_refused_when_it_is_recorded() -> None:
    @dataclass
    class Score(ArtifactModel, version=1):
        auc: float
        good: bool = False
        note: str = None  # type: ignore[assignment]
        late: int = field(init=False, default=0)

    there_and_back(Score(1))
    with pytest.raises(SerializationError, match=r"Score\.auc takes float, not the str '0\.95'"):
        there_and_back(Score("0.95"))  # type: ignore[arg-type]
    with pytest.raises(SerializationError, match=r"Score\.good takes bool, not the int 1"):
        there_and_back(Score(0.5, 1))  # type: ignore[arg-type]
    made = Score(0.5)
    made.late = "x"  # type: ignore[assignment]
    with pytest.raises(SerializationError, match=r"Score\.late.*strict=False"):
        there_and_back(made)

    @dataclass
    class Loose(ArtifactModel, version=1, strict=False):
        auc: float

    @dataclass
    class StillLoose(Loose, version=1):
        more: int

    @dataclass
    class StrictAgain(Loose, version=1, strict=True):
        pass

    assert there_and_back(Loose("0.95")).auc == "0.95"  # type: ignore[arg-type]
    assert there_and_back(StillLoose("a", "b")).more == "b"  # type: ignore[arg-type]
    with pytest.raises(SerializationError, match=r"StrictAgain\.auc"):
        there_and_back(StrictAgain("a"))  # type: ignore[arg-type]


def test_a_class_that_was_defined_again_is_the_same_class() -> None:
    def define() -> Any:
        @dataclass
        class Cell(ArtifactModel, version=1):
            x: int

        return Cell

    first, second = define(), define()
    fits = fits_of(first)
    assert fits is not None
    assert fits(second(1))


# -- time zones ----------------------------------------------------------------------------------


def test_without_time_zones_the_error_names_tzdata(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(zoneinfo.ZoneInfoNotFoundError, match=r"'Mars/Base'.*pip install tzdata"):
        zone_from(["zone", "Mars/Base"])
    with pytest.raises(zoneinfo.ZoneInfoNotFoundError, match="tzdata"):
        zone_from(["zone", "../etc/passwd"])
    with pytest.raises(zoneinfo.ZoneInfoNotFoundError, match="tzdata"):
        zone_from(["zone", "Europe"])


def test_a_zone_of_a_file_is_not_one_of_a_name() -> None:
    (directory,) = [p for p in zoneinfo.TZPATH if (Path(p) / "Europe/Paris").exists()][:1] or [None]
    if directory is None:
        pytest.skip("no time zone database on this machine")
    data = (Path(directory) / "Europe/Paris").read_bytes()
    for key in ("Mars/Base", "Europe/Paris"):
        assert zone_to(ZoneInfo.from_file(io.BytesIO(data), key=key)) is None
