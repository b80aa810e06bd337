"""The kit for Neo4j Browser: a style and saved queries, for both apps that Neo4j serves.

``/browser/`` takes files that are dropped on the window, ``/browser/preview/`` has import buttons.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from artigraph_neo4j.errors import ArtigraphError
from artigraph_neo4j.local.kit.queries import SavedQuery, saved_queries, to_csv, to_zip
from artigraph_neo4j.local.kit.style import style_as_grass, style_as_json

__all__ = ["Kit", "SavedQuery", "saved_queries", "style_as_grass", "style_as_json", "write_kit"]


@dataclass(frozen=True, slots=True)
class Kit:
    """The files of a kit.

    Attributes:
        style: The style, GraSS.
        csv: The saved queries, in the format of the newer app.
        zip: The same, in the format of the older app, which the newer one imports, too.
    """

    style: Path
    csv: Path
    zip: Path


def write_kit(
    directory: Path | str, *, spans: Iterable[str] = (), models: Iterable[str] = ()
) -> Kit:
    """Write the style and the saved queries to a directory. Nothing is sent.

    Args:
        directory: The directory; it is made if needed, and files of an earlier kit are replaced.
        spans: Labels of span classes that get a separate rule, to be edited by hand.
        models: Names of models that get a separate rule.

    Raises:
        ArtigraphError: The directory cannot be written to.
    """
    folder = Path(directory).expanduser()
    kit = Kit(folder / "artigraph.grass", folder / "saved.csv", folder / "saved.zip")
    queries = saved_queries()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        kit.style.write_text(style_as_grass(spans, models), encoding="utf-8")
        kit.csv.write_text(to_csv(queries), encoding="utf-8", newline="")
        kit.zip.write_bytes(to_zip(queries))
    except OSError as error:
        raise ArtigraphError(f"the kit could not be written to {folder}: {error}") from error
    return kit
