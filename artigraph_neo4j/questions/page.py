"""The look of a report: one HTML file that needs nothing from elsewhere, in light and in dark."""

from __future__ import annotations

from collections.abc import Iterable

from artigraph_neo4j.common.markup import Html, escaped, joined

__all__ = ["page", "section"]

_STYLE = """
:root { color-scheme: light dark;
  --paper: #ffffff; --ink: #1c1f24; --line: #d9dde3; --box: #f6f7f9; }
@media screen and (prefers-color-scheme: dark) {
  :root { --paper: #16181c; --ink: #e4e7eb; --line: #353a42; --box: #1e2126; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 24px 28px 60px; max-width: 1180px;
  background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  overflow-wrap: anywhere; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 2px; }
nav { margin-top: 10px; font-size: 13px; }
nav a { color: inherit; margin-right: 14px; }
h2 { font-size: 18px; margin: 34px 0 10px; padding-bottom: 4px;
  border-bottom: 1px solid var(--line); }
h3 { font-size: 15px; margin: 18px 0 6px; }
.faint { opacity: .65; }
.cards, .plots, .figures { display: flex; flex-wrap: wrap; gap: 14px; }
.card, .plots > *, figure { background: var(--box); border: 1px solid var(--line);
  border-radius: 8px; padding: 12px 16px; margin: 0; max-width: 100%; }
.card { flex: 1 1 300px; min-width: 0; }
.scroll { overflow-x: auto; }
.scroll table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.scroll td, .scroll th { padding: 4px 14px 4px 0 !important;
  border-bottom: 1px solid var(--line) !important;
  max-width: 32em; overflow-wrap: break-word !important; }
.scroll:focus-visible, summary:focus-visible { outline: 2px solid currentColor; }
figure img { max-width: 100%; max-height: 420px; display: block; background: #ffffff;
  border-radius: 4px; }
figcaption { margin-top: 6px; font-size: 13px; }
.note { white-space: pre-wrap; max-width: 60em; }
details > summary { cursor: pointer; }
pre { white-space: pre-wrap; font-size: 13px; }
footer { margin-top: 44px; font-size: 13px; opacity: .65; }
@media (max-width: 500px) { body { padding: 16px 14px 40px; } .card { flex-basis: 100%; } }
@media print {
  :root { color-scheme: light; }
  body { max-width: none; padding: 0; font-size: 12px; }
  nav { display: none; }
  h2, h3 { break-after: avoid; }
  .card, figure, .plots > *, tr, svg { break-inside: avoid; }
  .scroll { overflow: visible; }
  .scroll td, .scroll th { overflow-wrap: anywhere !important; }
  details::details-content { content-visibility: visible; block-size: auto; }
}
"""


def section(title: str, *content: Html, of: str = "") -> Html:
    """Return a section with a title; empty if it has no content.

    Args:
        title: The title.
        *content: The parts of it.
        of: The class of the box around the parts.
    """
    parts = [part for part in content if part]
    if not parts:
        return Html("")
    return Html(
        f'<section id="{_place(title)}"><h2>{escaped(title)}</h2>'
        f'<div class="{of}">{joined(*parts)}</div></section>'
    )


def _place(title: str) -> Html:
    return escaped(title.lower().replace(" ", "-"))


def page(title: str, under: str, sections: Iterable[Html], made: str) -> str:
    """Return the whole page, with links to its sections.

    Args:
        title: The title.
        under: A line below it.
        sections: What follows.
        made: When and by what it was made.
    """
    parts = [part for part in sections if part]
    titles = [part.partition("<h2>")[2].partition("</h2>")[0] for part in parts]
    links = " ".join(f'<a href="#{_place(name)}">{name}</a>' for name in titles)
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escaped(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f'<h1>{escaped(title)}</h1>\n<div class="faint">{escaped(under)}</div>\n'
        f"<nav>{links}</nav>\n<main>{joined(*parts)}</main>\n<footer>{escaped(made)}</footer>\n</body>\n</html>\n"
    )
