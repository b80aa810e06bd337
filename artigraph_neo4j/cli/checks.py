"""Checks of ``artigraph doctor``, each with its result and advice."""

from __future__ import annotations

import asyncio
import platform
import re
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Literal
from urllib.parse import urlsplit

from packaging.markers import Marker
from packaging.requirements import Requirement

from artigraph_neo4j._version import __version__
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.common.wording import duration_text
from artigraph_neo4j.engine.configure import engine_context
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.errors import ArtigraphError, BlobNotFoundError, EngineError
from artigraph_neo4j.graph.failures import LoginError
from artigraph_neo4j.graph.settings import Settings
from artigraph_neo4j.local import LocalStack, running_stack
from artigraph_neo4j.local.java import find_java
from artigraph_neo4j.local.neo4j import PORTS
from artigraph_neo4j.local.ports import is_free
from artigraph_neo4j.local.s3 import PORTS as S3_PORTS
from artigraph_neo4j.local.stack import DEFAULT_VERSION
from artigraph_neo4j.storage.base import Storage
from artigraph_neo4j.storage.known import find_storage, how_to_name
from artigraph_neo4j.upkeep.health import count_unfinished_deletes, read_server, read_storage_names
from artigraph_neo4j.upkeep.lost import find_lost_spans, read_open_spans
from artigraph_neo4j.upkeep.schema import check_schema
from artigraph_neo4j.values.moving import asked

__all__ = ["Check", "run_checks"]

Result = Literal["ok", "warn", "fail"]

CONNECT_SECONDS = 5.0

SKEW_WARN, SKEW_FAIL = 2.0, 300.0
"""Seconds of clock skew for a warning and a failure: spans have the times of their machine."""


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check.

    Attributes:
        name: The thing that was checked.
        result: The result.
        text: The finding, in words.
        fix: The advice; empty where nothing has to be done.
    """

    name: str
    result: Result
    text: str
    fix: str = ""


async def run_checks(url: str | None) -> AsyncIterator[Check]:
    """Run all checks in turn; checks of the graph stop if it is out of reach."""
    for found in _machine():
        yield found
    with_stack = url in (None, "local")
    if with_stack:
        for found in await asyncio.to_thread(lambda: list(_stack())):
            yield found
    try:
        if url == "local" and running_stack() is None:
            raise EngineError("the local stack does not run")
        context = engine_context(None if url == "local" else url)
    except ArtigraphError as error:
        yield Check("graph", "fail", str(error), "artigraph up, or set NEO4J_URI")
        return
    async with context as engine:
        async for found in _graph(engine):
            yield found


def _machine() -> Iterator[Check]:
    yield Check("python", "ok", f"{platform.python_version()} ({sys.executable})")
    names = ("neo4j", "neomodel", "neo4j-rust-ext", "aiobotocore", "pyarrow")
    text = ", ".join(f"{name} {found}" for name in names if (found := _installed(name)))
    text = f"artigraph-neo4j {__version__}, {text}"
    wrong = [f"{name} {found}, needed is {wanted}" for name, found, wanted in _unfit_packages()]
    if wrong:
        yield Check(
            "packages", "fail", f"{text}: {'; '.join(wrong)}",
            "pip install --upgrade artigraph-neo4j",
        )  # fmt: skip
    else:
        yield Check("packages", "ok", text)


def _unfit_packages() -> Iterator[tuple[str, str, str]]:
    """Yield installed packages that this library's metadata does not allow: name, version, needed.

    A package of an extra may be missing; if it is installed, its version has to fit.
    """
    for line in metadata.requires("artigraph-neo4j") or ():
        requirement = Requirement(line)
        marker = requirement.marker
        found = _installed(requirement.name)
        always = marker is None or marker.evaluate({"extra": ""})
        fits = found is not None and requirement.specifier.contains(found, prereleases=True)
        if not fits and (always or (found and _of_an_extra(marker))):
            yield requirement.name, found or "is missing", str(requirement.specifier) or "any"


def _of_an_extra(marker: Marker | None) -> bool:
    """Tell whether a requirement applies on this system once its extra is asked for."""
    extras = metadata.metadata("artigraph-neo4j").get_all("Provides-Extra") or ()
    return marker is not None and any(marker.evaluate({"extra": extra}) for extra in extras)


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _stack() -> Iterator[Check]:
    """Check the needs of the local stack; only warn where another graph is used."""
    try:
        stack = LocalStack()
        status = stack.status()
        java = find_java(DEFAULT_VERSION)
    except ArtigraphError as error:
        yield Check("java", "warn", str(error), "only the local stack needs it; see the message")
        return
    yield Check("java", "ok", str(java))
    if status.info is not None:
        down = [server.name for server in status.servers if not server.answers]
        if down:
            yield Check(
                "stack", "fail", f"{', '.join(down)} in {status.directory} does not answer",
                "artigraph down && artigraph up",
            )  # fmt: skip
        else:
            yield Check("stack", "ok", f"runs in {status.directory}")
        return
    taken = {n: p for n, p in {**PORTS, **S3_PORTS}.items() if not is_free(p)}
    text = f"does not run in {status.directory}"
    if taken:
        ports = ", ".join(f"{port} ({name})" for name, port in taken.items())
        yield Check("stack", "ok", f"{text}; usual ports are taken: {ports}; others will be used")
    else:
        yield Check("stack", "ok", text)


async def _graph(engine: Engine) -> AsyncIterator[Check]:
    settings = await engine.settings()
    yield (found := await _port(settings))
    if found.result == "fail":
        return
    yield _credentials(settings)
    try:
        server = await read_server()
    except ArtigraphError as error:
        refused = isinstance(error, LoginError)
        yield Check(
            "connection", "fail", str(error),
            "check NEO4J_USERNAME and NEO4J_PASSWORD" if refused else "see the server's log",
        )  # fmt: skip
        return
    where = f"{settings.shown} as {settings.username or 'nobody'}"
    yield Check("connection", "ok", f"{where}, {server.seconds * 1000:.1f} ms a round trip")
    yield _server(server.version, server.edition)
    yield _clock(server.skew)
    stack = running_stack()
    yield (found := await _schema(local=stack is not None and stack.bolt_url == settings.uri))
    if found.result != "ok":
        return
    async for check in _storages(engine):
        yield check
    yield await _open_spans()
    yield await _deletes()
    yield await _search(engine)


async def _port(settings: Settings) -> Check:
    parts = urlsplit(settings.uri)
    host, port = parts.hostname or "", parts.port or 7687
    try:
        opened = asyncio.open_connection(host, port)
        _, writer = await asyncio.wait_for(opened, CONNECT_SECONDS)
    except (OSError, TimeoutError) as error:
        reason = str(error) or f"no answer in {CONNECT_SECONDS:.0f} s"
        return Check(
            "port", "fail", f"{host}:{port}: {reason}",
            "start Neo4j (artigraph up), or correct NEO4J_URI; a firewall may be between",
        )  # fmt: skip
    writer.close()
    return Check("port", "ok", f"{host}:{port} is open")


def _credentials(settings: Settings) -> Check:
    if settings.username is None or not settings.password:
        return Check(
            "credentials", "warn", "no user or no password is given",
            "set NEO4J_USERNAME and NEO4J_PASSWORD, unless the server asks for none",
        )  # fmt: skip
    return Check("credentials", "ok", f"user {settings.username}, with a password")


def _server(version: str, edition: str) -> Check:
    text = f"Neo4j {version} {edition}"
    found = re.match(r"(\d+)\.(\d+)", version)
    if found and (int(found[1]), int(found[2])) >= (5, 26):
        return Check("server", "ok", text)
    return Check("server", "fail", f"{text} is too old", "use Neo4j 5.26 LTS or later")


def _clock(skew: float) -> Check:
    text = f"the server's clock is {abs(skew):.2f} s {'ahead' if skew > 0 else 'behind'}"
    if abs(skew) < SKEW_WARN:
        return Check("clock", "ok", text)
    return Check(
        "clock", "warn" if abs(skew) < SKEW_FAIL else "fail",
        f"{text}; spans have the times of the machine that records them",
        "let both machines keep time by NTP",
    )  # fmt: skip


async def _schema(*, local: bool) -> Check:
    try:
        state = await check_schema()
    except ArtigraphError as error:
        return Check("schema", "fail", str(error), "upgrade artigraph-neo4j")
    if state.version is None and local:
        return Check("schema", "warn", "there is none yet; the first program to record makes it")
    if state.version is None:
        return Check("schema", "fail", "there is none yet", "artigraph schema install")
    if not state.is_current:
        missing = f", {len(state.missing)} indexes are missing" if state.missing else ""
        text = f"version {state.version}, needed is {state.needed}{missing}"
        return Check("schema", "fail", text, "artigraph schema upgrade")
    return Check("schema", "ok", f"version {state.version}")


async def _storages(engine: Engine) -> AsyncIterator[Check]:
    """Check the engine's storage, and all storages that the graph refers to."""
    await engine.ready()
    own = engine.storage
    names = {*await read_storage_names(), *([own.name] if own else [])}
    for name in sorted(names):
        yield await _storage(engine, name, own if own and own.name == name else None)
    if not names:
        yield Check("storage", "ok", "none is set, and the graph refers to none")


async def _storage(engine: Engine, name: str, given: Storage | None) -> Check:
    label = f"storage {name}"
    try:
        storage = given or find_storage(name)
        if storage is None:
            return Check(
                label, "warn", "not named by the environment: its values cannot be read here",
                how_to_name(name),
            )  # fmt: skip
        await asked(engine, storage, lambda: _look(storage))
    except (ArtigraphError, ImportError) as error:
        return Check(
            label, "fail", str(error),
            "check the endpoint, the bucket, and AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )  # fmt: skip
    return Check(label, "ok", "answers")


async def _look(storage: Storage) -> None:
    """Read one key, and list if the storage can: only listing fails for a missing bucket."""
    await storage.exists(storage.location_of(f"ag/{new_id()}"))
    if type(storage).list is not Storage.list:
        try:
            async for _ in storage.list(f"ag/{new_id()}"):
                break
        except BlobNotFoundError as error:
            raise ArtigraphError(f"{error}; create the bucket first") from error


async def _open_spans() -> Check:
    found = await read_open_spans()
    lost = await find_lost_spans()
    text = f"{len(found):,} open, {len(lost):,} of them lost"
    if lost:
        oldest = max(datetime.now(UTC) - item.span.opened_at for item in lost)
        text += f", the oldest opened {duration_text(oldest)} ago"
        return Check("open spans", "warn", text, "artigraph lost --close")
    return Check("open spans", "ok", text)


async def _search(engine: Engine) -> Check:
    """Check, and see to it, that full-text search finds everything."""
    unknown = await engine.index_words()
    if unknown:
        return Check(
            "search", "warn", f"may not find {unknown:,} of the nodes recorded last",
            "artigraph doctor, as a user who may write",
        )  # fmt: skip
    return Check("search", "ok", "finds everything that was recorded")


async def _deletes() -> Check:
    cut_short = await count_unfinished_deletes()
    if cut_short:
        return Check(
            "deletes", "warn", f"{cut_short:,} were cut short", "artigraph delete --resume"
        )
    return Check("deletes", "ok", "none was cut short")
