"""Cache of calls: the key of a call, the results of an earlier one, and reasons for a miss."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import json
import textwrap
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.errors import (
    MigrationError,
    NotFoundError,
    SerializationError,
    SpanError,
    StorageError,
    UnknownModelError,
)
from artigraph_neo4j.graph.cypher import cache as cypher
from artigraph_neo4j.model.encode import encode
from artigraph_neo4j.model.fields import artifact_field
from artigraph_neo4j.model.pending import Pending
from artigraph_neo4j.recording import objects
from artigraph_neo4j.recording.artifact_model import ArtifactModel
from artigraph_neo4j.recording.links import link_artifact
from artigraph_neo4j.recording.span_artifacts import create_span_artifact
from artigraph_neo4j.recording.used import record_used
from artigraph_neo4j.storage.known import find_storage

__all__ = ["Cache", "CallKey", "Memory", "Miss", "differing", "explain"]


@dataclass(frozen=True, slots=True)
class Cache:
    """Settings of the cache of a function; ``spanned(cache=True)`` is ``Cache()``.

    Attributes:
        version: A value that changes when the function changes its results. By default it is the
            function's source text; code that it calls, and data outside it, are never looked at.
        ignore: Names of arguments that do not change the result.
    """

    version: str | int | None = None
    ignore: Collection[str] = field(default=())


@dataclass
class CallKey(ArtifactModel, version=1):
    """The key of a call, recorded in its span once the call returned artifacts.

    Attributes:
        parts: JSON: a digest for each argument by name, and for ``version``.
        results: JSON: the labels of the artifacts that it returned, or null for one artifact.
        key: SHA-256 of the function's name, its version or source, and the arguments.
        function: Module and qualified name.
        result: The label of that one artifact.
        cached_from: Id of the span whose results it shares; None where the function ran.
    """

    parts: str
    results: str
    key: str = artifact_field(indexed=True)
    function: str = artifact_field(indexed=True)
    result: str | None = None
    cached_from: str | None = None


@dataclass(frozen=True, slots=True)
class Miss:
    """The reason why a call is not in the cache.

    Attributes:
        reason: ``"never called"``; ``"failed"``: a call with this key ended with an error;
            ``"results gone"``: an artifact or its bytes no longer exist; ``"differs"``: only calls
            with other arguments are cached; or ``"hit"``: the call is cached.
        span: Id of the span of the nearest call, None where there was none.
        differs: Names of arguments that differ from that call's, ``"version"`` for the function
            itself.
    """

    reason: str
    span: str | None = None
    differs: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f" (span {self.span})" if self.span else ""
        differs = f": {', '.join(self.differs)}" if self.differs else ""
        return f"{self.reason}{differs}{where}"


@dataclass(frozen=True, slots=True)
class Memory:
    """The cache of one function's calls, in the graph.

    Attributes:
        name: Module and qualified name.
        version: Digest of its version or source.
        ignore: Names of arguments that do not change the result.
        result: The label that one returned artifact has.
    """

    name: str
    version: str
    ignore: frozenset[str]
    result: str

    @classmethod
    def of(cls, function: Callable[..., Any], cache: Cache, result: str | None) -> Memory:
        """Make the memory of a function.

        Raises:
            SpanError: The function's results are not recorded, its source is not known, or
                ``ignore`` names something that is not an argument.
        """
        name = f"{function.__module__}.{function.__qualname__}"
        if result is None:
            raise SpanError(f"{name}: cache needs results that are recorded; leave result as it is")
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise SpanError(f"{name}: the calls of a generator cannot be cached")
        known = inspect.signature(function).parameters
        for ignored in cache.ignore:
            if ignored not in known:
                raise SpanError(f"{name} has no argument {ignored!r}; it has {', '.join(known)}")
        if cache.version is not None:
            text = f"{type(cache.version).__name__}:{cache.version}"
        else:
            try:
                text = textwrap.dedent(inspect.getsource(function))
            except (OSError, TypeError) as error:
                raise SpanError(
                    f"{name}: its source is not known, so nobody could tell when it changes; say "
                    "so yourself: cache=Cache(version=1)"
                ) from error
        version = hashlib.sha256(text.encode()).hexdigest()
        return cls(name, version, frozenset({"self", "cls", *cache.ignore}), result)

    def parts(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Compute a digest of each argument, and of the function itself.

        Raises:
            SerializationError: An argument cannot be serialized, so it cannot be compared.
        """
        found = {"version": self.version}
        for name, value in values.items():
            if name not in self.ignore:
                try:
                    found[f"{name}="] = _digest(value)
                except SerializationError as error:
                    raise SerializationError(
                        f"{self.name}: argument {name!r} cannot be part of a cache key: {error}; "
                        f"if it does not change the result, cache=Cache(ignore=[{name!r}])"
                    ) from error
        return found

    def key(self, parts: Mapping[str, str]) -> str:
        """Compute the key of a call from its parts."""
        told = json.dumps([self.name, sorted(parts.items())])
        return hashlib.sha256(told.encode()).hexdigest()

    async def recall(self, parts: Mapping[str, str]) -> tuple[bool, Any]:
        """Look up the results of an earlier call, and share them with the current span.

        Returns:
            Whether there are cached results, and the results.
        """
        key = self.key(parts)
        engine = get_engine()
        for told, span, rows in await engine.ask(cypher.RESULTS_OF, {"key": key}):
            found = await _whole(engine, told, rows)
            if found is None:
                continue
            for label, artifact_id, _ in found:
                await link_artifact("current", artifact_id, label=label)
            origin = told.get("cached_from") or span
            await self._note(parts, json.loads(told["results"]), told.get("result"), origin)
            if json.loads(told["results"]) is None:
                return True, found[0][2]
            return True, {label: artifact for label, _, artifact in found}
        return False, None

    async def remember(self, parts: Mapping[str, str], value: Any) -> None:
        """Record the key of a call in the current span, if it returned artifacts."""
        if isinstance(value, ArtifactModel):
            await self._note(parts, None, self.result, None)
        elif isinstance(value, dict):
            values = cast("dict[str, object]", value)
            if values and all(isinstance(item, ArtifactModel) for item in values.values()):
                await self._note(parts, list(values), None, None)

    async def _note(
        self,
        parts: Mapping[str, str],
        labels: list[str] | None,
        result: str | None,
        origin: str | None,
    ) -> None:
        key = CallKey(
            key=self.key(parts),
            function=self.name,
            parts=json.dumps(dict(sorted(parts.items()))),
            results=json.dumps(labels),
            result=result,
            cached_from=origin,
        )
        await create_span_artifact("current", label="cache key", data=key)


async def explain(memory: Memory, values: Mapping[str, Any]) -> Miss:
    """Tell why a call is, or is not, in the cache. Two round trips."""
    parts = memory.parts(values)
    key = memory.key(parts)
    engine = get_engine()
    rows = await engine.ask(cypher.RESULTS_OF, {"key": key})
    for told, span, found in rows:
        if await _whole(engine, told, found) is not None:
            return Miss("hit", told.get("cached_from") or span)
    if rows:
        return Miss("results gone", rows[0][1])
    calls = await engine.ask(cypher.CALLS_OF, {"function": memory.name})
    nearest: Miss | None = None
    for span, _, other, told in calls:
        if other == key:
            return Miss("failed", span)
        differs = differing(parts, json.loads(told))
        if nearest is None or len(differs) < len(nearest.differs):
            nearest = Miss("differs", span, differs)
    return nearest or Miss("never called")


def differing(parts: Mapping[str, str], theirs: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of arguments that differ between the parts of two keys, in order."""
    return tuple(
        sorted(
            name.removesuffix("=")
            for name in {*parts, *theirs}
            if parts.get(name) != theirs.get(name)
        )
    )


async def _whole(
    engine: Engine, told: Mapping[str, Any], rows: list[list[Any]]
) -> list[tuple[str, str, Any]] | None:
    """Read labels, ids and artifacts of a call's results in order; None if one is missing."""
    labels = json.loads(told["results"])
    wanted: list[Any] = [told.get("result")] if labels is None else labels
    by_label = {label: (span, label, nodes) for span, label, nodes in rows}
    if any(label not in by_label for label in wanted):
        return None
    chosen = [list(by_label[label]) for label in wanted]
    blobs = [blob for _, _, nodes in chosen for node in nodes for blob in node[2]]
    if not all(await asyncio.gather(*(_is_there(engine, *blob[1:3]) for blob in blobs))):
        return None
    try:
        with record_used(False):
            found = await objects.from_rows(chosen, ArtifactModel)
    except (StorageError, NotFoundError, UnknownModelError, MigrationError):
        return None
    ids = [nodes[0][0]["node_id"] for _, _, nodes in chosen]
    return [(label, i, item) for label, i, (_, item) in zip(wanted, ids, found, strict=True)]


async def _is_there(engine: Engine, name: str, location: str) -> bool:
    own = engine.storage
    storage = own if own is not None and own.name == name else find_storage(name)
    if storage is None:
        return False
    return await engine.call(lambda: storage.exists(location))


@dataclass
class _Argument(ArtifactModel, version=1, name="ArtigraphCacheArgument", strict=False):
    """A model that encodes one argument as an artifact's field; it is never recorded."""

    value: Any


def _digest(value: Any) -> str:
    """Compute the digest of an argument: its nested models, values, bytes and their types."""
    encoded = encode([_Argument(value)], inline_bytes=None)
    places = {encoded.roots[0].node_id: ""}
    for parent, child, path in encoded.links:
        places[child] = f"{places[parent]}/{path}"
    told: list[Any] = []
    for node in encoded.nodes:
        info = node.plan.info
        entries = sorted((name, how) for name, how in node.entries.items())
        values = sorted((name, _told(item)) for name, item in node.properties.items())
        told.append([places[node.node_id], info.name, info.version, entries, values])
    told += [
        [places[item.node.node_id], item.field.name, item.serializer, _bytes_of(item)]
        for item in encoded.pending
    ]
    told.sort(key=str)
    return hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()


def _told(value: Any) -> str:
    return f"{type(value).__name__}:{value!r}"


def _bytes_of(item: Pending) -> str:
    if item.reference is not None:
        return item.reference.digest
    return hashlib.sha256(item.serialized()).hexdigest()
