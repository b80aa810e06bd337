"""Groups that are bounded in several ways."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from artigraph_neo4j.common.packing import packed

COSTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30)


@given(COSTS, st.integers(0, 20), st.integers(0, 20))
def test_groups_fit_and_hold_all_in_order(
    items: list[tuple[int, int]], first: int, second: int
) -> None:
    groups = list(packed(items, lambda item: item, (first, second)))
    assert [item for group in groups for item in group] == items
    for group in groups:
        sums = [sum(costs) for costs in zip(*group, strict=True)]
        assert len(group) == 1 or (sums[0] <= first and sums[1] <= second)
    for group, after in itertools.pairwise(groups):  # none could be larger
        with_next = [sum(costs) for costs in zip(*group, after[0], strict=True)]
        assert with_next[0] > first or with_next[1] > second
