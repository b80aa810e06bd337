"""The check that every statement was sent to both versions can fail, and says what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import statements
from tests.statements import constants, main, missing, one_line, pieces

PART = "UNWIND $rows AS r MATCH (p:ArtigraphNode {node_id: r[0]})"
KNOWN = {"MATCH (a) RETURN a": "room.A", PART: "room.PART"}
WHOLE = "MATCH (a)\n  RETURN a\n"
MADE = (
    PART.replace("MATCH", "\n MATCH")
    + "\nMATCH (n:`Fit`) WHERE n.`x` > $p3 AND n.`y` IS NULL\nRETURN n LIMIT 7"
)


def test_the_library_has_constants_of_every_kind() -> None:
    places = set(constants().values())
    for name in ("cypher.read.SPAN_BY_ID", "cypher.write._CHECKS", "schema._STATEMENTS"):
        assert f"artigraph_neo4j.graph.{name}" in places
    assert len(places) > 80


def test_all_was_sent() -> None:
    assert missing(KNOWN, [WHOLE, MADE], [MADE, WHOLE]) == ({}, {}, {})


def test_names_and_numbers_make_no_difference() -> None:
    other = MADE.replace("Fit", "Load`` it").replace("$p3", "$p0").replace("7", "100")
    other = other.replace("n.", "x12.").replace("(n:", "(x12:").replace("RETURN n", "RETURN x12")
    assert pieces(other) == pieces(MADE)


def test_what_no_test_sends_is_named() -> None:
    never, not_lts, new = missing(KNOWN, [WHOLE], [WHOLE])
    assert (never, not_lts, new) == ({PART: "room.PART"}, {}, {})


def test_what_only_the_newest_version_was_sent_is_named() -> None:
    never, not_lts, new = missing(KNOWN, [WHOLE, MADE], [WHOLE])
    assert (never, not_lts) == ({}, {PART: "room.PART"})
    assert {"n.`name` > $p", "n.`name` IS NULL"} <= set(new)


def test_what_tests_ask_does_not_count() -> None:
    asked = "MATCH (s:Span) WHERE s.label CONTAINS $text RETURN s"
    assert missing(KNOWN, [WHOLE, MADE, asked], [WHOLE, MADE]) == ({}, {}, {})
    index = "CREATE INDEX artigraph_field_1f IF NOT EXISTS FOR (n:`A`) ON (n.`x`)"
    *_, new = missing(KNOWN, [WHOLE, MADE, index], [WHOLE, MADE])
    assert set(new.values()) == {index}


def test_a_new_operator_is_a_piece_of_its_own() -> None:
    changed = MADE.replace("> $p3", ">= $p3")
    *_, new = missing(KNOWN, [WHOLE, MADE, changed], [WHOLE, MADE])
    assert new == {"n.`name` >= $p": changed}


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(statements, "constants", lambda: KNOWN)
    newest, lts = tmp_path / "newest.json", tmp_path / "lts.json"
    newest.write_text(json.dumps([WHOLE, MADE]))
    lts.write_text(json.dumps([WHOLE, MADE]))
    assert main([str(newest), "--lts", str(lts)]) == 0
    lts.write_text(json.dumps([WHOLE]))
    assert main([str(newest), str(newest), "--lts", str(lts)]) == 1
    said = capsys.readouterr().out
    assert "NOT SENT to the LTS version: room.PART" in said
    assert one_line(MADE) in said
