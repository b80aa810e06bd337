"""A span class never reads or writes a property of the library, however it is spelled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from neomodel import AliasProperty, IntegerProperty, StringProperty
from neomodel.properties import Property

from artigraph_neo4j import Span
from artigraph_neo4j.errors import ModelError
from artigraph_neo4j.graph.names import SPAN_PROPERTIES
from artigraph_neo4j.graph.span_meta import PROVENANCE_PROPERTIES


def _class(body: dict[str, Any], *mixins: type) -> Callable[[], object]:
    return lambda: type(Span)("Poison", (*mixins, Span), body)


OURS = sorted(set(Span.defined_properties(rels=False)) - PROVENANCE_PROPERTIES)


@pytest.mark.parametrize("name", [*OURS, *sorted(SPAN_PROPERTIES)])
def test_no_spelling_leads_to_a_property_of_the_library(name: str) -> None:
    def mixin(**body: Any) -> type:
        return type("Mixin", (), body)

    ways = [
        _class({"mine": StringProperty(db_property=name)}),
        _class({}, mixin(mine=StringProperty(db_property=name))),
    ]
    if name in OURS:
        ways += [
            _class({name: StringProperty()}),
            _class({name: "a constant"}),
            _class({name: property(lambda self: "worked out")}),
            _class({"mine": AliasProperty(to=name)}),
            _class({}, mixin(**{name: StringProperty()})),
        ]
    for way in ways:
        with pytest.raises(ModelError, match=r"span class Poison: .*'"):
            way()


def test_two_properties_are_not_stored_as_one() -> None:
    with pytest.raises(ModelError, match="'x' and 'y' would both be stored as 'x'|'y' and 'x'"):
        _class({"x": IntegerProperty(), "y": IntegerProperty(db_property="x")})()

    class CountedOnce(Span):
        count = IntegerProperty()

    with pytest.raises(ModelError, match="would both be stored as 'count'"):

        class CountedTwice(CountedOnce):
            other = IntegerProperty(db_property="count")


@pytest.mark.parametrize("name", ["extra", "duration", "node_labels", "save", "_hidden"])
def test_a_property_hides_nothing_of_a_span(name: str) -> None:
    with pytest.raises(ModelError, match=name):
        _class({name: StringProperty()})()


def test_names_of_provenance_may_be_used_as_they_are() -> None:
    class Owned(Span):
        user = StringProperty()
        host = "a constant"

    class More(Owned):
        user = IntegerProperty()

    assert isinstance(More.defined_properties()["user"], Property)
    with pytest.raises(ModelError, match="stored as 'git_commit'"):
        _class({"commit": StringProperty(db_property="git_commit")})()
