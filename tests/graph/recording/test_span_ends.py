"""The end of a span is written whatever its properties, its exception or the clock are like."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from neomodel import ArrayProperty, FloatProperty, IntegerProperty, JSONProperty, StringProperty

from artigraph_neo4j import ArtifactModel, BatchError, Engine, Span, batch, read_span, span_context
from artigraph_neo4j.errors import SpanError
from artigraph_neo4j.recording import outcome, spans


class EndSpan(Span):
    loss = FloatProperty()
    meta = JSONProperty()
    n = IntegerProperty()
    words = ArrayProperty()
    note = StringProperty()


@dataclass
class Ended(ArtifactModel, version=1):
    n: int


@pytest.fixture(autouse=True)
async def _index(engine: Engine) -> None:
    """A database's own index, whose keys have at most 8 kB."""
    await engine.write("CREATE INDEX end_span_note IF NOT EXISTS FOR (s:EndSpan) ON (s.note)", {})
    await engine.write("CALL db.awaitIndexes()", {})


UNSTORABLE: dict[str, dict[str, Any]] = {
    "numpy in JSON": {"meta": {"loss": np.float32(0.5)}},
    "datetime in JSON": {"meta": {"t": datetime(2024, 1, 1)}},
    "text in a float": {"loss": "n/a"},
    "an integer of more than 64 bits": {"n": 2**70},
    "a list in a list": {"words": [[1]]},
    "a list of several types": {"words": [1, "a"]},
    "a lone surrogate": {"note": "\udc80"},
    "a key too long for its index": {"note": "x" * 40_000},
}


@pytest.mark.parametrize("raises", [False, True])
@pytest.mark.parametrize("name", UNSTORABLE)
async def test_a_property_that_cannot_be_stored(name: str, raises: bool) -> None:
    (key, _), *_ = UNSTORABLE[name].items()
    with pytest.raises(ZeroDivisionError if raises else SpanError) as caught:
        async with span_context(EndSpan(label=name)) as span:
            span.n = 7
            for prop, value in UNSTORABLE[name].items():
                setattr(span, prop, value)
            if raises:
                raise ZeroDivisionError
    said = "".join(getattr(caught.value, "__notes__", [])) if raises else str(caught.value)
    assert span.node_id in said
    assert f"EndSpan.{key}" in said or "too large" in said
    found = await read_span(span.node_id)
    assert (found.status, found.closed_at) == ("ERROR" if raises else "OK", span.closed_at)
    assert found.exception_type == ("ZeroDivisionError" if raises else None)
    if key not in ("n", "note"):
        assert found.n == 7, "the others are kept"  # type: ignore[attr-defined]
    elif name == "a key too long for its index":
        assert found.n is None, "the database does not say which one it was"  # type: ignore[attr-defined]


async def test_in_a_batch_too() -> None:
    async with span_context(label="above"):
        with pytest.raises(BatchError) as caught:
            async with batch(seconds=60) as unit:
                async with span_context(EndSpan(label="long")) as span:
                    await unit.flush()
                    span.note = "x" * 40_000
                async with span_context(EndSpan(label="together")) as together:
                    together.note = "x" * 40_000
                async with span_context(label="beside") as beside:
                    await Ended(1).create("kept", span="current")
    assert {(lost.kind, lost.label) for lost in caught.value.lost} == {
        ("properties of span", "long"),
        ("properties of span", "together"),
    }
    for each in (span, together, beside):
        found = await read_span(each.node_id)
        assert (found.status, found.closed_at) == ("OK", each.closed_at)


async def test_a_message_of_many_megabytes() -> None:
    class Huge(Exception):
        def __str__(self) -> str:
            return "row: " + "x" * 50_000_000

    for error in (Huge(), ValueError("y" * 50_000_000)):
        with pytest.raises(type(error)):
            async with span_context(label="huge") as span:
                raise error
        found = await read_span(span.node_id)
        assert found.status == "ERROR"
        assert found.exception_message is not None
        assert found.exception_message.endswith("characters)")
        assert len(found.exception_message) < outcome.MESSAGE_CHARACTERS + 100
        assert len(found.exception_stacktrace or "") <= outcome.TRACE_CHARACTERS
        assert "test_span_ends.py" in (found.exception_stacktrace or "")


@pytest.mark.parametrize(
    ("code", "status"), [(0, "OK"), (None, "OK"), (1, "ERROR"), ("x", "ERROR")]
)
async def test_an_exit_that_says_all_is_well_is_not_an_error(code: Any, status: str) -> None:
    with pytest.raises(SystemExit):
        async with span_context(label="exits") as span:
            raise SystemExit(code)
    found = await read_span(span.node_id)
    assert (found.status, found.closed_at is not None) == (status, True)


async def test_a_clock_that_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    class Back(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) - timedelta(hours=1)

    async with span_context(label="clock") as span:
        time.sleep(0.02)
        monkeypatch.setattr(spans, "datetime", Back)
    found = await read_span(span.node_id)
    assert found.duration is not None
    assert timedelta(seconds=0.02) <= found.duration < timedelta(seconds=30)
    assert found.status == "OK"


def test_no_duration_is_negative() -> None:
    span = Span(label="read")
    span.opened_at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    span.closed_at = span.opened_at - timedelta(hours=1)
    assert span.duration is None
    assert "h" not in re.sub("<[^>]*>", "", span._repr_html_().split("node_id")[0])
