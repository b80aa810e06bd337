"""The saved queries: Cypher files, ``saved/*.cypher``, in the formats that Browser imports.

The first line of a file is the query's name, the second the question that it answers; both are
comments, so that they can be pasted together with the query.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

__all__ = ["FOLDER", "SavedQuery", "saved_queries", "to_csv", "to_zip"]

FOLDER = "Artigraph"
"""Name of the folder of the queries."""

# Columns that the newer app needs; ids must be unique, and ``parentId`` is the id of the folder.
_COLUMNS = ("name", "description", "query", "id", "parentId", "isFolder")


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """One query.

    Attributes:
        name: The name that Browser shows.
        description: The question that it answers, and the parameter that it needs, if any.
        text: The whole file: Cypher below two lines of comment.
    """

    name: str
    description: str
    text: str


def saved_queries() -> list[SavedQuery]:
    """Return the saved queries, in the order in which Browser lists them."""
    found: list[SavedQuery] = []
    saved = files("artigraph_neo4j.local.kit").joinpath("saved")
    for file in sorted(saved.iterdir(), key=lambda file: file.name):
        text = file.read_text(encoding="utf-8")
        name, description, _ = text.split("\n", 2)
        found.append(SavedQuery(name.removeprefix("// "), description.removeprefix("// "), text))
    return found


def to_csv(queries: Sequence[SavedQuery]) -> str:
    """Write the queries in a folder, in the format that the newer app exports and imports."""
    out = io.StringIO(newline="")
    write = csv.writer(out)
    write.writerow(_COLUMNS)
    write.writerow([FOLDER, "", "", 0, "", "true"])
    for number, query in enumerate(queries, start=1):
        write.writerow([query.name, query.description, query.text, number, 0, "false"])
    return out.getvalue()


def to_zip(queries: Sequence[SavedQuery]) -> bytes:
    """Write the queries as files; the older app names them by the first line, the newer by file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        # The newer app only makes a folder that has a separate entry.
        contents = [("", "")] + [(f"{query.name}.cypher", query.text) for query in queries]
        for name, text in contents:
            # A constant time, so that equal kits have equal bytes.
            archive.writestr(zipfile.ZipInfo(f"{FOLDER}/{name}", (2026, 1, 1, 0, 0, 0)), text)
    return out.getvalue()
