"""``diff``: two runs compared, and where they first parted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from artigraph_neo4j.common.pausing import collector_paused
from artigraph_neo4j.engine import given
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.given import AnySpan
from artigraph_neo4j.engine.missing import absent
from artigraph_neo4j.graph.cypher.diff import TWO_RUNS
from artigraph_neo4j.questions.content import text_of
from artigraph_neo4j.questions.difference import Cause, Difference, Divergence, Kind, RunDiff
from artigraph_neo4j.questions.runs import PROVENANCE, Run, RunSpan, run_from_rows

__all__ = ["diff"]


async def diff(first: AnySpan, second: AnySpan, /) -> RunDiff:
    """Compare two runs: their spans, inputs and outputs, and the place where they parted.

    Spans are aligned by their labels from the run downwards, spans of equal label by the order in
    which they were opened; ids and times do not matter, nor does the order of siblings with
    different labels. Artifacts are compared by content: fields, and digests of stored values. Of
    artifacts that a span made, the newest version counts.

    The first divergence is the earliest span with equal inputs that came out differently: another
    output, status or set of children. Inputs of a span are its arguments and those of the spans
    above it, and the artifacts that it and the spans above and below it used, except artifacts that
    they made themselves. If there is no such span, the divergence is the earliest span whose
    arguments, or inputs from outside the run, differ.

    One round trip.

    Args:
        first: A span, or its id: a run, or a part of one.
        second: The span to compare it with, or its id.

    Raises:
        NotFoundError: One of the spans does not exist.
        TornReadError: An artifact was being migrated while it was read; call again.
        ConnectionFailed: The database stayed out of reach.
    """
    ids = [given.span_id(first, "first"), given.span_id(second, "second")]
    rows = await get_engine().ask(TWO_RUNS, {"first": ids[0], "second": ids[1]})
    for node_id in ids:
        if not all(row[1] for row in rows if row[0] == node_id):
            raise await absent(get_engine(), "span", node_id)
    with collector_paused():
        return _Comparison(*(_run(rows, node_id) for node_id in ids)).result()


def _run(rows: list[list[Any]], node_id: str) -> Run:
    mine = [row for row in rows if row[0] == node_id]
    spans = {s[0]: s for row in mine for s in row[2]}
    contents = {c[0]: c for row in mine for c in row[3]}
    return run_from_rows(list(spans.values()), list(contents.values()))


_Pair = tuple[RunSpan | None, RunSpan | None]


class _Comparison:
    """Two runs, with their spans in pairs."""

    def __init__(self, a: Run, b: Run) -> None:
        self.a = a
        self.b = b
        pairs: list[_Pair] = [(a.root, b.root)]
        for x, y in pairs:  # grows during the loop
            mine = {} if x is None else x.children
            theirs = {} if y is None else y.children
            pairs += [(mine.get(step), theirs.get(step)) for step in {**mine, **theirs}]
        self.pairs = sorted(pairs, key=self._opened)
        self._labels: dict[str, dict[str, str]] = {}
        self.both = [(x, y) for x, y in self.pairs if x is not None and y is not None]

    def _opened(self, pair: _Pair) -> Any:
        """Return the time from the start of the run to the opening of a span, in the sooner run."""
        x, y = pair
        if x is not None and y is not None:
            times = (x.opened_at - self.a.root.opened_at, y.opened_at - self.b.root.opened_at)
            return (min(times), x.step)
        if x is not None:
            return (x.opened_at - self.a.root.opened_at, x.step)
        return y and (y.opened_at - self.b.root.opened_at, y.step)

    def result(self) -> RunDiff:
        durations = {
            x.node_id: (x.seconds, y.seconds)
            for x, y in self.both
            if x.seconds is not None and y.seconds is not None
        }
        found = [*self._provenance(), *(d for pair in self.pairs for d in self._at(*pair))]
        return RunDiff(
            self.a.root.node_id, self.b.root.node_id, found, self._divergence(), durations
        )

    def _provenance(self) -> Iterator[Difference]:
        a, b = self.a.root.facts, self.b.root.facts
        for name in PROVENANCE:
            if a.get(name) != b.get(name):
                yield Difference("provenance", "", name, a.get(name), b.get(name))

    def _at(self, x: RunSpan | None, y: RunSpan | None) -> Iterator[Difference]:
        if x is None or y is None:
            place = next(span.place for span in (x, y) if span is not None)
            yield Difference("only", place, "", x and x.node_id, y and y.node_id)
            return
        text = x.place
        if x.classes != y.classes:
            yield Difference("class", text, "", list(x.classes), list(y.classes))
        if x.status != y.status:
            yield Difference("status", text, "", _status(x), _status(y))
        found = list(_unequal("property", text, x.properties, y.properties))
        names = [one.name for one in found]
        for one in found:
            # The text of a dict is left out if its entries tell the difference.
            if not any(name.startswith(f"{one.name}.") for name in names):
                yield one
        yield from self._arguments(text, x, y)
        yield from self._inputs(text, x, y)
        yield from self._outputs(text, x, y)

    def _arguments(self, place: str, x: RunSpan, y: RunSpan) -> Iterator[Difference]:
        if not x.arguments and not y.arguments:
            return
        fields = [
            {k: v for a in span.arguments for k, v in run.contents[a].fields.items()}
            for run, span in ((self.a, x), (self.b, y))
        ]
        yield from _unequal("arguments", place, *fields)

    def _inputs(self, place: str, x: RunSpan, y: RunSpan) -> Iterator[Difference]:
        if x.used == y.used:
            return
        mine, theirs = _by_digest(self.a, x.used), _by_digest(self.b, y.used)
        for digest in sorted(mine.keys() ^ theirs.keys()):
            run, ids = (self.a, mine) if digest in mine else (self.b, theirs)
            for node_id in ids[digest]:
                name = run.labels[node_id] or run.contents[node_id].model
                sides = (node_id, None) if digest in mine else (None, node_id)
                yield Difference("input", place, name, *sides)

    def _outputs(self, place: str, x: RunSpan, y: RunSpan) -> Iterator[Difference]:
        mine, theirs = self._labeled(self.a, x), self._labeled(self.b, y)
        for label in sorted({*mine, *theirs}):
            one, other = mine.get(label), theirs.get(label)
            if one is None or other is None:
                yield Difference("output", place, label, one, other)
            elif self.a.digest(one) != self.b.digest(other):
                c, d = self.a.contents[one], self.b.contents[other]
                if c.model != d.model:
                    yield Difference("output", place, label, c.model, d.model)
                for found in _unequal("output", place, c.fields, d.fields):
                    yield Difference(
                        "output", place, f"{label}.{found.name}", found.first, found.second
                    )

    def _labeled(self, run: Run, span: RunSpan) -> dict[str, str]:
        """Return the artifacts of a span by label, computed once."""
        found = self._labels.get(span.node_id)
        if found is None:
            found = self._labels[span.node_id] = _labeled(run, span)
        return found

    def _has_equal(self, mine: list[str], theirs: list[str]) -> bool:
        """True if artifacts of the first run have the same contents as those of the second."""
        return mine == theirs or _digests(self.a, mine) == _digests(self.b, theirs)

    def _has_equal_arguments(self, x: RunSpan, y: RunSpan) -> bool:
        """True if two spans recorded equal arguments, and equal entries of ``params``."""
        mine, theirs = x.parameters, y.parameters
        return self._has_equal(x.arguments, y.arguments) and not any(
            _unequal("property", "", mine, theirs)
        )

    # -- the divergence ------------------------------------------------------------------------

    def _divergence(self) -> Divergence | None:
        first: tuple[timedelta, RunSpan, RunSpan] | None = None
        for x, y in self._with_equal_inputs():
            when = self._parted(x, y)
            if when is not None and (first is None or when < first[0]):
                first = (when, x, y)
        if first is not None:
            _, x, y = first
            commits = [run.root.facts.get("git_commit") for run in (self.a, self.b)]
            is_same = None in commits or commits[0] == commits[1]
            cause: Cause = "nondeterminism" if is_same else "code"
            return Divergence(cause, x.place, x.node_id, y.node_id)
        for x, y in self.both:
            if not self._has_equal_arguments(x, y):
                inputs = (*x.arguments, *y.arguments)
                return Divergence("arguments", x.place, x.node_id, y.node_id, inputs)
            outside = [
                [used for used in span.used if used not in run.makers]
                for run, span in ((self.a, x), (self.b, y))
            ]
            if not self._has_equal(*outside):
                differ = tuple(d.first or d.second for d in self._inputs(x.place, x, y))
                return Divergence("input", x.place, x.node_id, y.node_id, differ)
        return None

    def _with_equal_inputs(self) -> Iterator[tuple[RunSpan, RunSpan]]:
        """Yield pairs with equal inputs, below spans whose own inputs are all equal."""
        inputs = [_inputs_of(run) for run in (self.a, self.b)]
        work = [(self.a.root, self.b.root)]
        while work:
            x, y = work.pop()
            (own, all_), (others, all_others) = inputs[0][x.node_id], inputs[1][y.node_id]
            if own != others or not self._has_equal_arguments(x, y):
                continue
            if all_ == all_others:
                yield x, y
            work += [
                (child, y.children[step])
                for step, child in x.children.items()
                if step in y.children
            ]

    def _parted(self, x: RunSpan, y: RunSpan) -> timedelta | None:
        """Return the time in the run when the outcomes of a span differ; None if they do not."""
        times: list[timedelta] = []
        mine, theirs = self._labeled(self.a, x), self._labeled(self.b, y)
        for label in {*mine, *theirs}:
            one, other = mine.get(label), theirs.get(label)
            if one and other and self.a.digest(one) == self.b.digest(other):
                continue
            times += [self.a.at[one] - self.a.root.opened_at] if one else []
            times += [self.b.at[other] - self.b.root.opened_at] if other else []
        for step in x.children.keys() ^ y.children.keys():
            run, child = (
                (self.a, x.children[step]) if step in x.children else (self.b, y.children[step])
            )
            times.append(child.opened_at - run.root.opened_at)
        if x.status != y.status:
            times += [
                (span.closed_at or span.opened_at) - run.root.opened_at
                for run, span in ((self.a, x), (self.b, y))
            ]
        return min(times, default=None)


def _inputs_of(run: Run) -> dict[str, tuple[int, int]]:
    """Return two hashes for each span: of its own inputs, and of those of all spans below too.

    Equal contents give equal numbers. Artifacts made by the span or below it are not inputs.
    """
    order = [(run.root, 0)]
    for span, depth in order:  # grows during the loop
        order += [(child, depth + 1) for child in span.children.values()]
    depths = {span.node_id: depth for span, depth in order}
    own = dict.fromkeys(depths, 0)
    total = dict.fromkeys(depths, 0)
    numbers: dict[str, int] = {}
    for span, _ in order:
        for used in span.used:
            number = numbers.get(used)
            if number is None:
                number = numbers[used] = int(run.digest(used), 16)
            meeting = _meeting(span, run.makers.get(used), depths)
            total[span.node_id] += number
            if meeting is not None:
                total[meeting.node_id] -= number
            if meeting is not span:
                own[span.node_id] += number
    for span, _ in reversed(order):
        if span.above is not None:
            total[span.above.node_id] += total[span.node_id]
    return {node_id: (own[node_id], total[node_id]) for node_id in depths}


def _meeting(a: RunSpan, b: RunSpan | None, depths: dict[str, int]) -> RunSpan | None:
    """Return the lowest span that is equal to, or above, both."""
    if b is None:
        return None
    one, other = a, b
    while one is not other:
        if depths[one.node_id] < depths[other.node_id]:
            one, other = other, one
        if one.above is None:
            break  # the run itself is above all
        one = one.above
    return one


def _status(span: RunSpan) -> str:
    return ": ".join(part for part in span.status if part)


def _unequal(kind: Kind, place: str, a: dict[str, Any], b: dict[str, Any]) -> Iterator[Difference]:
    if not a and not b:
        return
    for name in sorted({*a, *b}):
        x, y = a.get(name), b.get(name)
        if text_of(x) != text_of(y):
            yield Difference(kind, place, name, x, y)


def _digests(run: Run, ids: list[str]) -> Counter[str]:
    return Counter(run.digest(node_id) for node_id in ids)


def _by_digest(run: Run, ids: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for node_id in sorted(ids):
        found.setdefault(run.digest(node_id), []).append(node_id)
    return found


def _labeled(run: Run, span: RunSpan) -> dict[str, str]:
    """Return the artifacts of a span by label; without one, by model and order of content."""
    found: dict[str, str] = {}
    ranks: dict[str, int] = {}
    made = span.made if len(span.made) < 2 else sorted(span.made, key=run.digest)
    for node_id in made:
        label = run.labels[node_id]
        if label is None:
            model = run.contents[node_id].model
            ranks[model] = ranks.get(model, 0) + 1
            label = f"({model} {ranks[model]})"
        found[label] = node_id
    return found
