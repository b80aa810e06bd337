"""HTML for notebooks: escaped, without scripts, in the colours of the notebook's own theme.

Styles are inline, since some viewers remove ``<style>``. Text and background do not have colours of
their own, except dots and errors, so that the page is readable in light and in dark themes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from html import escape

from artigraph_neo4j.common.colours import ERROR, Colour

__all__ = ["Html", "details", "dot", "error", "escaped", "facts", "faint", "joined", "table"]


class Html(str):
    """Text that is markup already; all other text is escaped before it is put into a page."""

    __slots__ = ()


_CELL = "text-align:left;vertical-align:top;padding:2px 10px 2px 0;border:0"
_NUMBER = (
    "text-align:right;vertical-align:top;padding:2px 10px 2px 0;border:0;white-space:nowrap;"
    "font-variant-numeric:tabular-nums"
)
_VALUE = f"{_CELL};white-space:pre-wrap;overflow-wrap:anywhere"
# Characters that change the direction of the text around them could change how it reads.
_TURNING = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_UNSHOWN = dict.fromkeys([*range(9), 11, 12, *range(14, 32), *range(127, 160), *_TURNING], "\ufffd")


def escaped(value: object) -> Html:
    """Return any value as text for a page; markup is not changed.

    Characters that cannot be shown or sent become ``\ufffd``.
    """
    if isinstance(value, Html):
        return value
    text = str(value).translate(_UNSHOWN).encode("utf-8", "replace").decode()
    return Html(escape(text, quote=True))


def joined(*parts: object) -> Html:
    """Join parts, each escaped unless it is markup."""
    return Html("".join(escaped(part) for part in parts))


def dot(colour: Colour, title: str, sign: str = "●") -> Html:
    """Return a coloured sign; ``title`` says what it means."""
    return Html(f'<span style="color:{colour.fill}" title="{escaped(title)}">{sign}</span>')


def faint(text: object) -> Html:
    """Return text of less importance."""
    return Html(f'<span style="opacity:.65">{escaped(text)}</span>')


def error(text: object) -> Html:
    """Return text that tells an error."""
    return Html(f'<span style="color:{ERROR.fill}">{escaped(text)}</span>')


def details(summary: object, body: object, *, is_open: bool = False) -> Html:
    """Return a summary that unfolds to a body."""
    return Html(
        f"<details{' open' if is_open else ''}><summary>{escaped(summary)}</summary>"
        f"{escaped(body)}</details>"
    )


def facts(title: object, rows: Iterable[tuple[object, object]]) -> Html:
    """Return a title with a table of names and values below it."""
    body = "".join(
        f'<tr><td style="{_CELL};opacity:.65">{escaped(name)}</td>'
        f'<td style="{_VALUE}">{escaped(value)}</td></tr>'
        for name, value in rows
    )
    return Html(f"<div>{escaped(title)}</div><table>{body}</table>")


_SHORT = 40
"""Maximum characters of a cell whose words are not broken."""


def _style(text: str) -> str:
    return f"{_CELL};overflow-wrap:{'break-word' if len(text) <= _SHORT else 'anywhere'}"


def table(
    heads: Sequence[object],
    rows: Iterable[Sequence[object]],
    note: str = "",
    *,
    numbers: Collection[int] = (),
) -> Html:
    """Return a table.

    Args:
        heads: The titles of the columns.
        rows: The cells.
        note: A text below it.
        numbers: The positions of columns with numbers, which are at the right and not broken.
    """
    head = "".join(
        f'<th style="{_NUMBER if i in numbers else _CELL}">{escaped(name)}</th>'
        for i, name in enumerate(heads)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td style="{_NUMBER if i in numbers else _style(text)}">{text}</td>'
            for i, text in enumerate(map(escaped, row))
        )
        + "</tr>"
        for row in rows
    )
    below = f"<div>{faint(note)}</div>" if note else ""
    return Html(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}")
