"""Instants as Cypher writes them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from artigraph_neo4j.common.times import instant


@pytest.mark.parametrize(
    "text",
    [
        "2026-07-01T12:00:00.000005Z",
        "2026-07-01T12:00:00.000005Z[UTC]",
        "2026-07-01T14:00:00.000005+02:00[Europe/Berlin]",
        "2026-07-01T12:00:00.000005123Z[Etc/UTC]",
    ],
)
def test_a_named_zone_is_the_same_instant(text: str) -> None:
    found = instant(text)
    assert found == datetime(2026, 7, 1, 12, 0, 0, 5, UTC)
    assert found.tzinfo is UTC
