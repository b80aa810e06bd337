"""Parts that make a write apply once, however often it is sent and whenever it arrives.

A process sends its writes through a few lanes, each of which carries one write at a time. The node
of a lane has the number of the last write that was applied through it, set in the transaction of
that write. So a write that is sent again can read from the graph whether it was applied, even if
the nodes that it wrote were deleted in between.
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

Setting a property locks the lane before its number is read, so that of two copies of one write the
second sees the first. ``turn`` is ``now`` if the write has to be applied, ``before`` if it was
already applied, and ``late`` if its time has passed."""

TURN = "turn, timestamp() AS clock"
"""The first two columns of every write that is applied once."""

APPLIED = "SET lane.last = $once[1]"
"""The end of a write that is applied once: it marks the write as applied."""

SETTLE = """
MERGE (lane:ArtigraphLane {lane_id: $lane})
SET lane.seen_at = timestamp()
WITH lane, coalesce(lane.last >= $number, false) AS passed
FOREACH (_ IN CASE WHEN passed THEN [] ELSE [1] END |
  SET lane.last = $number, lane.void = $number)
RETURN passed AND coalesce(lane.void <> $number, true), timestamp()
"""
"""A statement that returns whether a write was applied. If it was not, it never will be, even if it
still arrives."""

FORGET_LANES = """\
UNWIND $lanes AS id
MATCH (lane:ArtigraphLane {lane_id: id})
DELETE lane"""


def applied_if(condition: str) -> str:
    """Return ``APPLIED`` under a condition."""
    return f"FOREACH (_ IN CASE WHEN {condition} THEN [1] ELSE [] END | {APPLIED})"
