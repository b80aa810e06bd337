"""P-values: against the sum of all tables, and the properties that a correction has."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from artigraph_neo4j.questions.reach import in_order
from artigraph_neo4j.questions.significance import fisher, holm, least_p, log_odds


@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), st.integers(0, 12))
def test_fisher_counts_all_tables(a: int, b: int, more_a: int, more_b: int) -> None:
    of_a, of_b = a + more_a, b + more_b
    having = a + b
    exact = sum(
        math.comb(of_a, k) * math.comb(of_b, having - k) for k in range(a, min(having, of_a) + 1)
    ) / math.comb(of_a + of_b, having)
    assert math.isclose(fisher(a, b, of_a, of_b), exact, rel_tol=1e-9)
    assert least_p(a, b, of_a, of_b) <= fisher(a, b, of_a, of_b) * (1 + 1e-9)


@given(st.lists(st.floats(0, 1)))
def test_holm_never_lowers_and_keeps_the_order(values: list[float]) -> None:
    found = holm(values)
    assert all(c >= p for c, p in zip(found, values, strict=True))
    assert all(c <= min(1, len(values) * p) for c, p in zip(found, values, strict=True))
    pairs = sorted(zip(values, found, strict=True))
    assert [c for _, c in pairs] == sorted(found)


def test_known_values() -> None:
    assert math.isclose(fisher(3, 1, 4, 4), 17 / 70)  # the lady tasting tea
    assert holm([0.01, 0.04, 0.03]) == [0.03, 0.06, 0.06]
    assert log_odds(5, 5, 10, 10) == 0


@given(
    st.dictionaries(
        st.integers(0, 9).map(str), st.lists(st.integers(0, 9).map(str), max_size=4), max_size=10
    )
)
def test_an_order_for_any_graph(before: dict[str, list[str]]) -> None:
    order, early = in_order(before, before, int)
    assert sorted(order) == sorted(before)
    done: set[str] = set()
    for node in order:
        needed = {b for b in before[node] if b in before and b != node}
        assert (needed <= done) == (node not in early)
        done.add(node)
