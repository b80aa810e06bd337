"""Derivation graphs made by few statements, and the plain evaluation of what is asked of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from artigraph_neo4j import Engine
from artigraph_neo4j.common.ids import new_id

__all__ = ["Derivations", "circle", "ladder", "random_graphs", "reached"]

START = datetime(2026, 1, 1, tzinfo=UTC)

_NODES = """
UNWIND $spans AS r
CREATE (s:ArtigraphNode:Span {node_id: r[0], label: r[1], label_: r[1], status: 'OK', depth: r[3],
  opened_at: datetime(r[4]), closed_at: datetime(r[4]), root_id: r[2]})
WITH count(*) AS _
UNWIND $artifacts AS r
CREATE (a:ArtigraphNode:Artifact:$(r[1]) {node_id: r[0], artifact_label: r[0], model: r[1],
  model_version: 1, codec: '{"class":"tests:None","fields":{}}', recorded_at: datetime(r[2])})
RETURN count(*)
"""
_LINKS = """
CALL () { UNWIND $children AS e
  MATCH (p:ArtigraphNode {node_id: e[0]}) MATCH (c:ArtigraphNode {node_id: e[1]})
  CREATE (p)-[:PARENT_OF]->(c) }
CALL () { UNWIND $made AS e
  MATCH (s:ArtigraphNode {node_id: e[0]}) MATCH (a:ArtigraphNode {node_id: e[1]})
  CREATE (s)-[:HAS_ARTIFACT {label: e[1]}]->(a)-[:MADE_BY]->(s) }
CALL () { UNWIND $shared AS e
  MATCH (s:ArtigraphNode {node_id: e[0]}) MATCH (a:ArtigraphNode {node_id: e[1]})
  CREATE (s)-[:HAS_ARTIFACT {label: e[1], linked_at: a.recorded_at}]->(a) }
CALL () { UNWIND $used AS e
  MATCH (s:ArtigraphNode {node_id: e[0]}) MATCH (a:ArtigraphNode {node_id: e[1]})
  CREATE (s)-[:USED {at: a.recorded_at}]->(a) }
CALL () { UNWIND $revised AS e
  MATCH (n:ArtigraphNode {node_id: e[0]}) MATCH (o:ArtigraphNode {node_id: e[1]})
  CREATE (n)-[:SUPERSEDES {at: n.recorded_at}]->(o) }
RETURN 1
"""


@dataclass
class Derivations:
    """A graph: pairs of ids by kind of relationship.

    Attributes:
        spans: Spans by id, with the id of the parent or None; a parent comes before its children.
        models: The model of each artifact.
        made: ``(span, artifact)``, one for each artifact that was made in a span.
        shared: ``(span, artifact)``.
        used: ``(span, artifact)``.
        revised: ``(newer, older)``.
    """

    spans: dict[str, str | None] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    made: list[tuple[str, str]] = field(default_factory=list)
    shared: list[tuple[str, str]] = field(default_factory=list)
    used: list[tuple[str, str]] = field(default_factory=list)
    revised: list[tuple[str, str]] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    prefix: str = field(default_factory=new_id)

    def name(self, node: str) -> str:
        """The id in the database: the same names may come in several graphs."""
        return self.prefix + node

    def at(self, node: str) -> datetime:
        """When a node was opened or recorded: in the order in which they were declared."""
        return START + timedelta(seconds=[*self.spans, *self.models].index(node))

    def root(self, span: str) -> str:
        while (parent := self.spans[span]) is not None:
            span = parent
        return span

    def doomed(self, span: str) -> set[str]:
        """What goes if a span is deleted: spans below it, and artifacts that only these have."""
        gone = {span}
        for below, parent in self.spans.items():  # a parent comes before its children
            if parent in gone:
                gone.add(below)
        holders: dict[str, set[str]] = {}
        for holder, artifact in [*self.made, *self.shared]:
            holders.setdefault(artifact, set()).add(holder)
        return gone | {artifact for artifact, having in holders.items() if having <= gone}

    async def load(self, engine: Engine) -> None:
        """Create it all."""
        depth: dict[str, int] = {}
        for span, parent in self.spans.items():
            depth[span] = 0 if parent is None else depth[parent] + 1
        when = {
            node: (START + timedelta(seconds=i)).isoformat()
            for i, node in enumerate([*self.spans, *self.models])
        }
        name = self.name
        spans = [
            [name(s), self.labels.get(s, s), name(self.root(s)), depth[s], when[s]]
            for s in self.spans
        ]
        artifacts = [[name(a), model, when[a]] for a, model in self.models.items()]
        await engine.write(_NODES, {"spans": spans, "artifacts": artifacts})
        pairs = {
            "children": [(p, s) for s, p in self.spans.items() if p is not None],
            "made": self.made,
            "shared": self.shared,
            "used": self.used,
            "revised": self.revised,
        }
        await engine.write(
            _LINKS, {k: [[name(a), name(b)] for a, b in found] for k, found in pairs.items()}
        )

    def up(self, *, tree: bool = False) -> dict[str, list[str]]:
        """From each node the ones that it comes from directly."""
        found: dict[str, list[str]] = {}
        for span, artifact in self.made:
            found.setdefault(artifact, []).append(span)
        for span, artifact in self.used:
            found.setdefault(span, []).append(artifact)
        if tree:
            for span, parent in self.spans.items():
                if parent is not None:
                    found.setdefault(parent, []).append(span)
        return found

    def down(self, *, tree: bool = False) -> dict[str, list[str]]:
        """From each node the ones that come from it directly."""
        found: dict[str, list[str]] = {}
        for node, others in self.up(tree=tree).items():
            for other in others:
                found.setdefault(other, []).append(node)
        return found


def reached(starts: Iterable[str], onward: Mapping[str, list[str]]) -> dict[str, int]:
    """The least distance of each node that is reached, without the starts."""
    distance = dict.fromkeys(starts, 0)
    first = set(distance)
    queue = deque(distance)
    while queue:
        node = queue.popleft()
        for following in onward.get(node, []):
            if following not in distance:
                distance[following] = distance[node] + 1
                queue.append(following)
    return {node: d for node, d in distance.items() if node not in first}


async def ladder(engine: Engine, layers: int, width: int) -> str:
    """Layers of spans, each with an artifact, each using every artifact of the layer before.

    Returns:
        What all ids begin with; the first layer's artifacts are ``a0-0``, ``a0-1`` after it.
    """
    p = new_id()
    await engine.write(_LADDER, {"p": p, "layers": layers, "width": width})
    await engine.write(_RUNGS, {"p": p, "layers": layers, "width": width})
    return p


_LADDER = """
UNWIND range(0, $layers - 1) AS i UNWIND range(0, $width - 1) AS k
CREATE (s:ArtigraphNode:Span {node_id: $p + 's' + i + '-' + k, opened_at: datetime(),
  root_id: $p + 's' + i + '-' + k, depth: 0, status: 'OK', label: 's' + i})
CREATE (a:ArtigraphNode:Artifact:Rung {node_id: $p + 'a' + i + '-' + k, recorded_at: datetime(),
  model: 'Rung', model_version: 1, codec: '{"class":"tests:None","fields":{}}'})
CREATE (s)-[:HAS_ARTIFACT]->(a)-[:MADE_BY]->(s)
"""
_RUNGS = """
UNWIND range(1, $layers - 1) AS i UNWIND range(0, $width - 1) AS j
MATCH (a:ArtigraphNode {node_id: $p + 'a' + (i - 1) + '-' + j})
UNWIND range(0, $width - 1) AS k
MATCH (s:ArtigraphNode {node_id: $p + 's' + i + '-' + k})
CREATE (s)-[:USED]->(a)
"""


async def circle(engine: Engine, spans: int) -> str:
    """Spans that each make an artifact and use that of the one before, the first that of the last.

    Returns:
        What all ids begin with; artifacts are ``a0-0``, ``a1-0`` after it.
    """
    p = await ladder(engine, spans, 1)
    await engine.write(_CLOSE, {"first": f"{p}s0-0", "last": f"{p}a{spans - 1}-0"})
    return p


_CLOSE = """
MATCH (s:ArtigraphNode {node_id: $first}) MATCH (a:ArtigraphNode {node_id: $last})
CREATE (s)-[:USED]->(a)
"""

_SPANS, _ARTIFACTS = 7, 9


@st.composite
def random_graphs(draw: Any) -> Derivations:
    """Small graphs with trees of spans, shared artifacts, versions and circles."""
    graph = Derivations()
    for i in range(draw(st.integers(1, _SPANS))):
        parent = draw(st.none() | st.integers(0, i - 1)) if i else None
        graph.spans[f"s{i}"] = None if parent is None else f"s{parent}"
    spans = st.sampled_from(list(graph.spans))
    for i in range(draw(st.integers(2, _ARTIFACTS))):
        graph.models[f"a{i}"] = draw(st.sampled_from(["GraphX", "GraphY"]))
        if (maker := draw(st.none() | spans)) is not None:
            graph.made.append((maker, f"a{i}"))
    artifacts = st.sampled_from(list(graph.models))
    made = set(graph.made)
    graph.used = list(draw(st.sets(st.tuples(spans, artifacts), max_size=20)))
    graph.shared = [
        p for p in draw(st.sets(st.tuples(spans, artifacts), max_size=4)) if p not in made
    ]
    versions = draw(st.lists(artifacts, max_size=4, unique=True))
    graph.revised = [(versions[i], versions[i - 1]) for i in range(1, len(versions))]
    return graph
