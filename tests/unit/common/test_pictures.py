"""Plots and drawings: SVG that shows everything, whatever the numbers and names are."""

from __future__ import annotations

import math
import re
from itertools import combinations
from xml.etree import ElementTree

from hypothesis import example, given, settings
from hypothesis import strategies as st

from artigraph_neo4j.common.colours import ARTIFACT
from artigraph_neo4j.common.diagram import Diagram, DiagramEdge, DiagramNode
from artigraph_neo4j.common.drawing import drawing
from artigraph_neo4j.common.plot import LINE_COLOURS, MAX_POINTS, Curve, line_plot


@given(st.lists(st.floats(), max_size=20), st.booleans())
@example([1.7e308], False)
@example([1.7e308, -1.7e308], False)
@example([1.7e308], True)
@example([5e-324], True)
@settings(max_examples=30)
def test_a_plot_is_svg_with_every_finite_value(values: list[float], logarithmic: bool) -> None:
    curve = Curve("<x>", list(range(len(values))), values)
    root = ElementTree.fromstring(line_plot("a & b", [curve], logarithmic=logarithmic))
    drawn = [
        float(n) for text in root.iter() for n in re.findall(r"[\d.]+", text.get("points", ""))
    ]
    assert all(math.isfinite(number) and 0 <= number <= 460 for number in drawn)
    kept = [v for v in values if math.isfinite(v) and (v > 0 or not logarithmic)]
    assert len(drawn) == (2 * len(kept) if len(kept) > 1 else 0)


def test_many_points_keep_their_extremes_and_several_lines_their_names() -> None:
    values = [0.0] * 10_000
    values[5_001] = 7.0
    text = line_plot("x", [Curve("a", range(10_000), values), Curve("<b>", [0, 1], [1, 2])])
    (points, *_) = re.findall(r'points="([^"]*)"', text)
    assert len(points.split()) <= MAX_POINTS
    assert min(float(p.partition(",")[2]) for p in points.split()) == 24.0
    assert "&lt;b&gt;" in text


def brightness(colour: str) -> float:
    """The relative luminance of WCAG."""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    light = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2]


def test_lines_are_seen_on_light_and_on_dark_and_apart_from_each_other() -> None:
    for colour in LINE_COLOURS:
        for paper in ("#ffffff", "#f6f7f9", "#16181c", "#1e2126"):
            low, high = sorted((brightness(colour), brightness(paper)))
            assert (high + 0.05) / (low + 0.05) >= 3, (colour, paper)
    text = line_plot("x", [Curve(str(i), [0, 1], [i, i + 1]) for i in range(20)])
    lines = re.findall(r'stroke="(#\w+)" stroke-width="1.6" stroke-linejoin="round"(.*?)/>', text)
    assert len(lines) == len(set(lines)) == 20


NAMES = st.sampled_from("abcdefg")


@given(st.lists(st.tuples(NAMES, NAMES).filter(lambda pair: pair[0] != pair[1]), max_size=12))
@settings(max_examples=30)
def test_a_drawing_shows_every_node_apart(pairs: list[tuple[str, str]]) -> None:
    ids = sorted({name for pair in pairs for name in pair} | {"a"})
    nodes = [DiagramNode(name, "artifact", (f"<{name}>", "x" * 99), ARTIFACT) for name in ids]
    edges = [DiagramEdge(a, b, "USED") for a, b in dict.fromkeys(pairs)]
    root = ElementTree.fromstring(drawing(Diagram(nodes, edges), "what <b>"))
    boxes = [
        (float(r.get("x", "")), float(r.get("y", "")))
        for r in root.iter()
        if r.tag.endswith("rect")
    ]
    assert len(boxes) == len(ids)
    assert all(abs(a[0] - b[0]) >= 156 or abs(a[1] - b[1]) >= 36 for a, b in combinations(boxes, 2))
    paths = [p for p in root.iter() if p.tag.endswith("path")]
    assert len(paths) == 2 * len(edges)
    assert drawing(Diagram([], []), "nothing") == ""
