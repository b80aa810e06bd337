"""Classes that cloudpickle brings from another process, by value: joblib, Dask, Ray and Spark."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from artigraph_neo4j import ArtifactModel
from artigraph_neo4j.errors import ModelError
from artigraph_neo4j.model.base import model_info
from artigraph_neo4j.model.identity import Resolver

CLASSES = """
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from neomodel import FloatProperty
from artigraph_neo4j import ArtifactModel, Span, artifact_field, migration
from artigraph_neo4j.serializer.numpy import array_serializer

T = TypeVar("T")

@dataclass
class Inner(ArtifactModel, version=1):
    n: int

@dataclass
class Outer(ArtifactModel, version=2, name="Outermost", aliases=("Old",), strict=False):
    inner: Inner
    many: list[Inner] = field(default_factory=list)
    array: Any = artifact_field(serializer=array_serializer, default=None)
    note: str = "n"

    @migration(1)
    def _first(data):
        return {**data, "note": "moved"}

@dataclass(frozen=True, slots=True, kw_only=True)
class Slotted(ArtifactModel, version=3):
    x: float = 0.5

@dataclass
class Child(Inner, version=4):
    m: int = 0

@dataclass
class Box(ArtifactModel, Generic[T], version=1):
    item: T

class Empty(ArtifactModel, version=1):
    pass

def local():
    @dataclass
    class Local(ArtifactModel, version=1):
        v: int = 0
    return Local

@dataclass
class Plain:
    a: int
    b: list = field(default_factory=list)

class Fit(Span):
    loss = FloatProperty()

def made():
    return Outer(Inner(1)), Slotted(x=2.0), Child(1, 2), Box(Inner(3)), local()(5), Plain(1)
"""
SENDER = """
import cloudpickle
print(cloudpickle.dumps((Outer, Slotted, Child, Box, Empty, local(), Fit, made)).hex())
"""
READER = """
import pickle, sys
classes = pickle.loads(bytes.fromhex(sys.argv[1]))
Outer, Slotted, Child, Box, Empty, Local, Fit, made = classes

from artigraph_neo4j import ArtifactModel
from artigraph_neo4j.model.base import model_info
from artigraph_neo4j.model.fields import plan_of
from artigraph_neo4j.model.identity import Resolver
from artigraph_neo4j.model.steps import run_steps
from artigraph_neo4j.serializer.msgpack import pack, unpack

outer = plan_of(Outer)
assert (outer.info.name, outer.info.version, outer.info.aliases) == ("Outermost", 2, ("Old",))
assert not outer.info.strict and plan_of(Slotted).info.strict
assert [plan.required for plan in outer.fields.values()] == [True, False, False, False]
assert outer.fields["many"].make_default() == []
assert outer.fields["array"].serializer.name == "numpy"
assert plan_of(Child).labels == ["ArtigraphNode", "Artifact", "Child", "Inner"]
assert {n: p.required for n, p in plan_of(Child).fields.items()} == {"n": True, "m": False}
find = Resolver(ArtifactModel).find
for cls in (Slotted, Child, Box, Empty, Local):
    found = find(cls.__name__, f"elsewhere:{cls.__name__}", "x", root=True)
    assert found is cls, (cls, found)
assert find("Old", "__main__:Old", "x", root=True) is Outer
one = made()[0]
assert run_steps(Outer, 1, {"inner": one.inner}) == Outer(one.inner, note="moved")
assert made()[:4] == made()[:4] and made()[1] == Slotted(x=2.0)
plain = made()[-1]
assert unpack(pack(plain)) == plain
assert Fit(loss=1.5).loss == 1.5 and "loss" in dict(Fit.__all_properties__)
print("whole")
"""


def python(text: str, *arguments: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", text, *arguments], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_classes_come_whole(tmp_path: Path) -> None:
    data = python(CLASSES + SENDER, folder=tmp_path)
    assert python(READER, data, folder=tmp_path) == "whole"


def _define(version: int) -> Any:
    @dataclass
    class Redefined(ArtifactModel, version=version):
        v: int

    return Redefined


def test_a_class_that_comes_back_is_no_later_than_one_defined_meanwhile() -> None:
    old = _define(1)
    data = cloudpickle.dumps(old(1))
    new = _define(2)
    back = pickle.loads(data)
    assert type(back) is old
    assert model_info(old).version == 1
    origin = f"{new.__module__}:{new.__qualname__}"
    assert Resolver(ArtifactModel).find("Redefined", origin, "x", root=True) is new


def test_a_class_of_its_own_still_needs_a_version() -> None:
    import types

    with pytest.raises(ModelError, match="write: class Made"):
        types.new_class("Made", (ArtifactModel,))
