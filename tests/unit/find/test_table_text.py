"""Tables as text and HTML: numbers at the right, with their points in one line."""

from __future__ import annotations

from datetime import timedelta

from rich.console import Console

from artigraph_neo4j.cli.columns import rows_grid
from artigraph_neo4j.find import Row, Table

COLUMNS = ["lr", "trees", "took", "name", "ok"]
TABLE = Table(
    COLUMNS,
    [
        Row(id_, label, dict(zip(COLUMNS, values, strict=True)))
        for id_, label, *values in [
            ("1", "trial/1", 0.1, 100, timedelta(seconds=65), "x", True),
            ("2", "trial/10", 0.001, None, timedelta(milliseconds=12), None, False),
            ("3", None, 12.0, 20_000, None, "yes", None),
        ]
    ],
)


def test_a_table_as_text() -> None:
    assert str(TABLE).splitlines() == [
        "              lr   trees       took  name  ok",
        "trial/1    0.1       100  1 min 5 s  x     True",
        "trial/10   0.001              12 ms        False",
        "3         12.0    20,000             yes",
    ]


def test_a_table_as_html() -> None:
    html = TABLE._repr_html_()
    assert ">0.1\u2007\u2007</td>" in html
    assert ">12.0\u2007\u2007</td>" in html
    right = "text-align:right"
    assert html.count(right) == 4 * 3  # the titles, and the cells of three columns
    assert f"{right}" not in html.partition(">x</td>")[0].rpartition("<td")[2]


def test_a_table_in_a_terminal() -> None:
    console = Console(width=90, force_terminal=False)
    with console.capture() as said:
        console.print(rows_grid(TABLE))
    lines = [line.rstrip() for line in said.get().splitlines() if line.strip()]
    points = [line.index(".") for line in lines if "." in line]
    assert len(points) == 3
    assert len(set(points)) == 1
    ends = [line.index(text) + len(text) for line, text in zip(
        [lines[0], lines[2], lines[4]], ["trees", " 100", "20,000"], strict=True)]  # fmt: skip
    assert len(set(ends)) == 1
