"""The program that tests start, and kill, while it upgrades: ``python -m tests.layout.upgrading``.

Says a line for every batch, of ten nodes, and waits a little after each.
"""

from __future__ import annotations

import asyncio
import time

from artigraph_neo4j import engine_context, upgrade_schema
from artigraph_neo4j.upkeep import upgrade


def _say(done: int, total: int) -> None:
    print(done, total, flush=True)
    time.sleep(0.2)


async def main() -> None:
    upgrade.BATCH = 10
    upgrade.LEASE_SECONDS = 4.0
    with engine_context():
        print("was", await upgrade_schema(progress=_say), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
