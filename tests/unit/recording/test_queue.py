"""When a batch writes: by what waits, as the queue counts it."""

from __future__ import annotations

from datetime import UTC, datetime

from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.recording.queue import Queue
from artigraph_neo4j.recording.work import Opening


def opening(label: str) -> Opening:
    return Opening(Span(label=label), {}, datetime.now(UTC), None)


def test_it_is_full_by_what_waits_not_by_what_is_being_written() -> None:
    """Else what a program adds meanwhile, however little, would be a statement of its own."""
    asked: list[bool] = []
    queue = Queue(
        atomic=False, limit=3, added=lambda: asked.append(queue.is_full), share=lambda: None
    )
    for i in range(3):
        queue.open(opening(str(i)))
    assert asked == [False, False, True]
    taken = queue.take()
    queue.open(opening("meanwhile"))
    assert asked[3:] == [False]
    assert [queue.waits(number) for number in (3, 4)] == [False, True]
    for item in taken:
        queue.forget(item)
    assert (queue.rows, queue.is_ready, queue.is_full) == (1, True, False)
