"""Recipes: everything that an artifact came from, in an order to make it again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, cast

from artigraph_neo4j.common.diagram import Diagram, Drawable
from artigraph_neo4j.common.markup import Html, escaped, joined, table
from artigraph_neo4j.common.wording import time_text
from artigraph_neo4j.engine import given
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.engine.given import AnyArtifact
from artigraph_neo4j.engine.missing import absent
from artigraph_neo4j.find.lineage import (
    LineageLink,
    LineageStep,
    step_from_row,
    step_name,
    step_sign,
    steps_diagram,
)
from artigraph_neo4j.graph.cypher import ancestry
from artigraph_neo4j.questions.reach import in_order
from artigraph_neo4j.storage.known import find_storage
from artigraph_neo4j.values.transfer import together

__all__ = [
    "Ancestry",
    "MissingInput",
    "Recipe",
    "RecipeStep",
    "StoredBytes",
    "read_above",
    "recipe",
]

SHOWN_STEPS = 100


@dataclass(frozen=True, slots=True)
class Ancestry:
    """Some artifacts with everything above them.

    Attributes:
        wholes: For each id that was asked for, the id of the artifact that it is, or is part of.
        runs: Commit, whether files differed from it, program and Python version, by id of the run.
        steps: Spans and artifacts by id.
        needs: For each node, the ids of the nodes that it comes from directly.
        more: For each node, further facts, as the statement returns them.
    """

    wholes: dict[str, str]
    runs: dict[str, tuple[str | None, bool | None, str | None, str | None]]
    steps: dict[str, LineageStep] = field(default_factory=dict)
    needs: dict[str, list[str]] = field(default_factory=dict)
    more: dict[str, list[Any]] = field(default_factory=dict)


async def read_above(statement: str, ids: list[str], **parameters: Any) -> Ancestry:
    """Read everything above some artifacts. One round trip.

    Args:
        statement: ``ancestry.RECIPE`` or ``ancestry.STALE``.
        ids: Ids of artifacts.
        **parameters: Further parameters of the statement.

    Raises:
        NotFoundError: One of the artifacts does not exist.
        ConnectionFailed: The database stayed out of reach.
    """
    rows = await get_engine().ask(statement, {"ids": ids, **parameters})
    wholes, runs, _ = rows[0]
    for node_id, whole in wholes:
        if whole is None:
            raise await absent(get_engine(), "artifact", node_id)
    found = Ancestry(dict(wholes), {run: tuple(facts) for run, *facts in runs})
    names: dict[str, str] = {}
    hops: dict[str, list[str]] = {}
    for *_, chunk in rows:
        for element_id, needs, more, *row in chunk:
            step = step_from_row(*row)
            names[element_id] = step.node_id
            hops[step.node_id] = needs
            found.steps[step.node_id] = step
            found.more[step.node_id] = more
    for node_id, needs in hops.items():
        found.needs[node_id] = [names[other] for other in needs if other in names]
    return found


@dataclass(frozen=True, slots=True)
class StoredBytes:
    """A value that a storage holds.

    Attributes:
        artifact: Id of the node that has the field: the artifact's, or a nested one's.
        field: The field.
        digest: SHA-256 of the bytes, in hex.
        size: Number of bytes.
        storage: Name of the storage.
        location: Place of the bytes in the storage.
    """

    artifact: str
    field: str
    digest: str
    size: int
    storage: str
    location: str


@dataclass(frozen=True, slots=True)
class RecipeStep:
    """A span to run again, or an artifact that no span made.

    Attributes:
        step: The span or artifact.
        commit: Git commit of its run; None where that is unknown, and for artifacts.
        dirty: Whether tracked files differed from that commit.
        program: The program that ran.
        python: Its Python version.
        function: Name of the called function, where ``spanned(arguments=...)`` recorded it.
        arguments: The arguments by name, where they were recorded as JSON; else None.
        arguments_id: Id of the artifact that holds the arguments, to read them.
        uses: Ids of artifacts that it needs.
        makes: Ids of artifacts that the recipe takes from it.
        early: Whether it comes before a step that it needs, because of a circle.
    """

    step: LineageStep
    commit: str | None = None
    dirty: bool | None = None
    program: str | None = None
    python: str | None = None
    function: str | None = None
    arguments: dict[str, Any] | None = None
    arguments_id: str | None = None
    uses: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()
    early: bool = False


@dataclass(frozen=True, slots=True)
class MissingInput:
    """An input that is not available any more.

    Attributes:
        reason: ``"maker deleted"``: the span that made the artifact is gone; ``"input deleted"``:
            a span used an artifact that is gone; ``"bytes gone"``: the storage does not have a
            value; ``"storage unknown"``: this process cannot look, since it does not know the
            storage.
        node_id: Id of the artifact.
        detail: The field and location of a value, or the span that used a deleted artifact; else
            an empty string.
    """

    reason: Literal["maker deleted", "input deleted", "bytes gone", "storage unknown"]
    node_id: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Recipe(Drawable):
    """The recipe of an artifact: everything that it came from.

    Attributes:
        node_id: Id of the artifact.
        steps: Spans to run, and artifacts that came from outside of all spans, in an order in which
            each comes after what it needs; by time where the order is free.
        artifacts: All artifacts of the recipe, with the wanted one, by time of recording.
        stored: Values of these that are in a storage, by artifact and field.
        missing: Inputs that were deleted, or whose bytes are gone.
        links: Hops between spans and artifacts, in the direction in which the data went.
    """

    node_id: str
    steps: list[RecipeStep]
    artifacts: list[LineageStep]
    stored: list[StoredBytes]
    missing: list[MissingInput]
    links: list[LineageLink] = field(repr=False)

    def diagram(self) -> Diagram:
        """Draw spans and artifacts in the order of the recipe; arrows follow the data."""
        spans = [s.step for s in self.steps if s.step.kind == "span"]
        return steps_diagram([*spans, *self.artifacts], self.links)

    def _repr_html_(self) -> str:
        rows = [
            (
                number,
                joined(step_sign(s.step), " ", step_name(s.step)),
                s.function or "",
                (s.commit or "")[:10],
                time_text(s.step.at),
            )
            for number, s in enumerate(self.steps[:SHOWN_STEPS], start=1)
        ]
        note = f"{len(self.steps):,} steps, {len(self.missing):,} inputs are missing"
        heads = ("", "step", "function", "commit", "at")
        title = f"how {self.node_id} was made"
        return Html(f"<div>{escaped(title)}</div>{table(heads, rows, note)}")


async def recipe(artifact: AnyArtifact, /, *, check_bytes: bool = True) -> Recipe:
    """Read everything that an artifact came from, in an order in which it could be made again.

    One round trip, and one request to the storages for each stored value.

    Args:
        artifact: An artifact, or its id; a nested one counts as the one that it is part of.
        check_bytes: Whether to check that the storages still have the values.

    Returns:
        The steps with commit, program and arguments, the digests of stored values, and the missing
        inputs. Where the maker of an artifact was deleted, its inputs are not known any more.

    Raises:
        NotFoundError: The artifact does not exist.
        StorageError: A storage failed.
        ConnectionFailed: The database stayed out of reach.
    """
    asked = given.artifact_id(artifact)
    above = await read_above(ancestry.RECIPE, [asked])
    node_id = above.wholes[asked]
    order, early = in_order(above.steps, above.needs, lambda node: above.steps[node].at)
    makes: dict[str, list[str]] = {}
    for node, needs in above.needs.items():
        if above.steps[node].kind == "artifact":
            for maker in needs:
                makes.setdefault(maker, []).append(node)
    steps = [
        _step(above, node, makes.get(node, []), early)
        for node in order
        if above.steps[node].kind == "span" or not above.needs[node]
    ]
    artifacts = [s for s in above.steps.values() if s.kind == "artifact"]
    artifacts.sort(key=lambda step: (step.at, step.node_id))
    stored = sorted(
        (StoredBytes(*blob) for a in artifacts for blob in above.more[a.node_id][1]),
        key=lambda value: (value.artifact, value.field),
    )
    missing = [
        MissingInput("maker deleted", a.node_id) for a in artifacts if above.more[a.node_id][0]
    ]
    missing += [
        MissingInput("input deleted", gone, f"used by {span.node_id}")
        for span in above.steps.values()
        if span.kind == "span"
        for gone in above.more[span.node_id][1]
    ]
    if check_bytes:
        missing += await _without_bytes(get_engine(), stored)
    return Recipe(node_id, steps, artifacts, stored, missing, _hops(above))


def _step(above: Ancestry, node: str, makes: list[str], early: set[str]) -> RecipeStep:
    step = above.steps[node]
    if step.kind == "artifact":
        return RecipeStep(step, makes=(node,))
    run, _, call = above.more[node]
    function, values, arguments_id = call or (None, None, None)
    commit, dirty, program, python = above.runs.get(run, (None,) * 4)
    return RecipeStep(
        step,
        commit,
        dirty,
        program,
        python,
        function,
        _arguments(values),
        arguments_id,
        tuple(sorted(above.needs[node])),
        tuple(sorted(makes)),
        node in early or any(made in early for made in makes),
    )


def _arguments(stored: Any) -> dict[str, Any] | None:
    """Return arguments that are JSON on their node; others are read by the artifact's id."""
    if not isinstance(stored, str):
        return None
    try:
        found: object = json.loads(stored)
    except ValueError:
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def _hops(above: Ancestry) -> list[LineageLink]:
    return [
        LineageLink(other, node, "HAS_ARTIFACT" if above.steps[node].kind == "artifact" else "USED")
        for node, needs in above.needs.items()
        for other in sorted(needs)
    ]


async def _without_bytes(engine: Engine, stored: list[StoredBytes]) -> list[MissingInput]:
    places = {(value.storage, value.location) for value in stored}
    there: dict[tuple[str, str], bool | None] = {}

    async def look(name: str, location: str) -> None:
        own = engine.storage
        storage = own if own is not None and own.name == name else find_storage(name)
        there[name, location] = (
            None if storage is None else await engine.call(lambda: storage.exists(location))
        )

    await together((partial(look, *place) for place in sorted(places)), engine)
    return [
        MissingInput(
            "storage unknown" if there[value.storage, value.location] is None else "bytes gone",
            value.artifact,
            f"{value.field} at {value.storage} {value.location}",
        )
        for value in stored
        if not there[value.storage, value.location]
    ]
