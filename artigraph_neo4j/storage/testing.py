"""The tests that every storage has to pass."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import BlobNotFoundError, StorageError
from artigraph_neo4j.storage.base import Storage, StoredBytes, blob_key, slices
from artigraph_neo4j.storage.known import find_storage

__all__ = ["StorageTests"]

_CLOCKS_DIFFER = timedelta(minutes=5)


@pytest.mark.asyncio
class StorageTests:
    """Tests for a storage: subclass it, with a fixture ``storage`` that returns the storage.

    They need ``pytest-asyncio``. Tests do not delete all that they store, so give each of them an
    empty storage.
    """

    async def test_what_was_created_is_read(self, storage: Storage) -> None:
        location = await storage.create(b"content")
        assert type(location) is str
        assert await storage.read(location) == b"content"
        assert await storage.exists(location)

    @pytest.mark.parametrize("size", [0, 1, 65_536, 1_048_577])
    async def test_any_size_comes_back_as_bytes(self, storage: Storage, size: int) -> None:
        data = os.urandom(size)
        found = await storage.read(await storage.create(data))
        assert type(found) is bytes
        assert found == data

    async def test_equal_content_has_places_of_its_own(self, storage: Storage) -> None:
        first, second = await storage.create(b"same"), await storage.create(b"same")
        await storage.delete(first)
        assert await storage.read(second) == b"same"

    async def test_update_replaces(self, storage: Storage) -> None:
        location = await storage.create(b"old")
        await storage.update(location, b"new")
        assert await storage.read(location) == b"new"

    async def test_update_of_what_is_missing(self, storage: Storage) -> None:
        location = await storage.create(b"gone")
        await storage.delete(location)
        with pytest.raises(BlobNotFoundError):
            await storage.update(location, b"new")
        assert not await storage.exists(location)

    async def test_delete(self, storage: Storage) -> None:
        location = await storage.create(b"gone")
        await storage.delete(location)
        assert not await storage.exists(location)
        with pytest.raises(BlobNotFoundError):
            await storage.read(location)
        await storage.delete(location)  # a second time is not an error

    async def test_size(self, storage: Storage) -> None:
        for data in (b"", b"content", os.urandom(100_000)):
            assert await storage.size(await storage.create(data)) == len(data)

    async def test_size_of_what_is_missing(self, storage: Storage) -> None:
        location = await storage.create(b"gone")
        await storage.delete(location)
        assert await storage.size(location) is None
        assert not await storage.holds(location, size=4, digest=sha256(b"gone").hexdigest())

    async def test_what_is_held_is_told_from_what_is_damaged(self, storage: Storage) -> None:
        data, key = b"content", blob_key(b"content")
        location = await storage.put(data, key=key)
        digest = sha256(data).hexdigest()
        assert await storage.holds(location, size=len(data), digest=digest)
        for damaged in (b"", b"conten", b"content!"):
            await storage.update(location, damaged)
            assert not await storage.holds(location, size=len(data), digest=digest)

    async def test_put_under_a_key(self, storage: Storage) -> None:
        location = await storage.put(b"content", key=f"ag/graph/{new_id()}")
        assert await storage.read(location) == b"content"

    async def test_put_again_is_no_error(self, storage: Storage) -> None:
        """A write whose answer was lost is repeated."""
        key = blob_key(b"content")
        first = await storage.put(b"content", key=key)
        second = await storage.put(b"content", key=key)
        assert await storage.read(first) == await storage.read(second) == b"content"

    async def test_odd_keys(self, storage: Storage) -> None:
        for odd in ("a b+c%20", "ü/日本", "a..b", "?x=1&y#z", "~'\"!*()"):
            location = await storage.put(odd.encode(), key=f"{new_id()}/{odd}")
            assert await storage.read(location) == odd.encode()
            assert await storage.exists(location)
            await storage.delete(location)
            assert not await storage.exists(location)

    async def test_streams(self, storage: Storage) -> None:
        data = os.urandom(3_000_000)
        location = await storage.put_stream(slices(data, 700_001), key=f"stream/{new_id()}")
        assert b"".join([chunk async for chunk in storage.stream(location)]) == data
        assert await storage.read(location) == data

    async def test_stream_of_nothing(self, storage: Storage) -> None:
        location = await storage.put_stream(slices(b"", 1), key=f"stream/{new_id()}")
        assert await storage.read(location) == b""

    async def test_stream_that_fails_leaves_nothing(self, storage: Storage) -> None:
        async def failing() -> AsyncIterator[bytes]:
            yield b"first"
            raise RuntimeError("the source failed")

        key = f"stream/{new_id()}"
        with pytest.raises(RuntimeError, match="the source failed"):
            await storage.put_stream(failing(), key=key)
        assert [found async for found in _listed(storage, key)] == []

    async def test_stream_of_what_is_missing(self, storage: Storage) -> None:
        location = await storage.create(b"gone")
        await storage.delete(location)
        with pytest.raises(BlobNotFoundError):
            async for _ in storage.stream(location):
                pass

    async def test_ranges(self, storage: Storage) -> None:
        data = os.urandom(300_000)
        location = await storage.put(data, key=f"range/{new_id()}")
        size = len(data)
        for start, stop in (
            (0, size), (0, 1), (size - 1, size), (99_999, 200_001), (7, 7), (9, 3),
            (size - 5, size + 100), (size, size + 1), (size + 10, size + 20),
        ):  # fmt: skip
            found = await storage.read_range(location, start, stop)
            assert type(found) is bytes
            assert found == data[start : max(start, stop)], (start, stop)

    async def test_range_of_what_is_missing(self, storage: Storage) -> None:
        location = await storage.create(b"gone")
        await storage.delete(location)
        with pytest.raises(BlobNotFoundError):
            await storage.read_range(location, 0, 1)

    async def test_list(self, storage: Storage) -> None:
        folder = f"ag/{new_id()}"
        try:
            assert [found async for found in storage.list(f"{folder}/")] == []
        except StorageError:
            pytest.skip("this storage cannot list")
        ours = [await storage.put(b"x" * n, key=f"{folder}/{n}/{new_id()}") for n in range(5)]
        await storage.put(b"other", key=f"{folder}-other/{new_id()}")
        found = {item.location: item async for item in storage.list(f"{folder}/")}
        assert sorted(found) == sorted(ours)
        assert sorted(item.size for item in found.values()) == [0, 1, 2, 3, 4]
        for item in found.values():
            assert abs(datetime.now(UTC) - item.modified) < _CLOCKS_DIFFER
        assert {item.location async for item in storage.list()} >= set(ours)
        assert [item.location async for item in storage.list(f"{folder}/3/")] == [ours[3]]

    async def test_list_more_than_a_page(self, storage: Storage) -> None:
        """S3 lists 1,000 at a time."""
        folder = f"ag/{new_id()}"
        try:
            assert [found async for found in storage.list(f"{folder}/")] == []
        except StorageError:
            pytest.skip("this storage cannot list")
        keys = [f"{folder}/{number:04}" for number in range(2100)]
        ours: list[str] = []
        for start in range(0, len(keys), 100):
            puts = (storage.put(b"", key=key) for key in keys[start : start + 100])
            ours += await asyncio.gather(*puts)
        found = [item.location async for item in storage.list(f"{folder}/")]
        assert sorted(found) == sorted(ours)
        assert len([item async for item in storage.list(f"{folder}/1")]) == 1000
        seen = 0
        async for item in storage.list(f"{folder}/"):  # deleting during the listing is allowed
            await storage.delete_many([item.location])
            seen += 1
        assert seen == len(ours)
        assert [item async for item in storage.list(f"{folder}/")] == []

    async def test_delete_many(self, storage: Storage) -> None:
        locations = [await storage.create(b"gone") for _ in range(5)]
        kept = await storage.create(b"kept")
        await storage.delete(locations[0])
        await storage.delete_many(locations)
        assert not any([await storage.exists(location) for location in locations])
        await storage.delete_many([])
        assert await storage.read(kept) == b"kept"

    async def test_many_at_once(self, storage: Storage) -> None:
        values = [os.urandom(1000) for _ in range(64)]
        locations = await asyncio.gather(*map(storage.create, values))
        assert len(set(locations)) == len(values)
        assert await asyncio.gather(*map(storage.read, locations)) == values

    async def test_has_a_name_by_which_it_is_found(self, storage: Storage) -> None:
        assert type(storage.name) is str
        assert storage.name
        assert find_storage(storage.name) is not None

    async def test_what_was_closed_opens_again(self, storage: Storage) -> None:
        location = await storage.create(b"content")
        await storage.aclose()
        assert await storage.read(location) == b"content"


async def _listed(storage: Storage, prefix: str) -> AsyncIterator[StoredBytes]:
    """Yield the listed objects, or none if the storage cannot list."""
    try:
        async for found in storage.list(prefix):
            yield found
    except StorageError:
        return
