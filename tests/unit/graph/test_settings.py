"""Where the graph is, from URLs and the environment."""

from __future__ import annotations

import traceback

import pytest

from artigraph_neo4j.errors import EngineError
from artigraph_neo4j.graph.settings import SCHEMES, Settings


@pytest.mark.parametrize("scheme", SCHEMES)
def test_all_schemes_of_neo4j(scheme: str) -> None:
    found = Settings.from_url(f"{scheme}://user:pass@host:7688/db")
    assert found == Settings(f"{scheme}://host:7688", "user", "pass", "db")


def test_parts_are_percent_decoded_and_hidden() -> None:
    found = Settings.from_url("bolt://us%40er:p%2Fa%3As@[::1]:7687/my%20db")
    assert (found.username, found.password, found.database) == ("us@er", "p/a:s", "my db")
    assert found.uri == "bolt://[::1]:7687"
    assert "p/a:s" not in repr(found)


def test_arguments_win_over_the_url() -> None:
    found = Settings.from_url("bolt://a:b@h/c", username="x", password="y", database="z")
    assert (found.username, found.password, found.database) == ("x", "y", "z")
    assert Settings.from_url("neo4j://host?policy=eu").uri == "neo4j://host?policy=eu"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://host", "'http' is not a Neo4j URL scheme"),
        ("sqlite+aiosqlite:///x.db", r"not a Neo4j URL scheme.*import_artigraph\(url\)"),
        ("localhost:7687", "not a URL of Neo4j"),
        ("bolt://user:pa/ss@host", "ends too early.*quote"),
        ("bolt://user:12/3@host", "ends too early"),
        ("bolt://user:12?3@host", "ends too early"),
        ("bolt://user:12#3@host", "ends too early"),
        ("bolt://user:[x@host", "cannot be read.*quote"),
        ("bolt://", "needs a host"),
        ("bolt://host:port", "port"),
    ],
)
def test_wrong_urls_say_what_is_wrong(url: str, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        Settings.from_url(url)


def test_no_message_holds_a_password() -> None:
    for url in (
        "http://u:hunter2@h", "bolt://u:hunter2@", "bolt://u:hunter2@h:x", "u:hunter2@h:7687",
        "hunter2", "hunter2@host", "bolt:u:hunter2@h", "hunter2://", "bolt://u:hunter2[@h",
        "bolt://u:hunter2/@h", "bolt://u:[hunter2]@h", "bolt://u:hunter2\u2100@h",
        "bolt://u:1/hunter2@h", "bolt://u:1?hunter2@h", "bolt://u:1#hunter2@h",
    ):  # fmt: skip
        with pytest.raises(EngineError) as caught:
            Settings.from_url(url)
        if url != "hunter2://":  # a scheme is told
            assert "hunter2" not in "".join(traceback.format_exception(caught.value)), url


def test_the_environment() -> None:
    assert Settings.from_environment({}) is None
    assert Settings.from_environment({"NEO4J_URI": ""}) is None
    env = {"NEO4J_URI": "bolt://h", "NEO4J_USER": "u", "NEO4J_PASSWORD": "p"}
    found = Settings.from_environment(env)
    assert found == Settings("bolt://h", "u", "p")
    found = Settings.from_environment(env | {"NEO4J_USERNAME": "v", "NEO4J_DATABASE": "d"})
    assert found == Settings("bolt://h", "v", "p", "d")
