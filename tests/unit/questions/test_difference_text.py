"""Differences as text: rounded, but never so that two values look the same."""

from __future__ import annotations

from typing import Any

import pytest

from artigraph_neo4j.questions.difference import CHARACTERS, Difference, RunDiff


@pytest.mark.parametrize(
    ("first", "second", "texts"),
    [
        (0.85488674, 0.93378031, ("0.8549", "0.9338")),
        (0.85488674, 0.85488675, ("0.85488674", "0.85488675")),
        (1.0, 1, ("1.0", "1")),
        (None, 3, ("", "3")),
        (b"a", b"b", ("1 bytes, SHA-256 ca978112ca1b…", "1 bytes, SHA-256 3e23e8160039…")),
        ("a\x1b[2J", "b", ("a\\x1b[2J", "b")),
    ],
)
def test_values_of_a_difference(first: Any, second: Any, texts: tuple[str, str]) -> None:
    assert Difference("property", "", "x", first, second).texts == texts


def test_long_values_are_cut_and_words_are_whole() -> None:
    found = Difference("property", "fit/fold", "name", "x" * 10_000, "<b>")
    assert len(found.texts[0]) == CHARACTERS
    html = RunDiff("1", "2", [found], None, {})._repr_html_()
    assert "&lt;b&gt;" in html
    assert len(html) < 3000
    assert 'overflow-wrap:break-word">property</td>' in html
    assert "overflow-wrap:anywhere" in html
