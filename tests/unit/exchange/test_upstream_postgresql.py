"""The import reads from PostgreSQL what it reads from SQLite."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from artigraph_neo4j.exchange.upstream.database import open_database
from artigraph_neo4j.exchange.upstream.tree import grow

SQLITE = Path(__file__).parents[2] / "data" / "artigraph-0.0.5" / "artigraph.db"

TABLE = """
CREATE TABLE artigraph_node (node_id SERIAL PRIMARY KEY, node_parent_id INT,
  node_type VARCHAR NOT NULL, node_created_at TIMESTAMP, node_updated_at TIMESTAMP,
  artifact_label VARCHAR, artifact_serializer VARCHAR, remote_artifact_storage VARCHAR,
  remote_artifact_location VARCHAR, database_artifact_value BYTEA, span_opened_at TIMESTAMP,
  span_closed_at TIMESTAMP, trial_note VARCHAR, trial_seed INT)
"""


@pytest.fixture
def postgresql() -> Iterator[str]:
    if not (shutil.which("initdb") and shutil.which("pg_ctl")):
        pytest.skip("there is no PostgreSQL here")
    # PostgreSQL refuses to be run by root, and the user it is run by then can't enter a TMPDIR
    # that is root's alone.
    root = os.getuid() == 0
    user = {"user": "nobody"} if root else {}
    home = Path(tempfile.mkdtemp(prefix="artigraph-pg-", dir="/tmp" if root else None))
    if user:
        shutil.chown(home, "nobody")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(*command: str) -> None:
        subprocess.run(command, check=True, cwd=home, stdout=subprocess.DEVNULL, **user)  # type: ignore[call-overload]

    run("initdb", "-D", f"{home}/data", "-A", "trust", "-U", "old")
    options = f"-p {port} -k {home} -c listen_addresses=127.0.0.1"
    run("pg_ctl", "-D", f"{home}/data", "-o", options, "-l", f"{home}/log", "-w", "start")
    try:
        yield f"postgresql+psycopg://old@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-D", f"{home}/data", "-m", "fast", "-w", "stop")
        shutil.rmtree(home)


def test_the_same_as_from_sqlite(postgresql: str) -> None:
    source = sqlite3.connect(SQLITE)
    source.row_factory = sqlite3.Row
    rows = [dict(row) for row in source.execute("SELECT * FROM artigraph_node")]
    source.close()
    engine = sa.create_engine(postgresql)
    names = list(rows[0])
    with engine.begin() as connection:
        connection.execute(sa.text(TABLE))
        marks = ", ".join(f":{name}" for name in names)
        insert = f"INSERT INTO artigraph_node ({', '.join(names)}) VALUES ({marks})"
        connection.execute(sa.text(insert), rows)
    engine.dispose()
    old = open_database(str(SQLITE))
    new = open_database(postgresql.replace("+psycopg", "+asyncpg"))  # as Artigraph had it
    try:
        expected, found = list(old.nodes()), list(new.nodes())
        ids = [node.node_id for node in expected]
        assert len(ids) == 81
        assert new.values(ids) == old.values(ids)
        assert grow(found, "").new_ids == grow(expected, "").new_ids
        assert [n.extra for n in found] == [n.extra for n in expected]
    finally:
        old.close()
        new.close()
