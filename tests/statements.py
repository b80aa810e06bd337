"""Statements that a test run has sent, and which of them were not sent to both versions of Neo4j.

A run with ``ARTIGRAPH_TEST_STATEMENTS=FILE`` writes the texts to a file. Of several such files

    python -m tests.statements NEWEST... --lts LTS

says what is missing, and fails where something is:

- each constant of the library that is Cypher, a whole statement or a part of one, has to be in a
  text that each of the two versions was sent;
- whatever else was sent to the newest version, statements that are put together of smaller pieces
  and of names, has to consist of pieces that the older one was sent too.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import os
import pkgutil
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeGuard

import pytest

import artigraph_neo4j
from artigraph_neo4j import Engine
from artigraph_neo4j.graph.attempts import Statement

VARIABLE = "ARTIGRAPH_TEST_STATEMENTS"


class Recorder:
    """A plugin of pytest that observes every engine of the run."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: set[str] = set()

    def watch(self) -> None:
        """Give each engine that is made from now on an observer."""
        made: Callable[..., None] = Engine.__init__

        @functools.wraps(made)
        def __init__(engine: Engine, *arguments: Any, **settings: Any) -> None:
            made(engine, *arguments, **settings)
            engine.observers.append(self._observe)

        Engine.__init__ = __init__  # type: ignore[method-assign]

    def _observe(self, statement: Statement) -> None:
        if statement.rows is not None:  # the server took it
            self._seen.add(statement.text)

    def pytest_sessionfinish(self) -> None:
        """Write what was sent, with what an earlier run has written to the file."""
        before = json.loads(self._path.read_text()) if self._path.exists() else []
        self._path.write_text(json.dumps(sorted({*before, *self._seen}), indent=0))


def configure(config: pytest.Config) -> None:
    """Observe this run if it is asked for."""
    if path := os.environ.pop(VARIABLE, None):  # not for runs that tests start
        recorder = Recorder(Path(path))
        recorder.watch()
        config.pluginmanager.register(recorder)


# -- what the library can send -------------------------------------------------------------------

_CYPHER = re.compile(
    r"\s*(//|(CALL|MATCH|OPTIONAL MATCH|UNWIND|CREATE|MERGE|SHOW|RETURN|WITH|SET|FOREACH)\s)"
)


def constants() -> dict[str, str]:
    """Cypher that modules of the library hold as constants, and where each is."""
    found: dict[str, str] = {}
    for module in pkgutil.walk_packages(artigraph_neo4j.__path__, "artigraph_neo4j."):
        if module.name.endswith("__main__") or ".serializer." in module.name:
            continue  # serializers send nothing, and some need an extra
        for name, value in vars(importlib.import_module(module.name)).items():
            if not name.startswith("__"):
                for text in _texts(value):
                    found.setdefault(one_line(text), f"{module.name}.{name}")
    return found


def is_cypher(value: object) -> TypeGuard[str]:
    """Whether a value is text that begins as a statement does, and is not a template."""
    return (
        isinstance(value, str)
        and _CYPHER.match(value) is not None
        and "{{" not in value
        and not re.search(r"\{\d?\}", value)
    )


def _texts(value: object) -> Iterator[str]:
    if is_cypher(value):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, (tuple, list, frozenset)):
        for part in value:
            yield from _texts(part)


def one_line(text: str) -> str:
    """A text without its line breaks and indents."""
    return " ".join(text.split())


# -- what was sent -------------------------------------------------------------------------------

_NAMES = (
    (re.compile(r"`(?:[^`]|``)*`"), "`name`"),
    (re.compile(r"\bartigraph_field_\w+"), "artigraph_field"),
    (re.compile(r"\$p\d+\b"), "$p"),
    (re.compile(r"\b(?:n|x\d+)\b"), "n"),
    (re.compile(r"\b\d+\b"), "0"),
)
"""Names and numbers that a user or a query gives, and what stands for all of them."""

_FIELD_INDEX = "CREATE INDEX artigraph_field"

_PART = 40
"""Characters from which on a constant in a text says that the library made it."""

_BETWEEN = re.compile(
    r"\n|\b(?:AND|OR|NOT|CASE|WHEN|THEN|ELSE|END|WHERE)\b|coalesce\(|, |[\[\]{}()]"
)


def pieces(text: str) -> set[str]:
    """The smallest parts of a text, without the names that are in it."""
    for name, replacement in _NAMES:
        text = name.sub(replacement, text)
    return {one_line(piece) for piece in _BETWEEN.split(text)} - {""}


def is_put_together(text: str, known: Mapping[str, str]) -> bool:
    """Whether the library made a text of parts; others are constants, or what tests ask."""
    line = one_line(text)
    if line in known:
        return False
    return _FIELD_INDEX in line or any(part in line for part in known if len(part) >= _PART)


def missing(
    known: Mapping[str, str], newest: Iterable[str], lts: Iterable[str]
) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """What was not sent.

    Args:
        known: Constants, each on one line, and where they are.
        newest: Texts that the newest version was sent.
        lts: Texts that the older one was sent.

    Returns:
        Constants that the newest version was not sent, constants that only the older one was not
        sent, and pieces that only the older one was not sent, each with a text that has it.
    """
    newest, lts = list(newest), list(lts)
    everything = ["\n".join(map(one_line, texts)) for texts in (newest, lts)]
    never, not_lts = (
        {text: place for text, place in known.items() if text not in sent} for sent in everything
    )
    sent_to_lts = set().union(*map(pieces, lts))
    new_pieces = {
        piece: text
        for text in newest
        if is_put_together(text, known)
        for piece in pieces(text) - sent_to_lts
    }
    return never, {k: v for k, v in not_lts.items() if k not in never}, new_pieces


def main(arguments: list[str]) -> int:
    """Say what is missing; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.statements")
    parser.add_argument("newest", nargs="+", type=Path, help="files of runs on the newest version")
    parser.add_argument("--lts", nargs="+", type=Path, required=True, help="files of runs on 5.26")
    chosen = parser.parse_args(arguments)
    newest, lts = (
        [text for path in paths for text in json.loads(path.read_text())]
        for paths in (chosen.newest, chosen.lts)
    )
    known = constants()
    never, not_lts, new_pieces = missing(known, newest, lts)
    print(f"{len(known)} constants; {len(set(newest))} texts sent to the newest version, "
          f"{len(set(lts))} to the LTS version")  # fmt: skip
    for text, place in never.items():
        print(f"NOT SENT by any test: {place}: {text[:200]}")
    for text, place in not_lts.items():
        print(f"NOT SENT to the LTS version: {place}: {text[:200]}")
    for piece, text in new_pieces.items():
        print(f"NOT SENT to the LTS version: {piece!r}, as in: {one_line(text)[:300]}")
    if never or not_lts or new_pieces:
        print("give a test that sends it the mark 'statements', or write one; CONTRIBUTING.md")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
