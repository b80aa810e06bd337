"""Retention: root spans are kept by age, and by number for each label."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.graph.cypher import delete
from artigraph_neo4j.upkeep.delete import DeleteReport, Progress, delete_nodes

__all__ = ["find_retired", "retain"]


async def find_retired(
    *,
    max_age: timedelta | None = None,
    keep_last: int | None = None,
    label: str | None = None,
    open_too: bool = False,
) -> list[str]:
    """Find the root spans that ``retain`` would delete. One round trip.

    Args:
        max_age: As in ``retain``.
        keep_last: As in ``retain``.
        label: As in ``retain``.
        open_too: As in ``retain``.

    Returns:
        Their ids, oldest first.

    Raises:
        ValueError: As ``retain``.
        ConnectionFailed: The database stayed out of reach.
    """
    if max_age is None and keep_last is None:
        raise ValueError("say what to keep: max_age, keep_last, or both")
    if keep_last is not None and keep_last < 0:
        raise ValueError(f"keep_last must be 0 or more, not {keep_last}")
    if max_age is not None and max_age < timedelta(0):
        raise ValueError(f"max_age must not be negative, as {max_age} is")
    before = None if max_age is None else (datetime.now(UTC) - max_age).isoformat()
    found = await get_engine().read_chunks(
        delete.SPANS_TO_RETIRE,
        {"label": label, "keep_last": keep_last or 0, "before": before, "open_too": open_too},
    )
    return found or []


async def retain(
    *,
    max_age: timedelta | None = None,
    keep_last: int | None = None,
    label: str | None = None,
    open_too: bool = False,
    dry_run: bool = True,
    progress: Progress | None = None,
) -> DeleteReport:
    """Delete old root spans with everything below them; by default, only count them.

    With both limits a root span is deleted only when it exceeds both: older than ``max_age``, and
    not among the last ``keep_last`` of its label. Spans without a label count as one label.

    Two round trips, and those of ``delete_spans``.

    Args:
        max_age: Keep spans that were opened within this time.
        keep_last: Number of spans to keep of each label, those opened last, however old.
        label: Consider only root spans with this label.
        open_too: Whether to delete trees with open spans too. Spans of a killed process stay open.
        dry_run: Whether to count only, which is the default.
        progress: As in ``delete_spans``.

    Returns:
        The counts of what was deleted, or would be.

    Raises:
        ValueError: Neither limit is given, or one is negative.
        ConnectionFailed: The database stayed out of reach.
    """
    found = await find_retired(max_age=max_age, keep_last=keep_last, label=label, open_too=open_too)
    return await delete_nodes(spans=found, lenient=True, dry_run=dry_run, progress=progress)
