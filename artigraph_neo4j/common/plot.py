"""Lines as SVG, without a library: for notebooks and pages, in light and in dark."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from artigraph_neo4j.common.markup import Html, escaped, joined

__all__ = ["LINE_COLOURS", "Curve", "line_plot"]

WIDTH, HEIGHT = 460, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 10, 24, 26
MAX_POINTS = 600
"""Maximum number of positions of a line: of more points, the extremes of each bucket are drawn."""

LINE_COLOURS = (
    "#4a86c5", "#e3566a", "#228833", "#aa8800", "#1f99b8", "#c2509a", "#888888", "#cc6633",
)  # fmt: skip
"""Colours of lines: each has three times the brightness of a dark page, or a third of a light one,
as contrast is measured. After the last they come again, dashed."""

DASHES = ("", "6 3", "2 3")


@dataclass(frozen=True, slots=True)
class Curve:
    """The values of one metric.

    Attributes:
        name: The name of the line.
        steps: The positions, in order.
        values: The value at each; those that are not finite are left out of the picture.
    """

    name: str
    steps: Sequence[float]
    values: Sequence[float]


def line_plot(title: str, curves: Sequence[Curve], *, logarithmic: bool = False) -> Html:
    """Return a picture of lines over steps.

    Args:
        title: The text above it.
        curves: The lines; the names are shown if there are several.
        logarithmic: Whether values are drawn by their logarithm; those below zero are left out.
    """
    shown = [Curve(c.name, *_finite(c, logarithmic)) for c in curves]
    steps = [step for curve in shown for step in curve.steps]
    values = [value for curve in shown for value in curve.values]
    if not values:
        return Html(
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img">'
            f"<title>{escaped(title)}</title>"
            f"{_text(WIDTH / 2, HEIGHT / 2, f'{title}: no values', 'middle')}</svg>"
        )
    across = _Scale(min(steps), max(steps), _LEFT, WIDTH - _RIGHT)
    up = _Scale(min(values), max(values), HEIGHT - _BOTTOM, _TOP)
    lines = [_line(c, across, up, *_look(i)) for i, c in enumerate(shown)]
    several = len(curves) > 1
    return joined(
        Html(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'width="{WIDTH}" height="{HEIGHT}" role="img" fill="currentColor" '
            'style="max-width:100%;height:auto;font:11px sans-serif">'
        ),
        Html(f"<title>{escaped(title)}</title>"),
        _text(_LEFT, 14, title, "start", bold=True),
        *_grid(across, up, logarithmic),
        *lines,
        Html("</svg>"),
        _legend(shown) if several else "",
    )


def _finite(curve: Curve, logarithmic: bool) -> tuple[list[float], list[float]]:
    kept = [
        (step, math.log10(value) if logarithmic else value)
        for step, value in zip(curve.steps, curve.values, strict=True)
        if math.isfinite(value) and (value > 0 or not logarithmic)
    ]
    return [step for step, _ in kept], [value for _, value in kept]


class _Scale:
    """The places of numbers on one axis."""

    def __init__(self, low: float, high: float, begin: float, end: float) -> None:
        pad = (abs(low) or 1.0) * 0.05 if high == low else 0.0
        most = sys.float_info.max
        self.low, self.high = max(low - pad, -most), min(high + pad, most)
        self._begin, self._end = begin, end

    def place(self, value: float) -> float:
        share = (value / 2 - self.low / 2) / ((self.high / 2 - self.low / 2) or 1.0)
        return round(self._begin + share * (self._end - self._begin), 1)

    def ticks(self) -> Iterator[float]:
        """Yield about four round numbers."""
        rough = (self.high / 4 - self.low / 4) or 1.0
        size = 10.0 ** math.floor(math.log10(rough))
        size = next((size * n for n in (1, 2, 2.5, 5, 10) if size * n >= rough), rough)
        first = math.ceil(self.low / size)
        for n in range(8):
            tick = (first + n) * size
            if tick > self.high + size * 1e-9:
                return
            yield tick


def _grid(across: _Scale, up: _Scale, logarithmic: bool) -> Iterator[Html]:
    line = 'stroke="currentColor" stroke-opacity=".15"'
    for tick in up.ticks():
        y = up.place(tick)
        yield Html(f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}" {line}/>')
        yield _text(_LEFT - 6, y + 4, _power(tick) if logarithmic else f"{tick:.4g}", "end")
    for tick in across.ticks():
        x = across.place(tick)
        yield _text(x, HEIGHT - 8, f"{tick:,.10g}", "middle")
        yield Html(f'<line x1="{x}" x2="{x}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}" {line}/>')


def _power(exponent: float) -> str:
    """Return ten to a power as text, also of a power that is too large for a float."""
    whole = math.floor(exponent)
    if abs(whole) < 300:
        return f"{10**exponent:.4g}"
    return f"{10 ** (exponent - whole):.4g}e{whole:+d}"


def _text(x: float, y: float, text: str, anchor: str, *, bold: bool = False) -> Html:
    weight = ' font-weight="600"' if bold else ' fill-opacity=".75"'
    return Html(f'<text x="{x}" y="{y}" text-anchor="{anchor}"{weight}>{escaped(text)}</text>')


def _look(number: int) -> tuple[str, str]:
    """Return the colour and the dashes of a line."""
    turn, colour = divmod(number, len(LINE_COLOURS))
    return LINE_COLOURS[colour], DASHES[turn % len(DASHES)]


def _line(curve: Curve, across: _Scale, up: _Scale, colour: str, dashes: str) -> Html:
    points = [f"{across.place(s)},{up.place(v)}" for s, v in _thinned(curve)]
    if len(points) == 1:
        x, _, y = points[0].partition(",")
        return Html(f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>')
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return Html(
        f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="1.6" '
        f'stroke-linejoin="round"{dashed}/>'
    )


def _thinned(curve: Curve) -> Iterator[tuple[float, float]]:
    """Yield the points, or of many the smallest and largest of each bucket, in order."""
    pairs = list(zip(curve.steps, curve.values, strict=True))
    if len(pairs) <= MAX_POINTS:
        yield from pairs
        return
    size = len(pairs) / (MAX_POINTS / 2)
    for n in range(MAX_POINTS // 2):
        bucket = pairs[int(n * size) : int((n + 1) * size)]
        ends = {min(bucket, key=lambda p: p[1]), max(bucket, key=lambda p: p[1])}
        yield from sorted(ends)


def _legend(curves: Sequence[Curve]) -> Html:
    items: list[Html] = []
    for i, curve in enumerate(curves):
        colour, dashes = _look(i)
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        items.append(
            Html(
                '<span><svg width="22" height="8" aria-hidden="true">'
                f'<path d="M0 4h22" stroke="{colour}" stroke-width="3"{dashed}/></svg> '
                f"{escaped(curve.name)}</span>"
            )
        )
    return Html(f'<div style="font:12px sans-serif">{" &ensp; ".join(items)}</div>')
