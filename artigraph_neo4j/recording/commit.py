"""The write of spans and artifacts: one statement, sent until it is applied or refused.

Each call that records something makes a ``Work``. Outside of a batch each is written by itself;
in a batch many works are written in one statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from artigraph_neo4j.common.pausing import collector_paused
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.errors import EngineError
from artigraph_neo4j.graph.attempts import Row
from artigraph_neo4j.graph.failures import ConflictError, RefusedError
from artigraph_neo4j.graph.lanes import Ticket
from artigraph_neo4j.recording.guards import Check
from artigraph_neo4j.recording.refusals import conflicting, note_taken, orphans, unrevisable
from artigraph_neo4j.recording.statement import WriteStatement
from artigraph_neo4j.recording.work import Closing, Work

__all__ = ["UNWRITABLE", "write", "write_later"]


UNWRITABLE = (RefusedError, ConflictError, ValueError, TypeError, OverflowError)
"""Errors which mean that one of the works cannot be stored."""

TURNS = 100
"""Maximum number of results that only say what others wrote in between. Of many programs that
revise one artifact at the same time, one succeeds each turn."""


async def write(
    engine: Engine,
    works: Sequence[Work],
    *,
    ticket: Ticket | None = None,
    merge: bool = False,
    settle: bool = False,
    deadline: float | None = None,
    checks: Sequence[Check] = (),
) -> tuple[bool, dict[Work, Exception]]:
    """Write works in one statement, all or none.

    One round trip; two more, and one for each check, if there are checks. More when stored values
    that were reused have been deleted since, or when so much time passes between attempts that
    garbage collection may have deleted the uploads.

    Args:
        engine: The engine that writes.
        works: The works, parents before children.
        ticket: The identity of the write, for a caller that may send the same works again.
        merge: Whether some of the works may already be in the graph, under the same ids.
        deadline: Maximum seconds for a statement; by default the engine's.
        settle: Whether the write is completed even when the caller is cancelled.
        checks: Looks at what was written, before it is committed.

    Returns:
        Whether the works were written; if not, the refused works with their reasons. The others can
        then be written without them.

    Raises:
        ConnectionFailed: The database stayed out of reach.
        EngineError: The database refused the statement.
        PolicyError: A check refused; nothing was written.
    """
    with collector_paused():
        statement = WriteStatement(engine, works, merge=merge, checks=checks)
    mine = ticket or Ticket()
    try:
        return await _write(statement, mine, settle, deadline)
    except BaseException:
        if ticket is None and mine.unconfirmed:  # if it was not applied yet, it never will be
            engine.later(partial(engine.settle, mine))
        raise


async def _write(
    statement: WriteStatement, ticket: Ticket, settle: bool, deadline: float | None
) -> tuple[bool, dict[Work, Exception]]:
    gone: list[str] = []
    turns = TURNS
    while not statement.is_empty:
        for part in statement.uploads:
            await part.renew(gone)
        try:
            result = await statement.send(ticket, settle, deadline)
        except ConflictError as error:
            refused, why = conflicting(statement.works, error)
            if not statement.could_ask(refused):
                why.__cause__ = error
                return False, {refused: why}
            statement = statement.again(ask_all=True)
            continue
        if result.stale:
            continue
        if result.before:
            await statement.find_opened()
            return True, {}
        turns -= 1
        if refusals := await _refused(statement, result.row, last=not turns):
            return False, refusals
        _, problems, gone, _, labels, _ = result.row
        if problems or labels:
            statement = statement.again(ask_all=statement.asks_all)
        elif not gone:
            break
    return True, {}


async def _refused(statement: WriteStatement, row: Row, *, last: bool) -> dict[Work, Exception]:
    """Return the works that a result refuses; note on the others which labels are taken.

    Args:
        statement: The statement that was sent.
        row: Its result.
        last: Whether an artifact that others revised in between is not asked for again.
    """
    engine, recordings = statement.engine, statement.recordings
    missing, problems, _, other, labels, _ = row
    if other is not None:
        moved = EngineError(
            f"the graph took another id, {other}, since this program connected to it; nothing "
            "was recorded; close the engine, or start the program again"
        )
        stored = [w for w in recordings if w.uploads and w.uploads.graph_id is not None]
        return dict.fromkeys(stored, moved)
    if missing:
        return await orphans(engine, statement.works, set(missing))
    for node_id, problem in problems:
        revising = next(work for work in recordings if work.revises == node_id)
        if last or revising.if_exists == "error":
            return {revising: await unrevisable(engine, node_id, problem)}
        revising.revises = None  # somebody else revised it in between
    return note_taken(recordings, labels)


def write_later(engine: Engine, closing: Closing, ticket: Ticket) -> None:
    """Arrange that the end of a span is written once the database is in reach again."""

    async def again() -> None:
        _, refused = await write(engine, [closing], ticket=ticket, deadline=engine.short_deadline)
        for why in refused.values():
            raise why

    engine.later(again)
