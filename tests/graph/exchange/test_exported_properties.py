"""Every value and every property comes back from an export as it was."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from neo4j.time import DateTime

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    create_span_artifact,
    delete_span,
    export_graph,
    import_graph,
    read_child_artifacts,
    read_span,
    span_context,
)
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import ArchiveError
from artigraph_neo4j.graph.properties import (
    from_json,
    instant_to_json,
    take_instants,
    to_json,
    zoned_properties,
)
from tests.examples import few
from tests.graph.exchange.test_portable import lines
from tests.unit.serializer.type_differences import any_difference


@dataclass
class TypedLeaf(ArtifactModel, version=1):
    value: Any


@dataclass
class TypedWhole(ArtifactModel, version=1):
    value: Any
    leaf: TypedLeaf | None = None
    leaves: list[TypedLeaf] | None = None


VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.binary(max_size=8) | st.dates() | st.datetimes() | st.timedeltas()
    | st.datetimes(timezones=st.timezones()) | st.datetimes(timezones=st.just(UTC))
    | st.lists(st.floats(), max_size=4) | st.lists(st.integers(), max_size=3)
    | st.lists(st.text(max_size=3), max_size=3) | st.sets(st.integers(), max_size=3)
    | st.dictionaries(st.text(max_size=3), st.floats(), max_size=3)
)  # fmt: skip


@settings(max_examples=few(8), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(VALUES, min_size=1, max_size=12), st.text(max_size=20))
async def test_values_come_back(tmp_path: Path, values: list[Any], label: str) -> None:
    path = tmp_path / f"{new_id()}.jsonl"
    async with span_context(label=label) as span:
        for value in values:
            whole = TypedWhole(value, TypedLeaf(value), [TypedLeaf(value)])
            await create_span_artifact("current", label=None, data=whole)
    await export_graph(span.node_id, path)
    before = await read_child_artifacts(span.node_id)
    await delete_span(span.node_id)
    assert (await import_graph(path)).new == 1 + 3 * len(values)
    assert (await read_span(span.node_id)).label == label
    found = await read_child_artifacts(span.node_id)
    for value, was, now in zip(values, before, found, strict=True):
        assert any_difference(was.value, now.value) is None
        for one in (now.value, now.leaf.value, now.leaves[0].value):
            assert any_difference(value, one) is None
    await delete_span(span.node_id)


PROPERTIES = """
MATCH (s:ArtigraphNode {node_id: $id})
SET s += {
  nan: 0.0 / 0.0, inf: 1.0 / 0.0, small: -0.0, big: 9223372036854775807, yes: true, text: '€\\n"',
  data: $data, day: date('0044-03-15'), clock: localtime('23:59:59.999999999'),
  zoned_clock: time('12:00:00.000000001+05:30'), local: localdatetime('2024-02-29T00:00:00.1'),
  instant: datetime('2024-01-01T00:00:00.123456789Z'), offset: datetime('1900-01-01T00:00-03:00'),
  western_clock: time('12:00:00.000000001-05:30'), western: datetime('1900-01-01T00:00-03:30'),
  named: datetime('2024-10-27T02:30+01:00[Europe/Paris]'), long: duration('P1Y2M25DT-3.000000004S'),
  place: point({longitude: 2.35, latitude: 48.85}), cube: point({x: 1, y: 2, z: 3}),
  days: [date('2024-01-01')], floats: [1.0, 0.0 / 0.0], nothing: []
}
"""


async def comes_back(node_id: str, shown: str, query: Any, tmp_path: Path) -> list[Any]:
    """The rows that a query shows of a span, the same after it was exported and imported."""
    before: list[Any] = await query(shown, id=node_id)
    path, again = tmp_path / "typed.jsonl", tmp_path / "again.jsonl"
    await export_graph(node_id, path)
    await delete_span(node_id)
    await import_graph(path)
    assert await query(shown, id=node_id) == before
    await export_graph(node_id, again)
    assert lines(again)[1:] == lines(path)[1:]
    return before


async def test_every_property_of_neo4j(tmp_path: Path, engine: Engine, query: Any) -> None:
    async with span_context(label="typed") as span:
        pass
    await engine.write(PROPERTIES, {"id": span.node_id, "data": b"\x00\xff"})
    shown = """
    MATCH (s:ArtigraphNode {node_id: $id}) UNWIND keys(s) AS k
    WITH s, k ORDER BY k
    RETURN k, valueType(s[k]), CASE WHEN k = 'data' THEN '' ELSE toStringOrNull(s[k]) END
    """
    assert len(await comes_back(span.node_id, shown, query, tmp_path)) > 25
    ((data, floats),) = await query(
        "MATCH (s:ArtigraphNode {node_id: $id}) RETURN s.data, s.floats", id=span.node_id
    )
    assert (data, floats[0], floats[1] == floats[1]) == (b"\x00\xff", 1.0, False)
    await engine.write(
        "MATCH (s:ArtigraphNode {node_id: $id}) SET s.ides = date('-0044-03-15') RETURN 1",
        {"id": span.node_id},
    )
    with pytest.raises(
        ArchiveError, match=f"node {span.node_id}, property ides: the driver cannot read"
    ):
        await export_graph(span.node_id, tmp_path / "typed.jsonl")


@pytest.mark.parametrize(
    "opened_at",
    [
        "datetime('2024-10-27T02:30:15.1+01:00[Europe/Paris]')",
        "datetime('2024-01-01T00:00:00.123456789Z')",
        "datetime('1999-12-31T23:59:59-03:00')",
        "localdatetime('2024-02-29T00:00:00.1')",
    ],
)
async def test_times_of_the_library_that_others_have_set(
    opened_at: str, tmp_path: Path, engine: Engine, query: Any
) -> None:
    async with span_context(label="typed") as span:
        pass
    kind = "MATCH (s:ArtigraphNode {node_id: $id}) RETURN valueType(s.opened_at), s.opened_at"
    await engine.write(
        f"MATCH (s:ArtigraphNode {{node_id: $id}}) SET s.opened_at = {opened_at} RETURN 1",
        {"id": span.node_id},
    )
    await comes_back(span.node_id, kind, query, tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-01T00:00:00Z", {"$datetime": "2024-01-01T00:00:00.000000000+00:00"}),
        ("2024-01-01T00:00:00.12Z", {"$datetime": "2024-01-01T00:00:00.120000000+00:00"}),
        ("2024-01-01T00:00:00Z[UTC]", {"$datetime": "2024-01-01T00:00:00.000000000+00:00"}),
        (
            "2024-07-01T12:00:00.000000001+02:00[Europe/Berlin]",
            {"$zoned": "2024-07-01T12:00:00.000000001+02:00[Europe/Berlin]"},
        ),
        ("1900-01-01T00:00:00-03:30", {"$datetime": "1900-01-01T00:00:00.000000000-03:30"}),
    ],
)
def test_an_instant_is_the_same_from_its_text(text: str, expected: dict[str, str]) -> None:
    assert instant_to_json(text) == expected
    if "[" not in text:
        assert to_json(DateTime.from_iso_format(text.replace("Z", "+00:00"))) == expected


@pytest.mark.parametrize("text", ["", "never", "2024-01-01", "2024-01-01T00:00:00"])
def test_a_text_that_is_no_instant_stays(text: str) -> None:
    assert instant_to_json(text) == text


@given(
    st.recursive(st.floats() | st.integers() | st.text() | st.binary() | st.booleans(), st.lists)
)
def test_json_of_properties(value: Any) -> None:
    text = json.dumps(to_json(value), allow_nan=False)
    assert any_difference(from_json(json.loads(text)), value) is None


def test_what_is_no_property() -> None:
    with pytest.raises(TypeError, match="set cannot be exported"):
        to_json({1})
    for wrong in (
        {},
        {"$what": 1},
        {"$bytes": "?"},
        {"$bytes": 3},
        {"$date": "x"},
        {"$point": [1]},
    ):
        with pytest.raises(ValueError, match=r".+"):
            from_json(wrong)
    properties: dict[str, Any] = {"a": {"$zoned": "t"}, "b": 1}
    assert (zoned_properties(properties), properties) == ([["a", "t"]], {"b": 1})
    utc, other = "2024-01-01T00:00:00+00:00", {"$datetime": "2024-01-01T00:00:00+02:00"}
    properties = {"a": {"$zoned": "t"}, "b": 1, "c": {"$datetime": utc}, "d": other}
    assert take_instants(properties) == {"a": "t", "c": utc}
    assert properties == {"b": 1, "d": other}
