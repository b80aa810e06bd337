"""What notebooks show: whatever a value holds is text there, and nothing is loaded for it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artigraph_neo4j import (
    ArtifactModel,
    ArtifactSummary,
    FieldSummary,
    Lazy,
    Lineage,
    LineageLink,
    LineageStep,
    ResultList,
    Span,
    SpanTree,
)
from artigraph_neo4j.common.colours import ARTIFACT, BLOB, ERROR, OK, UNSET
from artigraph_neo4j.common.wording import cut, duration_text, place_text, size_text
from artigraph_neo4j.model.references import BlobRef
from artigraph_neo4j.values.stored_value import StoredValue

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


@dataclass
class ViewInner(ArtifactModel, version=1):
    note: str


@dataclass
class ViewAll(ArtifactModel, version=2):
    text: str
    value: Any = None
    inner: ViewInner | None = None
    many: list[ViewInner] = field(default_factory=list)


class Page(HTMLParser):
    """Tags in order, and the text; refuses what a fragment of ours never has."""

    TAGS = frozenset(
        [
            "div",
            "details",
            "summary",
            "span",
            "b",
            "table",
            "thead",
            "tbody",
            "tr",
            "td",
            "th",
            "pre",
        ]
    )
    ATTRIBUTES = frozenset({"style", "title", "open"})

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.skeleton: list[str] = []
        self.text: list[str] = []
        self.titles: list[str] = []
        self.depth = 0
        self.deepest = 0
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.TAGS, tag
        assert {name for name, _ in attrs} <= self.ATTRIBUTES
        style = dict(attrs).get("style") or ""
        assert "url" not in style
        assert "expression" not in style
        self.titles += [value or "" for name, value in attrs if name == "title"]
        self._open.append(tag)
        self.deepest = max(self.deepest, len(self._open))
        self.skeleton.append(f"<{tag} {[name for name, _ in attrs]}>")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        self.skeleton.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data!r}")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(f"a declaration: {decl!r}")

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"an instruction: {data!r}")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(f"a section: {data!r}")

    @property
    def words(self) -> str:
        return "".join(self.text)


def _span(label: str | None, status: str = "OK", *, error: str | None = None) -> Span:
    span = Span(label=label)
    span.status, span.opened_at, span.closed_at = status, NOW, NOW + timedelta(seconds=2)
    if error is not None:
        span.exception_type, span.exception_message = "ValueError", error
        span.exception_stacktrace = f"Traceback of {error}"
    return span


def _summary(text: str) -> ArtifactSummary:
    fields = (
        FieldSummary("text", "str", text, False, len(text)),
        FieldSummary("auc", "float", 0.93),
        FieldSummary(
            "frame", "parquet", None, False, 12_345_678, "s3:bucket", f"ag/{text}", "d", f"b{text}"
        ),
    )
    return ArtifactSummary(f"a{text}", text, True, text or "M", 3, NOW, fields, 12_345_678)


def _tree(text: str) -> SpanTree:
    failed = SpanTree(_span(text, "ERROR", error=text), [_summary(text)], [], 2, 3)
    return SpanTree(
        _span(text), [_summary(text)], [failed, SpanTree(_span(text, "UNSET"))], 0, 0, 9
    )


def _lineage(text: str) -> Lineage:
    span = LineageStep("span", f"s{text}", text, None, ("Span", text), 1, NOW, "ERROR")
    start = LineageStep("artifact", "start", text, text or "M", (text,), 0, NOW)
    return Lineage("start", "up", [span], [LineageLink(f"s{text}", "start", "HAS_ARTIFACT")], start)


def _views(text: str) -> list[Any]:
    spans = ResultList([_span(text), _span(text, "ERROR", error=text)])
    artifact = ViewAll(text, {text: [text]}, ViewInner(text), [ViewInner(text)])
    return [
        _span(text, "ERROR", error=text), _tree(text), _lineage(text), artifact, spans,
        ResultList([artifact, ViewInner(text)]), ResultList([text]),
    ]  # fmt: skip


HOSTILE = st.one_of(
    st.text(min_size=1, max_size=30),
    st.text(alphabet="<>&\"'`=/-![]{}()|#;:%\\\n x", min_size=1, max_size=30),
    st.sampled_from(
        [
            "<script>alert(1)</script>", "</details></div><img src=x onerror=alert(1)>",
            '" onmouseover="alert(1)', "<!--", "]]>", "&lt;b&gt;", "<?php",
            "\x00\x1b[31m", "\u202e",
            "javascript:alert(1)", '"]; click n0 href "javascript:alert(1)"', "`**bold**`",
            "end", "#quot;", "%%{init: {}}%%", "a\nb", "</style>", "x" * 10_000,
            "$$$x^2$$$", "fa:fa-car", "a\\nb",
        ]
    ),
)  # fmt: skip


@given(text=HOSTILE)
def test_whatever_a_text_holds_the_page_keeps_its_structure(text: str) -> None:
    for ours, theirs in zip(_views("harmless"), _views(text), strict=True):
        page = Page(theirs._repr_html_())
        assert page.skeleton == Page(ours._repr_html_()).skeleton
        shown = [c for c in text[:20] if c.isalnum()]
        assert all(c in page.words for c in shown)
        page.words.encode()  # what a notebook's file can hold


def _mermaid_lines(text: str) -> tuple[list[str], list[str]]:
    """The lines with every quoted label taken out, and the labels."""
    return (
        [re.sub(r'"[^"]*"', '""', line) for line in text.splitlines()],
        re.findall(r'"([^"]*)"', text),
    )


@given(text=HOSTILE)
def test_whatever_a_text_holds_mermaid_keeps_its_structure(text: str) -> None:
    for view in (_tree, _lineage):
        ours, labels = _mermaid_lines(view("harmless").to_mermaid())
        theirs, hostile = _mermaid_lines(view(text).to_mermaid())
        assert theirs == ours
        assert len(labels) == len(hostile)
        for label in hostile:
            for part in label.replace("#8230;", "…").split("<br/>"):
                assert re.fullmatch(r"(#\d+;|\ufffd|[^\W_]|[ …])+", part), part
    words = " ".join(cut(text, 60).split())
    first = re.findall(r'"([^"]*)"', _tree(text).to_mermaid())[0].split("<br/>")[0]
    plain = re.sub(r"#(\d+);", lambda m: chr(int(m[1])), first)
    decoded = plain.replace("\u200b", "")
    assert not re.search(r"\$\$|:fa-|\\n", plain)
    if words.isprintable():
        assert decoded == (words or " ")


def test_a_tree_in_a_notebook() -> None:
    tree = _tree("run")
    html = tree._repr_html_()
    page = Page(html)
    assert len(html) < 5000
    for words in ("ValueError", "2.0 s", "open", "parquet, 12 MB, s3://bucket/ag/run", "shared",
                  "… 2 more artifacts", "… 3 more spans", "3 of 12 spans are shown"):  # fmt: skip
        assert words in page.words or words in page.titles, words
    assert [html.count(f"color:{c.fill}") for c in (OK, UNSET, ARTIFACT, BLOB)] == [1, 1, 2, 2]
    assert html.count(f"color:{ERROR.fill}") == 3  # the dot, the type, the message
    assert html.count("<details open>") + html.count("open>") >= 2


def test_what_failed_is_unfolded_in_a_large_tree() -> None:
    def study(failed: int) -> SpanTree:
        trials = [
            SpanTree(_span(f"t{i}"), [], [SpanTree(_span("fold"), [], [
                SpanTree(_span("step", "ERROR" if i == failed else "OK"))])])
            for i in range(20)
        ]  # fmt: skip
        return SpanTree(_span("study"), [], trials)

    # The study, its trials, and with a failure the fold it is in.
    assert study(-1)._repr_html_().count(" open>") == 21
    assert study(3)._repr_html_().count(" open>") == 22


def test_large_and_deep_trees_stay_small() -> None:
    deep = SpanTree(_span("link"))
    for _ in range(10_000):
        deep = SpanTree(_span("link"), [], [deep])
    wide = SpanTree(_span("top"), [], [SpanTree(_span(str(i))) for i in range(5000)])
    for tree, spans in ((deep, 10_001), (wide, 5001)):
        html = tree._repr_html_()
        page = Page(html)
        assert len(html) < 60_000
        assert page.deepest < 100
        assert f"of {spans:,} spans are shown" in page.words
        assert "… " in str(tree)
        assert len(str(tree)) < 20_000
        assert len(tree.to_mermaid().splitlines()) < 420
        assert f"{spans - 200} more are not shown" in tree.to_mermaid()
        assert len(tree.to_networkx()) == spans
        assert len(repr(tree)) < 100
    assert "link  OK  2.0 s" in str(deep)


def test_a_field_says_where_it_is_and_loads_nothing() -> None:
    blob = BlobRef("s3:artifacts/runs", "runs/ag/x", "0" * 64, 12_000_000)
    frame = pd.DataFrame(np.zeros((5000, 3)))
    for value, words in (
        (Lazy.of_stored(StoredValue("w", "parquet", blob, None, "g")),
         "parquet, 12 MB, s3://artifacts/runs/ag/x"),
        (Lazy.of_stored(StoredValue("w", "json", None, b"{}", "g")), "json, 2 bytes, in the graph"),
        (Lazy(frame), "DataFrame, lazy, not stored yet"),
        (frame, "DataFrame 5,000 × 3"),
        ([frame, 1], "[DataFrame 5,000 × 3, 1]"),
        (b"\x00" * 5000, "(5.0 kB)"),
        (list(range(1000)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...]"),
        (np.float64(2.5), "2.5"),
        (10**10_000, "its repr failed"),
    ):  # fmt: skip
        html = ViewAll("t", value)._repr_html_()
        assert words in Page(html).words
        assert len(html) < 3000


def test_a_repr_that_fails_hides_nothing_else() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError("no")

        __slots__ = ()

    words = Page(ViewAll("the text", Broken())._repr_html_()).words
    assert "the text" in words
    assert "Broken" in words


def test_models_nested_without_end() -> None:
    @dataclass
    class ViewLink(ArtifactModel, version=1):
        n: int
        next: ViewLink | None = None

    link = ViewLink(0)
    for i in range(5000):
        link = ViewLink(i, link)
    page = Page(link._repr_html_())
    assert page.deepest < 40
    assert "4996" in page.words
    assert "ViewLink v1" in page.words


def test_a_span_tells_its_facts() -> None:
    span = _span("train", "ERROR", error="out of memory")
    span.git_commit = "abc123"
    words = Page(span._repr_html_()).words
    for expected in ("train", "ValueError: out of memory", "Traceback of",
                     "2026-11-24 12:00:00 UTC", span.node_id, "git_commit", "abc123"):  # fmt: skip
        assert expected in words
    assert "writer_id" not in words


def test_a_result_list_is_a_list_and_a_table() -> None:
    items = ResultList([ViewAll("a", 1), ViewAll("b", 2), ViewInner("c")])
    assert items == [ViewAll("a", 1), ViewAll("b", 2), ViewInner("c")]
    assert isinstance(items, list)
    assert repr(items) == repr(list(items))
    page = Page(items[:2]._repr_html_())
    assert page.skeleton.count("<tr []>") == 3
    assert "2 in all" in page.words
    heads = re.findall(r"<th[^>]*>([^<]*)</th>", items._repr_html_())
    assert heads == ["artifact", "label", "text", "value", "inner", "many", "note"]
    many = ResultList([ViewInner(str(i)) for i in range(1000)])
    assert "1,000 in all, 900 of them not shown" in Page(many._repr_html_()).words
    assert Page(ResultList()._repr_html_()).words == "0 in all"


def test_networkx() -> None:
    graph = _tree("run").to_networkx()
    kinds = [data["kind"] for _, data in graph.nodes(data=True)]
    assert sorted(kinds) == ["artifact", "blob", "span", "span", "span"]
    assert graph.nodes["arun"]["fields"] == {"text": "run", "auc": 0.93}
    assert graph.edges["arun", "brun"] == {"type": "STORED_IN", "label": "frame"}
    root = next(n for n, d in graph.in_degree() if d == 0)
    assert graph.nodes[root]["duration"] == 2.0
    assert {d["type"] for _, _, d in graph.out_edges(root, data=True)} == {
        "PARENT_OF", "HAS_ARTIFACT",
    }  # fmt: skip
    lineage = _lineage("run").to_networkx()
    assert list(lineage.edges(data=True)) == [
        ("srun", "start", {"type": "HAS_ARTIFACT", "label": "made"})
    ]


def test_viz() -> None:
    drawn = _tree("run").to_viz()
    assert len(drawn.nodes) == 5
    assert len(drawn.relationships) == 5  # both spans share one artifact
    colours = {node.id: node.color.as_hex() for node in drawn.nodes if node.color is not None}
    assert (colours["arun"], colours["brun"]) == (ARTIFACT.fill, BLOB.fill)
    html = drawn.render(layout="hierarchical").data
    assert html
    assert "HAS_ARTIFACT" in html or "PARENT_OF" in html


@pytest.mark.parametrize(
    ("package", "method", "extra"),
    [("networkx", "to_networkx", "networkx"), ("neo4j_viz", "to_viz", "viz")],
)
def test_a_missing_package_is_named_with_its_extra(
    package: str, method: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=re.escape(f'pip install "artigraph-neo4j[{extra}]"')):
        getattr(_tree("run"), method)()


def test_mermaid() -> None:
    assert _lineage("run").to_mermaid().splitlines()[:4] == [
        "flowchart LR",
        '  n0["run"]:::artifact',
        '  n1(["run"]):::error',
        '  n1 -->|"made"| n0',
    ]
    with pytest.raises(ValueError, match="limit"):
        _tree("run").to_mermaid(limit=0)
    text = _tree("run").to_mermaid(limit=2)
    assert '  more["12 more are not shown"]' in text  # 3 were not drawn, 9 not read
    assert f"classDef ok fill:{OK.fill},stroke:{OK.border},color:{OK.text}" in text


def test_wording() -> None:
    sizes = (0, 950, 1200, 12_345_678, 999_999, 5 * 10**12)
    assert [size_text(n) for n in sizes] == [
        "0 bytes", "950 bytes", "1.2 kB", "12 MB", "1.0 MB", "5.0 TB",
    ]  # fmt: skip
    lengths = (0.0, 0.0005, 0.012, 3.46, 59.99, 125, 12_000, 4 * 86400 + 7 * 3600, -3.0)
    assert [duration_text(timedelta(seconds=s)) for s in lengths] == [
        "0 µs", "500 µs", "12 ms", "3.5 s", "60.0 s", "2 min 5 s", "3 h 20 min", "4 d 7 h",
        "-3.0 s",
    ]  # fmt: skip
    assert duration_text(None) == ""
    assert place_text("s3:bucket/pre", "pre/ag/x") == "s3://bucket/pre/ag/x"
    assert place_text("mine", "x") == "mine: x"
    assert cut("abcdef", 4) == "abc…"
