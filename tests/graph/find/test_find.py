"""Queries: what they return, what they cost, what they refuse."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from neomodel import DateProperty, IntegerProperty

from artigraph_neo4j import (
    ArtifactModel,
    F,
    NotFoundError,
    Span,
    artifact_field,
    artifact_info,
    create_span_artifact,
    create_span_artifacts,
    find_artifacts,
    find_spans,
    migrate_artifacts,
    migration,
    span_context,
)
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import FilterError, SerializationError, SeveralFoundError
from artigraph_neo4j.find.targets import SpanTarget
from artigraph_neo4j.find.terms import (
    above,
    artifact,
    contains,
    has_artifact,
    in_span,
    is_a,
    is_null,
    not_,
    one_of,
    span,
    under,
)
from artigraph_neo4j.graph.attempts import Statement
from tests.examples import few


class Colour(Enum):
    RED = 1


@dataclass
class Metrics(ArtifactModel, version=1):
    accuracy: float
    name: str | None = None
    words: list[str] = field(default_factory=list)
    took: timedelta | None = None


@dataclass
class BetterMetrics(Metrics, version=2):
    extra: int = 0


@dataclass
class Document(ArtifactModel, version=1):
    title: str = artifact_field(searchable=True)
    keywords: list[str] | None = artifact_field(default=None, searchable=True)
    code: str | None = artifact_field(default=None, indexed=True)
    colour: Colour | None = None
    best: Metrics | None = None


class FitSpan(Span):
    epochs = IntegerProperty()
    day = DateProperty()


class LongFitSpan(FitSpan):
    pass


@pytest.mark.statements
async def test_by_label() -> None:
    long = "l" * 300
    async with span_context(label="top") as top:
        for label in ("a", "ab", "b", long + "x", long + "y"):
            async with span_context(label=label):
                await create_span_artifact("current", label=label, data=Metrics(1.0, label))
    for query, name in ((find_spans(under(top)), span), (find_artifacts(under(top)), artifact)):
        assert await query.where(name.label == "a").count() == 1
        assert await query.where(name.label == long + "x").count() == 1
        assert await query.where(name.label == long).count() == 0
        assert await query.where(name.label.startswith("a")).count() == 2
        assert await query.where(name.label.startswith(long)).count() == 2
        assert await query.where(name.label.one_of(["a", "b", long + "y", "z"])).count() == 3
        assert await query.where(name.label != "a").count() == 4
        assert await query.where(~name.label.startswith("a")).count() == 3


async def test_labels_of_any_script_are_only_data() -> None:
    async with span_context(label="top") as top:
        for label in ("`", "\\u0060", "') RETURN 1 //", "名前", "\n"):
            async with span_context(label=label):
                pass
            assert await find_spans(under(top), span.label == label).count() == 1


@pytest.mark.statements
async def test_by_class() -> None:
    async with span_context(label="top") as top:
        async with span_context(FitSpan(epochs=3)) as one:
            await create_span_artifact("current", data=Metrics(1.0))
        async with span_context(LongFitSpan(epochs=4)) as two:
            await create_span_artifact("current", data=BetterMetrics(0.5, extra=3))
        async with span_context():
            await create_span_artifact("current", data=Document("d"))
    assert await find_spans(FitSpan, under(top)).read() == [one, two]
    assert await find_spans(LongFitSpan, under(top)).read() == [two]
    assert await find_spans(under(top), is_a(FitSpan, subclasses=False)).read() == [one]
    assert await find_spans(under(top), ~is_a(FitSpan)).count() == 1
    assert await find_spans(under(top), is_a(Span, subclasses=False)).count() == 1
    assert await find_artifacts(Metrics, under(top)).count() == 2
    assert await find_artifacts(under(top), is_a(Metrics, subclasses=False)).count() == 1
    assert await find_artifacts(under(top), is_a(Metrics) & ~is_a(BetterMetrics)).count() == 1
    assert await find_artifacts(under(top), artifact.model == "Document").count() == 1
    versioned = (artifact.model == "BetterMetrics") & (artifact.model_version >= 2)
    assert await find_artifacts(under(top), versioned).read() == [BetterMetrics(0.5, extra=3)]
    assert await find_artifacts(BetterMetrics, lambda m: m.extra == 3).where(under(top)).exists()


@pytest.mark.statements
async def test_by_status_time_and_duration() -> None:
    before = datetime.now(UTC)
    async with span_context(label="top") as top:
        async with span_context(label="fine"):
            pass
        with pytest.raises(RuntimeError):
            async with span_context(label="broken"):
                raise RuntimeError("sorry")
        running = find_spans(under(top), span.closed_at.is_null())
        async with span_context(label="running") as open_one:
            assert await running.read() == [open_one]
    found = find_spans(under(top))
    assert [s.label for s in await found.where(span.status == "ERROR").read()] == ["broken"]
    assert [s.label for s in await found.where(span.exception_message.contains("sor")).read()] == [
        "broken"
    ]
    assert await found.where(span.opened_at >= before).count() == 3
    assert await found.where(span.opened_at < before).count() == 0
    assert await found.where(span.opened_at < datetime.now(UTC) + timedelta(hours=1)).count() == 3
    assert await found.where(span.duration < timedelta(minutes=1)).count() == 3
    assert await found.where(span.duration > timedelta(minutes=1)).count() == 0
    (broken,) = await found.where(span.status == "ERROR").read()
    assert broken.duration is not None
    assert await found.where(span.duration == broken.duration, span.status == "ERROR").exists()
    longest_last = await found.order_by(span.duration).read()
    assert longest_last == sorted(longest_last, key=lambda s: (s.duration, s.node_id))
    assert broken.extra == {}


@pytest.mark.statements
async def test_pages_of_the_whole_graph_before_a_time() -> None:
    async with span_context(label="old"):
        await create_span_artifact("current", data=Sorted(1.0, "a", True, None, None, None))
        await create_span_artifact("current", data=Sorted(2.0, "b", True, None, None, None))
    async with span_context(label="new") as new:
        pass
    spans = find_spans(span.opened_at < new.opened_at)
    for query in (
        spans,
        spans.order_by(span.opened_at.desc()),
        find_artifacts(Sorted, artifact.recorded_at < new.opened_at),
    ):
        first = await query.read_page(1)
        second = await query.read_page(1, after=first.cursor)
        assert [*first.items, *second.items] == (await query.read_page(2)).items
        assert new not in [*first.items, *second.items]


@pytest.mark.statements
async def test_up_down_and_across() -> None:
    async with span_context(label="top") as top:
        async with span_context(FitSpan(label="fit", epochs=3)) as fit:
            good = await create_span_artifact("current", label="m", data=Metrics(0.9))
            async with span_context(label="step") as step:
                await create_span_artifact("current", label="m", data=Metrics(0.1))
    assert await find_spans(under(top)).read() == [fit, step]
    assert await find_spans(under(top, levels=1)).read() == [fit]
    assert await find_spans(above(step)).read() == [top, fit]
    assert await find_spans(above(step), ~is_a(FitSpan)).read() == [top]
    assert await find_artifacts(Metrics, under(fit, levels=0)).read_ids() == [good]
    assert await find_artifacts(Metrics, under(top)).count() == 2
    assert await find_artifacts(Metrics, above(step)).read_ids() == [good]
    # As one condition among others, not as where the query starts.
    both = (under(fit) & above(step)) | (span.label == "fit")
    assert await find_spans(both, under(top)).read() == [fit]
    best = has_artifact(Metrics, lambda m: m.accuracy > 0.5)
    assert await find_spans(under(top), best).read() == [fit]
    assert await find_spans(FitSpan, best, lambda s: s.epochs == 3).where(above(step)).exists()
    assert await find_artifacts(in_span(FitSpan), under(top)).read_ids() == [good]
    assert await find_artifacts(in_span(span.label == "step"), under(top)).count() == 1
    info = artifact_info(await find_artifacts(Metrics, in_span(FitSpan), under(top)).read_one())
    assert info is not None
    assert (info.node_id, info.span_id, info.label) == (good, fit.node_id, "m")


async def test_nested_models() -> None:
    async with span_context(label="top") as top:
        await create_span_artifact("current", data=Document("a", best=Metrics(0.5, "x")))
        await create_span_artifact("current", data=Document("b"))
    query = find_artifacts(Document, under(top))
    assert [d.title for d in await query.where(lambda d: d.best.accuracy > 0.1).read()] == ["a"]  # type: ignore[union-attr]
    assert [d.title for d in await query.where(F("best.name") == "x").read()] == ["a"]
    assert [d.title for d in await query.where(lambda d: is_null(d.best)).read()] == ["b"]
    assert await find_artifacts(Metrics, under(top)).count() == 0
    both = find_artifacts(Metrics, (F("accuracy") == 0.5) & (F("name") == "x")).with_nested()
    assert await both.exists()


@pytest.mark.statements
async def test_one_of_many() -> None:
    async with span_context(label="top") as top:
        ids = await create_span_artifacts(
            "current", {str(i): Metrics(i / 10, f"n{i}") for i in range(5)}
        )
    query = find_artifacts(Metrics, under(top))
    assert await query.read_first() == Metrics(0.0, "n0")
    assert await query.order_by(F("accuracy").desc()).read_first() == Metrics(0.4, "n4")
    assert await query.order_by(lambda m: m.name.desc()).limit(2).read_ids() == [ids["4"], ids["3"]]
    assert await query.limit(3).count() == 3
    assert await query.limit(0).read() == []
    assert await query.where(F("name") == "n1").read_one() == Metrics(0.1, "n1")
    assert await query.where(F("name") == "x").read_one_or_none() is None
    assert await query.where(F("accuracy").one_of([0.1, 3, 0.4])).count() == 2
    with pytest.raises(NotFoundError, match="no artifact fits"):
        await query.where(F("name") == "x").read_one()
    with pytest.raises(SeveralFoundError, match="more than one artifact fits"):
        await query.read_one()
    assert [m.name async for m in query.limit(4)] == ["n0", "n1", "n2", "n3"]


async def test_each_read_is_one_round_trip(statements: list[Statement]) -> None:
    async with span_context(label="top") as top:
        await create_span_artifact("current", data=Metrics(0.5))
    query = find_artifacts(
        Metrics, lambda m: m.accuracy > 0.1, under(top), in_span(span.depth == 0)
    )
    for read in (
        query.read,
        query.read_first,
        query.read_one,
        query.read_one_or_none,
        query.read_page,
        query.read_ids,
        query.count,
        query.exists,
        find_spans(under(top)).read,
    ):
        statements.clear()
        await read()
        assert len(statements) == 1
    statements.clear()
    assert str(query.explain()).startswith(":param p0")
    assert not statements


@pytest.mark.statements
async def test_full_text_search() -> None:
    word = f"w{new_id().replace('-', '')}"
    async with span_context(label=f"Searching {word}") as top:
        await create_span_artifact("current", label=f"label {word}", data=Document("nothing"))
        for title, keywords in (
            (f"The quick {word} fox", None),
            ("slow", [word, "turtle"]),
            ("nothing of it", []),
        ):
            await create_span_artifact("current", data=Document(title, keywords))
    documents = find_artifacts(Document)
    assert await documents.search(word.upper()).count() == 3
    assert [d.title for d in await documents.search(f"fox {word}").read()] == [
        f"The quick {word} fox"
    ]
    assert await documents.search(f'turtle "{word}" (').where(under(top)).count() == 1
    assert await documents.search(f"{word} AND NOT turtle", syntax="lucene").count() == 2
    assert await find_spans().search(word).read() == [top]
    assert await documents.search(word).order_by("title").limit(1).read() == [
        Document(f"The quick {word} fox")
    ]
    first = await documents.search(word).read_page(2)
    second = await documents.search(word).read_page(2, after=first.cursor)
    assert len({d.title for d in first.items + second.items}) == 3
    with pytest.raises(SerializationError, match="Document.title takes str, not the int 3"):
        await Document(3).create()  # type: ignore[arg-type]


async def test_what_an_index_cannot_hold_is_refused_before_the_write(query: Any) -> None:
    assert await Document("t", code="ä" * 4000).create()
    with pytest.raises(SerializationError, match=r"Document.code is indexed.*8002 bytes"):
        await Document("t", code="ä" * 4001).create()
    with pytest.raises(SerializationError, match=r"Document.code takes str \| None, not the dict"):
        await Document("t", code={"a": 1}).create()  # type: ignore[arg-type]
    rows = await query("SHOW INDEXES YIELD labelsOrTypes AS l, properties AS p RETURN l, p")
    assert [["Document"], ["code"]] in rows


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: find_artifacts(Metrics, lambda m: m.acuracy > 1), "did you mean accuracy"),
        (lambda: find_artifacts(Metrics, F("acuracy") > 1), "did you mean accuracy"),
        (lambda: find_artifacts(Metrics, F("accuracy") > "x"), "float, and 'x' is of another"),
        (lambda: find_artifacts(Metrics, F("accuracy") == True), "True is of another"),  # noqa: E712
        (lambda: find_artifacts(Metrics, F("accuracy") > None), "NoneType cannot be compared"),
        (lambda: find_artifacts(Metrics, F("accuracy") == float("nan")), "nan equals nothing"),
        (lambda: find_artifacts(Metrics, F("accuracy") < 2**64), "64 bits"),
        (lambda: find_artifacts(Metrics, F("name").one_of([])), "at least one value"),
        (lambda: find_artifacts(Metrics, F("name") == "\ud800"), "surrogate"),
        (lambda: find_artifacts(Metrics, F("name").startswith(3)), "takes a str"),
        (lambda: find_artifacts(Metrics, F("words") < ["a"]), "no order"),
        (lambda: find_artifacts(Metrics, lambda m: m.accuracy > 1 and m.name == "x"), "& | ~"),
        (lambda: find_artifacts(Metrics, lambda m: "x" in m.words), r"use contains\(words, 'x'\)"),
        (lambda: find_artifacts(Metrics, lambda m: m.accuracy in [1.0]), "use one_of"),
        (lambda: find_artifacts(Metrics, lambda m: 3), "a filter, or a function"),
        (lambda: find_artifacts(Metrics, lambda m: m.accuracy == m.name), "not with name"),
        (lambda: find_artifacts(Document, F("colour") == Colour.RED), "a Colour cannot be"),
        (lambda: find_artifacts(Document, F("colour") == 1), "does not keep as a value"),
        (lambda: find_artifacts(Document, F("best.acuracy") == 1), "Metrics has no 'acuracy'"),
        (lambda: find_artifacts(Document, F("title.x") == 1), "not a model with fields"),
        (lambda: find_artifacts(Metrics, span.status == "OK"), "an attribute of spans"),
        (lambda: find_artifacts(Metrics, artifact.lable == "x"), "did you mean label"),
        (lambda: find_artifacts(Metrics, is_a(Span)), "never a"),
        (lambda: find_artifacts(Metrics, has_artifact(Metrics)), "asked of spans"),
        (lambda: find_artifacts(Metrics).order_by("words"), "no order"),
        (lambda: find_artifacts().order_by("x"), "an order needs a field of one type"),
        (lambda: find_artifacts(Metrics).order_by(3), "not by 3"),
        (lambda: find_artifacts(Metrics).limit(-1), "an int from 0 to"),
        (lambda: find_artifacts(Metrics).search("  "), "at least one word"),
        (lambda: find_artifacts(Metrics).search("?!"), "at least one word"),
        (lambda: find_artifacts(FitSpan), "not a subclass of ArtifactModel"),
        (lambda: find_spans(Metrics), "not a subclass of Span"),
        (lambda: find_spans(artifact.label == "x"), "attribute of artifacts"),
        (lambda: find_spans(FitSpan, F("epoch") > 1), "did you mean epochs"),
        (lambda: find_spans(FitSpan, F("epochs") > "x"), "another type"),
        (lambda: find_spans(FitSpan, F("day") == 3), "is not a value of a DateProperty"),
        (lambda: find_spans(lambda s: s.lable == "x"), "did you mean label"),
        (lambda: find_spans(span.opened_at > datetime(2020, 1, 1)), "another type"),
        (lambda: find_spans(span.duration > 3), "another type"),
        (lambda: F(""), "name of a field"),
        (lambda: one_of(3, [3]), "takes a field first"),
        (lambda: contains("a", "a"), "takes a field first"),
        (lambda: not_(True), "takes a filter"),
        (lambda: under("x", levels=-1), "an int from 0 to"),
    ],
)  # fmt: skip
async def test_bad_input_fails_before_the_database_is_asked(
    make: Any, message: str, statements: list[Statement]
) -> None:
    with pytest.raises(FilterError, match=message):
        make()
    assert not statements


async def test_cursors_of_another_query_are_refused() -> None:
    async with span_context(label="top") as top:
        for _ in range(3):
            async with span_context():
                pass
    query = find_spans(under(top))
    page = await query.read_page(2)
    assert page.cursor is not None
    assert (await query.read_page(2, after=page.cursor)).cursor is None
    for wrong in ("", "nonsense", page.cursor[:-4], "e30="):
        with pytest.raises(FilterError, match="not a cursor of this query"):
            await query.read_page(2, after=wrong)
    with pytest.raises(FilterError, match="not a cursor of this query"):
        await query.order_by("label").read_page(2, after=page.cursor)
    with pytest.raises(FilterError, match="from 1 to"):
        await query.read_page(0)


@settings(max_examples=few(50))
@given(name=st.text(st.characters(exclude_characters="."), min_size=1))
async def test_names_are_never_cypher(name: str) -> None:
    assume(name not in SpanTarget(Span).names())  # those have types of their own
    for make in (find_spans, find_artifacts):
        if any(c in "\\\0" or "\ud800" <= c <= "\udfff" for c in name):
            with pytest.raises(FilterError, match="cannot be a name in a statement"):
                make(F(name) == 1)
        else:
            assert await make(F(name) == new_id()).read() == []


async def test_streams_go_on_beyond_a_page() -> None:
    async with span_context(label="top") as top:
        await create_span_artifacts("current", {str(i): Metrics(float(i)) for i in range(2500)})
    seen = [m.accuracy async for m in find_artifacts(Metrics, under(top))]
    assert seen == [float(i) for i in range(2500)]
    assert len(await find_artifacts(Metrics, under(top)).read()) == 2500


@pytest.mark.statements
async def test_a_migration_keeps_index_and_search_up_to_date() -> None:
    word = f"w{new_id().replace('-', '')}"
    old, new = _versions()
    node_id = await old(word, "kept").create()
    assert await find_artifacts(old).search(word).count() == 1
    report = await migrate_artifacts(new)
    assert report.migrated == 1
    assert await find_artifacts(new).search(word).count() == 0
    assert await find_artifacts(new).search(f"{word}x").count() == 0
    assert node_id in await find_artifacts(new).search("shouted").read_ids()
    assert await find_artifacts(new, F("code") == "kept").read_ids() == [node_id]


def _versions() -> tuple[Any, Any]:
    @dataclass
    class Leaflet(ArtifactModel, version=1):
        title: str = artifact_field(searchable=True)
        code: str = ""

    first = Leaflet

    @dataclass
    class Leaflet(ArtifactModel, version=2):  # type: ignore[no-redef]
        title: str = artifact_field(searchable=True)
        code: str = artifact_field(default="", indexed=True)

        @migration(1)
        @staticmethod
        def shout(data: dict[str, Any]) -> dict[str, Any]:
            return data | {"title": "shouted"}

    return first, Leaflet


async def test_results_can_be_deleted() -> None:
    async with span_context(label="top") as top:
        for i in range(3):
            async with span_context(FitSpan(epochs=i)):
                await create_span_artifact("current", label="m", data=Metrics(i / 10))
    poor = find_artifacts(Metrics, lambda m: m.accuracy < 0.15, under(top))
    assert (await poor.delete(dry_run=True)).artifacts == 2
    assert (await poor.delete()).artifacts == 2
    assert await find_artifacts(Metrics, under(top)).read() == [Metrics(0.2)]
    report = await find_spans(FitSpan, under(top), F("epochs") > 0).delete()
    assert (report.spans, report.artifacts) == (2, 1)
    assert await find_spans(under(top)).count() == 1
    with pytest.raises(FilterError, match="what is part of an artifact goes with that"):
        await find_artifacts(Metrics).with_nested().delete()


@pytest.mark.statements
async def test_times_are_ordered_with_and_without_a_zone() -> None:
    @dataclass
    class Moment(ArtifactModel, version=1):
        at: datetime | None

    naive, aware = datetime(2020, 1, 2, 12), datetime(2020, 1, 2, 11, tzinfo=UTC)
    async with span_context(label="top") as top:
        moments = [Moment(naive), Moment(None), Moment(aware), Moment(datetime(1999, 1, 1))]
        for moment in moments:
            await create_span_artifact("current", data=moment)
    query = find_artifacts(Moment, under(top)).order_by("at")
    expected = [datetime(1999, 1, 1), aware, naive, None]
    assert [m.at for m in await query.read()] == expected
    found = []
    after = None
    for _ in range(4):
        page = await query.read_page(1, after=after)
        found += [m.at for m in page.items]
        after = page.cursor
    assert found == expected


@dataclass
class Sorted(ArtifactModel, version=1):
    number: float | None
    text: str | None
    flag: bool | None
    day: date | None
    local: datetime | None
    took: timedelta | None


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("number", marks=pytest.mark.statements),
        "text",
        "flag",
        pytest.param("day", marks=pytest.mark.statements),
        pytest.param("local", marks=pytest.mark.statements),
        "took",
    ],
)
async def test_pages_by_every_kind_of_key(name: str) -> None:
    moment = datetime(2020, 1, 2)
    rows = [
        Sorted(1.5, "b", True, moment.date(), moment, timedelta(1)),
        Sorted(0.5, "a", False, date(2019, 1, 1), datetime(2019, 1, 1), timedelta(0)),
        Sorted(*[None] * 6),
    ]
    async with span_context(label="top") as top:
        await create_span_artifacts("current", {f"{i}": row for i, row in enumerate(rows * 2)})
    down = name in ("number", "flag", "local")
    key = F(name).desc() if down else F(name)
    query = find_artifacts(Sorted, under(top)).order_by(key, artifact.label)
    wanted = [rows[0], rows[1]] if down else [rows[1], rows[0]]
    page = await query.read_page(1)
    found = page.items
    while page.cursor is not None:
        page = await query.read_page(1, after=page.cursor)
        found += page.items
    assert found == [row for row in [*wanted, rows[2]] for _ in range(2)]


@dataclass
class Hyper(ArtifactModel, version=1):
    params: dict[str, Any]
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Holding(ArtifactModel, version=1):
    inner: Hyper


@pytest.mark.statements
async def test_entries_of_dicts_are_found_and_ordered_by(query: Any) -> None:
    made: dict[str, dict[str, Any]] = {
        "small": {"max_depth": 2, "optimizer": {"lr": 0.1}},
        "large": {"max_depth": 5},
        "float": {"max_depth": 7.5},
        "numpy": {"max_depth": float("nan")},
        "text": {"max_depth": "deep"},
        "list": {"max_depth": [1]},
        "none": {"max_depth": None},
        "missing": {},
        "odd": {"a.b": 1, "": 2, "\\": 3, "max_depth": 1},
        "many": {f"k{i}": i for i in range(1000)},
    }
    async with span_context(label="dicts") as top:
        for label, params in made.items():
            await create_span_artifact("current", label=label, data=Hyper(params, {"a": label}))
        await create_span_artifact("current", label="o", data=Holding(Hyper({"max_depth": 9})))

    async def labels(*filters: Any) -> tuple[set[str | None], int]:
        found = find_artifacts(Hyper, under(top), *filters)
        infos = [artifact_info(a) for a in await found.read()]
        return {i.label for i in infos if i is not None}, await found.count_incomparable()

    depth = F("params.max_depth")
    assert await labels(depth > 3) == ({"large", "float"}, 3)
    assert await labels(~(depth > 3)) == ({"small", "numpy", "none", "missing", "odd"}, 3)
    assert (await labels(depth == 5))[0] == {"large"}
    assert (await labels(depth.is_null()))[0] == {"none", "missing"}
    assert (await labels(depth.is_not_null()))[0] == made.keys() - {"none", "missing"}
    assert (await labels(depth.startswith("de")))[0] == {"text"}
    assert (await labels(lambda h: h.params["optimizer"]["lr"] < 1))[0] == {"small"}
    assert (await labels(F("tags")["a"] == "odd"))[0] == {"odd"}
    ordered = await find_artifacts(Hyper, under(top)).order_by(depth.desc()).limit(4).read()
    assert [a.params["max_depth"] for a in ordered] == [7.5, 5, 2, 1]
    assert await find_artifacts(Holding, F("inner.params.max_depth") > 8, under(top)).count() == 1
    with pytest.raises(FilterError, match=r"tags\.a holds str, and 3 is of another type"):
        find_artifacts(Hyper, F("tags.a") == 3)
    rows = await query("MATCH (h:Hyper) WHERE h.`params.optimizer.lr` = 0.1 RETURN count(h) > 0")
    assert rows == [[True]]
    found = [a.params for a in await find_artifacts(Hyper, under(top)).read()]
    assert repr(found) == repr([*made.values()])
