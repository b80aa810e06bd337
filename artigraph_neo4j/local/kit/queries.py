"""The saved queries: files of Cypher, ``saved/*.cypher``, in the formats that Browser imports.

The first line of a file is the query's name, the second says what it answers; both are comments, so
that a file is also what it says when it is pasted.
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
"""The folder that the queries are put in."""

# What the newer app asks for; the ids must differ, and name the folder that a query is in.
_COLUMNS = ("name", "description", "query", "id", "parentId", "isFolder")


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """One query.

    Attributes:
        name: What Browser lists it as.
        description: The question that it answers, and the parameter that it needs, if any.
        text: All of the file: Cypher below two lines of comment.
    """

    name: str
    description: str
    text: str


def saved_queries() -> list[SavedQuery]:
    """The saved queries, in the order in which they are listed."""
    found: list[SavedQuery] = []
    saved = files("artigraph_neo4j.local.kit").joinpath("saved")
    for file in sorted(saved.iterdir(), key=lambda file: file.name):
        text = file.read_text(encoding="utf-8")
        name, description, _ = text.split("\n", 2)
        found.append(SavedQuery(name.removeprefix("// "), description.removeprefix("// "), text))
    return found


def to_csv(queries: Sequence[SavedQuery]) -> str:
    """The queries in a folder, as the newer app exports and imports them."""
    out = io.StringIO(newline="")
    write = csv.writer(out)
    write.writerow(_COLUMNS)
    write.writerow([FOLDER, "", "", 0, "", "true"])
    for number, query in enumerate(queries, start=1):
        write.writerow([query.name, query.description, query.text, number, 0, "false"])
    return out.getvalue()


def to_zip(queries: Sequence[SavedQuery]) -> bytes:
    """The queries as files: the older app names them by their first line, the newer by the file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        # The newer app makes no folder that has no entry of its own.
        contents = [("", "")] + [(f"{query.name}.cypher", query.text) for query in queries]
        for name, text in contents:
            # The same time always, so that equal kits are equal bytes.
            archive.writestr(zipfile.ZipInfo(f"{FOLDER}/{name}", (2026, 1, 1, 0, 0, 0)), text)
    return out.getvalue()
