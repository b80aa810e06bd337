"""What the statements of deletes cost others, and how they find their nodes."""

from __future__ import annotations

from typing import Any

from artigraph_neo4j import Engine, create_span_artifact, resume_deletes, span_context
from artigraph_neo4j.graph.cypher import delete, parts, read
from artigraph_neo4j.graph.parameters import with_one_map
from tests.graph import plans
from tests.graph.models import Part

DEPTH = 20


async def _hits(session: Any, text: str, parameters: dict[str, Any]) -> int:
    result = await session.run(*with_one_map("PROFILE " + text, parameters))
    return plans.hits((await result.consume()).profile)


async def test_while_nothing_is_deleted_a_statement_costs_one_look_more(
    engine: Engine, session: Any
) -> None:
    contexts = [span_context(label="deep") for _ in range(DEPTH)]
    spans = [await context.__aenter__() for context in contexts]
    artifact = await create_span_artifact("current", label="a", data=Part(1))
    for context in reversed(contexts):
        await context.__aexit__(None, None, None)
    parameters = {
        "span": spans[-1].node_id, "node_id": artifact, "key": "none", "parent": spans[-1].node_id,
        "limit": 1, "history": True,
    }  # fmt: skip
    conditions = [
        *(" AND " + parts.span_stays(name) for name in "spnd"),
        *("WHERE " + stays for stays in (parts.artifact_stays("a"), parts.span_stays("s"))),
    ]
    texts = {name: getattr(read, name) for name in read.__all__}
    costs: dict[str, int] = {}
    for name, text in texts.items():
        bare = text.replace(parts.DELETES, "")
        for condition in conditions:
            bare = bare.replace(condition, "")
        assert "deletes" not in bare, bare
        costs[name] = await _hits(session, text, parameters)
        # The look for deletes, and at the most one property that is read at another place.
        assert 1 <= costs[name] - await _hits(session, bare, parameters) <= 2, name

    async with span_context(label="elsewhere") as other:
        pass
    await engine.once(delete.MARK_SPANS, {"ids": [other.node_id], "lenient": False})
    found = await _hits(session, read.SPAN_BY_ID, parameters)
    assert costs["SPAN_BY_ID"] + DEPTH < found < costs["SPAN_BY_ID"] + 10 * DEPTH
    await resume_deletes()


async def test_the_statements_of_deletes_start_at_an_index(session: Any) -> None:
    parameters = {
        "ids": ["x"], "spans": ["x"], "artifacts": ["x"], "lenient": False, "limit": 1, "links": 1,
        "leaves": False, "label": None, "keep_last": 0, "before": None, "open_too": False,
        "once": ["x", 1, 0],
    }  # fmt: skip
    for name in (
        "COUNT_DOOMED", "DELETE_ARTIFACTS", "DELETE_SPANS", "KINDS", "MARK_ARTIFACTS", "MARK_SPANS",
        "SPANS_TO_DELETE", "SPANS_TO_RETIRE", "UNLINK_ARTIFACTS",
    ):  # fmt: skip
        result = await session.run(
            *with_one_map(
                "EXPLAIN " + getattr(parts if name == "KINDS" else delete, name), parameters
            )
        )
        operators = plans.operators((await result.consume()).plan)
        assert any("Seek" in operator for operator in operators), (name, operators)
        assert [operator for operator in operators if "Scan" in operator] == [], name
