"""An exported tree that programs import, each a copy of its own with ids and keys of its own."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from artigraph_neo4j import create_span_artifact, delete_span, export_graph, span_context
from artigraph_neo4j.exchange.archive.totals import Totals
from artigraph_neo4j.recording.work import artifact_key
from tests.faults.models import Thing, thing

__all__ = ["Archive", "imported_thing"]

ARTIFACTS = 12
"""Artifacts of the template."""

PREFIX = "template"
"""What keys of the template begin with; in a copy it is another text of any length."""

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Archive:
    """The template: a file of JSON lines, and the directory of its stored values.

    Attributes:
        directory: Where both are.
    """

    directory: Path

    @classmethod
    async def make(cls, directory: Path) -> Archive:
        """Record a tree in the current engine's graph, export it, and delete it again."""
        directory.mkdir()  # noqa: ASYNC240 - nothing else runs
        async with span_context(label=PREFIX) as span:
            for i in range(ARTIFACTS):
                key = f"{PREFIX}/{i}"
                await create_span_artifact("current", label=key, data=thing(key))
        await export_graph(span.node_id, directory / "tree.jsonl", blobs=True)
        await delete_span(span.node_id)
        return cls(directory)

    @classmethod
    def read(cls, directory: Path) -> Archive:
        """One that was made before."""
        return cls(directory)

    def copy_for(self, key: str, directory: Path) -> tuple[Path, dict[str, str], str]:
        """A copy with ids of its own, whose keys begin with ``key``.

        Returns:
            The file, the key of each artifact with the template's, and the label of its span.
        """
        path = directory / f"{key.replace('/', '_')}.import.jsonl"

        def another(found: re.Match[str]) -> str:
            digits = hashlib.sha256(f"{key} {found[0]}".encode()).hexdigest()
            return f"{found[0][:19]}{digits[:4]}-{digits[4:16]}"

        text = (self.directory / "tree.jsonl").read_text(encoding="utf-8")
        lines = map(json.loads, _ID.sub(another, text).replace(PREFIX, key).splitlines())
        path.write_text("".join(_texts(lines)), "utf-8")
        blobs = self.directory / "tree.jsonl.blobs"
        if blobs.exists():
            shutil.copytree(blobs, path.with_name(f"{path.name}.blobs"))
        keys = {f"{key}/{i}": f"{PREFIX}/{i}" for i in range(ARTIFACTS)}
        return path, keys, key


def _texts(lines: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The lines of a file that says at its end what is in it."""
    totals = Totals()
    for line in lines:
        record = totals.last_line() if line.get("kind") == "end" else _keyed(line)
        text = f"{json.dumps(record)}\n"
        totals.add(record, text)
        yield text


def _keyed(line: dict[str, Any]) -> dict[str, Any]:
    """A line whose labels have the unique keys that belong to its ids."""
    for row in line["spans"] if line.get("kind") == "artifact" else ():
        row[2] = artifact_key(row[0], row[1])
    return line


def imported_thing(key: str, template: str) -> Thing:
    """The artifact that an imported copy has under ``key``."""
    item = thing(template)
    part = None if item.part is None else replace(item.part, key=key)
    return replace(item, key=key, part=part)
