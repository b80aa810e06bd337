"""A second S3 server, and storages on services."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.s3_servers import EVERYTHING, MotoServer
from tests.services import S3Service


@pytest.fixture(scope="package")
def moto() -> Iterator[MotoServer]:
    with MotoServer.running() as server:
        yield server


@pytest.fixture(scope="package")
def moto_service(moto: MotoServer) -> S3Service:
    """The second service, for a user who may do everything."""
    return moto.user("everything", EVERYTHING)
