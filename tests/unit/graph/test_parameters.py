"""Parameters that travel as the entries of one map."""

from __future__ import annotations

import pytest

from artigraph_neo4j.graph.parameters import with_one_map


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("RETURN $a", "RETURN $all_.a"),
        ("MATCH (n {x: $a}) LIMIT $n2", "MATCH (n {x: $all_.a}) LIMIT $all_.n2"),
        ("RETURN $b[0], [x IN $b | x.y]", "RETURN $all_.b[0], [x IN $all_.b | x.y]"),
        ("RETURN '$a', \"$a\", `$a`, $a", "RETURN '$a', \"$a\", `$a`, $all_.a"),
        (r"RETURN '\'$a', $a", r"RETURN '\'$a', $all_.a"),
        ("RETURN `a``$a`, $a", "RETURN `a``$a`, $all_.a"),
        ("// of $a\nRETURN $a // $a", "// of $a\nRETURN $all_.a // $a"),
        ("/* $a\n$a */ RETURN $a", "/* $a\n$a */ RETURN $all_.a"),
        ("RETURN 1", "RETURN 1"),
    ],
)  # fmt: skip
def test_only_parameters_are_renamed(text: str, sent: str) -> None:
    assert with_one_map(text, {})[0] == sent


def test_the_map_is_made_when_it_is_asked_for() -> None:
    given = {"a": 1}
    _, parameters = with_one_map("RETURN $a", given)
    given["a"] = 2
    assert dict(parameters) == {"all_": {"a": 2}}
    assert len(parameters) == 1
    with pytest.raises(KeyError):
        parameters["a"]
