"""Classes are found again by name, in the main program too, and nothing is imported unasked."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
from msgpack import ExtType

from artigraph_neo4j import engine_context
from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer import class_names, trust_modules, trusted_modules
from artigraph_neo4j.serializer.msgpack import pack, unpack
from tests.unit.serializer import plain_values as plain

ENUM = ExtType(30, b"")


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that modules are imported from, and nothing trusted yet."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(class_names, "_trusted", set())
    monkeypatch.delenv("ARTIGRAPH_TRUSTED_MODULES", raising=False)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def enum_of(name: str) -> bytes:
    data: bytes = msgpack.packb([ENUM, name, "A"])
    return data


def test_nothing_is_imported_that_is_not_trusted(modules: Path) -> None:
    (modules / "ends.py").write_text("raise SystemExit(7)\n")
    (modules / "kinds.py").write_text("import enum\nclass Kind(enum.Enum):\n    A = 1\n")
    with pytest.raises(SerializationError, match=r"import ends, or .*trust_modules\('ends'\)"):
        unpack(enum_of("ends:Kind"))
    with pytest.raises(SerializationError, match="ARTIGRAPH_TRUSTED_MODULES=kinds"):
        unpack(enum_of("kinds:Kind"))
    assert not {"ends", "kinds"} & sys.modules.keys()
    trust_modules("kinds", "ends")
    assert unpack(enum_of("kinds:Kind")).value == 1
    with pytest.raises(SerializationError, match="trusted module ends .* SystemExit: 7"):
        unpack(enum_of("ends:Kind"))


def test_what_is_imported_is_read(modules: Path) -> None:
    (modules / "kinds.py").write_text("import enum\nclass Kind(enum.Enum):\n    A = 1\n")
    __import__("kinds")
    assert unpack(enum_of("kinds:Kind")).name == "A"


def test_packages_are_trusted_with_all_in_them(
    modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (modules / "pack" / "sub").mkdir(parents=True)
    for folder in ("pack", "pack/sub"):
        (modules / folder / "__init__.py").write_text("")
    (modules / "pack/sub/kinds.py").write_text("import enum\nclass Kind(enum.Enum):\n    A = 1\n")
    (modules / "packages.py").write_text("import enum\nclass Kind(enum.Enum):\n    A = 1\n")
    monkeypatch.setenv("ARTIGRAPH_TRUSTED_MODULES", " other, pack ,, not a name")
    assert trusted_modules() == {"other", "pack"}
    assert unpack(enum_of("pack.sub.kinds:Kind")).value == 1
    with pytest.raises(SerializationError, match="did not import"):
        unpack(enum_of("packages:Kind"))


def test_engines_name_trusted_modules(modules: Path) -> None:
    with engine_context("bolt://user:password@localhost:1", trusted_modules=["study", "shared.x"]):
        assert trusted_modules() == {"study", "shared.x"}
    with pytest.raises(ValueError, match="is not the name of a module"):
        engine_context("bolt://user:password@localhost:1", trusted_modules=["no module"])


@pytest.mark.parametrize("name", ["", "a b", "a..b", "a.", ".a", "a-b", "a/b", "*"])
def test_names_of_modules_are_checked(name: str) -> None:
    with pytest.raises(ValueError, match="is not the name of a module"):
        trust_modules("good", name)
    assert "good" not in trusted_modules()


@pytest.mark.parametrize(
    "name", ["x", ":", "x:", ":x", "os:path", "os:.x", "os:getcwd", "a b:C", "../x:C", "os:a:b"]
)
def test_names_that_are_not_of_classes(name: str) -> None:
    for found in (name, name.encode(), 1, None):
        with pytest.raises(SerializationError):
            class_names.class_of(found)  # type: ignore[arg-type]


def test_a_module_without_the_class() -> None:
    with pytest.raises(SerializationError, match="is not in its module any more"):
        class_names.class_of(f"{plain.__name__}:Gone")


# The main program -------------------------------------------------------------------------------

TRAIN = """
import enum, sys
from dataclasses import dataclass
from typing import Any, NamedTuple

import pydantic

from artigraph_neo4j.serializer.msgpack import pack, unpack

@dataclass
class Optim:
    lr: Any

class Kind(enum.Enum):
    A = 1

class Point(NamedTuple):
    x: int

class Conf(pydantic.BaseModel):
    lr: float

class Outer:
    class Inner(enum.Enum):
        IN = 1

if __name__ == "__main__":
    data = pack([Optim(Kind.A), Point(1), Conf(lr=0.1), Outer.Inner.IN])
    assert repr(unpack(data)) == repr([Optim(Kind.A), Point(1), Conf(lr=0.1), Outer.Inner.IN])
    print(data.hex())
"""
READ = """
import {module}, sys
from artigraph_neo4j.serializer.msgpack import unpack
print(unpack(bytes.fromhex(sys.argv[1])))
"""
EXPECTED = "[Optim(lr=<Kind.A: 1>), Point(x=1), Conf(lr=0.1), <Inner.IN: 1>]\n"


def python(*arguments: str, folder: Path, given: str | None = None) -> str:
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, input=given, capture_output=True, text=True,
        env={"PYTHONPATH": f"{root}:{folder}", "PATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("command", "module"),
    [
        (["study/train.py"], "study.train"),
        (["-m", "study.train"], "study.train"),
        (["alone.py"], "alone"),
        (["-m", "alone"], "alone"),
    ],
)
def test_classes_of_a_script_are_read_by_others(
    tmp_path: Path, command: list[str], module: str
) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study/__init__.py").write_text("")
    for path in ("study/train.py", "alone.py"):
        (tmp_path / path).write_text(TRAIN)
    data = python(*command, folder=tmp_path).strip()
    assert python("-c", READ.format(module=module), data, folder=tmp_path) == EXPECTED
    again = TRAIN.replace("print(data.hex())", "print(unpack(bytes.fromhex(sys.argv[1])))")
    (tmp_path / "study/train.py").write_text(again)
    (tmp_path / "alone.py").write_text(again)
    assert python(*command, data, folder=tmp_path) == EXPECTED


def test_classes_of_a_notebook_are_read_where_they_are_in_the_main_program(tmp_path: Path) -> None:
    """As of ``python -c`` or what is typed: a main program without a file."""
    data = python("-", folder=tmp_path, given=TRAIN).strip()
    assert b"__main__:Optim" in bytes.fromhex(data)
    again = TRAIN.replace("print(data.hex())", f"print(unpack(bytes.fromhex({data!r})))")
    assert python("-c", again, folder=tmp_path) == EXPECTED
    (tmp_path / "alone.py").write_text(again)  # the cells as a script
    assert python("alone.py", folder=tmp_path) == EXPECTED
    with pytest.raises(SerializationError, match="import it there: from its.module import Kind"):
        unpack(bytes.fromhex(data))


def test_cells_of_a_script_are_read_in_a_notebook(tmp_path: Path) -> None:
    (tmp_path / "alone.py").write_text(TRAIN)
    data = python("alone.py", folder=tmp_path).strip()
    again = TRAIN.replace("print(data.hex())", f"print(unpack(bytes.fromhex({data!r})))")
    assert python("-c", again, folder=tmp_path / "..") == EXPECTED


SPAWN = """
import multiprocessing
from train import *

@dataclass
class Here:
    a: int

def work(value):
    return pack([value, Here(2)])

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        data = pool.apply(work, (Here(1),))
    assert unpack(data) == [Here(1), Here(2)]
    print(unpack(data))
"""


def test_classes_of_a_script_in_spawned_processes(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "script.py").write_text(SPAWN)
    assert python("script.py", folder=tmp_path) == "[Here(a=1), Here(a=2)]\n"


WORKERS = """
from dataclasses import dataclass
from joblib import Parallel, delayed
from artigraph_neo4j.serializer.msgpack import pack, unpack

@dataclass
class Setting:
    a: int

def work(value):
    data = pack(value)
    assert unpack(data) == value
    return data

if __name__ == "__main__":
    found = Parallel(n_jobs=2)(delayed(work)(Setting(i)) for i in range(3))
    assert [unpack(data) for data in found] == [Setting(0), Setting(1), Setting(2)]
    print(len(found))
"""


def test_classes_that_joblib_brings_to_its_workers(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(WORKERS)
    assert python("script.py", folder=tmp_path) == "3\n"


def test_classes_that_cloudpickle_brings(tmp_path: Path) -> None:
    """A process that has them by value only reads what it wrote."""
    made = TRAIN.split("if __name__")[0] + (
        "import cloudpickle\nprint(cloudpickle.dumps(Optim(1)).hex())\n"
    )
    script = (
        "import sys, pickle\n"
        "from artigraph_neo4j.serializer.msgpack import pack, unpack\n"
        "value = pickle.loads(bytes.fromhex(sys.argv[1]))\n"
        "assert unpack(pack(value)) == value\n"
        "print(pack(value).hex())\n"
    )
    brought = python("-c", made, folder=tmp_path).strip()
    found = python("-c", script, brought, folder=tmp_path).strip()
    assert b"__main__:Optim" in bytes.fromhex(found)


@pytest.mark.parametrize("text", ["del Optim", "Optim = Kind"])
def test_classes_that_are_not_found_by_their_name_are_refused(text: str) -> None:
    script = TRAIN.split("if __name__")[0] + (
        f"made = Optim(1)\n{text}\n"
        "try:\n    pack(made)\nexcept Exception as error:\n    print(error)\n"
    )
    out = python("-c", script, folder=Path(__file__).parents[3])
    assert "could not be found by that name" in out


def test_values_of_classes_that_were_defined_again_are_refused() -> None:
    script = TRAIN.split("if __name__")[0] + (
        "old = Kind.A\nclass Kind(enum.Enum):\n    A = 2\n"
        "try:\n    pack(old)\nexcept Exception as error:\n    print(error)\n"
        "print(unpack(pack(Kind.A)))\n"
    )
    out = python("-c", script, folder=Path(__file__).parents[3])
    assert out.splitlines()[1:] == ["Kind.A"]
    assert "could not be found" in out


def test_classes_inside_functions_are_refused() -> None:
    def local() -> Any:
        from dataclasses import make_dataclass

        return make_dataclass("Local", ["a"])(1)

    with pytest.raises(SerializationError, match="define it at the top of a module"):
        pack(local())
