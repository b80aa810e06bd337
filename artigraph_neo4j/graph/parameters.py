"""Parameters of a statement as the entries of one map, so that Neo4j plans the statement once.

Neo4j keeps a plan for each combination of the types of a statement's parameters, and of the sizes
of their lists and texts (0, 1, up to 10, up to 100, …). A write with six lists would be planned
hundreds of times, and planning takes longer than writing. The entries of a map have no part in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

__all__ = ["with_one_map"]

_MAP = "all_"
"""Name of the one parameter."""

_PARTS = re.compile(
    r"""(?P<other> '(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" | `(?:[^`]|``)*` | //[^\n]* | /\*.*?\*/ )
    | \$(?P<name>\w+)""",
    re.VERBOSE | re.DOTALL,
)


def with_one_map(text: str, parameters: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return a statement that takes its parameters from one map, and that map as its parameter.

    Args:
        text: A statement in which each parameter stands where Cypher allows any expression.
        parameters: Its parameters; they are not read before the driver asks for them.
    """
    return _rewritten(text), _OneMap(parameters)


@lru_cache(maxsize=512)
def _rewritten(text: str) -> str:
    return _PARTS.sub(lambda m: m["other"] or f"${_MAP}.{m['name']}", text)


class _OneMap(Mapping[str, Any]):
    """A mapping with one entry, which is made of the parameters when the driver asks for it."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._parameters = parameters

    def __getitem__(self, key: str) -> Any:
        if key != _MAP:
            raise KeyError(key)
        return dict(self._parameters)

    def __iter__(self) -> Iterator[str]:
        yield _MAP

    def __len__(self) -> int:
        return 1
