"""The judge of a schedule: what the graph and the storage have to hold after it, given the diaries.

It looks by plain Cypher and by reading through the library, on a connection without faults.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from artigraph_neo4j import (
    Engine,
    Storage,
    collect_garbage,
    delete_artifacts,
    delete_spans,
    import_graph,
    migrate_artifacts,
    read_annotations,
    read_revisions,
    resume_deletes,
)
from artigraph_neo4j.errors import ArtigraphError
from artigraph_neo4j.exchange.archive.lines import read_lines
from tests.faults.archive import imported_thing
from tests.faults.figures import Figure, figure
from tests.faults.history import Anomaly, History
from tests.faults.models import Thing, thing

__all__ = ["ALLOWANCE_SECONDS", "Oracle"]

ALLOWANCE_SECONDS = 20.0
"""Seconds by which a call may outlast its ``retry_seconds``, on a machine that does other work."""

_EXPLAINED = frozenset(
    {"ConnectionFailed", "StorageError", "BatchError", "TimeoutError", "CancelledError"}
)
"""Errors that follow from faults; the last two only where the caller sets a time itself."""

_AIOHTTP = re.compile(
    r"ERROR:asyncio:Task exception was never retrieved\n"
    r"future: [^\n]*ClientRequest\.write_bytes\(\).*?\n(?=[A-Z]+:[a-z]|\Z)",
    re.DOTALL,
)
"""A task of aiohttp that nobody asks for its error, when a connection ends while it sends; the
caller of the request gets an error of its own."""

_THINGS = """
MATCH (n:Thing) WHERE n.key STARTS WITH $run
OPTIONAL MATCH (n)-[f:HAS_FIELD]->(p:Part)
OPTIONAL MATCH (s:Span)-[:HAS_ARTIFACT]->(n)
RETURN n.key, n.node_id, count(DISTINCT f), collect(DISTINCT p.key), collect(DISTINCT s.label)
"""
_PARTS = "MATCH (p:Part) WHERE p.key STARTS WITH $run AND NOT ()-[:HAS_FIELD]->(p) RETURN p.key"
_FIGURES = "MATCH (n:Figure) WHERE n.key STARTS WITH $run RETURN n.key, n.node_id"
_SPANS = """
MATCH (s:Span) WHERE s.label STARTS WITH $run
OPTIONAL MATCH (p:Span)-[:PARENT_OF]->(s)
RETURN s.label, s.node_id, s.closed_at IS NOT NULL, collect(p.label)
"""
_LEFT = """
MATCH (n:Thing|Part|Figure) WHERE n.key STARTS WITH $run RETURN count(n) AS left
UNION ALL MATCH (s:Span) WHERE s.label STARTS WITH $run RETURN count(s) AS left
UNION ALL MATCH (b:Blob {storage: $storage}) RETURN count(b) AS left
"""


@dataclass
class Oracle:
    """Judges one schedule; ``judge`` fills ``anomalies``.

    Attributes:
        engine: The current engine, without faults.
        storage: The schedule's storage, without faults.
        run: The schedule's name.
        history: The diaries.
        anomalies: What must not be.
        compared: Number of values that were read and compared.
    """

    engine: Engine
    storage: Storage
    run: str
    history: History
    anomalies: list[Anomaly] = field(default_factory=list)
    compared: int = 0
    _found: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    async def judge(self) -> None:
        """Look at everything, then delete it, and look that nothing is left."""
        self.anomalies += self.history.wrong
        await resume_deletes()
        await self._look()
        self._existence()
        self._groups()
        await self._values()
        await self._figures()
        await self._annotations()
        await self._revisions()
        self._exports()
        await self._garbage()
        await self._imports()
        await self._clean_up()

    def _wrong(self, kind: str, text: object) -> None:
        self.anomalies.append(Anomaly(kind, str(text)))

    async def _rows(self, text: str, **parameters: Any) -> list[list[Any]]:
        return await self.engine.read(text, {"run": f"{self.run}/", **parameters})

    async def _look(self) -> None:
        """Read what there is, and whether it hangs where it was put."""
        attempts = self.history.attempts
        for key, node_id, links, parts, spans in await self._rows(_THINGS):
            self._found[key].append(node_id)
            attempt = attempts.get(key, {})
            parent = attempt.get("parent")
            if "imported" not in attempt and spans != ([] if parent is None else [parent]):
                self._wrong("misplaced", f"artifact {key} is in {spans}, not in {parent}")
            if links != len(parts) or any(part != key for part in parts):
                self._wrong("half written", f"artifact {key} has parts {parts}")
        for (key,) in await self._rows(_PARTS):
            self._wrong("half written", f"part of {key} without its artifact")
        for label, node_id, closed, parents in await self._rows(_SPANS):
            self._found[label].append(node_id)
            parent = attempts.get(label, {}).get("parent")
            if parents != ([] if parent is None else [parent]):
                self._wrong("misplaced", f"span {label} is below {parents}, not {parent}")
            if label in self.history.closed and not closed:
                self._wrong("undone", f"the end of span {label} was acknowledged; it is open")
        for key, node_id in await self._rows(_FIGURES):
            self._found[key].append(node_id)

    def _existence(self) -> None:
        """Acknowledged is a subset of stored, once; stored is a subset of attempted."""
        history = self.history
        for key, ids in self._found.items():
            if key not in history.attempts:
                self._wrong("never attempted", f"{key}: {ids}")
            if len(ids) > 1:
                self._wrong("doubled", f"{key}: {ids}")
            if key in history.deleted:
                self._wrong("deletion undone", f"{key}: {ids}")
            if history.stored.get(key, ids[0]) not in ("", ids[0]):
                self._wrong("doubled", f"{key} has id {ids}, not {history.stored[key]}")
        for key in history.stored:
            if key not in self._found and key not in history.deleting:
                self._wrong("lost", f"{key} ({history.stored[key]}) was acknowledged")
        stored = {node_id: key for key, ids in self._found.items() for node_id in ids}
        for kind, node_id in history.lost:
            if kind != "end of span" and node_id in stored:
                self._wrong("not lost", f"{kind} {stored[node_id]} was said to be lost")

    def _groups(self) -> None:
        """What is written or deleted as a whole is there as a whole or not at all."""
        groups: dict[str, list[str]] = defaultdict(list)
        for key, attempt in self.history.attempts.items():
            if attempt.get("group") is not None:
                groups[attempt["group"]].append(key)
        for name, keys in groups.items():
            there = [key for key in keys if key in self._found]
            if there and len(there) < len(keys):
                self._wrong("half written", f"{len(there)} of {len(keys)} of {name}")
        for keys in self.history.together:
            there = [key for key in keys if key in self._found]
            if there and len(there) < len(keys):
                self._wrong("half deleted", f"{len(there)} of {len(keys)} of {keys[0]}")

    async def _values(self) -> None:
        """Everything that is there can be read, and is equal to what was given."""
        limit = asyncio.Semaphore(12)

        async def look(key: str, node_id: str) -> None:
            attempt = self.history.attempts[key]
            template = attempt.get("imported")
            wanted = thing(key) if template is None else imported_thing(key, template)
            async with limit:
                try:
                    found = await Thing.read(node_id)
                except ArtigraphError as error:
                    self._wrong("unreadable", f"{key}: {error}")
                    return
            self.compared += 1
            if found != wanted:
                self._wrong("value", f"{key}: {found!r} is not {wanted!r}")

        await asyncio.gather(
            *(
                look(key, node_id)
                for key, ids in self._found.items()
                for node_id in ids
                if self.history.attempts.get(key, {}).get("kind") == "artifact"
            )
        )

    async def _figures(self) -> None:
        """Migrated or not, a figure reads the same; and once more when all are migrated."""
        keys = [k for k, v in self.history.attempts.items() if v["kind"] == "figure"]
        if not keys:
            return
        for _ in range(2):
            for key in filter(self._found.__contains__, keys):
                found = await Figure.read(self._found[key][0])
                self.compared += 1
                if found != figure(key):
                    self._wrong("value", f"{key}: {found!r} is not {figure(key)!r}")
            report = await migrate_artifacts(Figure)
            if report.failed:
                self._wrong("unreadable", f"migration failed: {report.failures[0]}")

    async def _annotations(self) -> None:
        for key, node_id in self.history.tagged.items():
            if key not in self._found:
                continue
            found = await read_annotations(node_id)
            if found.tags != frozenset({"good", "kept"}):
                self._wrong("undone", f"tags of {key} are {found.tags}")
            if key in self.history.noted and found.note != f"a note on {key}":
                self._wrong("undone", f"the note on {key} is {found.note!r}")

    async def _revisions(self) -> None:
        for old, new in self.history.revised:
            if new in self._found:
                versions = await read_revisions(self._found[new][0])
                if versions != [thing(new), thing(old)]:
                    self._wrong("undone", f"revisions of {old}: {versions!r}")

    def _exports(self) -> None:
        """A file is what was there before, or whole; whole where that was acknowledged."""
        for path, acknowledged in self.history.exports.items():
            if not acknowledged and Path(path).read_text() == "what was there before\n":
                continue
            try:
                kinds = [line.get("kind") for _, line in read_lines(Path(path))]
            except ArtigraphError as error:
                self._wrong("half written", f"export {path}: {error}")
                continue
            if (kinds.count("span"), kinds.count("artifact"), kinds[-1]) != (1, 2, "end"):
                self._wrong("half written", f"export {path}: {kinds}")

    async def _imports(self) -> None:
        """To import once more makes an import whole that was cut, and never doubles anything."""
        for path in self.history.imports:
            await import_graph(path)
        imported = [k for k, v in self.history.attempts.items() if "imported" in v]
        rows = await self._rows(_THINGS)
        counts = [key for key, *_ in rows]
        for key in imported:
            if counts.count(key) != 1:
                self._wrong("doubled", f"{key} is there {counts.count(key)} times after imports")

    async def _garbage(self) -> None:
        """Nothing that is needed is missing; what is not needed is what gc finds, and deletes."""
        for report in await self._collected():
            for reference in report.dangling_examples:
                self._wrong("collected what was needed", reference)
            if report.unowned:
                self._wrong("half written", f"blob without an artifact: {report.unowned_examples}")

    async def _collected(self) -> list[Any]:
        return await collect_garbage(self.storage, dry_run=False, min_age=timedelta(0))

    async def _clean_up(self) -> None:
        roots = [node_id for _, node_id, _, parents in await self._rows(_SPANS) if parents == []]
        if roots:
            await delete_spans(*roots)
        loose = [row[1] for row in await self._rows(_THINGS)]
        loose += [row[1] for row in await self._rows(_FIGURES)]
        if loose:
            await delete_artifacts(*loose)
        left = await self._rows(_LEFT, storage=self.storage.name)
        if any(count for (count,) in left):
            self._wrong("left behind", f"nodes {left} after all was deleted")
        await self._collected()
        names = [name async for name in _names(self.engine, self.storage)]
        if [name for name in names if not name.endswith("graph.json")]:
            self._wrong("left behind", f"objects {names[:5]} after all was collected")

    # -- without the graph ---------------------------------------------------------------------

    def waits(self, retry_seconds: dict[int, float], asleep: dict[int, Any]) -> None:
        """Nobody waits for longer than its deadline and the allowance."""
        for call in self.history.calls:
            if call.name not in _BOUNDED:
                continue
            limit = retry_seconds[call.program] + ALLOWANCE_SECONDS
            # A batch may wait as long again after each value stored and each statement answered.
            in_batch = call.name.endswith("batch")
            took = call.seconds(asleep.get(call.program, []), since_moved=in_batch)
            if took > limit:
                self._wrong("waited", f"{call.name} took {took:.1f} s, at most {limit} are allowed")

    def errors(self) -> None:
        """Callers get the errors that the faults explain, and no others."""
        for call in self.history.calls:
            if call.error is None or _EXPLAINED.intersection(call.kinds):
                continue
            if "NotFoundError" in call.kinds and call.name in ("delete of another's", "read"):
                continue  # somebody else was faster; what is read is judged by its reader
            self._wrong("error", f"{call.name}: {call.error}")

    def output(self, texts: Iterator[tuple[str, str]], secrets: list[str]) -> None:
        """No secret is shown, and nothing goes wrong that no caller is told of."""
        for name, text in texts:
            for secret in secrets:
                if secret and secret in text:
                    self._wrong("secret", f"in {name}")
            noise = _AIOHTTP.sub("", text)
            for sign in ("Traceback", "never retrieved", "Fatal Python error"):
                if sign in noise:
                    start = noise.index(sign)
                    self._wrong("noise", f"{name}: {noise[max(0, start - 300) : start + 1500]}")
                    break


_BOUNDED = frozenset(
    {
        *("create", "create in span", "create several", "open span", "close span"),
        *("open in batch", "record in batch", "close in batch", "end of batch"),
        *("read", "tag", "note", "revise"),
    }
)
"""Calls that one deadline bounds; others send several statements, and each has its own."""


async def _names(engine: Engine, storage: Storage) -> AsyncIterator[str]:
    async def work() -> list[str]:
        return [item.location async for item in storage.list("ag/")]

    for name in await engine.call(work):
        yield name
