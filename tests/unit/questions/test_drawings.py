"""Answers as pictures: what stands on the nodes, and where the arrows lead."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from artigraph_neo4j.common.colours import ARTIFACT, ERROR, OK
from artigraph_neo4j.find.lineage import LineageStep
from artigraph_neo4j.questions.contrast import Contrast, Suspect
from artigraph_neo4j.questions.stale import Cause, Staleness


def step(name: str, distance: int) -> LineageStep:
    kind: Literal["span", "artifact"] = "span" if distance % 2 else "artifact"
    model = None if distance % 2 else "Table"
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return LineageStep(kind, name, name, model, (), distance, at, None if model else "OK")


def test_a_stale_artifact_is_drawn_with_the_way_to_each_cause() -> None:
    model, train, clean, feed = (step(n, i) for i, n in enumerate(["model", "train", "clean", "x"]))
    far = step("raw", 4)
    found = Staleness(
        "model",
        [
            Cause("DATA", clean, "clean 2", None, (model, train, clean)),
            Cause("CODE", feed, None, "4f2a", (model, train, clean, feed)),
            Cause("GONE", far, None, None, (model, train, clean, feed, far)),
        ],
    )
    drawn = found.diagram()
    assert [node.node_id for node in drawn.nodes] == [
        "model", "train", "clean", "x", "raw", "clean 2",
    ]  # fmt: skip
    red = {n.node_id: n.lines[-1] for n in drawn.nodes if n.colour == ERROR}
    assert red == {"clean": "DATA", "x": "CODE", "raw": "GONE"}
    assert {(e.source, e.target, e.type) for e in drawn.edges} == {
        ("train", "model", "HAS_ARTIFACT"),
        ("clean", "train", "USED"),
        ("x", "clean", "HAS_ARTIFACT"),
        ("raw", "x", "USED"),
        ("clean 2", "clean", "SUPERSEDES"),
    }
    assert len(drawn.edges) == 5
    assert found.to_mermaid().startswith("flowchart LR")
    assert "DATA" in found.to_mermaid()

    fresh = Staleness("model", []).diagram()
    assert [(n.lines, n.colour) for n in fresh.nodes] == [(("model", "fresh"), ARTIFACT)]
    assert fresh.edges == []


def test_a_contrast_is_drawn_as_suspects_and_both_groups() -> None:
    feed = Suspect("input", "id1", "feed", 6, 0, 5.0, 1e-5, 1e-4, (("ancestor", "id2", "raw"),))
    rate = Suspect("parameter", "Params.rate", "0.5", 5, 1, 2.0, 1e-3, 1e-2)
    found = Contrast(6, 12, (6, 12), [feed, rate], [feed, rate], 3)
    drawn = found.diagram()
    assert [(n.node_id, n.lines) for n in drawn.nodes] == [
        ("failed", ("6 failed",)),
        ("good", ("12 good",)),
        ("input id1 feed", ("feed", "input", "+ 1 in the same runs")),
        ("parameter Params.rate 0.5", ("Params.rate = 0.5", "parameter")),
    ]
    assert [n.colour for n in drawn.nodes] == [ERROR, OK, ARTIFACT, ARTIFACT]
    assert [(e.source[:9], e.target, e.label) for e in drawn.edges] == [
        ("input id1", "failed", "6 of 6"),
        ("parameter", "failed", "5 of 6"),
        ("parameter", "good", "1 of 12"),
    ]
    assert "nothing" not in found.to_mermaid()
    nothing = Contrast(6, 12, (6, 12), [], [rate], 3)
    assert [n.node_id for n in nothing.diagram().nodes] == ["failed", "good"]
    assert nothing.to_mermaid().startswith("flowchart LR")


def test_the_table_of_a_contrast_tells_how_many_runs_there_are() -> None:
    feed = Suspect("input", "id1", "feed", 5, 1, 5.0, 1e-5, 1e-4)
    shown = Contrast(6, 12, (6, 12), [feed], [feed], 1)._repr_html_()
    assert "5 of 6" in shown
    assert "1 of 12" in shown
