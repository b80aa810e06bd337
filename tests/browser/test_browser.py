"""Both apps of Neo4j Browser, in a real one without a window: what a person sees in them."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page

from artigraph_neo4j.common.colours import ARTIFACT, BLOB, ERROR, OK, UNSET
from artigraph_neo4j.local import StackInfo
from artigraph_neo4j.local.kit import Kit, saved_queries
from tests.browser.apps import LegacyApp, NewApp, wait_stored

pytestmark = pytest.mark.timeout(600)
TREE = "The latest run, as a tree"


def check_tree(app: LegacyApp) -> None:
    """The study as it is drawn: what it is called, and the colour that says how it went."""
    nodes = app.nodes()
    assert len(nodes) == 80
    assert nodes.count(("Predictions", ARTIFACT.fill)) == 4
    assert nodes.count(("TrainedModel", ARTIFACT.fill)) == 4
    assert ("flight delays", OK.fill) in nodes
    assert ("extra trees", OK.fill) in nodes
    assert sorted(caption for caption, colour in nodes if colour == ERROR.fill) == [
        "gradient boosting",
        *["nightly check"] * 6,
        "tested on months 1 to 4",
    ]
    links = app.links()
    assert {("flights", ARTIFACT.fill), ("PARENT_OF", BLOB.fill), ("USED", UNSET.fill)} <= links


def test_the_local_stack_has_the_style_at_once(filled: StackInfo, page: Page) -> None:
    app = LegacyApp(page, filled)
    app.log_in()
    wait_stored(page, "neo4j.grass", "ArtigraphFailed")
    text = next(query.text for query in saved_queries() if query.name == TREE)
    app.type(text)
    check_tree(app)


@pytest.mark.long
def test_the_kit_in_the_older_app(filled: StackInfo, page: Page, kit: Kit) -> None:
    app = LegacyApp(page, filled)
    app.log_in()
    app.reset_style()
    app.drop(kit.style)
    wait_stored(page, "neo4j.grass", "ArtigraphFailed")
    app.drop(kit.zip)
    assert app.favorites() == sorted(query.name for query in saved_queries())
    app.run(TREE)
    check_tree(app)


@pytest.mark.parametrize("form", ["csv", pytest.param("zip", marks=pytest.mark.long)])
def test_the_kit_in_the_newer_app(filled: StackInfo, page: Page, kit: Kit, form: str) -> None:
    app = NewApp(page, filled)
    app.log_in()
    suffix = "" if form == "csv" else ".cypher"
    names = [f"{query.name}{suffix}" for query in saved_queries()]
    assert app.import_queries(getattr(kit, form)) == ["Artigraph", *names]
    app.run(f"{TREE}{suffix}")
    app.import_style(kit.style)
    stored = json.loads(wait_stored(page, "nx.v1.nx.graphStyling", "ArtigraphFailed"))
    span = json.loads(stored["nodeStyles"])["Span"]
    assert span["captions"] == [{"type": "property", "captionKey": "label"}]
    # It draws on a canvas, so what can be seen of it are colours; the captions, as they are set.
    page.wait_for_timeout(5_000)
    ok, failed, artifact = app.count([OK.fill, ERROR.fill, ARTIFACT.fill])
    assert min(ok, failed, artifact) > 1_000, (ok, failed, artifact)
    assert ok > failed
