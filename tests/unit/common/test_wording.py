"""Numbers in words: rounded, and in columns with their points in one line."""

from __future__ import annotations

import pytest

from artigraph_neo4j.common.wording import aligned, number_text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.123456, "0.1235"), (3.0, "3.0"), (1e-05, "1e-05"), (1.5e20, "1.5e+20"), (-0.5, "-0.5"),
        (12_000, "12,000"), (9_999, "9999"), (float("nan"), "nan"), (float("-inf"), "-inf"),
    ],
)  # fmt: skip
def test_numbers_are_rounded(number: float, text: str) -> None:
    assert number_text(number) == text


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        (["0.71", "12.5", "3"], ["  0.71", " 12.5 ", "  3   "]),
        (["1e-05", "0.1", ""], ["1e-05", "0.1  ", ""]),
        (["1", "20", "12,000"], ["1", "20", "12,000"]),
        (["nan", "-0.25"], ["nan   ", "-0.25"]),
        ([], []),
    ],
)
def test_points_are_in_one_line(numbers: list[str], shown: list[str]) -> None:
    found = aligned(numbers)
    assert [text.strip() for text in found] == numbers
    assert found == [text.lstrip() for text in shown]


def test_pads_are_as_wide_as_what_they_stand_for() -> None:
    assert aligned(["7", "0.25"], digit="D", point="P") == ["7PDD", "0.25"]
    assert aligned(["0.5", "0.25"], digit="D", point="P") == ["0.5D", "0.25"]
