"""The page on serializers lists what there is."""

from __future__ import annotations

import re

from artigraph_neo4j.serializer.msgpack import MARKS
from artigraph_neo4j.serializer.msgpack_leaves import LEAVES
from tests.unit.serializer.table import NOTES, ON_REQUEST, PAGE, Absent, page, serializers


def rows(heading: str) -> dict[str, list[str]]:
    """The table below a header row that starts so, by the first cell."""
    lines = PAGE.read_text().split(f"\n| {heading} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {first.strip("`"): rest for first, *rest in table}


def test_the_table_of_serializers_is_that_of_the_registry() -> None:
    """If this fails: ``python -m tests.unit.serializer.table``, after a note on what is new."""
    assert serializers().keys() == NOTES.keys()
    assert page() == PAGE.read_text()


def test_what_the_table_says_in_words() -> None:
    """The registry decides what is on request: what no type and no rule leads to."""
    for name, serializer in serializers().items():
        if isinstance(serializer, Absent):
            continue
        inferred = bool(serializer.types) or name in ("json", "str", "bytes", "msgpack")
        assert (ON_REQUEST in NOTES[name].types) is not inferred, name


def test_every_code_of_msgpack_is_listed() -> None:
    leaves = {int(code): cells[0] for code, cells in rows("code | type").items()}
    assert leaves.keys() == LEAVES.keys()
    for code, leaf in LEAVES.items():
        assert re.match(f"`{leaf.type.__name__}`", leaves[code]), leaves[code]
    marks = {int(code): cells[0] for code, cells in rows("code | makes").items()}
    assert marks == MARKS
