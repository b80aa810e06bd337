"""Models: every kind of dataclass, nesting, native properties, names, text."""

from __future__ import annotations

import asyncio
import copy
import pickle
import sys
import types
from collections.abc import Sequence
from dataclasses import InitVar, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, ClassVar, Generic, Optional, TypeVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artigraph_neo4j import (
    ArtifactModel,
    artifact_field,
    artifact_info,
    create_span_artifact,
    create_span_artifacts,
    read_child_artifacts,
    read_span_artifact,
    read_span_artifacts,
    span_context,
)
from artigraph_neo4j.errors import (
    ArtifactTypeError,
    DuplicateLabelError,
    ModelError,
    NotFoundError,
    SerializationError,
    SpanError,
    UnknownModelError,
)
from artigraph_neo4j.serializer.json import json_serializer

T = TypeVar("T")


@dataclass
class Point(ArtifactModel, version=1):
    x: int
    y: int = 0


@dataclass(frozen=True)
class Frozen(ArtifactModel, version=1):
    x: int


@dataclass(slots=True)
class Slotted(ArtifactModel, version=1):
    x: int
    tags: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Strict(ArtifactModel, version=1):
    x: int


@dataclass
class Box(ArtifactModel, Generic[T], version=1):
    content: T


@dataclass
class Point3(Point, version=1):
    z: int = 0


@dataclass
class Empty(ArtifactModel, version=1):
    pass


@dataclass
class Computed(ArtifactModel, version=1):
    x: int
    kind: ClassVar[str] = "computed"
    factor: InitVar[int] = 2
    double: int = field(init=False)

    def __post_init__(self, factor: int) -> None:
        self.double = self.x * factor


@dataclass
class Nested(ArtifactModel, version=1):
    one: Point
    maybe: Optional[Point]  # noqa: UP045 - what users write
    many: list[Point]
    pair: tuple[Point, int]
    by_name: dict[Any, Any]
    deep: Any = None


@pytest.mark.parametrize(
    "artifact",
    [
        Point(1, 2),
        Frozen(1),
        Slotted(1, ["a"]),
        Strict(x=1),
        Box(3),
        Box(Point(1)),
        Box[Any](None),
        Point3(1, 2, 3),
        Empty(),
        Computed(4),
        Nested(Point(1), None, [], (Point(2), 3), {}),
        Nested(
            Point(1),
            Point(2),
            [Point(3), Point3(4)],
            (Point(5), 6),
            {"a/b": Point(7), "~": [{"": Empty()}, Frozen(8)], "a": {"b": Point(9)}},
            deep=Box(
                Box(
                    Nested(
                        Point(1), None, [Point(1)] * 2, (Point(1), 1), {1: Point(1), "1": Point(2)}
                    )
                )
            ),
        ),
    ],
    ids=lambda a: type(a).__name__,
)
async def test_a_model_comes_back_equal(artifact: Any) -> None:
    found = await type(artifact).read(await artifact.create())
    assert found == artifact
    assert type(found) is type(artifact)
    assert await ArtifactModel.read(await artifact.create()) == artifact


async def test_models_in_sets() -> None:
    box = Box({Frozen(1), Frozen(2)})
    assert (await Box.read(await box.create())).content == {Frozen(1), Frozen(2)}


async def test_what_is_known_of_an_artifact() -> None:
    point = Strict(x=1)
    assert artifact_info(point) is None
    async with span_context() as span:
        node_id = await create_span_artifact("current", label="p", data=point)
    created = artifact_info(point)
    read = artifact_info(await Strict.read(node_id))
    assert created == read
    assert created is not None
    assert (created.node_id, created.label, created.span_id) == (node_id, "p", span.node_id)
    assert (created.model, created.model_version) == ("Strict", 1)
    alone = await Point(1).create(label="alone")
    info = artifact_info(await Point.read(alone))
    assert info is not None
    assert (info.label, info.span_id) == ("alone", None)
    under = await Point(1).create(label="under", span=span.node_id)
    assert await read_span_artifact(span.node_id, label="under") == Point(1)
    assert under != alone


@pytest.mark.parametrize("cls", [Point, Frozen, Slotted, Strict])
async def test_a_copy_is_an_object_of_its_own(cls: Any) -> None:
    artifact = cls(x=1)
    await artifact.create()
    for twin in (
        copy.copy(artifact),
        copy.deepcopy(artifact),
        pickle.loads(pickle.dumps(artifact)),
        replace(artifact),
    ):
        assert twin == artifact
        assert artifact_info(twin) is None


async def test_a_nested_model_is_a_node_of_its_own(query: Any) -> None:
    nested = Nested(Point(1), None, [Point(2)], (Point(3), 0), {"a/b": Point(4)})
    node_id = await nested.create()
    rows = await query(
        "MATCH (n:Nested {node_id: $id})-[f:HAS_FIELD]->(p:Point) "
        "RETURN f.path, p.x ORDER BY f.path",
        id=node_id,
    )
    assert rows == [["by_name/a~1b", 4], ["many/0", 2], ["one", 1], ["pair/0", 3]]


async def test_a_model_has_the_labels_of_the_models_it_inherits_from(query: Any) -> None:
    node_id = await Point3(1, 2, 3).create()
    ((labels,),) = await query("MATCH (n {node_id: $id}) RETURN labels(n)", id=node_id)
    assert set(labels) == {"ArtigraphNode", "Artifact", "Point3", "Point"}
    assert await Point.read(node_id) == Point3(1, 2, 3)


async def test_deep_nesting_of_models() -> None:
    box: Any = Box(0)
    for _ in range(300):
        box = Box(box)
    found = await Box.read(await box.create())
    for _ in range(300):
        found = found.content
    assert found.content == 0


# -- native properties ---------------------------------------------------------------------------

NATIVE = {
    "flag": (True, "BOOLEAN NOT NULL"),
    "count": (-(2**63), "INTEGER NOT NULL"),
    "ratio": (-0.0, "FLOAT NOT NULL"),
    "text": ("quote ' ` \0 \u202e 😀 é é", "STRING NOT NULL"),
    "day": (date(2026, 2, 28), "DATE NOT NULL"),
    "moment": (datetime(2026, 1, 2, 3, 4, 5, 678901), "LOCAL DATETIME NOT NULL"),
    "instant": (
        datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Paris")),
        "ZONED DATETIME NOT NULL",
    ),
    "offset": (
        datetime(1, 1, 3, tzinfo=timezone(timedelta(hours=-5, seconds=7), "LMT")),
        "ZONED DATETIME NOT NULL",
    ),
    "duration": (timedelta(days=-400, microseconds=1), "INTEGER NOT NULL"),
    "ints": ([1, 2], "LIST<INTEGER NOT NULL> NOT NULL"),
    "words": (["a", ""], "LIST<STRING NOT NULL> NOT NULL"),
}


async def test_native_values_have_neo4j_types(query: Any) -> None:
    artifact = types.new_class("Native", (ArtifactModel,), {"version": 1})
    artifact.__annotations__ = dict.fromkeys(NATIVE, Any)
    artifact = dataclass(artifact)  # type: ignore[assignment]
    value = artifact(**{name: pair[0] for name, pair in NATIVE.items()})  # type: ignore[call-arg]
    node_id = await value.create()  # type: ignore[attr-defined]
    rows = await query(
        "MATCH (n {node_id: $id}) UNWIND $names AS k RETURN k, valueType(n[k])",
        id=node_id,
        names=list(NATIVE),
    )
    assert dict(rows) == {name: pair[1] for name, pair in NATIVE.items()}
    found: Any = await ArtifactModel.read(node_id)
    for name, (expected, _) in NATIVE.items():
        got = getattr(found, name)
        assert repr(got) == repr(expected)
        assert type(got) is type(expected)


async def test_none_is_not_the_default() -> None:
    @dataclass
    class Defaulted(ArtifactModel, version=1):
        x: int | None = 5

    assert (await Defaulted.read(await Defaulted(None).create())).x is None


async def test_a_field_may_have_any_name(query: Any) -> None:
    @dataclass
    class Names(ArtifactModel, version=1):
        node_id: str
        model: int
        codec: str
        label: str
        type_: int
        artifact_label: str = "mine"
        данные: int = 3
        version: int = 9
        name: str = "n"

    names = Names("id", 1, "c", "l", 2)
    found_id = await names.create(label="ours")
    assert await Names.read(found_id) == names
    rows = await query(
        "MATCH (n {node_id: $id}) RETURN n.node_id_, n.artifact_label, n.artifact_label_, n.type__",
        id=found_id,
    )
    assert rows == [["id", "ours", "mine", 2]]


@given(
    value=st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**70), 2**70)
        | st.floats(allow_nan=False)
        | st.text()
        | st.binary()
        | st.datetimes(timezones=st.none() | st.just(UTC) | st.timezones())
        | st.dates()
        | st.timedeltas(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(), inner, max_size=3)
            | st.tuples(inner, inner)
        ),
        max_leaves=5,
    )
)
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_any_plain_value_comes_back(value: Any) -> None:
    found = await Box.read(await Box(value).create())
    assert found.content == value
    assert repr(found.content) == repr(value)


# -- labels --------------------------------------------------------------------------------------

HOSTILE = [
    "",
    "`}) MATCH (n) DETACH DELETE n //",
    "' OR 1=1 --",
    '"}{$x}',
    "\u202eright to left",
    "😀",
    "é",
    "e\u0301",
    "\0",
    "x" * 100_000,
    "current",
]


async def test_labels_are_data() -> None:
    async with span_context(label=HOSTILE[1]) as span:
        ids = await create_span_artifacts(
            "current", {label: Point(i) for i, label in enumerate(HOSTILE)}
        )
    assert list(ids) == HOSTILE
    for i, label in enumerate(HOSTILE):
        assert await read_span_artifact(span.node_id, label=label, model=Point) == Point(i)
    assert list(await read_span_artifacts(span.node_id)) == HOSTILE


@given(labels=st.lists(st.text(), unique=True, max_size=5))
@settings(max_examples=40, deadline=None)
async def test_any_labels_come_back(labels: Sequence[str]) -> None:
    async with span_context() as span:
        await create_span_artifacts("current", {label: Point(1) for label in labels})
    assert list(await read_span_artifacts(span.node_id)) == labels


async def test_a_label_is_unique_within_its_span() -> None:
    async with span_context() as first:
        await create_span_artifact("current", label="a", data=Point(1))
        with pytest.raises(DuplicateLabelError, match="labeled 'a' already"):
            await create_span_artifacts("current", {"b": Point(2), "a": Point(3)})
        async with span_context():
            await create_span_artifact("current", label="a", data=Point(4))
        await create_span_artifact("current", data=Point(5))
        await create_span_artifact("current", data=Point(6))
    assert await read_child_artifacts(first.node_id) == [Point(1), Point(5), Point(6)]
    assert await read_span_artifacts(first.node_id) == {"a": Point(1)}


async def test_of_many_that_create_one_label_at_once_one_wins() -> None:
    async with span_context() as span:
        results = await asyncio.gather(
            *(create_span_artifact("current", label="x", data=Point(i)) for i in range(20)),
            return_exceptions=True,
        )
    assert sum(isinstance(r, str) for r in results) == 1
    assert sum(isinstance(r, DuplicateLabelError) for r in results) == 19
    assert len(await read_child_artifacts(span.node_id)) == 1


async def test_two_thousand_artifacts_in_one_span() -> None:
    made = {f"m{i}": Nested(Point(i), None, [Point(-i)], (Point(0), i), {}) for i in range(2000)}
    async with span_context() as span:
        await create_span_artifacts("current", made)
    found = await read_span_artifacts(span.node_id)
    assert found == made
    assert list(found) == list(made)


# -- errors --------------------------------------------------------------------------------------


async def test_errors_name_the_thing_and_write_nothing(query: Any) -> None:
    class Odd:
        pass

    with pytest.raises(SerializationError, match=r"Box\.content.*Odd"):
        await Box(Odd()).create()
    with pytest.raises(SerializationError, match=r"Box\.content"):
        await Box([Point(1), Odd()]).create()
    loop: Any = Box(None)
    loop.content = loop
    with pytest.raises(SerializationError, match="contains itself"):
        await loop.create()
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(SerializationError, match=r"Box\.content"):
        await Box(endless).create()
    with pytest.raises(SpanError, match="label is a str or a path, not a int: 3"):
        await Point(1).create(label=3)  # type: ignore[arg-type]
    with pytest.raises(ArtifactTypeError, match="dict is no"):
        async with span_context() as span:
            await create_span_artifact("current", data={"a": 1})  # type: ignore[arg-type]
    with pytest.raises(NotFoundError, match="no span with id 'gone'; nothing was recorded"):
        await create_span_artifact("gone", data=Box(Point(77_001)))
    assert await query("MATCH (p:Point {x: 77001}) RETURN count(p)") == [[0]]
    assert await read_child_artifacts(span.node_id) == []
    with pytest.raises(NotFoundError, match="no artifact with id 'gone'"):
        await Point.read("gone")
    with pytest.raises(ArtifactTypeError, match="of a span"):
        await Point.read(span.node_id)
    with pytest.raises(ArtifactTypeError, match="of model 'Frozen'"):
        await Point.read(await Frozen(1).create())


def test_a_class_that_cannot_be_stored_is_refused() -> None:
    with pytest.raises(ModelError, match="has no version; write: class NoVersion"):

        class NoVersion(ArtifactModel):
            pass

    with pytest.raises(ModelError, match="int of 1 or more"):

        class Text(ArtifactModel, version="1"):  # type: ignore[arg-type]
            pass

    with pytest.raises(ModelError, match="label of this library"):

        class Span(ArtifactModel, version=1):
            pass

    with pytest.raises(ModelError, match="instance of Serializer"):
        artifact_field(serializer=object())  # type: ignore[call-overload]


async def test_a_class_that_cannot_be_written_is_refused() -> None:
    class Bare(ArtifactModel, version=1):
        x: int

    with pytest.raises(ModelError, match="put @dataclass above it"):
        await Bare().create()

    @dataclass
    class Hides(ArtifactModel, version=1):
        read: int = 1  # type: ignore[assignment]

    with pytest.raises(ModelError, match=r"Hides\.read"):
        await ArtifactModel.create(Hides())

    @dataclass
    class Stored(ArtifactModel, version=1):
        p: Point = artifact_field(storage=_storage())

    with pytest.raises(ModelError, match=r"Stored\.p.*nested model"):
        await Stored(Point(1)).create()


def _storage() -> Any:
    from artigraph_neo4j.storage.memory import MemoryStorage

    return MemoryStorage("models")


async def test_artifact_field_is_really_used(query: Any) -> None:
    storage = _storage()

    @dataclass
    class Configured(ArtifactModel, version=1):
        as_json: int = artifact_field(serializer=json_serializer)
        outside: str = artifact_field(storage=storage, default="far")

    node_id = await Configured(7).create()
    rows = await query("MATCH (n {node_id: $id}) RETURN n.as_json, n.outside", id=node_id)
    assert rows == [["7", None]]
    assert await Configured.read(node_id) == Configured(7, "far")


# -- which class a stored model is read as ---------------------------------------------------------


def _module(name: str, source: str) -> types.ModuleType:
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(source, module.__dict__)
    return module


SOURCE = """
from dataclasses import dataclass
from artigraph_neo4j import ArtifactModel
@dataclass
class Twin(ArtifactModel, version=1):
    x: int
"""


async def test_the_same_class_name_in_two_modules() -> None:
    one, two = _module("twin_one", SOURCE), _module("twin_two", SOURCE)
    first, second = await one.Twin(1).create(), await two.Twin(2).create()
    assert type(await ArtifactModel.read(first)) is one.Twin
    assert type(await ArtifactModel.read(second)) is two.Twin
    assert type(await two.Twin.read(first)) is two.Twin  # the class that was asked for decides
    three = _module("twin_three", SOURCE)
    third = await three.Twin(3).create()
    three.Twin.__artifact_model__ = None  # as if this program did not have it
    with pytest.raises(UnknownModelError, match="twin_one:Twin, twin_two:Twin"):
        await ArtifactModel.read(third)
    async with span_context() as span:
        await create_span_artifact("current", label="t", data=one.Twin(4))
    assert await read_span_artifact(span.node_id, label="t", model=one.Twin) == one.Twin(4)


async def test_a_redefined_class_is_the_latest_one() -> None:
    old = _module("redefined", SOURCE.replace("Twin", "Redefined"))
    node_id = await old.Redefined(1).create()
    keep = old.Redefined
    exec(SOURCE.replace("Twin", "Redefined"), old.__dict__)
    assert type(await ArtifactModel.read(node_id)) is old.Redefined is not keep


async def test_a_renamed_class_and_a_stored_name() -> None:
    before = _module("before", SOURCE.replace("Twin", "Before"))
    node_id = await before.Before(1).create()
    before.Before.__artifact_model__ = None

    @dataclass
    class After(ArtifactModel, version=1, name="after", aliases=("Before",)):
        x: int

    assert await ArtifactModel.read(node_id) == After(1)
    assert await After.read(await After(2).create()) == After(2)


async def test_a_model_that_this_program_does_not_have() -> None:
    gone = _module("gone", SOURCE.replace("Twin", "GoneModel"))
    node_id = await gone.GoneModel(1).create()
    gone.GoneModel.__artifact_model__ = None
    with pytest.raises(UnknownModelError, match=r"'GoneModel'.*written by gone:GoneModel"):
        await ArtifactModel.read(node_id)
    with pytest.raises(ArtifactTypeError, match="not of 'Point'"):
        await Point.read(node_id)
