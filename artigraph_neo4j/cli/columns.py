"""Tables of runs in the terminal: numbers rounded, with their points in one line."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Column
from rich.table import Table as Grid
from rich.text import Text

from artigraph_neo4j.cli.output import print_json
from artigraph_neo4j.common.wording import cut
from artigraph_neo4j.find import F, Row, Table
from artigraph_neo4j.find.filters import Order
from artigraph_neo4j.find.table import value_text

__all__ = ["Columns", "OrderBy", "names_of", "order_of", "print_rows", "rows_grid", "sides_grid"]

Columns = Annotated[
    str | None,
    typer.Option(
        "--columns",
        metavar="NAMES",
        help="Values to show, with commas between: lr, params.lr (an entry of a dict, or a field "
        "of the artifact labeled params), log.loss.min, duration.",
    ),
]
OrderBy = Annotated[
    str | None,
    typer.Option(
        "--order-by", metavar="NAME", help="Order by such a value; -NAME for the largest first."
    ),
]

_CHARACTERS = 40


def names_of(columns: str | None) -> list[str]:
    """Return the names that ``--columns`` lists."""
    return [name.strip() for name in (columns or "").split(",") if name.strip()]


def order_of(name: str) -> Order:
    """Return the order that ``--order-by`` names."""
    return F(name[1:]).desc() if name.startswith("-") else F(name).asc()


def print_rows(table: Table) -> None:
    """Print a table as JSON: one object for each run."""
    runs = [{"node_id": row.node_id, "label": row.label, "values": dict(row)} for row in table]
    print_json({"columns": table.columns, "runs": runs, "left_out": table.left_out})


def rows_grid(table: Table) -> Grid:
    """Return a table with one line for each run."""
    grid = Grid(
        Column("label", overflow="fold"),
        *(_column(table, name) for name in table.columns),
        Column("id", no_wrap=True),
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    columns = [_cells(table, name) for name in table.columns]
    for row, *cells in zip(table, *columns, strict=True):
        grid.add_row(Text(row.label or ""), *cells, row.node_id)
    return grid


def sides_grid(table: Table) -> Grid:
    """Return a table with one line for each value, and one column for each run."""
    names = [cut(row.label or row.node_id, _CHARACTERS) for row in table]
    grid = Grid(
        Column(""), *(Column(Text(name), overflow="fold") for name in names),
        box=SIMPLE_HEAD, pad_edge=False,
    )  # fmt: skip
    grid.add_row(Text("id", "dim"), *(Text(row.node_id, "dim") for row in table))
    for name in table.columns:
        grid.add_row(Text(name), *(_cell(row, name) for row in table))
    return grid


def _column(table: Table, name: str) -> Column:
    if table.is_numeric(name):
        return Column(Text(name, justify="right"), no_wrap=True)
    return Column(Text(name), overflow="fold")


def _cells(table: Table, name: str) -> list[Text]:
    """Return a column; numbers are padded here, since a column at the right cuts spaces off."""
    texts = [cut(text, _CHARACTERS) for text in table.texts(name)]
    width = max(map(len, [name, *texts]))
    return [Text(text.rjust(width) if table.is_numeric(name) else text) for text in texts]


def _cell(row: Row, column: str) -> Text:
    return Text(cut(value_text(row[column]), _CHARACTERS))
