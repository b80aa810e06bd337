"""The small things that all else stands on: ids, names, registries, context, settling, exports."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import artigraph_neo4j
from artigraph_neo4j import errors, sync
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.common.iothread import io_thread, settle
from artigraph_neo4j.common.registry import Registry
from artigraph_neo4j.engine.scope import current_span_id, enter
from artigraph_neo4j.graph.cypher import read
from artigraph_neo4j.graph.names import RESERVED_PROPERTIES, field_name, property_name
from artigraph_neo4j.recording.work import (
    artifact_key,
)


def test_ids_are_uuid7_and_grow() -> None:
    ids = [new_id() for _ in range(10_000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert all(len(i) == 36 and i[14] == "7" for i in ids)


def test_ids_are_unique_across_threads() -> None:
    with ThreadPoolExecutor(4) as pool:
        ids = [
            i
            for part in pool.map(lambda _: [new_id() for _ in range(2000)], range(4))
            for i in part
        ]
    assert len(set(ids)) == 8000


@given(st.text(st.characters(categories=["L", "Nd", "Pc"]), min_size=1).filter(str.isidentifier))
def test_fields_and_properties_translate_both_ways(name: str) -> None:
    assert field_name(property_name(name)) == name
    assert property_name(name) not in RESERVED_PROPERTIES


def test_reserved_names_are_stored_aside() -> None:
    names = [*RESERVED_PROPERTIES, *(f"{n}_" for n in RESERVED_PROPERTIES), "x", "x_", "x__"]
    assert len({property_name(n) for n in names}) == len(names)


@given(st.text(), st.text(), st.text(), st.text())
def test_keys_of_different_labels_differ(span: str, label: str, span2: str, label2: str) -> None:
    try:
        keys = artifact_key(span, label), artifact_key(span2, label2)
    except UnicodeEncodeError:
        return
    assert (keys[0] == keys[1]) == ((span, label) == (span2, label2))


def test_a_registry_refuses_a_second_thing_of_one_name() -> None:
    registry: Registry[object] = Registry("thing")
    one = object()
    registry.add("a", one)
    registry.add("a", one)
    with pytest.raises(ValueError, match="a thing named 'a' is registered already"):
        registry.add("a", object())
    assert registry.names() == ["a"]
    assert registry.get("b") is None
    assert list(registry) == [one]


def test_cells_close_in_any_order() -> None:
    a = enter("a")
    b = enter("b")
    c = enter("c")
    b.leave()
    assert current_span_id() == "c"
    c.leave()
    assert current_span_id() == "a"
    a.leave()
    assert current_span_id() is None


async def test_settled_work_ends_though_its_caller_is_cancelled() -> None:
    done: list[int] = []

    async def work() -> int:
        await asyncio.sleep(0.2)
        done.append(1)
        return 7

    def start() -> asyncio.Future[int]:
        return asyncio.wrap_future(io_thread().submit(work()))

    assert await settle(start) == 7
    task = asyncio.ensure_future(settle(start))
    await asyncio.sleep(0.05)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0.01)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == [1, 1]


async def test_settled_work_that_others_cancel_is_started_anew() -> None:
    starts: list[asyncio.Task[str]] = []

    async def work() -> str:
        await asyncio.sleep(0.05)
        return "done"

    def start() -> asyncio.Future[str]:
        starts.append(asyncio.ensure_future(work()))
        return starts[-1]

    task = asyncio.ensure_future(settle(start))
    await asyncio.sleep(0.01)
    starts[0].cancel()
    assert await task == "done"
    assert len(starts) == 2


async def test_the_errors_of_settled_work_reach_the_caller() -> None:
    async def work() -> None:
        raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        await settle(lambda: asyncio.ensure_future(work()))


def test_the_error_tree_is_drawn_as_it_is() -> None:
    drawn = errors.__doc__ or ""
    for name in errors.__all__:
        assert issubclass(getattr(errors, name), errors.ArtigraphError)
        assert name in drawn, name
    classes = [v for v in vars(errors).values() if isinstance(v, type)]
    assert {c.__name__ for c in classes if issubclass(c, Exception)} == set(errors.__all__)


def test_public_names_are_sorted_and_exist() -> None:
    names = artigraph_neo4j.__all__
    assert names == sorted(names)
    assert all(hasattr(artigraph_neo4j, name) for name in names)
    of_the_page = {
        "ArtifactModel", "artifact_field", "set_engine", "span_context", "create_span_artifact",
        "create_span_artifacts", "read_span_artifact", "read_span_artifacts", "read_child_spans",
        "read_child_artifacts", "read_descendant_spans", "read_descendant_artifacts",
        "read_parent_span", "read_ancestor_spans", "Span", "Serializer", "Storage",
    }  # fmt: skip
    assert of_the_page <= set(names)


def test_importing_the_library_is_light() -> None:
    # The driver itself imports numpy, pandas and pyarrow where they are installed.
    source = (
        "import sys, neo4j, neomodel; before = set(sys.modules); import artigraph_neo4j\n"
        "heavy = {'pandas', 'numpy', 'pyarrow', 'aioboto3', 'boto3', 'typer', 'rich', 'jgo',"
        " 'psutil', 'sklearn', 'polars'}\n"
        "print(sorted(heavy & (set(sys.modules) - before)))"
    )
    out = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_what_is_seldom_needed_is_imported_when_asked_for() -> None:
    source = (
        "import sys, artigraph_neo4j, artigraph_neo4j.sync as sync\n"
        "seldom = {'sqlite3', 'artigraph_neo4j.upstream', 'artigraph_neo4j.exchange.upstream'}\n"
        "assert not seldom & set(sys.modules)\n"
        "from artigraph_neo4j import import_artigraph as found\n"
        "from artigraph_neo4j.upstream import import_artigraph\n"
        "assert found is import_artigraph\n"
        "assert sync.import_artigraph is sync.import_artigraph\n"
    )
    subprocess.run([sys.executable, "-c", source], check=True)


@pytest.mark.parametrize("module", [artigraph_neo4j, sync])
def test_names_that_are_not_there(module: Any) -> None:
    with pytest.raises(AttributeError, match=rf"{module.__name__!r} has no attribute 'imprt'"):
        _ = module.imprt


def test_statements_take_values_only_as_parameters() -> None:
    for name in read.__all__:
        text: Any = getattr(read, name)
        assert "$" in text
        assert "%s" not in text
        assert "{0}" not in text
