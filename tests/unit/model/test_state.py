"""A model comes back as it was: its state, not what its constructor would make of it."""

from __future__ import annotations

import dataclasses
import math
import types
from dataclasses import InitVar, dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artigraph_neo4j import ArtifactModel, migration
from artigraph_neo4j.errors import MigrationError, ModelError, SerializationError
from artigraph_neo4j.model.base import model_info
from artigraph_neo4j.model.state import UNSET
from artigraph_neo4j.model.steps import build
from tests.unit.model.roundtrip import there_and_back

T = TypeVar("T")


def state(artifact: Any) -> dict[str, str]:
    return {f.name: repr(getattr(artifact, f.name, UNSET)) for f in dataclasses.fields(artifact)}


# -- every dataclass shape -----------------------------------------------------------------------


class Shape(NamedTuple):
    """One generated class, the arguments to make one with, and what is assigned afterwards."""

    cls: type[Any]
    arguments: dict[str, Any]
    assigned: dict[str, Any]


VALUES = st.one_of(
    st.integers(-(2**70), 2**70), st.floats(), st.text(), st.none(), st.lists(st.integers())
)


def _changes(self: Any, *_: Any) -> None:
    """A constructor that changes what it was given, and refuses to do so twice."""
    for name in [f.name for f in dataclasses.fields(self)]:
        value = getattr(self, name, UNSET)
        if isinstance(value, tuple) and value[:1] == ("changed",):
            raise ValueError("constructed twice")
        object.__setattr__(self, name, ("changed", None if value is UNSET else value))


@st.composite
def bodies(draw: st.DrawFn, prefix: str) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """A class body, the arguments that its constructor takes, and its ``init=False`` fields."""
    body: dict[str, Any] = {}
    hints: dict[str, Any] = {}
    arguments: dict[str, Any] = {}
    later: list[str] = []
    kinds = ["plain", "default", "factory", "late", "late default", "late factory", "initvar"]
    for i, kind in enumerate(draw(st.lists(st.sampled_from([*kinds, "class"]), max_size=5))):
        name = f"{prefix}{i}"
        hints[name] = Any
        match kind:
            case "plain":
                body[name] = field(kw_only=True)
                arguments[name] = draw(VALUES)
            case "default":
                body[name] = field(default=draw(VALUES.filter(lambda v: type(v) is not list)))
            case "factory":
                body[name] = field(default_factory=list)
            case "late":
                body[name] = field(init=False)
                later.append(name)
            case "late default":
                body[name] = field(init=False, default=7)
                later.append(name)
            case "late factory":
                body[name] = field(init=False, default_factory=list)
                later.append(name)
            case "initvar":
                hints[name] = InitVar[Any]
                body[name] = field(kw_only=True)
                arguments[name] = draw(VALUES)
            case _:
                hints[name] = ClassVar[Any]
                body[name] = 1
    body["__annotations__"] = hints
    return body, arguments, later


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """A model of any shape: frozen, slots, inherited, generic, with or without a constructor."""
    frozen, slots, changes = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    options: dict[str, Any] = {"frozen": frozen, "slots": slots, "eq": draw(st.booleans())}
    base, arguments, later = draw(bodies("a"))
    bases: tuple[Any, ...] = (ArtifactModel, *draw(st.sampled_from([(), (Generic[T],)])))
    cls = _model("Base", bases, base, options)
    if draw(st.booleans()):
        body, more, further = draw(bodies(draw(st.sampled_from(["a", "b"]))))
        cls = _model("Derived", (cls,), body, options)
        fields = {f.name: f for f in cls.__dataclass_fields__.values()}
        arguments = {k: v for k, v in (arguments | more).items() if fields[k].init}
        later = [name for name in dict.fromkeys([*later, *further]) if not fields[name].init]
        later = [name for name in later if name in {f.name for f in dataclasses.fields(cls)}]
        missing = {
            n
            for n, f in fields.items()
            if f.init
            and f.default is dataclasses.MISSING
            and f.default_factory is dataclasses.MISSING
            and f._field_type is not dataclasses._FIELD_CLASSVAR  # type: ignore[attr-defined]
        }
        arguments = {name: arguments.get(name) for name in missing}
    if changes:
        cls.__post_init__ = _changes
    else:
        cls.__post_init__ = lambda self, *_: None
    chosen = draw(st.sets(st.sampled_from(later))) if later else set()
    return Shape(cls, arguments, {name: draw(VALUES) for name in chosen})


def _model(
    name: str, bases: tuple[Any, ...], body: dict[str, Any], options: dict[str, Any]
) -> type[Any]:
    made = types.new_class(name, bases, {"version": 1}, lambda namespace: namespace.update(body))
    return dataclass(**options)(made)  # type: ignore[no-any-return]


@given(shape=shapes())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_shape_comes_back_as_it_was(shape: Shape) -> None:
    made = shape.cls(**shape.arguments)
    for name, value in shape.assigned.items():
        object.__setattr__(made, name, value)
    once = there_and_back(made)
    assert type(once) is shape.cls
    assert state(once) == state(made)
    assert state(there_and_back(once)) == state(made)  # and does not drift


# -- what people write ---------------------------------------------------------------------------


@dataclass
class Scaled(ArtifactModel, version=1):
    rate: float
    layers: list[str]
    workers: int = 4

    def __post_init__(self) -> None:
        self.rate *= self.workers
        self.layers = ["input", *self.layers]


@dataclass(frozen=True)
class FrozenName(ArtifactModel, version=1):
    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"run-{self.name}")


@dataclass
class Holder(ArtifactModel, version=1):
    one: Scaled
    many: list[FrozenName]


@dataclass
class Stopping(ArtifactModel, version=1):
    patience: int
    best: float = field(init=False, default=0.0)
    history: list[float] = field(init=False, default_factory=list)


@dataclass
class Fitted(ArtifactModel, version=1):
    c: float
    coefficients: list[float] = field(init=False)


@dataclass
class Threshold(ArtifactModel, version=1):
    scores: list[int]
    factor: InitVar[int]
    limit: int = field(init=False)

    def __post_init__(self, factor: int) -> None:
        self.limit = max(self.scores) * factor


@dataclass
class Positive(ArtifactModel, version=1):
    n: int

    def __post_init__(self) -> None:
        if self.n < 0:
            raise ValueError("negative")


@dataclass(init=False)
class OwnConstructor(ArtifactModel, version=1):
    a: int

    def __init__(self, text: str) -> None:
        self.a = int(text)


def _later(artifact: Any, **values: Any) -> Any:
    for name, value in values.items():
        setattr(artifact, name, value)
    return artifact


@pytest.mark.parametrize(
    "made",
    [
        Scaled(0.1, ["conv"]),
        FrozenName("a"),
        Holder(Scaled(0.1, []), [FrozenName("a"), FrozenName("b")]),
        _later(Stopping(3), best=0.93, history=[0.5, 0.93]),
        Fitted(1.0),
        _later(Fitted(1.0), coefficients=[0.5]),
        Threshold([1, 2], factor=10),
        _later(Positive(1), n=-1),
        OwnConstructor("3"),
    ],
    ids=lambda made: type(made).__name__,
)
def test_what_the_constructor_did_is_not_done_again(made: Any) -> None:
    found = made
    for _ in range(3):
        found = there_and_back(found)
        assert state(found) == state(made)


# -- what is no field ----------------------------------------------------------------------------


def test_an_attribute_that_is_not_a_field_is_refused_when_it_is_recorded() -> None:
    with pytest.raises(SerializationError, match=r"Positive has the attribute 'extra'.*__post_re"):
        there_and_back(_later(Positive(1), extra=5))

    class Mixin(ArtifactModel, version=1):
        __slots__ = ("__private", "note")

        def keep(self) -> None:
            self.__private = 1

    @dataclass(slots=True)
    class Slots(Mixin, version=1):
        x: int

    assert there_and_back(Slots(1)) == Slots(1)
    with pytest.raises(SerializationError, match="attribute 'note'"):
        there_and_back(_later(Slots(1), note=1))
    hidden = Slots(1)
    hidden.keep()
    with pytest.raises(SerializationError, match="attribute '_Mixin__private'"):
        there_and_back(hidden)


def test_a_nested_model_is_looked_at_too() -> None:
    with pytest.raises(SerializationError, match="FrozenName has the attribute 'extra'"):
        inner = FrozenName("a")
        object.__setattr__(inner, "extra", 1)
        there_and_back(Holder(Scaled(1.0, []), [inner]))


def test_what_python_makes_again_may_stand_beside_fields() -> None:
    @dataclass
    class Cached(ArtifactModel, Generic[T], version=1):
        x: int

        @cached_property
        def double(self) -> int:
            return 2 * self.x

    made = Cached[int](2)  # which sets __orig_class__
    assert made.double == 4
    made.x = 3
    found = there_and_back(made)
    assert (found.x, found.double) == (3, 6)


class _Clamped:
    """A descriptor that keeps its value under another name."""

    def __set_name__(self, owner: Any, name: str) -> None:
        self.name = f"_{name}"

    def __get__(self, instance: Any, owner: Any) -> Any:
        return 1.0 if instance is None else getattr(instance, self.name)

    def __set__(self, instance: Any, value: float) -> None:
        setattr(instance, self.name, min(value, 1.0))


def test_a_field_with_a_descriptor() -> None:
    @dataclass
    class Described(ArtifactModel, version=1):
        share: Any = _Clamped()

    assert there_and_back(Described(7.0)).share == 1.0
    with pytest.raises(SerializationError, match="attribute 'more'"):
        there_and_back(_later(Described(7.0), more=1))


class _Doubling(_Clamped):
    def __set__(self, instance: Any, value: float) -> None:
        setattr(instance, self.name, value * 2)


class _Elsewhere(_Doubling):
    """Keeps it under the field's own name, as ``vars`` tells it."""

    def __set_name__(self, owner: Any, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: Any) -> Any:
        return 1.0 if instance is None else vars(instance)[self.name]

    def __set__(self, instance: Any, value: Any) -> None:
        vars(instance)[self.name] = value * 2


@pytest.mark.parametrize(
    "value", [1.5, math.nan, "ab", [1], np.array([1.0, 2.0]), pd.DataFrame({"a": [1.0]})]
)
@pytest.mark.parametrize("kind", [_Doubling, _Elsewhere])
def test_a_descriptor_that_changes_what_is_put_back_is_refused(kind: Any, value: Any) -> None:
    @dataclass(eq=False)
    class Described(ArtifactModel, version=1, strict=False):
        share: Any = kind()
        other: int = 0

    if value is math.nan:  # a change that changes nothing
        assert math.isnan(there_and_back(Described(value)).share)
        return
    with pytest.raises(SerializationError, match=r"Described\.share would come back as "):
        there_and_back(Described(value))


class _Copying(_Clamped):
    def __set__(self, instance: Any, value: Any) -> None:
        setattr(instance, self.name, value.copy())


@pytest.mark.parametrize("value", [np.array([math.nan, 2.0]), pd.DataFrame({"a": [math.nan]})])
def test_a_descriptor_that_copies_is_fine(value: Any) -> None:
    @dataclass(eq=False)
    class Described(ArtifactModel, version=1, strict=False):
        share: Any = _Copying()

    assert repr(there_and_back(Described(value)).share) == repr(value)


def test_a_property_that_changes_what_is_put_back_is_refused() -> None:
    @dataclass
    class Property(ArtifactModel, version=1):
        share: float

        def _get(self) -> float:
            return self._share + 1

        def _put(self, value: float) -> None:
            self._share = value

        share = property(_get, _put)  # type: ignore[assignment]  # noqa: PIE794

    @dataclass
    class Seen(ArtifactModel, version=1):
        share: float

        def __getattribute__(self, name: str) -> Any:
            value = object.__getattribute__(self, name)
            return value * 2 if name == "share" else value

    for made in (Property(1.0), Seen(1.0)):
        with pytest.raises(SerializationError, match=r"\.share would come back as "):
            there_and_back(made)


def test_what_hides_an_attribute_of_the_class_is_refused() -> None:
    @dataclass
    class Hiding(ArtifactModel, version=1):
        x: int
        passed: InitVar[int] = 5
        rate: ClassVar[float] = 0.5

        def __post_init__(self, passed: int) -> None:
            if passed != 5:
                self.passed = passed  # type: ignore[attr-defined]

        def predict(self) -> int:
            return self.x

    assert there_and_back(Hiding(1)) == Hiding(1)
    for name, made in {
        "passed": Hiding(1, 7),
        "rate": _later(Hiding(1), rate=0.1),
        "predict": _later(Hiding(1), predict=int),
    }.items():
        with pytest.raises(SerializationError, match=f"the attribute '{name}', which is not a fi"):
            there_and_back(made)


def test_a_hook_that_has_to_be_awaited_is_refused() -> None:
    @dataclass
    class Awaited(ArtifactModel, version=1):
        x: int

        async def __post_read__(self) -> None: ...

    with pytest.raises(ModelError, match=r"Awaited\.__post_read__ is async"):
        there_and_back(Awaited(1))


def test_a_hook_makes_again_what_is_not_a_field() -> None:
    @dataclass(frozen=True)
    class Indexed(ArtifactModel, version=1):
        words: list[str]

        def __post_init__(self) -> None:
            self.__post_read__()

        def __post_read__(self) -> None:
            object.__setattr__(self, "index", {word: i for i, word in enumerate(self.words)})

    found = there_and_back(Indexed(["a", "b"]))
    assert found.index == {"a": 0, "b": 1}

    @dataclass
    class Failing(ArtifactModel, version=1):
        x: int

        def __post_read__(self) -> None:
            raise ValueError("no device")

    with pytest.raises(ModelError, match=r"model 'Failing'.*__post_read__ failed: .*devi"):
        there_and_back(Failing(1))


def test_a_field_that_was_deleted_is_refused() -> None:
    made = Positive(1)
    del made.n
    with pytest.raises(SerializationError, match=r"Positive\.n has no value"):
        there_and_back(made)


# -- migrations construct ------------------------------------------------------------------------


@dataclass
class Migrated(ArtifactModel, version=2):
    metres: float
    unit: InitVar[str] = "m"
    best: float = field(init=False, default=0.0)
    seen: list[str] = field(init=False, default_factory=list)

    def __post_init__(self, unit: str) -> None:
        self.seen = [unit]

    @migration(1)
    def in_metres(data: dict[str, Any]) -> dict[str, Any]:  # type: ignore[misc]
        return {"metres": data["feet"] * 0.3048, "unit": "ft", "best": data["best"]}


def test_migrations_run_the_constructor() -> None:
    found: Any = build(Migrated, 1, {"feet": 10.0, "best": 0.5}, "id")
    assert (found.metres, found.best, found.seen) == (3.048, 0.5, ["ft"])
    with pytest.raises(MigrationError, match="Positive has no field 'm'; it has n"):
        Positive.migrate(1, {"n": 1, "m": 2})


def test_a_field_added_with_a_default_needs_no_new_version() -> None:
    found: Any = build(Stopping, 1, {"patience": 1}, "id")
    assert (found.patience, found.best, found.history) == (1, 0.0, [])
    with pytest.raises(MigrationError, match=r"fields \['coefficients'\] are not stored"):
        build(Fitted, model_info(Fitted).version, {"c": 1.0}, "id")
