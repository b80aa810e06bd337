"""Which columns a class has, and the statement that reads them; no server is needed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from artigraph_neo4j import ArtifactModel, File, find_artifacts, find_spans
from artigraph_neo4j.errors import FilterError
from artigraph_neo4j.find import F, artifact
from artigraph_neo4j.find.frames import Frame
from artigraph_neo4j.find.natives import Native, Values, field_columns
from artigraph_neo4j.find.statement import compile_plan


@dataclass
class Columnar(ArtifactModel, version=1):
    n: int
    file: File | None = None
    array: np.ndarray[Any, Any] | None = None
    half: np.float16 | None = None
    many: np.int64 | int | float = 0
    lists: list[list[int]] | None = None
    loose: list[Any] | None = None
    union: list[int | str] | None = None
    when: datetime | str | None = None


def text(query: Any, **options: Any) -> str:
    plan = replace(query._plan, limit=10)
    return compile_plan(plan, "frame", items=Frame(plan.target).items, **options)[0]


def test_columns_are_the_fields_that_may_be_native() -> None:
    found = {column.name: (column.kind, column.is_time) for column in field_columns(Columnar)}
    assert found == {
        "n": ("int", False), "half": ("float", False), "many": ("float", False),
        "loose": ("list", False), "union": ("list", False), "when": ("text", False),
    }  # fmt: skip


def test_a_first_page_of_a_class_does_not_start_from_the_index_of_all_classes() -> None:
    of_class = find_artifacts(Columnar)
    assert "USING INDEX" not in text(of_class, first=True)
    assert "USING INDEX n:Artifact(recorded_at" in text(of_class)
    assert "USING INDEX n:Span(opened_at" in text(find_spans(), first=True)
    assert "USING INDEX" in text(of_class.where(artifact.label == "x"), first=True)


def test_keys_of_the_last_result_are_collected_only_where_the_node_does_not_have_them() -> None:
    assert "last(collect" not in text(find_artifacts(Columnar).order_by(artifact.label))
    assert "last(collect" in text(find_artifacts(Columnar).search("word"))
    assert "last(collect" in text(find_spans().order_by("params.lr"))
    with pytest.raises(FilterError):
        find_artifacts(Columnar).order_by(F("nothing"))


CODEC = '{"class":"a:B","fields":{"x":%s}}'
UNIT = CODEC % '"timedelta"'


@pytest.mark.parametrize(
    ("pages", "wanted", "kind"),
    [
        ([], [], pa.int64()),
        ([[(CODEC % '"none"', [None, None])]], [None, None], pa.int64()),
        ([[(CODEC % '"int"', [1])], [(CODEC % '"float"', [0.5])]], [1.0, 0.5], pa.float64()),
        ([[(CODEC % '"int"', [2**60 + 1]), (CODEC % '"float"', [0.5])]],
            [str(2**60 + 1), "0.5"], pa.string()),
        ([[(CODEC % '"int"', [1]), (UNIT, [2])]], ["1", "0:00:00.000002"], pa.string()),
        ([[(CODEC % '"int"', [1])], [(UNIT, [2])]], ["1", "0:00:00.000002"], pa.string()),
        ([[(CODEC % '"int"', ["damaged", 1])]], ["damaged", "1"], pa.string()),
        ([[(CODEC % '"list"', [[1], [0.5]])]], [[1.0], [0.5]], pa.list_(pa.float64())),
        ([[(CODEC % '"bool"', [True])]], [True], pa.bool_()),
        ([[("", [3])]], [None], pa.int64()),
        ([[(CODEC % '["instant","utc"]', ["2026-05-04T10:00Z", "no time"])]],
            ["2026-05-04 10:00:00+00:00", "no time"], pa.string()),
    ],
)  # fmt: skip
def test_pages_become_one_column_of_one_type(
    pages: list[list[tuple[str, list[Any]]]], wanted: list[Any], kind: pa.DataType
) -> None:
    values = Values(Native("x", "x", "int", field="x"))
    for page in pages:
        values.add(([codec], cells) for codec, cells in page)
    column = values.chunked()
    assert (column.to_pylist(), column.type) == (wanted, kind)


def test_rows_of_several_codecs_in_one_chunk() -> None:
    values = Values(Native("x", "x", "list:int", field="x"))
    hows = [
        '"list"',
        '["inline","json"]',
        '["inline","json"]',
        '["blob","str"]',
        '"unset"',
        '"none"',
    ]
    cells = [[1], "[]", "[[]]", None, None, None]
    values.add([([CODEC % how for how in hows], cells)])
    assert values.chunked().to_pylist() == [[1], [], None, None, None, None]
    assert values.left_out == 2
