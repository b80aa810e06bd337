"""``artigraph delete`` and ``retain``: what is recorded, and how long it is kept."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import Progress, TimeElapsedColumn

from artigraph_neo4j.cli.app import Json, app, errors_said, print_json
from artigraph_neo4j.cli.options import Url, age
from artigraph_neo4j.engine.configure import engine_context, get_engine
from artigraph_neo4j.errors import NotFoundError
from artigraph_neo4j.graph.cypher.parts import (
    KINDS,
)
from artigraph_neo4j.upkeep.delete import DeleteReport, delete_nodes, resume_deletes
from artigraph_neo4j.upkeep.delete import Progress as Told
from artigraph_neo4j.upkeep.retain import find_retired

__all__ = ["delete", "retain"]

Age = Annotated[
    timedelta | None,
    typer.Option("--max-age", parser=age, metavar="AGE", help="Keep what is younger: 30d, 12h."),
]


@app.command()
def delete(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID...", help="Ids of spans and artifacts.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Finish deletes that were cut short.")
    ] = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """Delete spans and artifacts with all below them, once you say yes."""
    if bool(ids) == resume:
        raise typer.BadParameter("give ids, or --resume")
    if json and ids and not (yes or dry_run):
        raise typer.BadParameter("--json cannot ask: add --yes or --dry-run")
    with errors_said(), engine_context(url):
        if ids:
            spans, artifacts = asyncio.run(_sorted(ids))
            _delete(spans, artifacts, lenient=False, dry_run=dry_run, ask=not yes, json=json)
        else:
            report = _shown(None, lambda told: resume_deletes(progress=told))
            _say(report, json)


@app.command()
def retain(
    max_age: Age = None,
    keep_last: Annotated[
        int | None, typer.Option("--keep-last", min=0, help="Keep so many of each label.")
    ] = None,
    label: Annotated[
        str | None, typer.Option("--label", help="Look only at root spans so labeled.")
    ] = None,
    open_too: Annotated[
        bool, typer.Option("--open-too", help="Also trees in which a span is open.")
    ] = False,
    really: Annotated[
        bool, typer.Option("--delete", help="Delete; without it, only count.")
    ] = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """Delete root spans that are older, and not among the last of their label; or count them."""
    if max_age is None and keep_last is None:
        raise typer.BadParameter("say what to keep: --max-age, --keep-last, or both")
    with errors_said(), engine_context(url):
        found = asyncio.run(
            find_retired(max_age=max_age, keep_last=keep_last, label=label, open_too=open_too)
        )
        _delete(found, [], lenient=True, dry_run=not really, ask=False, json=json)


async def _sorted(ids: list[str]) -> tuple[list[str], list[str]]:
    spans: list[str] = []
    artifacts: list[str] = []
    for node_id, is_span, is_artifact in await get_engine().read(KINDS, {"ids": ids}):
        if not (is_span or is_artifact):
            raise NotFoundError(
                f"there is no span or artifact with id {node_id!r}; nothing was deleted"
            )
        (spans if is_span else artifacts).append(node_id)
    return spans, artifacts


def _delete(
    spans: list[str], artifacts: list[str], *, lenient: bool, dry_run: bool, ask: bool, json: bool
) -> None:
    work = partial(delete_nodes, spans=spans, artifacts=artifacts, lenient=lenient)
    expected = asyncio.run(work(dry_run=True))
    if dry_run:
        _say(expected, json)
        return
    if ask:
        _say(expected, json=False)
        typer.confirm("Delete this? There is no way back", abort=True)
    _say(_shown(expected.nodes, lambda told: work(progress=told)), json)


def _shown(total: int | None, work: Callable[[Told], Awaitable[DeleteReport]]) -> DeleteReport:
    """The report of a delete, with a bar on standard error where a person waits for it."""
    console = Console(stderr=True)
    with Progress(
        *Progress.get_default_columns(), TimeElapsedColumn(), console=console, transient=True,
        disable=not console.is_terminal,
    ) as bar:  # fmt: skip
        task = bar.add_task("deleting", total=total)

        async def run() -> DeleteReport:
            return await work(lambda done: bar.update(task, completed=done.nodes))

        return asyncio.run(run())


def _say(report: DeleteReport, json: bool) -> None:
    if json:
        print_json(asdict(report))
        return
    sys.stdout.write(
        f"{'would delete' if report.dry_run else 'deleted'}: {report.spans:,} spans, "
        f"{report.artifacts:,} artifacts with {report.nested:,} nested models, "
        f"{report.blobs:,} references to stored values ({decimal(report.bytes)})\n"
    )
    if report.kept:
        sys.stdout.write(f"{report.kept:,} artifacts stay, since other spans have them\n")
    if report.uses:
        sys.stdout.write(f"{report.uses:,} uses by other spans are no longer on record\n")
