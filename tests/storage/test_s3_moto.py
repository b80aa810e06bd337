"""The tests of every storage on a second S3 server, moto."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.storage.aws import S3Storage, close_clients
from artigraph_neo4j.storage.base import Storage
from artigraph_neo4j.testing import StorageTests
from tests.services import S3Service


class TestMoto(StorageTests):
    @pytest.fixture
    async def storage(self, moto_service: S3Service) -> AsyncIterator[S3Storage]:
        yield moto_service.storage(f"tests/{new_id()}")
        await close_clients()

    @pytest.fixture(autouse=True)
    def _small_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("artigraph_neo4j.storage.aws._PAGE_KEYS", 20)

    async def test_list_more_than_a_page(self, storage: Storage) -> None:
        """With pages of 20: moto takes half a minute for as much as a page of S3 has."""
        ours = sorted([await storage.put(b"", key=f"ag/page/{n:03}") for n in range(45)])
        assert sorted([item.location async for item in storage.list("ag/page/")]) == ours
        await storage.delete_many(ours)
        assert [item async for item in storage.list("ag/page/")] == []


async def test_parts(moto_service: S3Service) -> None:
    storage = moto_service.storage(f"tests/{new_id()}", multipart_threshold=0)
    data = os.urandom(17 << 20)
    location = await storage.create(data)
    assert await storage.size(location) == len(data)
    assert await storage.read(location) == data
    await close_clients()
