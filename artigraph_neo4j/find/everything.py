"""All plain values of runs, for a table whose columns nobody has named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from artigraph_neo4j.common.times import instant
from artigraph_neo4j.graph.names import ARTIFACT_PROPERTIES, LOGGED, SPAN_PROPERTIES
from artigraph_neo4j.graph.span_meta import PROVENANCE_PROPERTIES
from artigraph_neo4j.model.native import as_python
from artigraph_neo4j.model.stored import native_values

__all__ = ["EVERYTHING", "everything"]

MAX_CHARACTERS = 200
"""Maximum characters of a text in such a table."""

MAX_ARTIFACTS = 100
"""Maximum number of artifacts of a run whose fields are in such a table."""


def _plain(node: str) -> str:
    """Return the expression for the names and values of the plain properties of a node."""
    return (
        f"[k IN keys({node}) WHERE {node}[k] IS :: BOOLEAN NOT NULL "
        f"OR {node}[k] IS :: INTEGER NOT NULL OR {node}[k] IS :: FLOAT NOT NULL "
        f"OR ({node}[k] IS :: STRING NOT NULL AND size({node}[k]) <= {MAX_CHARACTERS}) "
        f"| [k, {node}[k]]]"
    )


EVERYTHING = f"""\
CALL (n) {{
  OPTIONAL MATCH (n)-[h:HAS_ARTIFACT]->(a) WHERE h.key IS NOT NULL
  WITH h, a ORDER BY a.recorded_at, a.node_id LIMIT {MAX_ARTIFACTS}
  WITH h, a WHERE a IS NOT NULL
  RETURN collect([h.label, a.codec, {_plain("a")}]) AS artifacts
}}
WITH collect([
  n.node_id, n.label, toStringOrNull(n.opened_at), {_plain("n")}, artifacts
]) AS found"""
"""The part of a statement that collects the plain values of each span, and of its labeled
artifacts."""


def everything(cells: Sequence[Any]) -> dict[str, Any]:
    """Return the values of one result by name: the span's own, then those of its artifacts."""
    _, _, opened_at, own, artifacts = cells
    properties = dict(own)
    seconds = properties.get("duration_")
    found: dict[str, Any] = {
        "status": properties.get("status"),
        "opened_at": None if opened_at is None else instant(opened_at),
        "duration": None if seconds is None else timedelta(seconds=seconds),
    }
    found |= _own(properties)
    for label, codec, values in artifacts:
        for name, value in _of_artifact(codec, dict(values)):
            found.setdefault(f"{label}.{name}", value)
    return found


_SHOWN_OTHERWISE = SPAN_PROPERTIES | {
    "node_id", "label", "status", "root_id", "depth", "writer_id", "pid",
    "exception_message", "exception_stacktrace",
}  # fmt: skip


def _own(properties: dict[str, Any]) -> dict[str, Any]:
    dicts = {name.partition(".")[0] for name in properties if "." in name}
    return {
        name: as_python(value)
        for name, value in sorted(properties.items(), key=_order)
        if name not in _SHOWN_OTHERWISE
        and name not in dicts  # the JSON of a dict, whose entries follow
        and value != "{}"
        and not (name.startswith(LOGGED) and name.endswith((".count", ".mean")))
    }


def _order(item: tuple[str, Any]) -> tuple[bool, bool, str]:
    """Sort by name; summaries of what was logged come later, and who ran it comes last."""
    return item[0] in PROVENANCE_PROPERTIES, item[0].startswith(LOGGED), item[0]


def _of_artifact(codec: str, properties: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from native_values(codec, properties).items()
    for name, value in properties.items():
        if "." in name and name not in ARTIFACT_PROPERTIES:
            yield name, value
