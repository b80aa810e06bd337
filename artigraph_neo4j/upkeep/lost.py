"""Open spans, and lost spans: open ones whose process is gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from artigraph_neo4j.common.times import instant
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.heartbeat import SILENCE
from artigraph_neo4j.graph.cypher import heartbeat
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.graph.span_rows import span_from_row

__all__ = ["OpenSpan", "close_lost_spans", "find_lost_spans", "read_open_spans"]


@dataclass(frozen=True, slots=True)
class OpenSpan:
    """A span that is not closed, and the process that opened it.

    Attributes:
        span: The span.
        silent: Time since the process was last seen, by the server's clock.
        ended: Whether the process reported that it will not close the span: it ended, or the
            database refused to close the span.
        seen_at: The time when the process was last seen; None if it is not known any more.
        host: The machine of the process.
        user: The user who ran it.
        pid: Its process id.
        program: The program, as it was called.
    """

    span: Span
    silent: timedelta
    ended: bool
    seen_at: datetime | None = None
    host: str | None = None
    user: str | None = None
    pid: int | None = None
    program: str | None = None


async def read_open_spans() -> list[OpenSpan]:
    """Read all open spans, in order of opening, with the processes that opened them.

    Spans that were open when imported are left out, since their process is not known. One round
    trip.

    Raises:
        ConnectionFailed: The database stayed out of reach.
    """
    return await _read(None)


async def find_lost_spans(*, silence: timedelta = SILENCE) -> list[OpenSpan]:
    """Read the spans that were left open by processes which are gone, in order of opening.

    A process is gone when it ended without closing them, or was not seen for ``silence``: it was
    killed, its machine stopped, or it cannot reach the database. One round trip.

    Args:
        silence: Time without a heartbeat. A process with open spans sends one every 30 s.

    Raises:
        ValueError: ``silence`` is negative.
        ConnectionFailed: The database stayed out of reach.
    """
    return await _read(_seconds(silence))


async def close_lost_spans(
    *, silence: timedelta = SILENCE, dry_run: bool = False
) -> list[OpenSpan]:
    """Close the spans that were left open by processes which are gone.

    The spans get the status ``ERROR``, the ``exception_type`` ``artigraph_neo4j.SpanLost``, and the
    time when their process was last seen as ``closed_at``. If the process is alive after all and
    closes a span, its own record replaces this one. Nodes of gone processes without open spans are
    deleted.
    Two round trips; a dry run is one.

    Args:
        silence: As for ``find_lost_spans``.
        dry_run: Whether to close nothing and return what would be closed.

    Returns:
        The spans that were closed, in the state before. Spans that their process closed in between
        are left out.

    Raises:
        ValueError, ConnectionFailed: As ``find_lost_spans``.
    """
    seconds = _seconds(silence)
    found = await _read(seconds)
    if dry_run:
        return found
    parameters = {
        "lost": [
            {
                "node_id": item.span.node_id,
                "writer_id": item.span.writer_id,
                "message": _message(item),
            }
            for item in found
        ],
        "silence": seconds,
        "type": heartbeat.SPAN_LOST,
    }
    ((closed,),) = await get_engine().write(heartbeat.CLOSE_LOST_SPANS, parameters)
    done = set(closed)
    return [item for item in found if item.span.node_id in done]


def _message(item: OpenSpan) -> str:
    if item.seen_at is None:
        return "the process that opened it is gone, and nothing is known of it"
    who = f"{item.program} (process {item.pid} of {item.user} on {item.host})"
    how = "ended without closing it" if item.ended else "fell silent"
    return f"{who} {how}; it was last seen at {item.seen_at.isoformat(timespec='seconds')}"


def _seconds(silence: timedelta) -> float:
    if silence < timedelta(0):
        raise ValueError(f"silence must not be negative, as {silence} is")
    return silence.total_seconds()


async def _read(silence: float | None) -> list[OpenSpan]:
    found = await get_engine().read_chunks(heartbeat.OPEN_SPANS, {"silence": silence})
    return [_open_span(*row) for row in found or ()]


def _open_span(
    span: list[Any], silent: float, ended: bool, writer: dict[str, Any] | None
) -> OpenSpan:
    facts = dict(writer or {})
    seen_at = facts.pop("seen_at", None)
    return OpenSpan(
        span_from_row(span),
        timedelta(seconds=max(silent, 0)),
        ended,
        instant(seen_at) if seen_at else None,
        **facts,
    )
