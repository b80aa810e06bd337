"""What differs in a table, whatever its values are."""

from __future__ import annotations

from typing import Any

import pytest

from artigraph_neo4j.find.table import Row, Table


@pytest.mark.parametrize(
    ("one", "other", "differs"),
    [
        ({"a": 1, "b": [2]}, {"b": [2], "a": 1}, False),
        ({"a": 1}, {"a": 2}, True),
        ({"a": {"b": 1}}, {"a": {"b": [1, {}]}}, True),
        ([1, [2, 3]], [1, [2, 3]], False),
        ([{"a": 1}], [{"a": 2}], True),
        ({1, 2}, {1, 2}, False),
        (float("nan"), float("nan"), False),
        (1, True, True),
        ([1], [True], True),
        (None, {}, True),
    ],
)
def test_values_of_any_type_are_compared(one: Any, other: Any, differs: bool) -> None:
    table = Table(["v"], [Row("1", None, {"v": one}), Row("2", None, {"v": other})])
    assert table.differing().columns == (["v"] if differs else [])
