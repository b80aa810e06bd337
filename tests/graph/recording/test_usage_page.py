"""The usage page by its headings: its examples run, its pictures are what the queries return."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import wraps
from types import SimpleNamespace
from typing import Any

import pytest
from neomodel import JSONProperty

from artigraph_neo4j import (
    ArtifactModel,
    NotFoundError,
    Span,
    artifact_field,
    artifact_info,
    create_span_artifact,
    create_span_artifacts,
    read_ancestor_spans,
    read_child_artifacts,
    read_child_spans,
    read_descendant_artifacts,
    read_descendant_spans,
    read_parent_span,
    read_span,
    read_span_artifact,
    span_context,
)


@dataclass
class MyDataModel(ArtifactModel, version=1):
    some_value: int
    another_value: dict[str, str] = field(default_factory=dict)


@dataclass
class TrainingDataset(ArtifactModel, version=1):
    rows: list[int]


@dataclass
class TrainedModel(ArtifactModel, version=1):
    weights: list[float]


async def test_artifact_models(query: Any) -> None:
    # construct an artifact
    artifact = MyDataModel(some_value=42, another_value={"foo": "bar"})
    # save it to the database
    artifact_id = await artifact.create(label="my-data")

    assert await MyDataModel.read(artifact_id) == artifact
    found = await query(
        "MATCH (m:MyDataModel) WHERE m.some_value > 40 AND m.node_id = $id "
        "RETURN m.artifact_label, m.some_value, m.another_value",
        id=artifact_id,
    )
    assert found == [["my-data", 42, '{"foo":"bar"}']]


async def test_artifact_fields(s3_service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas as pd

    from artigraph_neo4j.serializer.pandas import dataframe_serializer
    from artigraph_neo4j.storage.aws import S3Storage

    for name, value in s3_service.environment.items():
        monkeypatch.setenv(name, value)
    s3_storage = S3Storage(s3_service.bucket, prefix="usage-page")

    @dataclass
    class FrameModel(ArtifactModel, version=1):
        dataframe: pd.DataFrame = artifact_field(
            serializer=dataframe_serializer,
            storage=s3_storage,
        )

    frame = pd.DataFrame({"x": [1, 2], "y": ["a", None]})
    artifact_id = await FrameModel(dataframe=frame).create(label="frame")
    pd.testing.assert_frame_equal((await FrameModel.read(artifact_id)).dataframe, frame)


async def test_artifact_fields_are_really_in_s3(
    s3_service: Any, query: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from artigraph_neo4j.storage.aws import S3Storage

    storage = S3Storage(
        s3_service.bucket,
        prefix="usage-page",
        name="usage-page-test",
        endpoint_url=s3_service.endpoint,
        access_key=s3_service.access_key,
        secret_key=s3_service.secret_key,
        region_name=s3_service.region,
    )

    @dataclass
    class Stored(ArtifactModel, version=1):
        text: str = artifact_field(storage=storage)

    artifact_id = await Stored("outside").create()
    ((inline, name, location, size, digest),) = await query(
        "MATCH (a {node_id: $id})-[k:STORED_IN {field: 'text'}]->(b:Blob) "
        "RETURN a.text, b.storage, b.location, b.size, b.digest",
        id=artifact_id,
    )
    assert inline is None
    assert (name, size) == ("usage-page-test", 7)
    assert digest in location
    assert location.startswith("usage-page/ag/")

    async def read() -> bytes:
        return await storage.read(location)

    from artigraph_neo4j import get_engine

    assert await get_engine().call(read) == b"outside"


async def test_artifact_migrations() -> None:
    def version_1() -> type[Any]:
        @dataclass
        class MyDataModel(ArtifactModel, version=1):
            some_value: int

        return MyDataModel

    artifact_id = await version_1()(some_value=42).create()

    @dataclass
    class MyDataModel(ArtifactModel, version=2):
        renamed_value: int

        @classmethod
        def migrate(cls, version: int, data: dict[str, Any]) -> MyDataModel:
            if version == 1:
                return cls(renamed_value=data["some_value"])
            raise ValueError(f"Unknown version: {version}")

    assert await MyDataModel.read(artifact_id) == MyDataModel(renamed_value=42)


async def test_spans() -> None:
    async with span_context(label="training") as span:
        await create_span_artifact("current", label="data", data=TrainingDataset([1, 2]))
        await create_span_artifact("current", label="model", data=TrainedModel([0.5]))
    # read the data back from the spans
    model = await read_span_artifact(span.node_id, label="model")
    dataset = await read_span_artifact(span.node_id, label="data")
    assert model == TrainedModel([0.5])
    assert dataset == TrainingDataset([1, 2])
    with pytest.raises(NotFoundError, match="no artifact labeled 'dataset'; it has 'data'"):
        await read_span_artifact(span.node_id, label="dataset")


async def _graph() -> SimpleNamespace:
    """The graph of the page's pictures."""
    spans = SimpleNamespace()
    async with span_context(label="parent") as spans.parent:
        async with span_context(label="span") as spans.span:
            await create_span_artifact("current", label="model1", data=MyDataModel(1))
            async with span_context(label="child1") as spans.child1:
                async with span_context(label="grandchild") as spans.grandchild:
                    await create_span_artifact("current", label="model2", data=MyDataModel(2))
            async with span_context(label="child2") as spans.child2:
                await create_span_artifact("current", label="model3", data=MyDataModel(3))
    return spans


async def test_nesting_spans(query: Any) -> None:
    spans = await _graph()
    edges = await query(
        "MATCH (:Span {node_id: $root})-[:PARENT_OF*0..]->(a:Span)-[r]->(b) "
        "RETURN a.label, coalesce(r.label, ''), coalesce(b.label, b.artifact_label)",
        root=spans.parent.node_id,
    )
    assert sorted(edges) == [
        ["child1", "", "grandchild"],
        ["child2", "model3", "model3"],
        ["grandchild", "model2", "model2"],
        ["parent", "", "span"],
        ["span", "", "child1"],
        ["span", "", "child2"],
        ["span", "model1", "model1"],
    ]


@pytest.mark.parametrize(
    ("read", "start", "expected"),
    [
        (read_child_spans, "span", ["child1", "child2"]),
        (read_child_artifacts, "span", ["model1"]),
        (read_descendant_spans, "span", ["child1", "grandchild", "child2"]),
        (read_descendant_artifacts, "span", ["model1", "model2", "model3"]),
        (read_parent_span, "span", "parent"),
        (read_ancestor_spans, "grandchild", ["child1", "span", "parent"]),
        # Beyond the pictures: the ends of the tree.
        (read_parent_span, "parent", None),
        (read_ancestor_spans, "parent", []),
        (read_child_spans, "grandchild", []),
        (read_descendant_spans, "child2", []),
        (read_child_artifacts, "child1", []),
        (read_descendant_artifacts, "child1", ["model2"]),
    ],
)
async def test_querying_spans(read: Any, start: str, expected: Any) -> None:
    spans = await _graph()
    found = await read(getattr(spans, start).node_id)

    def label(item: Any) -> str:
        if isinstance(item, Span):
            return str(item.label)
        info = artifact_info(item)
        assert info is not None
        assert info.span_id is not None
        assert info.label == f"model{item.some_value}"
        return info.label

    assert (found and label(found) if not isinstance(found, list) else [*map(label, found)]) == (
        expected
    )


async def test_customizing_spans() -> None:
    class CustomSpan(Span):
        polymorphic_identity = "custom_span"
        custom_span_metadata = JSONProperty()

    async with span_context(CustomSpan(custom_span_metadata={"gpu": 2})) as span:
        assert isinstance(span, CustomSpan)
    found = await read_span(span.node_id)
    assert type(found) is CustomSpan
    assert found.custom_span_metadata == {"gpu": 2}
    assert set(found.node_labels) == {"ArtigraphNode", "Span", "custom_span"}


async def test_building_upon_spans() -> None:
    def spanned(func: Any) -> Any:
        @wraps(func)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            async with span_context(label=func.__name__):
                parent_span = await read_parent_span("current")
                result = await func(parent_span, *args, **kwargs)
                await create_span_artifacts("current", result)
                return result

        return wrapper

    @spanned
    async def train_model(parent_span: Span, **parameters: float) -> dict[str, TrainedModel]:
        dataset = await read_span_artifact(parent_span.node_id, label="dataset")
        return {"model": TrainedModel([sum(dataset.rows) * parameters["rate"]])}

    async with span_context(label="study") as study:
        await create_span_artifact("current", label="dataset", data=TrainingDataset([1, 2]))
        result = await train_model(rate=0.5)
    (child,) = await read_child_spans(study.node_id)
    assert child.label == "train_model"
    assert await read_span_artifact(child.node_id, label="model") == result["model"]
