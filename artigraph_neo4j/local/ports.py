"""Choice of ports on loopback: those of the last start, else the usual ones, else any free ones."""

from __future__ import annotations

import random
import socket
from collections.abc import Mapping
from contextlib import ExitStack

from artigraph_neo4j.errors import LocalStackError

__all__ = ["choose_ports", "is_free"]

_LASTING = range(10_000, 21_000)
"""Ports that no system gives to outgoing connections: one of those could not be had again after
a restart, if a connection took it meanwhile. Some servers add 10,000 to a port."""


def choose_ports(usual: Mapping[str, int], last: Mapping[str, int]) -> dict[str, int]:
    """Choose a free port for each name in ``usual``, all different.

    Args:
        usual: The default port of each name.
        last: The ports of an earlier start; 0 to avoid the usual one.

    Raises:
        LocalStackError: No port is free.
    """
    chosen: dict[str, int] = {}
    distance = 0
    with ExitStack() as held:  # hold all until all are chosen, so that none is chosen twice
        for name, port in usual.items():
            # All ports that move do so by one distance: some servers compute one from another.
            moved = port + distance if distance else 0
            wanted = [found for found in (last.get(name, port), moved) if found]
            tried = map(_bind, [*wanted, *random.sample(_LASTING, 100), 0])
            probe = next(filter(None, tried), None)
            if probe is None:
                raise LocalStackError("no port is free on 127.0.0.1")
            held.enter_context(probe)
            chosen[name] = int(probe.getsockname()[1])
            distance = chosen[name] - port
    return chosen


def is_free(port: int) -> bool:
    """Return True if a server could listen on this port."""
    probe = _bind(port)
    if probe is None:
        return False
    probe.close()
    return True


def _bind(port: int) -> socket.socket | None:
    probe = socket.socket()
    # Otherwise closed connections of a server that just ended would block its port for a minute.
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind(("127.0.0.1", port))
        probe.listen()  # two sockets that only bind may share a port
    except (OSError, OverflowError):
        probe.close()
        return None
    return probe
