"""``artigraph contrast``: features that failed runs have in common and good ones lack."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from artigraph_neo4j.cli.options import Url, run
from artigraph_neo4j.cli.output import Json, Terminal, print_json
from artigraph_neo4j.common.wording import cut
from artigraph_neo4j.errors import FilterError
from artigraph_neo4j.find import find_spans, span
from artigraph_neo4j.find.named import find_span_ids
from artigraph_neo4j.find.terms import under
from artigraph_neo4j.questions.contrast import KINDS, Contrast
from artigraph_neo4j.questions.contrast import contrast as ask

__all__ = ["commands", "contrast"]

commands = typer.Typer(add_completion=False)

RUNS = 20_000
"""Maximum number of runs of each group, the latest, from which the sample is taken."""

BAR = 10
"""Number of characters of a bar that means all runs."""


@commands.command()
def contrast(
    label: Annotated[
        str | None, typer.Option("--label", help="Compare runs of this label: failed and good.")
    ] = None,
    below: Annotated[
        str | None,
        typer.Option(
            "--under", metavar="SPAN", help="With --label: spans below it, not only runs."
        ),
    ] = None,
    failed: Annotated[
        list[str] | None,
        typer.Option("--failed", metavar="ID", help="A failed run; may be given again."),
    ] = None,
    good: Annotated[
        list[str] | None,
        typer.Option("--good", metavar="ID", help="A good run; may be given again."),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", help=f"Look at {', '.join(KINDS)}; may be given again."),
    ] = None,
    sample: Annotated[
        int, typer.Option("--sample", min=1, help="Maximum runs to compare of each group.")
    ] = 1000,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=0, help="Maximum candidates to show.")
    ] = 20,
    url: Url = None,
    json: Json = False,
) -> None:
    """Show what failed runs have in common that good ones lack. Says how sure that is."""
    if (label is None) == (not failed or not good):
        raise typer.BadParameter("give --label, or --failed and --good")
    if below is not None and label is None:
        raise typer.BadParameter("--under goes with --label")
    kinds: list[str] = list(by or ("inputs", "properties", "provenance"))
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise typer.BadParameter(f"--by is one of {', '.join(KINDS)}, not {unknown[0]}")

    async def work() -> Contrast:
        if label is not None:
            groups = await _labeled(label, below)
        else:
            groups = [await find_span_ids(*(failed or ())), await find_span_ids(*(good or ()))]
        chosen = tuple(kind for kind in KINDS if kind in kinds)
        return await ask(*groups, by=chosen, sample=sample, limit=limit)  # type: ignore[arg-type]

    found = run(url, work)
    if json:
        print_json(asdict(found))
        return
    out = Terminal()
    out.print(str(found), markup=False)
    if found.suspects:
        table = Table(
            "kind", "what", "value", "failed", "good", "p", "", box=SIMPLE_HEAD, pad_edge=False
        )
        for item in found.suspects[:limit]:
            told = (
                item.kind,
                item.key,
                cut(item.value, 60),
                _share(item.failed, found.failed),
                _share(item.good, found.good),
                f"{item.corrected:.2g}",
                f"+ {len(item.same):,} in the same runs" if item.same else "",
            )
            table.add_row(*(Text(cell) for cell in told))
        out.print(table)


async def _labeled(label: str, below: str | None) -> list[list[str]]:
    """Find the failed and the good spans of a label: runs, or spans below one."""
    place = span.depth == 0
    if below is not None:
        (above,) = await find_span_ids(below)
        place = under(above)
    runs = find_spans(span.label == label, place).limit(RUNS)
    groups = [await runs.where(span.status == status).read_ids() for status in ("ERROR", "OK")]
    if not all(groups):
        raise FilterError(
            f"there are {len(groups[0])} failed and {len(groups[1])} good runs labeled "
            f"{label!r}; contrast needs some of both"
        )
    return groups


def _share(number: int, of: int) -> str:
    """Return a bar and the numbers."""
    bar = "█" * round(BAR * number / of)
    return f"{bar:<{BAR}} {number:,} of {of:,}"
