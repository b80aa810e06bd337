"""Work of two sides at once: the next item is made while the one before is worked on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

__all__ = ["ahead"]

T = TypeVar("T")


@asynccontextmanager
async def ahead(items: AsyncIterator[T]) -> AsyncGenerator[AsyncIterator[T]]:
    """Give the same items in the same order, each begun when the one before is handed out.

    So there are two in memory, and the server reads the next one while this program writes. An
    error of ``items`` is raised where the item would have come.

    Args:
        items: The items. None of them is made after the block, nor is the one that was begun.
    """
    begun: asyncio.Task[list[T]] | None = None

    async def following() -> list[T]:
        async for item in items:
            return [item]
        return []

    async def given() -> AsyncIterator[T]:
        nonlocal begun
        begun = asyncio.create_task(following())
        while found := await begun:
            begun = asyncio.create_task(following())
            yield found[0]

    try:
        yield given()
    finally:
        if begun is not None:
            begun.cancel()
            await asyncio.gather(begun, return_exceptions=True)
