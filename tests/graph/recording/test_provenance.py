"""Provenance on root spans: recorded with them, read back, switched off, and names of users."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest
from neomodel import IntegerProperty, StringProperty

from artigraph_neo4j import Engine, Span, __version__, engine_context, read_span, span_context
from artigraph_neo4j.engine import provenance as provenance_module
from artigraph_neo4j.errors import ModelError
from artigraph_neo4j.graph.span_meta import (
    PROVENANCE_PROPERTIES,
)


class Hosted(Span):
    """Has a ``host`` of its own, which is no machine."""

    host = StringProperty()
    pid = IntegerProperty(db_property="patient_id")


class Busy(Span):
    """Uses two of the names for something else than a property."""

    user = "someone"

    def program(self) -> str:
        return "of the user"


async def test_root_spans_record_it_in_their_one_statement(
    engine: Engine, statements: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.graph()
    statements.clear()
    git = {"git_commit": "c0ffee", "git_dirty": True, "git_remote": "https://example.org/x.git"}
    monkeypatch.setattr(provenance_module, "_git", git)
    async with span_context(label="root") as root:
        assert len(statements) == 1
        async with span_context(label="below") as below:
            pass
    found = await read_span(root.node_id)
    for span in (root, found):
        assert (span.git_commit, span.git_dirty) == ("c0ffee", True)
        assert span.git_remote == "https://example.org/x.git"
        assert (span.program, span.pid) == (sys.argv[0], os.getpid())
        assert span.library_version == __version__
        assert span.python_version.startswith("3.")
        assert span.host
    assert found.extra == {}
    for span in (below, await read_span(below.node_id)):
        assert {getattr(span, name) for name in PROVENANCE_PROPERTIES} == {None}


async def test_what_is_not_known_is_absent(monkeypatch: pytest.MonkeyPatch, query: Any) -> None:
    monkeypatch.setattr(provenance_module, "_git", {})
    async with span_context() as span:
        pass
    ((keys,),) = await query("MATCH (s:Span {node_id: $id}) RETURN keys(s)", id=span.node_id)
    assert "host" in keys
    assert {"git_commit", "git_dirty", "git_remote"}.isdisjoint(keys)


async def test_it_is_off_by_environment_and_by_engine(
    graph_service: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARTIGRAPH_PROVENANCE", "off")
    async with span_context() as span:
        pass
    assert (await read_span(span.node_id)).host is None is span.host
    monkeypatch.delenv("ARTIGRAPH_PROVENANCE")
    async with engine_context(
        graph_service.uri,
        username=graph_service.username,
        password=graph_service.password,
        database=graph_service.database,
        record_provenance=False,
    ):
        async with span_context() as span:
            pass
    assert (await read_span(span.node_id)).host is None


async def test_a_property_of_the_user_wins(query: Any) -> None:
    async with span_context(Hosted(label="h", host="Mrs. Bennet", pid=7)) as span:
        assert span.host == "Mrs. Bennet"
    found = await read_span(span.node_id)
    assert isinstance(found, Hosted)
    assert (found.host, found.pid) == ("Mrs. Bennet", 7)
    assert found.python_version is not None
    async with span_context(Hosted()) as span:
        span.host = "changed"
    assert (await read_span(span.node_id)).host == "changed"
    async with span_context(Hosted()) as span:
        pass
    assert (await read_span(span.node_id)).host is None


async def test_a_method_by_such_a_name_stays_one() -> None:
    async with span_context(Busy(label="b")) as span:
        assert (span.program(), span.user) == ("of the user", "someone")
    found = await read_span(span.node_id)
    assert (found.program(), found.user) == ("of the user", "someone")
    assert found.host

    class Again(Busy):
        user = StringProperty()

    async with span_context(Again(user="me")) as again:
        pass
    found = await read_span(again.node_id)
    assert (found.program(), found.user) == ("of the user", "me")


def test_other_names_are_still_refused() -> None:
    with pytest.raises(ModelError, match="'writer_id' is a name of Span"):

        class Wrong(Span):
            writer_id = StringProperty()

    with pytest.raises(ModelError, match="'revision' would be stored as 'git_commit'"):

        class Renamed(Span):
            revision = StringProperty(db_property="git_commit")
