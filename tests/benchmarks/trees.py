"""Trees of spans, made by the server itself: a million takes a minute or two."""

from __future__ import annotations

from artigraph_neo4j.common.ids import new_id
from tests.benchmarks.harness import Bench

ROWS = 20_000
"""In a transaction."""

_NODES = """
UNWIND range($first, $last) AS i
CREATE (:{labels} {{
  node_id: $prefix + right('000000' + toString(i), 7), label: 'work', label_: 'work',
  status: 'OK', opened_at: datetime($at) + duration({{milliseconds: i}}),
  closed_at: datetime($at) + duration({{milliseconds: i + 1}}), duration_: 0.001,
  root_id: $prefix + '0000000',
  depth: CASE WHEN $fan = 1 THEN i ELSE size([x IN $levels WHERE x <= i]) END}})
"""

_LINKS = """
UNWIND range($first, $last) AS i
MATCH (p:{base} {{node_id: $prefix + right('000000' + toString((i - 1) / $fan), 7)}})
MATCH (c:{base} {{node_id: $prefix + right('000000' + toString(i), 7)}})
CREATE (p)-[:{link}]->(c)
"""


async def tree(bench: Bench, below: int, fan: int) -> str:
    """The id of a root with so many spans below it, ``fan`` right below each; a chain for 1."""
    return await bench.once(
        ("tree", below, fan),
        lambda: grow(bench, below, fan, "ArtigraphNode:Span", "ArtigraphNode", "PARENT_OF"),
    )


async def grow(bench: Bench, below: int, fan: int, labels: str, base: str, link: str) -> str:
    """Make such a tree of nodes with other labels; ``base`` is the one with the index."""
    prefix = new_id()[:-7]
    levels = [1]
    while fan > 1 and levels[-1] <= below:
        levels.append(levels[-1] * fan + 1)
    of_all = {"prefix": prefix, "fan": fan, "levels": levels, "at": "2026-01-01T00:00:00Z"}
    for text, first in ((_NODES, 0), (_LINKS, 1)):
        statement = text.format(labels=labels, base=base, link=link)
        for at in range(first, below + 1, ROWS):
            last = min(at + ROWS - 1, below)
            await bench.cypher(statement, first=at, last=last, **of_all)
    # The planner goes by statistics, which else lag behind by some seconds.
    await bench.cypher("CALL db.resampleOutdatedIndexes()")
    return f"{prefix}0000000"


def node_of(root: str, number: int) -> str:
    """The id of one node of a tree, by its number."""
    return f"{root[:-7]}{number:07d}"
