"""The page on serializers lists what there is."""

from __future__ import annotations

import re
from pathlib import Path

from artigraph_neo4j.serializer import find_serializer, serializer_names
from artigraph_neo4j.serializer.msgpack import MARKS
from artigraph_neo4j.serializer.msgpack_leaves import LEAVES
from artigraph_neo4j.serializer.pickle import pickle_serializer

PAGE = (Path(__file__).parents[3] / "docs" / "serializers.md").read_text()


def rows(heading: str) -> dict[str, list[str]]:
    """The table below a header row that starts so, by the first cell."""
    lines = PAGE.split(f"\n| {heading} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {first.strip("`"): rest for first, *rest in table}


def test_every_serializer_is_listed_with_its_types() -> None:
    listed = rows("name")
    for package in ("arrow", "numpy", "pandas", "polars"):
        find_serializer(package)
    known = {name: find_serializer(name) for name in serializer_names()}
    ours = {
        name: serializer
        for name, serializer in known.items()
        if type(serializer).__module__.startswith("artigraph_neo4j.")
    }
    ours[pickle_serializer.name] = pickle_serializer
    assert listed.keys() == ours.keys()
    for name, serializer in ours.items():
        assert serializer is not None
        types, form, _ = listed[name]
        for type_ in serializer.types:
            assert type_.__name__.removesuffix("Type") in types, (name, type_)
        assert ("text" in form.lower()) is serializer.text, name
        assert ("on request" in types) is (not serializer.types and name not in _INFERRED), name


_INFERRED = {"json", "str", "msgpack"}
"""Those that are inferred from more than a type."""


def test_every_code_of_msgpack_is_listed() -> None:
    leaves = {int(code): cells[0] for code, cells in rows("code | type").items()}
    assert leaves.keys() == LEAVES.keys()
    for code, leaf in LEAVES.items():
        assert re.match(f"`{leaf.type.__name__}`", leaves[code]), leaves[code]
    marks = {int(code): cells[0] for code, cells in rows("code | makes").items()}
    assert marks == MARKS
