"""Ports: the wanted ones where they are free, all different, the inner ones at one distance."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from artigraph_neo4j.local.ports import choose_ports, is_free


def test_ports_that_are_free_are_kept() -> None:
    first = choose_ports({"a": 1, "b": 2}, {"a": 0, "b": 0})
    assert choose_ports({"a": 1, "b": 2}, first) == first


def test_zero_means_any_port_but_the_usual_one() -> None:
    usual = choose_ports({"a": 1}, {"a": 0})
    assert choose_ports(usual, {"a": 0}) != usual


def test_a_taken_port_is_replaced_and_the_others_follow() -> None:
    usual = choose_ports({"a": 1, "b": 1}, {"a": 0, "b": 0})
    with socket.socket() as a, socket.socket() as b:
        for taken, port in ((a, usual["a"]), (b, usual["b"])):
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", port))
            taken.listen()
            assert not is_free(port)
        found = choose_ports(usual, {})
        assert len(set(found.values()) | set(usual.values())) == 4
    assert is_free(usual["a"])


def test_a_wildcard_listener_takes_the_port_on_loopback_too() -> None:
    with socket.socket() as everywhere:
        everywhere.bind(("0.0.0.0", 0))
        everywhere.listen()
        assert not is_free(everywhere.getsockname()[1])


def test_a_port_of_ones_own_is_never_one_of_an_outgoing_connection() -> None:
    """While a server restarts, a connection of any program would take its port."""
    given = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if not given.exists():
        pytest.skip("the range is that of Linux")
    first, last = map(int, given.read_text().split())
    for _ in range(20):
        chosen = choose_ports({"a": 7474, "b": 7687, "c": 8333}, {"a": 0, "b": 0, "c": 0})
        assert not any(first <= port <= last for port in chosen.values()), chosen
