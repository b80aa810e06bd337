"""A page about runs, to show to somebody: one HTML file with everything in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from artigraph_neo4j._version import __version__
from artigraph_neo4j.common.drawing import drawing
from artigraph_neo4j.common.markup import Html, details, error, escaped, faint, joined, table
from artigraph_neo4j.common.plot import line_plot
from artigraph_neo4j.common.wording import cut, time_text
from artigraph_neo4j.engine import given
from artigraph_neo4j.engine.given import AnySpan
from artigraph_neo4j.errors import ArgumentError, ArtigraphError
from artigraph_neo4j.find.inspect import StoredField, inspect_artifact
from artigraph_neo4j.find.lineage import Lineage, read_lineage, steps_diagram
from artigraph_neo4j.find.queries import find_spans
from artigraph_neo4j.find.series import Series, read_series
from artigraph_neo4j.find.span_tree import SpanTree, read_span_tree, tree_html
from artigraph_neo4j.find.summary import ArtifactSummary
from artigraph_neo4j.find.table import Table, value_text
from artigraph_neo4j.find.terms import one_of
from artigraph_neo4j.find.terms import span as span_
from artigraph_neo4j.graph.span import Span, span_name, span_title
from artigraph_neo4j.questions.page import page, section
from artigraph_neo4j.recording.annotations import Annotations, read_annotations
from artigraph_neo4j.serializer.picture import Picture
from artigraph_neo4j.values.stored_value import StoredValue

__all__ = ["MAX_RUNS", "report"]

MAX_RUNS = 20
"""Maximum number of runs on one page."""

MAX_SERIES = 40
"""Maximum number of pictures of metrics."""

MAX_ARTIFACTS = 200
"""Maximum number of artifacts in the table of a run."""

MAX_FIGURES = 24
"""Maximum number of images of a run."""

NOTE_CHARACTERS = 20_000
"""Maximum characters of a note on the page."""

FIGURE_BYTES = 4 * 1024 * 1024
"""Maximum bytes of an image on the page."""

MAX_STEPS = 60
"""Maximum number of spans and artifacts in the picture of a lineage."""


@dataclass(slots=True)
class _Run:
    """The things that the page says about one run."""

    tree: SpanTree
    said: Annotations
    series: Series | None
    lineage: Lineage | None
    figures: list[Html]
    notes: list[Html]

    @property
    def span(self) -> Span:
        return self.tree.span

    def artifacts(self) -> list[tuple[Span, ArtifactSummary]]:
        return [
            (node.span, artifact) for _, node in self.tree.walk() for artifact in node.artifacts
        ]


async def report(*runs: AnySpan, title: str | None = None) -> str:
    """Make a page about runs: an HTML file without scripts that needs nothing from elsewhere.

    It has the tree of spans, parameters, what was logged as plots, images, notes in Markdown as
    text, the artifacts, where the latest of them came from, and for several runs what differs. It
    is readable in light and dark.
    Everything recorded is escaped.

    Six round trips a run, one more for each artifact that may be an image, and its bytes.

    Args:
        *runs: One to 20 spans, or their ids, or ``"current"``.
        title: The title; by default the label of the run.

    Returns:
        The text of the page.

    Raises:
        ArgumentError: There is no run, or there are too many.
        NotFoundError: There is no such span.
        ConnectionFailed: The database stayed out of reach.
    """
    ids = list(dict.fromkeys(given.span_id(run) for run in runs))
    if not 1 <= len(ids) <= MAX_RUNS:
        raise ArgumentError(f"a report is about 1 to {MAX_RUNS} runs, not {len(ids)}")
    found = [await _read(run_id) for run_id in ids]
    values = (await find_spans(one_of(span_.node_id, ids)).table()).in_order(ids)
    names = [span_name(run.span) for run in found]
    shown = title or (names[0] if len(found) == 1 else f"{len(found)} runs: {', '.join(names)}")
    now = time_text(datetime.now(UTC))
    return page(
        cut(shown, 200),
        time_text(found[0].span.opened_at) if len(found) == 1 else "",
        [
            section("Runs" if len(found) > 1 else "Run", *map(_card, found), of="cards"),
            _values(values, found),
            section("Metrics", *_plots(found), of="plots"),
            section("Figures", *(figure for run in found for figure in run.figures), of="figures"),
            section("Notes", *(note for run in found for note in run.notes), of="figures"),
            section("Steps", *(_tree(run, len(found) > 1) for run in found)),
            section("Artifacts", *(_artifacts(run, len(found) > 1) for run in found)),
            section("Lineage", *map(_lineage, found)),
        ],
        f"made {now} by artigraph-neo4j {__version__}",
    )


async def _read(run_id: str) -> _Run:
    tree = await read_span_tree(run_id)
    series = await read_series(run_id) if tree.span.logged else None
    run = _Run(tree, await read_annotations(run_id), series, None, [], [])
    latest = sorted(run.artifacts(), key=lambda pair: pair[1].recorded_at, reverse=True)
    for _, artifact in latest[:1]:
        run.lineage = await read_lineage(artifact.node_id, "up", depth=12)
    for owner, artifact in run.artifacts():
        if len(run.figures) < MAX_FIGURES and _may_be_image(artifact):
            await _add_figures(run, owner, artifact)
    return run


# -- parts of the page ---------------------------------------------------------------------------


def _card(run: _Run) -> Html:
    span, tags = run.span, sorted(run.said.tags)
    lines: list[Html] = [span_title(span), faint(f"opened {time_text(span.opened_at)}")]
    if span.exception_message:
        lines.append(error(cut(f"{span.exception_type}: {span.exception_message}", 500)))
    if tags:
        lines.append(joined(faint("tags "), ", ".join(tags)))
    if run.said.note:
        lines.append(Html(f"<i>{escaped(cut(run.said.note, 2000))}</i>"))
    lines.append(faint(span.node_id))
    body = "".join(f"<div>{line}</div>" for line in lines)
    trace = span.exception_stacktrace
    more = details("traceback", Html(f"<pre>{escaped(trace)}</pre>")) if trace else ""
    return Html(f'<div class="card">{body}{more}</div>')


def _values(values: Table, runs: Sequence[_Run]) -> Html:
    """Return the values of runs: those that differ, and the others below."""
    if len(values) == 1:
        rows = [[name, value_text(values[0][name])] for name in values.columns]
        return section("Parameters and results", _scroll(table(["", ""], _filled(rows))))
    differing = values.differing()
    heads = ["", *(span_name(run.span) for run in runs)]
    same = values.select(*(name for name in values.columns if name not in differing.columns))
    rest = _scroll(table(heads, _filled(_sides(same))))
    return section(
        "Comparison",
        _scroll(table(heads, _sides(differing))) if differing.columns else faint("nothing differs"),
        details(_same(len(same.columns)), rest) if same.columns else Html(""),
    )


def _same(number: int) -> str:
    return "one value is the same" if number == 1 else f"{number:,} values are the same"


def _sides(values: Table) -> list[list[str]]:
    return [[name, *(value_text(row[name]) for row in values)] for name in values.columns]


def _filled(rows: Sequence[list[str]]) -> list[list[str]]:
    return [row for row in rows if any(row[1:])]


def _scroll(content: Html) -> Html:
    # With a place in the order of Tab, so that it can be scrolled without a mouse.
    return Html(f'<div class="scroll" tabindex="0">{content}</div>')


def _plots(runs: Sequence[_Run]) -> list[Html]:
    """Return a picture of each metric, with a line for each run that logged it."""
    logged = [(run, run.series) for run in runs if run.series is not None]
    names = sorted({name for _, series in logged for name in series.metrics})
    found: list[Html] = []
    for name in names[:MAX_SERIES]:
        curves = [
            (span_name(run.span), series[name]) for run, series in logged if name in series.metrics
        ]
        lines = [type(curve)(label, curve.steps, curve.values) for label, curve in curves]
        found.append(Html(f"<div>{line_plot(name, lines)}</div>"))
    if len(names) > MAX_SERIES:
        found.append(faint(f"{len(names) - MAX_SERIES} more metrics"))
    return found


def _tree(run: _Run, several: bool) -> Html:
    return joined(_heading(run, several), tree_html(run.tree))


def _heading(run: _Run, several: bool) -> Html:
    return Html(f"<h3>{escaped(span_name(run.span))}</h3>") if several else Html("")


def _artifacts(run: _Run, several: bool) -> Html:
    found = run.artifacts()
    rows = [
        [
            artifact.label or faint("(no label)"), span_name(owner), artifact.model,
            faint(" · ").join(
                joined(faint(f"{f.name} "), cut(f.rounded, 80)) for f in artifact.fields[:10]
            ),
        ]
        for owner, artifact in found[:MAX_ARTIFACTS]
    ]  # fmt: skip
    if not rows:
        return Html("")
    shown: list[list[object]] = [[*row[:3], Html(row[3])] for row in rows]
    more = len(found) - len(rows)
    note = f"{more:,} more artifacts" if more else ""
    heads = ["label", "step", "model", "fields"]
    return joined(_heading(run, several), _scroll(table(heads, shown, note)))


def _lineage(run: _Run) -> Html:
    """Return the picture of what the latest artifact came from."""
    lineage = run.lineage
    if lineage is None or lineage.start is None:
        return Html("")
    steps = [lineage.start, *lineage.steps][:MAX_STEPS]
    ids = {step.node_id for step in steps}
    links = [link for link in lineage.links if link.source in ids and link.target in ids]
    name = lineage.start.label or lineage.start.model or ""
    more = 1 + len(lineage.steps) - len(steps)
    return joined(
        Html(f"<h3>what {escaped(name)} of {escaped(span_name(run.span))} came from</h3>"),
        _scroll(drawing(steps_diagram(steps, links), f"what {name} came from")),
        faint(f"{more:,} more steps") if more else "",
    )


# -- images --------------------------------------------------------------------------------------


_SHOWN = frozenset({"picture", "pillow", "bytes", "str", "file", "markdown", "plotly", "html"})
"""The ways of storing, of which some values are images or notes; no others are fetched."""

_ELSEWHERE = {"plotly": "a figure of plotly", "html": "a page of HTML"}
"""Values that only scripts and styles of their own can show."""


def _may_be_image(artifact: ArtifactSummary) -> bool:
    return any(
        field.kind in _SHOWN and 0 < (field.size or 0) <= FIGURE_BYTES for field in artifact.fields
    )


async def _add_figures(run: _Run, owner: Span, artifact: ArtifactSummary) -> None:
    """Add the images and notes among the fields of an artifact."""
    try:
        stored = await inspect_artifact(artifact.node_id)
        for field in stored.fields:
            kind = field.serializer or field.kind
            if field.size > FIGURE_BYTES or kind not in _SHOWN:
                continue
            if kind in _ELSEWHERE:
                hint = faint(f"{_ELSEWHERE[kind]}, which is not shown here")
                run.figures.append(_figure(owner, artifact, field, hint))
                continue
            data = await _bytes_of(stored.handle(field.path))
            if kind == "markdown":
                text = escaped(cut(data.decode("utf-8", "replace"), NOTE_CHARACTERS))
                note = Html(f'<div class="note">{text}</div>')
                run.notes.append(_figure(owner, artifact, field, note))
                continue
            try:
                picture = Picture(data)
            except ValueError:
                continue  # not an image
            alt = f"{artifact.label or artifact.model}, {field.path}, of {span_name(owner)}"
            # SVG in an image neither runs scripts nor loads anything.
            image = Html(f'<img alt="{escaped(alt)}" src="{picture.url}">')
            run.figures.append(_figure(owner, artifact, field, image))
    except ArtigraphError as problem:
        run.figures.append(Html(f"<figure>{error(cut(str(problem), 300))}</figure>"))


async def _bytes_of(value: StoredValue) -> bytes:
    content = await value.content()
    try:
        return content.whole()
    finally:
        content.close()


def _figure(owner: Span, artifact: ArtifactSummary, field: StoredField, content: Html) -> Html:
    name = artifact.label or artifact.model
    return Html(
        f"<figure>{content}<figcaption>{escaped(name)} {faint(field.path)} "
        f"{faint(span_name(owner))}</figcaption></figure>"
    )
