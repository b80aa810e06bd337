"""The backlog of migration: stored versions of models, and whether today's classes read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.graph.cypher import migrate
from artigraph_neo4j.model.base import ModelBase, model_info
from artigraph_neo4j.model.identity import known_models
from artigraph_neo4j.model.steps import missing_step

__all__ = ["ModelBacklog", "Status", "migration_backlog"]

Status = Literal["current", "can migrate", "no path", "unknown model", "newer"]


@dataclass(frozen=True, slots=True)
class ModelBacklog:
    """One stored version of one model.

    Attributes:
        model: The stored name of the model.
        version: The stored version.
        artifacts: Number of artifacts of it, nested ones too.
        status: ``"current"``: today's class writes the same; ``"can migrate"``: it can be read, and
            ``migrate_artifacts`` makes it current; ``"no path"``: steps are missing, so it cannot
            be read; ``"unknown model"``: no class of this program has the name; ``"newer"``: this
            program's class is older than the stored version.
        detail: The missing steps, or the changes to come; empty where the status is enough.
    """

    model: str
    version: int
    artifacts: int
    status: Status
    detail: str = ""


async def migration_backlog() -> list[ModelBacklog]:
    """Tell which versions of models are stored, and whether today's classes can read them.

    Run it before a deploy, with the new classes imported. One round trip, answered from an index:
    no artifact is read. So where a class does not have steps, or has its own ``migrate``, only
    ``migrate_artifacts(dry_run=True)`` can tell whether each artifact can be migrated.

    Returns:
        A row for every stored version of every model, by name and version.

    Raises:
        ConnectionFailed: The database stayed out of reach.
    """
    ((rows,),) = await get_engine().ask(migrate.BACKLOG, {})
    return [
        ModelBacklog(model, version, artifacts, *_judge(model, version))
        for model, version, artifacts in rows
    ]


def _judge(name: str, version: int) -> tuple[Status, str]:
    classes = known_models(name)
    if not classes:
        return "unknown model", "import the module that defines it, or give its class an alias"
    found = [_judge_by(cls, name, version) for cls in classes]
    if len(set(found)) == 1:
        return found[0]
    # The module that wrote each artifact decides which class it is.
    several = "several classes: " + "; ".join(
        sorted(
            f"{cls.__module__}:{cls.__qualname__} {status}"
            for cls, (status, _) in zip(classes, found, strict=True)
        )
    )
    order: tuple[Status, ...] = ("can migrate", "no path", "newer", "current")
    statuses = {status for status, _ in found}
    return next(status for status in order if status in statuses), several


def _judge_by(cls: type[ModelBase], name: str, version: int) -> tuple[Status, str]:
    info = model_info(cls)
    if version > info.version:
        return "newer", f"the class here is version {info.version}"
    if version == info.version:
        return ("current", "") if name == info.name else ("can migrate", f"to name {info.name!r}")
    missing = missing_step(cls, version)
    if missing:
        return "no path", f"{missing}; the class is version {info.version}"
    renamed = "" if name == info.name else f" and name {info.name!r}"
    return "can migrate", f"to version {info.version}{renamed}"
