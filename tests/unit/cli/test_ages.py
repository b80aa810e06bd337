"""Ages on the command line: one grammar, on every option that takes one."""

from __future__ import annotations

from datetime import timedelta

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from artigraph_neo4j.cli.app import app
from artigraph_neo4j.cli.options import age

UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
OPTIONS = (("ls", "--since"), ("retain", "--max-age"), ("gc", "--min-age"), ("lost", "--silence"))


@given(st.lists(st.tuples(st.integers(0, 1_000), st.sampled_from(sorted(UNITS))), min_size=1))
def test_parts_add_up(parts: list[tuple[int, str]]) -> None:
    text = "".join(f"{number}{unit}" for number, unit in parts)
    seconds = sum(number * UNITS[unit] for number, unit in parts)
    if seconds > 36_500 * 86_400:
        with pytest.raises(typer.BadParameter, match="is too long"):
            age(text)
    else:
        assert age(text) == timedelta(seconds=seconds)


def test_a_part_may_be_a_fraction() -> None:
    assert age("1.5h") == age("1h30m") == timedelta(minutes=90)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "1", "d", "-1d", "1 d", "1d ", "1d\n", "1.d", ".5h", "1e3s", "1D", "\u0663d"],
)
def test_what_is_no_age(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not an age; write 30d"):
        age(text)


@pytest.mark.parametrize(("command", "option"), OPTIONS)
@pytest.mark.parametrize(
    ("text", "message"), [("soon", "is not an age"), ("9" * 400 + "w", "too long")]
)
def test_every_option_says_so(command: str, option: str, text: str, message: str) -> None:
    found = CliRunner().invoke(app, [command, option, text], env={"TERMINAL_WIDTH": "1000"})
    assert found.exit_code == 2
    assert message in found.output
