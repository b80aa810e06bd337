"""Lanes and tickets: the identities of a process's writes.

See ``graph/cypher/once.py`` for their nodes in the graph.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from artigraph_neo4j.common.ids import new_id

__all__ = ["Lanes", "Ticket"]


@dataclass(slots=True)
class _Lane:
    """A lane: its id in the graph, and the number of its last write.

    It is clean if the answers of all its writes have arrived, so that none can still be applied.
    """

    lane_id: str
    number: int = 0
    clean: bool = True


@dataclass(slots=True, eq=False)
class Ticket:
    """Identity of one write, for as long as it may be sent again.

    Attributes:
        lane: The lane that it goes through, once it was sent.
        number: Its number in that lane.
        unconfirmed: Whether it was sent and it is not known whether it was applied.
    """

    lane: _Lane | None = None
    number: int = 0
    unconfirmed: bool = False


class Lanes:
    """The lanes of one connection, and an estimate of the server's clock."""

    def __init__(self) -> None:
        self._free: list[_Lane] = []
        self._all: dict[str, _Lane] = {}
        self._ahead: int | None = None  # milliseconds, relative to this process's clock

    def clean(self) -> list[str]:
        """Ids of lanes whose writes were all answered: the graph may forget them."""
        return [lane.lane_id for lane in self._all.values() if lane.clean]

    def take(self, ticket: Ticket) -> tuple[str, int]:
        """Give a write its lane and number, which it keeps until its outcome is known."""
        if ticket.lane is None:
            if self._free:
                ticket.lane = self._free.pop()
            else:
                ticket.lane = _Lane(new_id())
            ticket.lane.number += 1
            ticket.number = ticket.lane.number
        self._all[ticket.lane.lane_id] = ticket.lane
        return ticket.lane.lane_id, ticket.number

    def unsure(self, ticket: Ticket) -> None:
        """Note that a write was sent and no answer arrived."""
        ticket.unconfirmed = True
        if ticket.lane is not None:
            ticket.lane.clean = False

    def give_back(self, ticket: Ticket) -> None:
        """Free the lane of a write, unless its outcome is unknown."""
        if ticket.lane is not None and not ticket.unconfirmed:
            self._free.append(ticket.lane)
            ticket.lane = None

    def clock(self) -> int:
        """Milliseconds since 1970, by the server's clock."""
        return int(time.time() * 1000) if self._ahead is None else self._ahead + _now()

    def heard(self, clock: int) -> None:
        """Note the server's clock."""
        self._ahead = clock - _now()


def _now() -> int:
    return int(time.monotonic() * 1000)
