"""Records: artifacts whose classes this program does not have, ready to be encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from artigraph_neo4j.errors import ModelError
from artigraph_neo4j.exchange.upstream.database import OldNode
from artigraph_neo4j.exchange.upstream.tree import OldArtifact, Tree, model_of
from artigraph_neo4j.graph.names import check_label, property_name
from artigraph_neo4j.model.base import ModelBase, ModelInfo
from artigraph_neo4j.model.encode import Encoder, Node
from artigraph_neo4j.model.fields import FieldPlan, ModelPlan, plan_of
from artigraph_neo4j.recording.artifact_model import ArtifactModel

__all__ = [
    "ArtifactMapping",
    "ArtifactSequence",
    "RawArtifact",
    "Record",
    "RecordEncoder",
    "build",
]


@dataclass
class ArtifactMapping(ArtifactModel, version=1):
    """An ``ArtifactMapping`` that was an artifact itself; as a field it is a dict."""

    items: dict[str, Any] = field(default_factory=dict)


@dataclass
class ArtifactSequence(ArtifactModel, version=1):
    """An ``ArtifactSequence``, or another container, that was an artifact itself."""

    items: Any = field(default_factory=list)


@dataclass
class RawArtifact(ArtifactModel, version=1):
    """A value that was an artifact itself, without a model."""

    value: Any


class Record(ModelBase):
    """An artifact to write, with the facts that a model's object and class would have.

    Args:
        node_id: Its id.
        recorded_at: When it was recorded.
        plan: The plan that its class would have.
        values: The values of its fields.
    """

    __slots__ = ("node_id", "plan", "recorded_at", "values")

    __artifact_model__ = None

    def __init__(
        self, node_id: str, recorded_at: datetime, plan: ModelPlan, values: dict[str, Any]
    ) -> None:
        self.node_id = node_id
        self.recorded_at = recorded_at
        self.plan = plan
        self.values = values


class RecordEncoder(Encoder):
    """Encodes records under their own ids."""

    def new_node(self, artifact: ModelBase) -> Node:
        """Return the node of a record."""
        assert isinstance(artifact, Record)  # noqa: S101 - all are
        return Node(artifact.node_id, artifact.plan, artifact.recorded_at)

    def value_of(self, artifact: ModelBase, field: FieldPlan) -> Any:
        """Return the value of a field of a record."""
        assert isinstance(artifact, Record)  # noqa: S101 - all are
        return artifact.values[field.name]


_SEQUENCES: dict[str, Callable[[Iterable[Any]], Any]] = {
    "ArtifactSequence": list,
    "FrozenSetModel": frozenset,
    "ListModel": list,
    "SetModel": set,
    "TupleModel": tuple,
}
_MAPPINGS = {"ArtifactMapping", "DictModel"}


def build(
    artifact: OldArtifact, tree: Tree, values: Mapping[int, Any], names: Mapping[str, str]
) -> Record:
    """Build an artifact from its rows.

    Args:
        artifact: The rows.
        tree: The tree that has the rows.
        values: The values of artifacts that are not models, by old id.
        names: New names of models, by the old ones.

    Raises:
        ModelError: A model's name or version cannot be kept.
    """
    members = {row.node_id for row in artifact.rows}
    built: dict[int, Any] = {}
    for row in reversed(artifact.rows):  # nested ones before those that they are nested in
        model = model_of(row)
        if model is None:
            built[row.node_id] = values[row.node_id]
            continue
        parts = {
            str(child.label): built[child.node_id]
            for child in reversed(tree.children.get(row.node_id, []))
            if child.node_id in members
        }
        parts = dict(reversed(parts.items()))
        built[row.node_id] = _assembled(row, *model, parts, tree.new_ids[row.node_id], names)
    root, value = artifact.rows[0], built[artifact.rows[0].node_id]
    if isinstance(value, Record):
        return value
    model_name = (model_of(root) or ("",))[0]
    if model_name in _MAPPINGS and isinstance(value, dict):
        return _record(root, tree, ArtifactMapping, {"items": value})
    if model_name in _MAPPINGS or model_name in _SEQUENCES:
        return _record(root, tree, ArtifactSequence, {"items": value})
    return _record(root, tree, RawArtifact, {"value": value})


def _assembled(
    row: OldNode,
    name: str,
    version: Any,
    parts: dict[str, Any],
    new_id: str,
    names: Mapping[str, str],
) -> Any:
    if name in _MAPPINGS:
        return parts
    if name in _SEQUENCES:
        keys = sorted(parts, key=lambda key: (not key.isdigit(), int(key) if key.isdigit() else 0))
        if keys == [str(i) for i in range(len(keys))]:
            return _SEQUENCES[name](parts[key] for key in keys)
        return parts
    name = check_label(names.get(name, name), "model", f"of node {row.node_id}")
    fields = {
        key: FieldPlan(key, property_name(key), None, None, lazy=False, required=False)
        for key in parts
    }
    plan = ModelPlan(
        ModelInfo(name, _version(version, name), (), 0),
        fields,
        ["ArtigraphNode", "Artifact", name],
        f"artigraph:{name}",
    )
    return Record(new_id, row.created_at, plan, parts)


def _version(version: Any, name: str) -> int:
    try:
        return int(version)
    except (TypeError, ValueError) as error:
        raise ModelError(f"model {name} has version {version!r}, which is not a number") from error


def _record(root: OldNode, tree: Tree, cls: type[ArtifactModel], values: dict[str, Any]) -> Record:
    return Record(tree.new_ids[root.node_id], root.created_at, plan_of(cls), values)
