"""The tests of every storage on a second S3 server, moto."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.storage.aws import S3Storage, close_clients
from artigraph_neo4j.testing import StorageTests
from tests.services import S3Service


class TestMoto(StorageTests):
    @pytest.fixture(params=[64, 0], ids=["whole", "in parts"])
    async def storage(
        self, moto_service: S3Service, request: pytest.FixtureRequest
    ) -> AsyncIterator[S3Storage]:
        yield S3Storage(
            moto_service.bucket,
            f"tests/{new_id()}",
            endpoint_url=moto_service.endpoint,
            region_name=moto_service.region,
            access_key=moto_service.access_key,
            secret_key=moto_service.secret_key,
            multipart_threshold=request.param << 20,
        )
        await close_clients()
