"""Labels and text as people write them: paths, bytes of files, any script."""

from __future__ import annotations

import getpass
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    Span,
    artifact_field,
    artifact_info,
    create_span_artifact,
    create_span_artifacts,
    find_artifacts,
    find_spans,
    link_artifact,
    read_span,
    read_span_artifact,
    read_span_artifacts,
    span_context,
)
from artigraph_neo4j.engine import provenance
from artigraph_neo4j.errors import NotFoundError, SpanError
from artigraph_neo4j.find import artifact, under
from artigraph_neo4j.find import span as span_
from artigraph_neo4j.graph.search import search_query, search_text

LATIN = os.fsdecode(b"caf\xe9")  # as os.listdir() names a file that was made on a latin-1 system


class Name(str):
    """A text of a class of its own."""

    __slots__ = ()


@dataclass
class Note(ArtifactModel, version=1):
    text: str = artifact_field(default="", searchable=True)


@pytest.mark.parametrize(
    ("label", "stored"),
    [
        (Path("data/train.csv"), "data/train.csv"),
        (PurePosixPath("a") / "b", "a/b"),
        (PureWindowsPath("C:/x"), "C:\\x"),
        (LATIN, "caf\\udce9"),
        (Path(LATIN), "caf\\udce9"),
        ("\ud800 alone", "\\ud800 alone"),
    ],
    ids=ascii,
)
async def test_a_path_and_any_text_may_be_a_label(label: Any, stored: str) -> None:
    async with span_context(label=label) as span:
        await create_span_artifacts("current", {label: Note("a")})
        made = Note("b")
        await made.create(label=label)
        async with span_context(Span(label=label)) as inner:
            node_id = await create_span_artifact("current", data=made)
        assert inner.label == stored
    assert (await read_span(span.node_id)).label == stored
    assert await read_span_artifact(span.node_id, label=label) == Note("a")
    assert list(await read_span_artifacts(span.node_id)) == [stored]
    other = await create_span_artifact(inner.node_id, label=label, data=Note("c"))
    await link_artifact(span.node_id, node_id, label=f"{stored} again")
    assert other


@pytest.mark.parametrize(
    "label",
    [Path("data/train.csv"), PureWindowsPath("C:/x"), LATIN, Path(LATIN), np.str_("ü"), Name("a")],
    ids=ascii,
)
async def test_the_label_that_was_given_finds_it(label: Any) -> None:
    async with span_context(label=label) as span:
        node_id = await create_span_artifact("current", label=label, data=Note("a"))
    for filter_ in (artifact.label == label, artifact.label.one_of([label, "other"])):
        assert await find_artifacts(Note, filter_, under(span)).read_ids() == [node_id]
    assert not await find_artifacts(Note, artifact.label != label, under(span)).exists()
    assert await find_spans(span_.label == label, span_.node_id == span.node_id).exists()


async def test_what_is_neither_is_refused() -> None:
    for wrong in (3, b"bytes", ["a"]):
        with pytest.raises(SpanError, match="label is a str or a path, not a"):
            span_context(label=wrong)  # type: ignore[call-overload]
        with pytest.raises(SpanError, match="label is a str or a path, not a"):
            await Note().create(label=wrong)  # type: ignore[arg-type]


async def test_the_two_forms_of_unicode_are_clearly_two_labels() -> None:
    composed, apart = "caf\u00e9", "cafe\u0301"
    async with span_context(label="forms") as span:
        await create_span_artifact("current", label=apart, data=Note("apart"))
    with pytest.raises(NotFoundError) as caught:
        await read_span_artifact(span.node_id, label=composed)
    assert r"it has 'cafe\u0301', and 'caf\xe9' was asked for" in str(caught.value)
    await create_span_artifact(span.node_id, label=composed, data=Note("composed"))
    assert await read_span_artifact(span.node_id, label=composed) == Note("composed")
    assert await read_span_artifact(span.node_id, label=apart) == Note("apart")
    for text in (composed, apart, "CAFE"):  # but search finds either
        found = await find_artifacts(under(span)).search(text).read()
        assert {a.text for a in found} == {"apart", "composed"}


async def test_a_program_whose_name_is_no_text_is_recorded(
    monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    monkeypatch.setattr(sys, "argv", [f"/home/{LATIN}/train.py"])
    monkeypatch.setattr(getpass, "getuser", lambda: LATIN)
    monkeypatch.setattr(socket, "gethostname", lambda: LATIN)
    provenance._user.cache_clear()
    try:
        async with span_context(label="latin") as span:
            with pytest.raises(ValueError, match="caf"):
                async with span_context(label="fails") as failed:
                    raise ValueError(LATIN)
    finally:
        provenance._user.cache_clear()
    found = await read_span(span.node_id)
    assert found.program == "/home/caf\\udce9/train.py"
    assert (found.user, found.host) == ("caf\\udce9", "caf\\udce9")
    assert (await read_span(failed.node_id)).exception_message == "caf\\udce9"


# -- search --------------------------------------------------------------------------------------

NAMES = [
    "resnet50_v2_lr0.001", "ResNet-101 baseline", "モデル学習 実験", "café crème",
    "lr=1e-3 AND wd:0.1",
    "C++ (build) [x] \"q\" ~2 *", "data/train/part-001.parquet", "o'neill", "Straße",
    "camelCaseName", "HTTPServer2", "train.loss epoch.5", "val:acc", "user@host", "x__y", "Ελλάδα",
    "デパート", "한국어 실험", "naïve_bayes", "__init__", "1,000.5",
]  # fmt: skip

FOUND = [
    ("resnet50", 0), ("v2", 0), ("0.001", 0), ("lr0.001", 0), ("resnet50_v2_lr0.001", 0),
    ("RESNET50_V2", 0), ("baseline", 1), ("resnet", 1), ("学習", 2), ("実験", 2), ("cafe", 3),
    ("café", 3), ("cafe\u0301", 3), ("CREME", 3), ("1e-3", 4), ("AND", 4), ("wd:0.1", 4),
    ("C++", 5), ("part-001", 6), ("parquet", 6), ("train parquet", 6), ("neill", 7), ("STRASSE", 8),
    ("straße", 8), ("case", 9), ("camelcasename", 9), ("server", 10), ("http", 10), ("train", 11),
    ("loss", 11), ("train.loss", 11), ("acc", 12), ("val", 12), ("host", 13), ("y", 14),
    ("ελλαδα", 15), ("ΕΛΛΆΔΑ", 15), ("デパート", 16), ("한국어", 17), ("bayes", 18), ("naive", 18),
    ("init", 19), ("1,000.5", 20), ("000", 20),
]  # fmt: skip


async def test_search_finds_the_parts_of_what_people_write(engine: Engine) -> None:
    async with span_context(label="names") as parent:
        for name in NAMES:
            async with span_context(label=name):
                await create_span_artifact("current", data=Note(name))
                await create_span_artifact("current", label=name, data=Note())
    missed: list[str] = []
    for text, at in FOUND:
        spans = [s.label for s in await find_spans(under(parent)).search(text).read()]
        artifacts = await find_artifacts(Note, under(parent)).search(text).read()
        texts = [a.text for a in artifacts if a.text]
        infos = [artifact_info(a) for a in artifacts if not a.text]
        labels = [info.label for info in infos if info is not None]
        if not all(NAMES[at] in found for found in (spans, texts, labels)):
            missed.append(text)
    assert not missed
    assert await find_spans(under(parent)).search("xyzzy").count() == 0
    assert "search_" not in (await read_span(parent.node_id)).extra


async def test_a_plain_label_takes_no_second_text(query: Any) -> None:
    async with span_context(label="fit/3 baseline-run") as span:
        pass
    ((text,),) = await query("MATCH (s {node_id: $id}) RETURN s.search_", id=span.node_id)
    assert text is None


@given(text=st.text(), query=st.text())
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_text_can_be_searched(text: str, query: str) -> None:
    found = search_text(text, [text])
    if found is not None:
        found.encode()
    try:
        sought = search_query(query)
    except ValueError:
        return
    assert sought.count('"') % 2 == 0
