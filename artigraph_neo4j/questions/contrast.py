"""Contrast of failed runs with good ones: what the failed ones have in common."""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from artigraph_neo4j.common.colours import ARTIFACT, ERROR, OK
from artigraph_neo4j.common.diagram import Diagram, DiagramEdge, DiagramNode, Drawable
from artigraph_neo4j.common.markup import Html, escaped, table
from artigraph_neo4j.common.wording import counted, cut
from artigraph_neo4j.engine import given
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.given import AnySpan
from artigraph_neo4j.errors import NotFoundError
from artigraph_neo4j.graph.cypher import contrast as cypher
from artigraph_neo4j.graph.names import INDEX_PROPERTIES, RESERVED_PROPERTIES
from artigraph_neo4j.model.base import ModelBase, model_info
from artigraph_neo4j.questions.runs import PROVENANCE
from artigraph_neo4j.questions.significance import fisher, holm, least_p, log_odds

__all__ = ["KINDS", "Contrast", "Suspect", "contrast"]

KINDS = cypher.KINDS
"""The kinds of candidates, which ``by`` can name."""

LEVEL = 0.02
"""Maximum corrected p-value of a suspect. Of groups without a cause 2 in 100 have one by chance; a
level of 5 % would say so in 4 to 5, and finds few causes more."""

_OURS = sorted(
    {
        *RESERVED_PROPERTIES, *INDEX_PROPERTIES, "label", "status", "opened_at", "closed_at",
        "root_id", "depth", "writer_id", "pid", "exception_type", "exception_message",
        "exception_stacktrace", "imported_id_", "search_", "seal_",
    }
)  # fmt: skip

By = Literal["inputs", "ancestors", "parameters", "properties", "provenance"]


@dataclass(frozen=True, slots=True)
class Suspect:
    """A feature that failed runs have more often than good ones.

    Attributes:
        kind: ``"input"``, ``"ancestor"``, ``"parameter"``, ``"property"`` or ``"provenance"``.
        key: The id of an artifact; for the other kinds the name, ``Model.field`` or
            ``label.property``.
        value: The label or model of an artifact; for the other kinds the value, as text.
        failed: Number of failed runs that have it.
        good: Number of good runs that have it.
        lift: Logarithm of the odds ratio, a half added to each count.
        p: P-value of Fisher's exact test, one-sided.
        corrected: The same by Holm's method, for all candidates together.
        same: Other candidates that exactly the same runs have, so that counts cannot tell them
            apart. Of such candidates the artifact recorded first is the suspect, so that it is
            the one furthest upstream.
    """

    kind: str
    key: str
    value: str
    failed: int
    good: int
    lift: float
    p: float
    corrected: float
    same: tuple[tuple[str, str, str], ...] = ()

    @property
    def name(self) -> str:
        """The name to show: the label or model of an artifact, else name and value."""
        if self.kind in ("input", "ancestor"):
            return self.value
        return f"{self.key} = {cut(self.value, 60)}"


@dataclass(frozen=True, slots=True)
class Contrast(Drawable):
    """The features in which two groups of runs differ.

    Attributes:
        failed: Number of failed runs that were compared.
        good: Number of good runs that were compared.
        given: Numbers of failed and good runs that were given; more than were compared where a
            sample was taken.
        suspects: Features that are more frequent among the failed than chance explains, least p
            first. An empty list is an answer: nothing that was recorded tells the groups apart.
        candidates: The best candidates, suspects or not.
        tested: Number of candidates that were tested; those of exactly the same runs count as one.
    """

    failed: int
    good: int
    given: tuple[int, int]
    suspects: list[Suspect]
    candidates: list[Suspect]
    tested: int

    def __str__(self) -> str:
        size = f"{self.failed:,} failed and {self.good:,} good runs"
        if self.given != (self.failed, self.good):
            size += f" (a sample of {self.given[0]:,} and {self.given[1]:,})"
        if not self.suspects:
            return f"nothing tells {size} apart; {self.tested:,} candidates were tested"
        suspects = counted(len(self.suspects), "suspect")
        return f"{suspects} in {size}; {self.tested:,} candidates were tested"

    def diagram(self) -> Diagram:
        """Draw both groups of runs, and an arrow from each suspect to the runs that have it."""
        nodes = [
            DiagramNode(
                "failed", "span", (f"{self.failed:,} failed",), ERROR, {"runs": self.failed}
            ),
            DiagramNode("good", "span", (f"{self.good:,} good",), OK, {"runs": self.good}),
        ]
        edges: list[DiagramEdge] = []
        for suspect in self.suspects:
            name = f"{suspect.kind} {suspect.key} {suspect.value}"
            more = (f"+ {len(suspect.same):,} in the same runs",) if suspect.same else ()
            facts = {"p": suspect.corrected, "lift": suspect.lift, "key": suspect.key}
            lines = (suspect.name, suspect.kind, *more)
            nodes.append(DiagramNode(name, "artifact", lines, ARTIFACT, facts))
            for group, number, of in (
                ("failed", suspect.failed, self.failed),
                ("good", suspect.good, self.good),
            ):
                if number:
                    edges.append(DiagramEdge(name, group, "OCCURS_IN", f"{number:,} of {of:,}"))
        return Diagram(nodes, edges, "right")

    def _repr_html_(self) -> str:
        rows = [
            (
                s.kind,
                s.key,
                s.value,
                f"{s.failed:,} of {self.failed:,}",
                f"{s.good:,} of {self.good:,}",
                f"{s.corrected:.2g}",
                f"{len(s.same)} more in the same runs" if s.same else "",
            )
            for s in self.suspects[:100]
        ]
        heads = ("kind", "what", "value", "failed", "good", "p", "")
        shown = table(heads, rows) if rows else ""
        return Html(f"<div>{escaped(self)}</div>{shown}")


async def contrast(
    failed: Iterable[AnySpan],
    good: Iterable[AnySpan],
    /,
    *,
    by: Collection[By] = ("inputs", "parameters", "properties", "provenance"),
    models: Iterable[type[ModelBase]] = (),
    sample: int = 1000,
    seed: int = 0,
    limit: int = 20,
) -> Contrast:
    """Find what failed runs have in common that good ones lack, and how sure that is.

    Candidates are artifacts that runs used but did not make, their ancestors, native fields of
    models that the runs recorded, properties of span classes, and commit, program, host and so on.
    One round trip.

    Args:
        failed: Runs, or their ids.
        good: Other runs.
        by: The kinds of candidates. ``"ancestors"`` walks upstream from each run, which costs most.
        models: Models whose fields are parameters of a run: settings, not results.
        sample: Maximum number of runs of each group; of larger groups a random sample is taken.
        seed: Seed of the sample, so that the same call gives the same answer.
        limit: Maximum number of candidates to list besides the suspects.

    Returns:
        The contrast. The probability that chance alone makes any candidate a suspect is below 2 %.

    Raises:
        ValueError: A group is empty, a run is in both, or ``by`` names something else.
        NotFoundError: Some of the runs do not exist.
        ConnectionFailed: The database stayed out of reach.
    """
    groups = [_ids(failed), _ids(good)]
    if not all(groups) or set(groups[0]) & set(groups[1]):
        raise ValueError("contrast needs one failed and one good run at least, and none in both")
    unknown = sorted(set(by) - set(KINDS))
    if unknown or not by:
        raise ValueError(f"by must name some of {', '.join(KINDS)}, not {unknown}")
    chance = random.Random(seed)  # noqa: S311 # for samples, not for secrets
    taken = [ids if len(ids) <= sample else chance.sample(ids, sample) for ids in groups]
    runs = [
        [node_id, 1 - group, chance.getrandbits(50)]
        for group, ids in enumerate(taken)
        for node_id in ids
    ]
    numbers = (len(taken[0]), len(taken[1]))
    rows = await get_engine().ask(
        cypher.contrast(tuple(k for k in KINDS if k in by and (models or k != "parameters"))),
        {
            "runs": runs,
            "models": sorted(model_info(model).name for model in models),
            "ours": _OURS,
            "known": [*_OURS, *PROVENANCE],
            "provenance": list(PROVENANCE),
            "least": _least(*numbers),
        },
    )
    found = [row for (chunk,) in rows for row in chunk]
    there = next((row[4] + row[5] for row in found if row[0] == "run"), 0)
    if there < len(runs):
        raise NotFoundError(f"{len(runs) - there} of the runs do not exist, or are not spans")
    tested = _tested([row for row in found if row[0] != "run"], *numbers)
    suspects = [suspect for suspect in tested if suspect.corrected < LEVEL]
    return Contrast(
        *numbers, (len(groups[0]), len(groups[1])), suspects, tested[:limit], len(tested)
    )


def _ids(runs: Iterable[AnySpan]) -> list[str]:
    return list(dict.fromkeys(map(given.span_id, runs)))


def _least(failed: int, good: int) -> int:
    """Return the minimum number of runs with a candidate for it to be a suspect at all."""
    return next(
        (n for n in range(1, failed + 1) if least_p(n, 0, failed, good) < LEVEL), failed + good + 1
    )


def _tested(rows: Sequence[Sequence[Any]], failed: int, good: int) -> list[Suspect]:
    """Return one candidate for each set of runs, the least p-value first.

    Candidates are chosen by the number of their runs, not by which runs these are, so leaving out
    those that could not become suspects by any outcome does not favour any.
    """
    by_runs: dict[tuple[int, int, int], list[Sequence[Any]]] = {}
    for row in rows:
        by_runs.setdefault((row[4], row[5], row[6]), []).append(row)
    groups = [
        (a, b, sorted(same, key=lambda row: (row[3] or "~", row[0], row[1], row[2])))
        for (a, b, _), same in by_runs.items()
        if least_p(a, b, failed, good) < LEVEL
    ]
    values = [fisher(a, b, failed, good) for a, b, _ in groups]
    found = [
        Suspect(
            first[0], first[1], first[2], a, b, log_odds(a, b, failed, good), p, corrected,
            tuple((row[0], row[1], row[2]) for row in rest),
        )
        for (a, b, (first, *rest)), p, corrected in zip(groups, values, holm(values), strict=True)
    ]  # fmt: skip
    found.sort(key=lambda s: (s.p, -s.lift * math.sqrt(s.failed), s.key, s.value))
    return found
