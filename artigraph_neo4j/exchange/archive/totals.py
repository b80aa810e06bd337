"""Totals of an exported file: the last line states them, and a reader compares them."""

from __future__ import annotations

import hashlib
from typing import Any

__all__ = ["COUNTED", "Totals"]

Line = dict[str, Any]

COUNTED = ("spans", "artifacts", "nodes", "blobs", "used")
"""Names of the counts. Nodes are spans, artifacts and the models nested in them."""


class Totals:
    """Counts of the content of lines, and a hash of their text, both without the header.

    Both are needed: counts show what is missing, and the hash shows every change. Two exports of
    the same content have the same hash.
    """

    def __init__(self) -> None:
        self._counts = dict.fromkeys(COUNTED, 0)
        self._hash = hashlib.sha256()

    def add(self, record: Line, text: str) -> None:
        """Add a line, unless it is the last one."""
        kind = record.get("kind")
        if kind is None:
            return
        self._hash.update(text.encode("utf-8", "surrogatepass"))
        if kind == "span":
            self._counts["spans"] += 1
            self._counts["nodes"] += 1
        elif kind == "artifact":
            self._counts["artifacts"] += 1
            self._counts["nodes"] += len(record["nodes"])
            self._counts["blobs"] += sum(len(node["blobs"]) for node in record["nodes"])
        elif kind == "used":
            self._counts["used"] += 1

    def last_line(self) -> Line:
        """Return the last line of the file."""
        return {"kind": "end", **self._counts, "sha256": self._hash.hexdigest()}

    def difference(self, record: Line) -> str | None:
        """Return the first difference to a last line, in words; None where it is right."""
        for name, count in self._counts.items():
            if record[name] != count:
                return f"it should hold {record[name]:,} {name}, and holds {count:,}"
        if record["sha256"] != self._hash.hexdigest():
            return "its text was changed since it was exported"
        return None
