"""What people type first, and type from habit: each mistake is answered with the line to write."""

from __future__ import annotations

import importlib
import re
import sys
from dataclasses import dataclass
from typing import Any

import pytest

import artigraph_neo4j
from artigraph_neo4j import ArtifactModel, batch, create_span_artifact, span_context
from artigraph_neo4j.errors import ArgumentError, ModelError, NotFoundError


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("read_span_descendants", "write: read_descendant_spans(span)"),
        ("read_span_parent", "write: read_parent_span(span)"),
        ("ArtifactModelConfig", "write: artifact_field(storage=...)"),
        ("S3Storage", "write: from artigraph_neo4j.storage.aws import S3Storage"),
        ("under", "write: from artigraph_neo4j.find import under"),
    ],
)
def test_names_of_artigraph_and_of_other_modules(name: str, said: str) -> None:
    with pytest.raises(ImportError, match=re.escape(said)):
        exec(f"from artigraph_neo4j import {name}")
    with pytest.raises(ImportError, match=re.escape(said)):
        getattr(artigraph_neo4j, name)


def test_names_that_are_nearly_right() -> None:
    with pytest.raises(AttributeError, match=r"'read_spans'; is it read_span or .*\?"):
        artigraph_neo4j.read_spans  # type: ignore[attr-defined] # noqa: B018
    with pytest.raises(AttributeError, match=r"'no_such_thing'$"):
        artigraph_neo4j.no_such_thing  # type: ignore[attr-defined] # noqa: B018
    assert not hasattr(artigraph_neo4j, "__wrapped__")
    assert not hasattr(artigraph_neo4j, "no_such_thing")


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("artigraph_neo4j.db", "write: from artigraph_neo4j import set_engine"),
        ("artigraph_neo4j.api.span", "write: from artigraph_neo4j import read_child_spans"),
        ("artigraph_neo4j.serializer.pyarrow", "artigraph_neo4j.serializer import arrow"),
    ],
)
def test_modules_of_artigraph(module: str, said: str) -> None:
    with pytest.raises(ModuleNotFoundError, match=said):
        importlib.import_module(module)
    with pytest.raises(ModuleNotFoundError, match="No module named 'artigraph_neo4j.nothing'$"):
        importlib.import_module("artigraph_neo4j.nothing")
    with pytest.raises(ModuleNotFoundError, match="No module named 'no_such_module_at_all'$"):
        importlib.import_module("no_such_module_at_all")


def test_all_names_are_listed_and_found() -> None:
    assert {"Span", "find", "__version__"} <= {*dir(artigraph_neo4j), "find"}
    for name in artigraph_neo4j.__all__:
        assert hasattr(artigraph_neo4j, name), name
    for name in ("errors", "find", "gc", "local", "serializer", "storage", "sync", "upstream"):
        assert getattr(artigraph_neo4j, name) is sys.modules[f"artigraph_neo4j.{name}"]


async def test_arguments_of_artigraph() -> None:
    with pytest.raises(ArgumentError, match=r"no argument 'artifact'; write: data=\.\.\."):
        await create_span_artifact("x", label="y", artifact=1)  # type: ignore[call-arg]
    with pytest.raises(ArgumentError, match=r"no argument 'span_label'; write: label=\.\.\."):
        span_context(span_label="x")  # type: ignore[call-overload]


async def test_with_for_async_with() -> None:
    for make, name in ((span_context, "span_context"), (batch, "batch")):
        with pytest.raises(ArgumentError, match=rf"write: async with {name}.*with sync\.{name}"):
            with make():  # type: ignore[attr-defined]
                pass


def test_a_model_without_dataclass() -> None:
    class Forgotten(ArtifactModel, version=1):
        x: int

    with pytest.raises(ModelError, match="write @dataclass above class Forgotten"):
        Forgotten(x=1)  # type: ignore[call-arg]
    Forgotten()

    class Mixin:
        def __init__(self, y: int) -> None:
            self.y = y

    @dataclass
    class Mixed(ArtifactModel, Mixin, version=1):
        x: int

        def __post_init__(self) -> None:
            super().__init__(self.x)

    assert Mixed(3).y == 3


class Shell:
    """IPython, as a notebook has it, without a notebook."""

    def __init__(self) -> None:
        from IPython.core.interactiveshell import InteractiveShell

        self.shell = InteractiveShell()
        self.shown: list[str] = []
        self.shell._showtraceback = lambda kind, value, lines: self.shown.extend(lines)

    def run(self, code: str) -> str:
        self.shown.clear()
        self.shell.run_cell(code)
        return "\n".join(self.shown)


@pytest.fixture
def shell() -> Any:
    shell = Shell()
    yield shell
    shell.shell.history_manager.end_session()


@pytest.mark.filterwarnings("ignore")
def test_a_notebook_shows_the_users_lines_only(shell: Shell) -> None:
    said = shell.run(
        "from artigraph_neo4j import sync\ndef mine():\n    return sync.read_span(12)\nmine()\n"
    )
    assert "return sync.read_span(12)" in said
    assert said.rstrip().endswith(
        "ArgumentError: span takes a Span, its id or 'current', not an int"
    )
    assert "engine/waiting" not in said
    assert "concurrent/futures" not in said
    assert len(said.splitlines()) < 10


@pytest.mark.filterwarnings("ignore")
def test_a_notebook_shows_what_caused_an_error(shell: Shell) -> None:
    said = shell.run(
        "from artigraph_neo4j.errors import StorageError\n"
        "try:\n    open('/no/such/file')\n"
        "except OSError as error:\n    raise StorageError('cannot be read') from error\n"
    )
    assert "StorageError: cannot be read\ncaused by FileNotFoundError: [Errno 2]" in said


def test_an_error_outside_a_notebook_keeps_its_frames() -> None:
    import traceback

    from artigraph_neo4j.engine import given

    with pytest.raises(ArgumentError) as caught:
        given.span_id(12)  # type: ignore[arg-type]
    assert "engine/given.py" in "".join(traceback.format_exception(caught.value))
    assert isinstance(caught.value._render_traceback_(), list)
    assert NotFoundError("x")._render_traceback_()[-1].endswith("NotFoundError: x")
