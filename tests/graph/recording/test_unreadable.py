"""One artifact that cannot be read takes neither list, stream, tree nor command with it."""

from __future__ import annotations

import sys
import time
import types
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from artigraph_neo4j import (
    ArtifactModel,
    ArtifactRecord,
    Engine,
    UnreadableArtifact,
    artifact_field,
    artifact_info,
    create_span_artifact,
    create_span_artifacts,
    find_artifacts,
    read_child_artifacts,
    read_descendant_artifacts,
    read_span_artifact,
    read_span_artifacts,
    read_span_tree,
    span_context,
)
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import (
    ArtifactTypeError,
    ArtigraphError,
    BlobNotFoundError,
    MigrationError,
    ModelError,
    SerializationError,
    UnknownModelError,
)
from artigraph_neo4j.find import under
from artigraph_neo4j.find.inspect import inspect_artifact
from artigraph_neo4j.recording.results import ResultList
from artigraph_neo4j.serializer.base import Serializer
from artigraph_neo4j.storage.memory import MemoryStorage

storage = MemoryStorage("unreadable")


@dataclass
class Part(ArtifactModel, version=1):
    x: int


@dataclass
class Whole(ArtifactModel, version=1):
    number: int
    text: dict[str, int] = field(default_factory=lambda: {"a": 1})
    far: str = artifact_field(default="far away", storage=storage)
    part: Part | None = None
    parts: list[Part] = field(default_factory=list)

    def __post_read__(self) -> None:
        if self.number == 666:
            raise ValueError("not today")


class Gone(Serializer[int]):
    name = "unreadable.gone"

    def serialize(self, value: int, /) -> bytes:
        return b"1"

    def deserialize(self, data: bytes, /) -> int:
        return 1


async def _blob_deleted(node_id: str, engine: Engine) -> None:
    rows = await engine.read(
        "MATCH ({node_id: $id})-[:STORED_IN]->(b:Blob) RETURN b.location", {"id": node_id}
    )
    await storage.delete(rows[0][0])


def cypher(text: str) -> Any:
    async def run(node_id: str, engine: Engine) -> None:
        await engine.write(f"MATCH (a:Artifact {{node_id: $id}}) {text}", {"id": node_id})

    return run


BREAKS: dict[str, tuple[Any, type[ArtigraphError], str]] = {
    "bytes deleted": (_blob_deleted, BlobNotFoundError, r"Whole\.far"),
    "junk codec": (cypher("SET a.codec = '{'"), SerializationError, "'Whole'.*codec cannot be"),
    "no codec": (cypher("REMOVE a.codec"), SerializationError, "'Whole'.*codec cannot be read"),
    "codec of lists": (cypher("SET a.codec = '[]'"), SerializationError, "codec cannot be read"),
    "codec of numbers": (
        cypher("""SET a.codec = '{"class":"a:b","fields":{"number":7}}'"""),
        SerializationError,
        "is not a codec",
    ),
    "deep codec": (
        cypher("SET a.codec = reduce(t = '', i IN range(1, 5000) | t + '[')"),
        SerializationError,
        "codec cannot be read",
    ),
    "no version": (cypher("REMOVE a.model_version"), SerializationError, "'model_version'"),
    "newer version": (cypher("SET a.model_version = 9"), MigrationError, "'Whole' has version 9"),
    "no property": (cypher("REMOVE a.number"), SerializationError, r"Whole\.number: the property"),
    "junk in a field": (cypher("SET a.text = '{'"), SerializationError, r"Whole\.text"),
    "other type in a field": (cypher("SET a.text = 5"), SerializationError, r"Whole\.text"),
    "unknown serializer": (
        cypher("SET a.codec = replace(a.codec, '\"json\"', '\"no.such\"')"),
        SerializationError,
        r"Whole\.text: its serializer 'no\.such' is not known",
    ),
    "unknown model": (cypher("SET a.model = 'NoSuch'"), UnknownModelError, "model 'NoSuch'"),
    "no time": (cypher("REMOVE a.recorded_at"), SerializationError, "not a time of recording"),
    "a time of lists": (
        cypher("SET a.recorded_at = [1]"),
        SerializationError,
        "None is not a time",
    ),
    "a time of numbers": (cypher("SET a.recorded_at = 7"), SerializationError, "'7' is not a time"),
    "no Blob": (
        cypher("MATCH (a)-[:STORED_IN]->(b) DETACH DELETE b"),
        SerializationError,
        r"Whole\.far: the Blob node",
    ),
    "no nested model": (
        cypher("MATCH (a)-[:HAS_FIELD {path: 'part'}]->(b) DETACH DELETE b"),
        SerializationError,
        r"Whole\.part: the node of the model nested at 'part' is gone",
    ),
    "no nested model in a list": (
        cypher("MATCH (a)-[:HAS_FIELD {path: 'parts/1'}]->(b) DETACH DELETE b"),
        SerializationError,
        r"Whole\.parts.*nested at 'parts/1' is gone",
    ),
    "broken nested model": (
        cypher("MATCH (a)-[:HAS_FIELD {path: 'part'}]->(b) SET b.codec = 'x'"),
        SerializationError,
        "of model 'Part': its codec",
    ),
    "hook": (cypher("SET a.number = 666"), ModelError, "Whole.*__post_read__ failed"),
}


def whole(number: int) -> Whole:
    """An artifact with stored bytes of its own: equal content would be stored once."""
    return Whole(number, far=new_id(), part=Part(number), parts=[Part(1), Part(2)])


@pytest.fixture(params=BREAKS)
async def broken(request: Any, engine: Engine) -> AsyncIterator[tuple[str, str, Any, str]]:
    """A span with a broken artifact between two that are whole."""
    work, error, message = BREAKS[request.param]
    async with span_context(label="unreadable") as span:
        ids = [
            await create_span_artifact("current", label=label, data=whole(i))
            for i, label in enumerate(["before", "broken", "after"])
        ]
    await work(ids[1], engine)
    yield span.node_id, ids[1], error, message
    await engine.write("MATCH ({node_id: $id})-[h:HAS_ARTIFACT]->(a) DETACH DELETE a",
                       {"id": span.node_id})  # fmt: skip


async def test_one_artifact_takes_no_other_with_it(
    broken: tuple[str, str, Any, str], statements: list[Any]
) -> None:
    span_id, node_id, error, message = broken
    begin = time.monotonic()
    for read in (read_child_artifacts, read_descendant_artifacts):
        found: Any = await read(span_id)
        _check(found, node_id, error, message)
    assert len(statements) <= 5, "it is not read again and again"
    by_label = await read_span_artifacts(span_id)
    assert set(by_label) == {"before", "broken", "after"}
    _check(list(by_label.values()), node_id, error, message)
    query = find_artifacts(under(span_id))
    _check(await query.read(), node_id, error, message)
    if "time" not in message:  # by which pages go on
        _check([a async for a in query], node_id, error, message)
    assert {type(a) for a in [a async for a in query.stream()]} == {Whole, UnreadableArtifact}
    assert "unreadable" in ResultList(found)._repr_html_()
    assert time.monotonic() - begin < 60
    tree = await read_span_tree(span_id)
    assert "broken" in str(tree)


def _check(found: list[Any], node_id: str, error: Any, message: str) -> None:
    assert len(found) == 3
    (bad,) = [a for a in found if isinstance(a, UnreadableArtifact)]
    assert [a.number for a in found if a is not bad] == [0, 2]
    assert bad.node_id == node_id
    with pytest.raises(error, match=message) as caught:
        bad.number  # noqa: B018 - asking is what raises
    assert node_id in str(caught.value) or "Part" in message


@pytest.mark.parametrize("label", ["['a', 'b']", "7", "[1.5]"])
async def test_a_label_of_another_type_hides_nothing(label: str, engine: Engine) -> None:
    async with span_context() as span:
        await create_span_artifacts("current", {"before": Part(1), "broken": Part(2)})
    await engine.write(
        f"MATCH ({{node_id: $id}})-[h:HAS_ARTIFACT {{label: 'broken'}}]->() SET h.label = {label}",
        {"id": span.node_id},
    )
    assert await read_span_artifacts(span) == {"before": Part(1), label: Part(2)}
    assert len(await read_child_artifacts(span)) == 2
    assert label in str(await read_span_tree(span))


async def test_its_error_can_be_had_at_once_or_not_at_all(
    broken: tuple[str, str, Any, str],
) -> None:
    span_id, node_id, error, message = broken
    for read in (read_child_artifacts, read_span_artifacts):
        with pytest.raises(error, match=message):
            await read(span_id, on_error="raise")
        assert len(await read(span_id, on_error="skip")) == 2
    query = find_artifacts(under(span_id))
    with pytest.raises(error, match=message):
        await query.lenient(on_error="raise").read()
    assert [a.number for a in await query.lenient(on_error="skip").read()] == [0, 2]
    page = await query.lenient(on_error="skip").read_page(2)
    assert page.cursor is not None
    with pytest.raises((error, ArtifactTypeError), match=message):
        await Whole.read(node_id)
    with pytest.raises(error, match=message):
        await read_span_artifact(span_id, label="broken")


async def test_what_was_not_read_was_not_used(engine: Engine) -> None:
    async with span_context() as maker:
        good = await create_span_artifact("current", label="a", data=Whole(1))
        bad = await create_span_artifact("current", label="b", data=Whole(2))
    await cypher("SET a.codec = 'x'")(bad, engine)
    async with span_context() as reader:
        found = await read_child_artifacts(maker.node_id)
    info = artifact_info(found[1])
    assert info is not None
    assert (info.node_id, info.label, info.span_id) == (bad, "b", maker.node_id)
    used = await engine.read(
        "MATCH ({node_id: $id})-[:USED]->(a) RETURN a.node_id", {"id": reader.node_id}
    )
    assert used == [[good]]


async def test_unknown_values_of_the_options_are_refused() -> None:
    with pytest.raises(ValueError, match="on_error is one of 'keep', 'skip', 'raise'"):
        find_artifacts().lenient(on_error="ignore")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="missing is one of 'error', 'dict'"):
        await read_child_artifacts("x", missing="record")  # type: ignore[arg-type]


# -- records of models that nobody here knows ----------------------------------------------------

SOURCE = """
from dataclasses import dataclass, field
from typing import Any
import numpy as np
from artigraph_neo4j import ArtifactModel
@dataclass
class FarPoint(ArtifactModel, version=3):
    x: int
@dataclass
class FarModel(ArtifactModel, version=2):
    score: float
    points: list[FarPoint]
    extra: Any = None
    late: int = field(init=False)
"""


async def test_an_unknown_model_comes_as_a_record() -> None:
    module = types.ModuleType("far_away")
    sys.modules["far_away"] = module
    exec(SOURCE, module.__dict__)
    async with span_context() as span:
        made = module.FarModel(0.5, [module.FarPoint(1), module.FarPoint(2)], {"a": (1, 2)})
        await create_span_artifact("current", label="far", data=made)
        await create_span_artifact("current", label="near", data=Part(1))
    module.FarModel.__artifact_model__ = module.FarPoint.__artifact_model__ = None
    found = await read_span_artifacts(span.node_id, missing="dict")
    record = found["far"]
    assert isinstance(record, ArtifactRecord)
    assert (record.model, record.version, record.score) == ("FarModel", 2, 0.5)
    assert record["extra"] == {"a": (1, 2)}
    assert [point.x for point in record.points] == [1, 2]
    assert list(record.fields) == ["score", "points", "extra"]
    assert "FarModel v2: score=0.5" in repr(record)
    info = artifact_info(record)
    assert info is not None
    assert info.label == "far"
    with pytest.raises(AttributeError, match="'FarModel' has no field 'y'"):
        record.y  # noqa: B018
    assert found["near"] == Part(1)
    query = find_artifacts(under(span)).lenient(missing="dict")
    assert {type(a) for a in await query.read()} == {ArtifactRecord, Part}
    unknown = (await read_child_artifacts(span.node_id))[0]
    with pytest.raises(UnknownModelError, match="FarModel"):
        unknown.score  # noqa: B018
    with pytest.raises(ModelError, match="ArtifactRecord"):
        await create_span_artifact(span.node_id, data=record)


async def test_a_field_can_be_shown_where_its_neighbour_is_broken(engine: Engine) -> None:
    node_id = await Whole(1).create()
    await cypher("SET a.text = '{'")(node_id, engine)
    assert (await inspect_artifact(node_id)).field("number").value == 1
