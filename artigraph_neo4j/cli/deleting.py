"""``artigraph delete`` and ``retain``: deletion of recorded work, by name or by age."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Annotated

import typer

from artigraph_neo4j.cli.filters import Before, Chosen, ClassName, Label, Since, Status, Tag
from artigraph_neo4j.cli.options import Url, age, bar
from artigraph_neo4j.cli.output import Json, print_json, say
from artigraph_neo4j.common.wording import size_text
from artigraph_neo4j.engine.configure import engine_context
from artigraph_neo4j.find.named import Kind, find_named
from artigraph_neo4j.upkeep.delete import DeleteReport, delete_nodes, resume_deletes
from artigraph_neo4j.upkeep.delete import Progress as Told
from artigraph_neo4j.upkeep.retain import find_retired

__all__ = ["commands", "delete", "retain"]

commands = typer.Typer(add_completion=False)

Age = Annotated[
    timedelta | None,
    typer.Option("--max-age", parser=age, metavar="AGE", help="Keep younger spans: 30d, 12h."),
]


@commands.command()
def delete(
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ID...", help="Spans and artifacts: ids, beginnings of ids, or labels."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    label: Label = None,
    status: Status = None,
    since: Since = None,
    before: Before = None,
    cls: ClassName = None,
    tag: Tag = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Finish deletes that were cut short.")
    ] = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """Delete spans and artifacts with all below them. Asks first, unless told --yes."""
    chosen = Chosen(label, status, since, before, cls, tag)
    if bool(ids) + bool(chosen) + resume != 1:
        raise typer.BadParameter(
            "give ids, or say which root spans (--label, --status, --before ...), or --resume"
        )
    if json and not (yes or dry_run or resume):
        raise typer.BadParameter("--json cannot ask: add --yes or --dry-run")
    with engine_context(url):
        if not resume:
            spans, artifacts = asyncio.run(_named(ids, chosen))
            _delete(spans, artifacts, lenient=not ids, dry_run=dry_run, ask=not yes, json=json)
        else:
            report = _shown(None, lambda told: resume_deletes(progress=told))
            _say(report, json)


@commands.command()
def retain(
    max_age: Age = None,
    keep_last: Annotated[
        int | None, typer.Option("--keep-last", min=0, help="Number to keep of each label.")
    ] = None,
    label: Annotated[
        str | None, typer.Option("--label", help="Only root spans with this label.")
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
    """Delete root spans by age and number, or count them. Without --delete it only counts."""
    if max_age is None and keep_last is None:
        raise typer.BadParameter("say what to keep: --max-age, --keep-last, or both")
    with engine_context(url):
        found = asyncio.run(
            find_retired(max_age=max_age, keep_last=keep_last, label=label, open_too=open_too)
        )
        _delete(found, [], lenient=True, dry_run=not really, ask=False, json=json)


async def _named(names: list[str] | None, chosen: Chosen) -> tuple[list[str], list[str]]:
    """Return the ids of spans, and of artifacts, that the command line names."""
    if not names:
        return await chosen.query().read_ids(), []
    found: dict[Kind, list[str]] = {"span": [], "artifact": []}
    for name in names:
        if name == "latest":
            raise typer.BadParameter("delete takes no 'latest': it may be another one by then")
        kind, node_id = await find_named(name, "span", "artifact")
        found[kind].append(node_id)
    return found["span"], found["artifact"]


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
    """Run a delete and return its report, with a bar on standard error in a terminal."""
    with bar("deleting", quiet=False) as shown:

        async def run() -> DeleteReport:
            return await work(lambda done: shown(done.nodes, total))

        return asyncio.run(run())


def _say(report: DeleteReport, json: bool) -> None:
    if json:
        print_json(asdict(report))
        return
    say(
        f"{'would delete' if report.dry_run else 'deleted'}: {report.spans:,} spans, "
        f"{report.artifacts:,} artifacts with {report.nested:,} nested models, "
        f"{report.blobs:,} references to stored values ({size_text(report.bytes)})\n"
    )
    if report.kept:
        say(f"{report.kept:,} artifacts stay, since other spans have them\n")
    if report.uses:
        say(f"{report.uses:,} uses by other spans are no longer on record\n")
