"""``artigraph show``: a span with everything below it, as a tree."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.text import Text
from rich.tree import Tree

from artigraph_neo4j.cli.options import SPAN_HELP, Url, run, span_facts, span_state, span_style
from artigraph_neo4j.cli.output import Json, print_json, wide_terminal
from artigraph_neo4j.common.colours import ARTIFACT, ERROR
from artigraph_neo4j.common.wording import cut, duration_text, time_text, visible
from artigraph_neo4j.find.named import find_named
from artigraph_neo4j.find.span_tree import SpanTree, outline, read_span_tree
from artigraph_neo4j.find.summary import ArtifactSummary
from artigraph_neo4j.graph.logged import Logged, logged_text
from artigraph_neo4j.graph.names import users_labels
from artigraph_neo4j.graph.span import Span

__all__ = ["commands", "show", "tree_of"]

commands = typer.Typer(add_completion=False)

TEXT = 60
"""Maximum number of characters shown of a field."""

DEPTH = 50
"""Maximum number of levels drawn; further to the right they would not be readable."""


@commands.command()
def show(
    span: Annotated[str, typer.Argument(metavar="SPAN", help=SPAN_HELP)],
    artifacts: Annotated[
        bool, typer.Option("--artifacts/--no-artifacts", help="Show artifacts, too.")
    ] = True,
    fields: Annotated[bool, typer.Option("--fields", help="Show the artifacts' fields.")] = False,
    ids: Annotated[bool, typer.Option("--ids", help="Show all ids.")] = False,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, help="Maximum spans, and artifacts, to show.")
    ] = 200,
    url: Url = None,
    json: Json = False,
) -> None:
    """Show a span, all below it, and their artifacts. What failed is shown with its error."""

    async def read() -> SpanTree:
        _, node_id = await find_named(span, "span")
        return await read_span_tree(node_id, artifacts=artifacts, limit=limit)

    tree = run(url, read)
    if json:
        print_json(_facts(tree))
        return
    console = wide_terminal()
    console.print(tree_of(tree, ids=ids, fields=fields, artifacts=artifacts))
    if tree.left_out:
        console.print(f"{tree.left_out:,} spans were left out; --limit shows more", style="dim")


def tree_of(
    tree: SpanTree, *, ids: bool = False, fields: bool = False, artifacts: bool = True
) -> Tree:
    """Return the tree as a terminal shows it."""
    drawn: list[Tree] = []
    for branch in outline(tree, artifacts=None if artifacts else 0, levels=DEPTH):
        depth, item = branch.depth, branch.tree
        line = _span_line(item.span, ids or depth == 0)
        drawing = Tree(line, guide_style="dim") if depth == 0 else drawn[depth - 1].add(line)
        drawn[depth:] = [drawing]
        if logged := logged_text(item.span.logged):
            drawing.add(Text.assemble("~ logged  ", (_one_line(logged), "dim")))
        for summary in branch.artifacts:
            leaf = drawing.add(_artifact_line(summary, ids))
            for field in summary.fields if fields else ():
                leaf.add(Text(f"{field.name}: {cut(_one_line(field.text), TEXT)}", "dim"))
        if artifacts:
            _left_out(drawing, branch.more_artifacts, "artifacts")
        _left_out(drawing, item.more_children, "spans right below")
        if depth == DEPTH and item.children:
            drawing.add(Text(f"… deeper spans: artigraph show {item.children[0].span.node_id}"))
    return drawn[0]


def _left_out(branch: Tree, count: int, what: str) -> None:
    if count:
        branch.add(Text(f"… {count:,} more {what}", "dim italic"))


def _span_line(span: Span, with_id: bool) -> Text:
    style = span_style(span)
    line = Text.assemble(("● ", style), (_one_line(span.label or "span"), "bold"))
    own = users_labels(span.node_labels)
    if own:
        line.append(f" {_one_line(own[0])}", "dim")
    line.append(f"  {span_state(span)}", style)
    if span.duration is not None:
        line.append(f"  {duration_text(span.duration)}")
    elif span.opened_at is not None:  # pyright: ignore[reportUnnecessaryComparison] # not yet
        line.append(f"  since {time_text(span.opened_at)}")
    if with_id:
        line.append(f"  {span.node_id}", "dim")
    if span.exception_type:
        message = _one_line(span.exception_message or "")
        line.append(f"\n  {_one_line(span.exception_type)}: {cut(message, 200)}", ERROR.fill)
    return line


def _artifact_line(summary: ArtifactSummary, with_id: bool) -> Text:
    line = Text.assemble(("◆ ", ARTIFACT.fill), _one_line(summary.label or ""))
    line.append(f"{' ' if summary.label else ''}{summary.model}", ARTIFACT.fill)
    line.append(f" v{summary.model_version}", "dim")
    shown = [f"{field.name}={cut(_one_line(field.rounded), 24)}" for field in summary.fields[:4]]
    if len(summary.fields) > 4:
        shown.append("…")
    line.append(f"  {', '.join(shown)}", "dim")
    if summary.problem is not None:
        line.append(f"  {summary.problem}", ERROR.fill)
    if summary.shared:
        line.append("  shared", "italic")
    if with_id:
        line.append(f"  {summary.node_id}", "dim")
    return line


def _one_line(text: str) -> str:
    """Return text without line ends, which would break the lines of a tree."""
    return " ".join(visible(text).split())


def _facts(tree: SpanTree) -> dict[str, Any]:
    """Return the tree as a flat list, so that it may have any depth."""
    spans: list[dict[str, Any]] = []
    above: list[str | None] = []
    for depth, item in tree.walk():
        above[depth:] = [item.span.node_id]
        spans.append(
            span_facts(item.span)
            | {
                "parent": above[depth - 1] if depth else None,
                "depth": depth,
                "labels": list(item.span.node_labels),
                "logged": {name: _logged_facts(s) for name, s in item.span.logged.items()},
                "artifacts": [_artifact_facts(summary) for summary in item.artifacts],
                "more_artifacts": item.more_artifacts,
                "more_children": item.more_children,
            }
        )
    return {"spans": spans, "left_out": tree.left_out}


def _logged_facts(summary: Logged) -> dict[str, Any]:
    # JSON has no NaN and no infinity.
    return {
        name: value if value is None or math.isfinite(value) else str(value)
        for name, value in asdict(summary).items()
    }


def _artifact_facts(summary: ArtifactSummary) -> dict[str, Any]:
    return {
        "node_id": summary.node_id,
        "label": summary.label,
        "model": summary.model,
        "version": summary.model_version,
        "shared": summary.shared,
        "stored_bytes": summary.stored_size,
        "fields": {field.name: field.text for field in summary.fields},
        "problem": summary.problem,
    }
