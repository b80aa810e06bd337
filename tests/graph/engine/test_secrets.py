"""No password, key, token or signature comes out: in messages, causes, logs, names, commands.

Each case plants a secret that can be recognised where a user may put one, and calls what can fail.
Nothing listens on port 9 of this machine, and nobody knows the user of the graph.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from artigraph_neo4j import ArtifactModel, Lazy, artifact_field, engine_context, set_engine
from artigraph_neo4j.cli.app import app
from artigraph_neo4j.engine.configure import replace_default
from artigraph_neo4j.errors import ArtigraphError
from artigraph_neo4j.storage import open_storage
from artigraph_neo4j.storage.aws import S3Storage, close_clients
from artigraph_neo4j.storage.base import Storage
from artigraph_neo4j.storage.fsspec import FsspecStorage
from artigraph_neo4j.storage.memory import MemoryStorage
from artigraph_neo4j.storage.obstore import ObstoreStorage
from artigraph_neo4j.upstream import import_artigraph
from tests.services import GraphService

SECRET = "hunter2Zq9x"
"""A word that occurs nowhere else."""

AWAY = "127.0.0.1:9"
LOGINS = (f"user:{SECRET}@", f"user:{SECRET}/more@", f"user:a@{SECRET}@", f"user:{SECRET}#b@")
"""Logins as people write them, also with characters that should have been encoded."""


def s3(**options: Any) -> Storage:
    given: dict[str, Any] = {
        "access_key": "id", "secret_key": SECRET, "endpoint_url": f"http://{AWAY}", "timeout": 2,
    }  # fmt: skip
    return S3Storage("bucket", **(given | options))


def obstore(**options: Any) -> Storage:
    given: dict[str, Any] = {"retry_config": {"max_retries": 0}, "region": "x"}
    return ObstoreStorage("s3://bucket/p", **(given | options))


def plain(url: str, **options: Any) -> Storage:
    options |= {"retry_config": {"max_retries": 0}, "client_options": {"allow_http": True}}
    return ObstoreStorage(url, **options)


STORAGES: dict[str, Callable[[], Storage]] = {
    "s3 secret key": s3,
    "s3 token": lambda: s3(session_token=SECRET),
    "s3 token of two lines": lambda: s3(session_token=f"{SECRET}\n"),
    "s3 token of another type": lambda: s3(session_token=[SECRET]),
    "s3 key of the customer": lambda: s3(put_extra_args={"SSECustomerKey": [SECRET]}),
    "s3 argument of another type": lambda: s3(put_extra_args={"Metadata": {"token": [SECRET]}}),
    "s3 endpoint without a scheme": lambda: s3(endpoint_url=f"user:{SECRET}@{AWAY}"),
    "s3 endpoint with a query": lambda: s3(endpoint_url=f"http://{AWAY}/?token={SECRET}"),
    "s3 bucket": lambda: S3Storage(f"key:{SECRET}@bucket"),
    "s3 URL": lambda: open_storage(f"s3://key:{SECRET}@bucket/prefix"),
    "s3 URL with a query": lambda: open_storage(f"s3://bucket/prefix?secret_key={SECRET}"),
    "s3 name": lambda: open_storage(f"s3:key:{SECRET}@bucket/prefix"),
    "name of nothing": lambda: open_storage(f"db:user:{SECRET}@host"),
    "fsspec options": lambda: FsspecStorage(f"ftp://{AWAY}/x", username="u", password=SECRET),
    "fsspec option that is unknown": lambda: FsspecStorage("memory://x", token=SECRET),
    "fsspec package that is missing": lambda: FsspecStorage(f"gs://bucket?token={SECRET}"),
    "fsspec signed URL": lambda: FsspecStorage(f"http://{AWAY}/x?sig={SECRET}"),
    "fsspec signed URL in memory": lambda: FsspecStorage(f"memory://x?sig={SECRET}"),
    "fsspec login in memory": lambda: FsspecStorage(f"memory://user:{SECRET}@host/x"),
    "fsspec encoded": lambda: FsspecStorage(f"ftp://user:%68{SECRET[1:]}@{AWAY}/x"),
    "fsspec chained": lambda: FsspecStorage(f"simplecache::http://user:{SECRET}@{AWAY}/x"),
    "fsspec without a host": lambda: FsspecStorage(f"http://user:{SECRET}"),
    "fsspec URL": lambda: open_storage(f"ftp://user:{SECRET}@{AWAY}/x"),
    "obstore secret key": lambda: obstore(secret_access_key=SECRET, endpoint=f"https://{AWAY}"),
    "obstore secret of another type": lambda: obstore(secret_access_key=[SECRET]),
    "obstore option that is unknown": lambda: obstore(no_such_option=SECRET),
    "obstore key of an account": lambda: plain("az://account/container", account_key=SECRET),
    "obstore SAS": lambda: plain(
        "az://account/container", sas_key=f"sv=1&sig={SECRET}", endpoint=f"http://{AWAY}"
    ),
    "obstore service account": lambda: plain(
        "gs://bucket", service_account_key=f'{{"private_key": "{SECRET}"}}'
    ),
    "obstore signed URL": lambda: plain(f"http://{AWAY}/x?sig={SECRET}"),
    "obstore proxy": lambda: obstore(client_options={"proxy_url": f"u:{SECRET}@:::"}),
    "obstore name": lambda: open_storage(f"obstore:http://user:{SECRET}@{AWAY}/x"),
}


def _with(login: str) -> dict[str, Callable[[], Storage]]:
    return {
        f"s3 endpoint {login}": lambda: s3(endpoint_url=f"http://{login}{AWAY}"),
        f"fsspec ftp {login}": lambda: FsspecStorage(f"ftp://{login}{AWAY}/x"),
        f"fsspec http {login}": lambda: FsspecStorage(f"http://{login}{AWAY}/x"),
        f"obstore http {login}": lambda: plain(f"http://{login}{AWAY}/x"),
        f"obstore endpoint {login}": lambda: obstore(
            secret_access_key="s", access_key_id="i", endpoint=f"http://{login}{AWAY}"
        ),
    }


for login in LOGINS:
    STORAGES.update(_with(login))


async def _chunks() -> AsyncIterator[bytes]:
    yield b"x"


async def _list(storage: Storage) -> list[object]:
    return [item async for item in storage.list()]


CALLS: tuple[Callable[[Storage], Awaitable[object]], ...] = (
    lambda storage: storage.create(b"x"),
    lambda storage: storage.put_stream(_chunks(), key="k"),
    lambda storage: storage.read("a/b"),
    lambda storage: storage.read_range("a/b", 0, 9),
    lambda storage: storage.size("a/b"),
    lambda storage: storage.update("a/b", b""),
    lambda storage: storage.delete_many(["a/b"]),
    lambda storage: storage.read("../b"),
    _list,
)


@dataclass
class Kept(ArtifactModel, version=1):
    data: Lazy[bytes]


class Said:
    """All that came out, to be searched."""

    def __init__(self, logs: pytest.LogCaptureFixture) -> None:
        self._logs = logs
        self.texts: list[str] = []

    def error(self, error: BaseException) -> None:
        # Without the lines of the source: those of this file have the secret.
        self.texts += _printed(error)

    def check(self) -> None:
        logged = [self._logs.handler.format(record) for record in self._logs.records]
        found = [text for text in (*self.texts, *logged) if SECRET in text]
        assert not found, found[:3]


def _printed(error: BaseException) -> list[str]:
    """The lines of a traceback that are no lines of source, with all causes."""
    trace = traceback.TracebackException.from_exception(error)
    todo, texts = [trace], list[str]()
    while todo:
        one = todo.pop()
        texts += [*one.format_exception_only(), *(one.__notes__ or ())]
        behind = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
        todo += [each for each in (behind, *(one.exceptions or ())) if each is not None]
    return texts


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Said:
    caplog.set_level(logging.DEBUG, "artigraph_neo4j")

    def at_once(*_: object) -> int:
        return 0

    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", at_once)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("AWS_ENDPOINT_URL_S3", "ARTIGRAPH_STORAGE", "ARTIGRAPH_STORAGES"):
        monkeypatch.delenv(name, raising=False)
    return Said(caplog)


@pytest.mark.parametrize("case", STORAGES)
async def test_storages(said: Said, case: str) -> None:
    try:
        storage = STORAGES[case]()
    except ArtigraphError as error:
        said.error(error)
        said.check()
        return
    said.texts += [repr(storage), storage.name, repr(vars(storage).get("_connection"))]
    for call in CALLS:
        try:
            async with asyncio.timeout(30):
                await call(storage)
        except Exception as error:
            said.error(error)
    await close_clients()
    said.check()


@pytest.mark.parametrize("case", ["s3 secret key", "fsspec signed URL", "obstore signed URL"])
async def test_values_on_their_way(said: Said, case: str, graph_service: GraphService) -> None:
    """What an artifact's write and read say, and what its object shows."""
    storage = STORAGES[case]()
    with engine_context(
        graph_service.uri, username=graph_service.username, password=graph_service.password,
        storage=storage, offload_bytes=1, retry_seconds=5.0,
    ):  # fmt: skip
        with pytest.raises(ArtigraphError) as caught:
            await Kept(Lazy(b"content")).create()
    said.error(caught.value)
    said.check()


class Signing(MemoryStorage):
    """A storage of a user, whose client quotes what it was given."""

    away = True

    async def read(self, location: str, /) -> bytes:
        raise OSError(f"403 for url: https://host/{location}?X-Amz-Signature={SECRET}")

    async def put(self, data: bytes, /, *, key: str) -> str:
        if key.endswith(".json") or not self.away:
            return await super().put(data, key=key)
        raise OSError(f"cannot reach https://user:{SECRET}@host/{key}")


async def test_clients_of_the_users_own(said: Said) -> None:
    storage = Signing("signing")

    @dataclass
    class Signed(ArtifactModel, version=1):
        data: Lazy[bytes] = artifact_field(storage=storage)

    with pytest.raises(ArtigraphError, match="could not be stored.*://…@host") as caught:
        await Signed(Lazy(b"x")).create()
    said.error(caught.value)
    storage.away = False
    found = await Signed.read(await Signed(Lazy(b"x")).create())
    with pytest.raises(ArtigraphError, match=r"could not be read.*\?…") as caught:
        await found.data.load()
    said.error(caught.value)
    said.texts += [repr(found), repr(found.data)]
    said.check()


GRAPHS: dict[str, dict[str, Any]] = {
    "only a login": {"engine": f"neo4j://user:{SECRET}"},
    "scheme": {"engine": f"http://user:{SECRET}@host"},
    "bolt with a query": {"engine": f"bolt://{AWAY}?password={SECRET}"},
    "neo4j with a query": {"engine": f"neo4j://{AWAY}?password={SECRET}"},
    "neo4j with a query twice": {"engine": f"neo4j://{AWAY}?password={SECRET}&password=b"},
    "neo4j with half a query": {"engine": f"neo4j://{AWAY}?{SECRET}"},
    "password": {"engine": f"bolt://{AWAY}", "username": "neo4j", "password": SECRET},
    "password of another type": {"engine": f"bolt://{AWAY}", "password": [SECRET]},
    "misspelt": {"engine": f"bolt://{AWAY}", "pasword": SECRET},
    "wrong place": {"engine": f"bolt://{AWAY}", "create_schema": f"bolt://user:{SECRET}@host"},
    "tuple": {"engine": ("neo4j", SECRET)},
    "storage": {"engine": f"bolt://{AWAY}", "storage": f"s3://key:{SECRET}@bucket"},
    **{f"login {login}": {"engine": f"bolt://{login}{AWAY}"} for login in LOGINS},
}


@pytest.mark.parametrize("case", GRAPHS)
async def test_graphs(said: Said, case: str) -> None:
    options = GRAPHS[case]
    before = replace_default(None)
    try:
        engine = set_engine(**cast("Any", options))
    except ArtigraphError as error:
        said.error(error)
    else:
        engine._contact.connect_seconds = 0.2
        said.texts += [repr(engine), repr(await engine.settings())]
        with engine_context(engine), pytest.raises(ArtigraphError) as caught:
            await engine.graph()
        said.error(caught.value)
        await engine.aclose()
    finally:
        replace_default(before)
    said.check()


COMMANDS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "doctor": (("doctor",), {"NEO4J_URI": f"bolt://neo4j:{SECRET}@{AWAY}"}),
    "doctor --json": (("doctor", "--json"), {"NEO4J_URI": f"neo4j://{AWAY}?x={SECRET}"}),
    "doctor, a login that ends early": (
        ("doctor", "--url", f"bolt://neo4j:{SECRET}/x@{AWAY}"), {}
    ),
    "doctor, a storage with a login": (
        ("doctor",), {"NEO4J_URI": "GRAPH", "ARTIGRAPH_STORAGE": f"s3://key:{SECRET}@bucket"}
    ),
    "doctor, a storage away": (
        ("doctor",), {
            "NEO4J_URI": "GRAPH", "ARTIGRAPH_STORAGE": "s3://bucket", "AWS_SECRET_ACCESS_KEY":
            SECRET, "AWS_ACCESS_KEY_ID": "id", "AWS_SESSION_TOKEN": SECRET,
            "AWS_ENDPOINT_URL_S3": f"http://user:{SECRET}@{AWAY}",
        }
    ),
    "doctor, a wrong password": (("doctor",), {"NEO4J_URI": "REFUSED"}),
    "ls": (("ls", "--url", "REFUSED"), {}),
    "ls --json": (("ls", "--json", "--url", "REFUSED"), {}),
    "ls, no URL of a graph": (("ls", "--url", f"http://neo4j:{SECRET}@host"), {}),
    "an argument too many": (("gc", f"s3://key:{SECRET}@bucket", "--url", "GRAPH"), {}),
    "an argument too many --json": (("gc", f"http://{AWAY}/x?sig={SECRET}", "--json"), {}),
    "import-artigraph": (("import-artigraph", f"postgresql://user:{SECRET}@{AWAY}/db"), {}),
    "import-artigraph, a login that ends early": (
        ("import-artigraph", f"postgresql://user:{SECRET}/x@{AWAY}/db"), {}
    ),
    "import-artigraph --storage": (
        ("import-artigraph", "none.db", "--storage", f"s3://key:{SECRET}@bucket"), {}
    ),
    "env": (("env", "--dir", "nothing"), {"NEO4J_PASSWORD": SECRET}),
    "status": (("status", "--dir", "nothing"), {"NEO4J_PASSWORD": SECRET}),
}  # fmt: skip


@pytest.mark.parametrize("case", COMMANDS)
def test_commands(
    said: Said, case: str, graph_service: GraphService, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, variables = COMMANDS[case]
    scheme, _, host = graph_service.uri.partition("://")
    login = f"{graph_service.username}:{graph_service.password}@"
    places = {
        "GRAPH": f"{scheme}://{login}{host}",
        "REFUSED": f"{scheme}://nobody:{SECRET}@{host}",
    }
    for name in ("NEO4J_URI", "NEO4J_USERNAME", "NEO4J_PASSWORD", "NEO4J_DATABASE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, places.get(value, value))
    done = CliRunner().invoke(app, [places.get(each, each) for each in arguments])
    assert done.exit_code != 0, done.output
    said.texts += [done.output, done.stderr]
    if done.exception is not None:
        said.error(done.exception)
    said.check()


async def test_an_old_database(said: Said) -> None:
    for url in (f"postgresql://{AWAY}/db?password={SECRET}", f"nothing://user:{SECRET}@host/db"):
        with pytest.raises(ArtigraphError) as caught:
            await import_artigraph(url)
        said.error(caught.value)
    said.check()
