"""The next item is made while the one before is worked on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from artigraph_neo4j.common.ahead import ahead


class Source:
    """Numbers, with notes of which were begun."""

    def __init__(self, count: int, broken: int | None = None) -> None:
        self.begun: list[int] = []
        self.cancelled = False
        self._count = count
        self._broken = broken

    async def __call__(self) -> AsyncIterator[int]:
        for number in range(self._count):
            self.begun.append(number)
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                self.cancelled = True
                raise
            if number == self._broken:
                raise ValueError(number)
            yield number


@pytest.mark.parametrize("count", [0, 1, 2, 5])
async def test_the_same_items_in_the_same_order(count: int) -> None:
    async with ahead(Source(count)()) as items:
        assert [item async for item in items] == list(range(count))


async def test_one_is_begun_while_another_is_worked_on_and_no_more() -> None:
    source = Source(5)
    async with ahead(source()) as items:
        async for item in items:
            await asyncio.sleep(0.05)
            assert source.begun == list(range(min(item + 2, 5)))


async def test_an_error_comes_where_its_item_would() -> None:
    source, seen = Source(5, broken=2), []
    with pytest.raises(ValueError, match="2"):
        async with ahead(source()) as items:
            async for item in items:
                await asyncio.sleep(0.03)  # by then the next one has failed
                seen.append(item)
    assert seen == [0, 1]


async def test_what_was_begun_ends_with_the_block() -> None:
    source = Source(5)
    with pytest.raises(RuntimeError, match="enough"):
        async with ahead(source()) as items:
            async for _ in items:
                await asyncio.sleep(0)
                raise RuntimeError("enough")
    assert (source.begun, source.cancelled) == ([0, 1], True)
    assert len(asyncio.all_tasks()) == 1


async def test_an_error_that_nobody_waited_for_is_not_lost_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with ahead(Source(5, broken=1)()) as items:
        async for _ in items:
            await asyncio.sleep(0.03)
            break
    assert not caplog.records
