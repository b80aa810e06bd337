"""Parts by which a write is applied once, however often it is sent and whenever it arrives.

A process sends its writes through a few lanes, of which each carries one write at a time. The node
of a lane has the number of the last write that was applied through it, set in the transaction of
that write. So the graph itself tells a write that is sent again whether it was applied, even where
nothing is left of what it wrote: somebody may have deleted that in between.
"""

from __future__ import annotations

__all__ = ["APPLIED", "FORGET_LANES", "ONCE", "SETTLE", "TURN", "applied_if"]

ONCE = """\
MERGE (lane:ArtigraphLane {lane_id: $once[0]})
SET lane.seen_at = timestamp()
WITH *, CASE
    WHEN lane.last >= $once[1] THEN 'before'
    WHEN timestamp() > $once[2] THEN 'late'
    ELSE 'now'
  END AS turn"""
"""The beginning of a write; ``$once`` is the lane's id, the write's number, and the time, by the
server's clock, after which it must do nothing.

To set a property locks the lane before its number is read, so that of two copies of one write the
second sees the first. ``turn`` is ``now`` where the write has to be applied; ``before`` where it
was applied already; ``late`` where nobody waits for it any more."""

TURN = "turn, timestamp() AS clock"
"""The first two columns of every write that is applied once."""

APPLIED = "SET lane.last = $once[1]"
"""The end of such a write, where it did what it had to."""

SETTLE = """
MERGE (lane:ArtigraphLane {lane_id: $lane})
SET lane.seen_at = timestamp()
WITH lane, coalesce(lane.last >= $number, false) AS passed
FOREACH (_ IN CASE WHEN passed THEN [] ELSE [1] END |
  SET lane.last = $number, lane.void = $number)
RETURN passed AND coalesce(lane.void <> $number, true), timestamp()
"""
"""Whether a write was applied. One that was not never will be, even if it still arrives."""

FORGET_LANES = """\
UNWIND $lanes AS id
MATCH (lane:ArtigraphLane {lane_id: id})
DELETE lane"""


def applied_if(condition: str) -> str:
    """``APPLIED`` where a condition holds."""
    return f"FOREACH (_ IN CASE WHEN {condition} THEN [1] ELSE [] END | {APPLIED})"
