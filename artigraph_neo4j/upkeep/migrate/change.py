"""Changes: the rows that turn a stored artifact of an older version into today's, in place."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Container
from typing import Any

from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.common.times import instant
from artigraph_neo4j.graph.names import STORED_LABEL, property_name
from artigraph_neo4j.model.base import ModelBase, artifact_info, model_info
from artigraph_neo4j.model.decode import Loading, join, loadings
from artigraph_neo4j.model.encode import Encoded, Encoder, Node, Pending
from artigraph_neo4j.model.identity import Resolver
from artigraph_neo4j.model.seal import SEAL, seal
from artigraph_neo4j.model.stored import Stored, StoredNode

__all__ = ["Change", "OldArtifact"]


class OldArtifact:
    """An artifact whose root has an older version, with all models nested in it.

    Args:
        rows: Its rows of ``OLD_ARTIFACTS``.
        resolver: Finds classes.

    Raises:
        TornReadError: Another process is migrating it.
        UnknownModelError: A class is not known.
    """

    def __init__(self, rows: list[list[Any]], resolver: Resolver) -> None:
        self.stored = Stored(rows, None, None)
        self.labels: dict[str, list[str]] = {row[0]["node_id"]: row[3] for row in rows}
        self.blob_ids = {(row[0]["node_id"], b[0]): b[5] for row in rows for b in row[2]}
        self.resolver = resolver
        self.loadings: list[Loading] = list(loadings(self.stored, resolver))
        self.old = {node.node_id: node for node in self.stored.nodes if self._is_old(node)}

    @property
    def root(self) -> StoredNode:
        """The artifact's own node."""
        return self.stored.root

    @property
    def node_ids(self) -> list[str]:
        """The ids of all its nodes."""
        return [node.node_id for node in self.stored.nodes]

    def seals(self) -> list[list[Any]]:
        """Return a row of ``SEAL`` for every node that may change."""
        return [[n.node_id, n.model, n.version, n.seal()] for n in self.old.values()]

    def _is_old(self, node: StoredNode) -> bool:
        info = model_info(
            self.resolver.find(node.model, node.codec.origin, node.node_id, root=node is self.root)
        )
        return (node.model, node.version) != (info.name, info.version)

    def migrated(self, *, inline_bytes: int | None) -> Change:
        """Run the migrations and encode the result; all values are loaded.

        Raises:
            MigrationError, SerializationError, ModelError: The migration or the encoding failed.
        """
        before: dict[str, str] = {}

        def remember(node: StoredNode) -> None:
            if node is not self.root and node.value is not None:
                encoded = _Shallow(inline_bytes).run([node.value])
                (before[node.node_id],) = _fingerprints(encoded, before).values()

        value = join(self.stored, self.loadings, self.resolver, remember)
        encoded = _Again(inline_bytes, self).run([value])
        # A step may have changed a nested model that it was given; that becomes a new node. A node
        # that stays has the result of its own steps only, so that it may be migrated before or
        # after this one.
        after = _fingerprints(encoded, before) if before else {}
        changed = {
            node_id: new_id()
            for node_id, fingerprint in after.items()
            if before.get(node_id, fingerprint) != fingerprint
        }
        for node in encoded.nodes:
            node.node_id = changed.get(node.node_id, node.node_id)
        encoded.links = [
            (changed.get(a, a), changed.get(b, b), path) for a, b, path in encoded.links
        ]
        return Change(self, encoded)


class _Shallow(Encoder):
    """Encodes one object; nested models become links, not nodes."""

    def _nest(self, work: Any, artifact: ModelBase, path: str) -> None:
        info = artifact_info(artifact)
        self._out.links.append((work.node.node_id, info.node_id if info else "", path))


class _Again(Encoder):
    """Encodes a migrated artifact: known objects keep their ids, all nodes its time."""

    def __init__(self, inline_bytes: int | None, old: OldArtifact) -> None:
        super().__init__(inline_bytes)
        self._left = set(old.node_ids)
        self._root = old.root.node_id
        self._now = instant(old.root.properties["recorded_at"])

    def _add(self, artifact: ModelBase, outer: Any) -> Node:
        node = super()._add(artifact, outer)
        info = artifact_info(artifact)
        known = self._root if outer is None else info.node_id if info else ""
        if known in self._left:
            self._left.remove(known)  # an object that is nested twice becomes two nodes
            node.node_id = known
        return node


def _fingerprints(encoded: Encoded, known: Container[str]) -> dict[str, str]:
    """Return a fingerprint per node: its fields, and paths (and known ids) of nested models."""
    pending: defaultdict[str, list[tuple[str, str, str]]] = defaultdict(list)
    children = _children(encoded)
    for item in encoded.pending:
        digest = _digest(item)
        pending[item.node.node_id].append((item.field.name, item.serializer, digest))
    return {
        node.node_id: repr(
            (
                node.plan.origin,
                sorted(node.properties.items()),
                node.entries,
                sorted(pending[node.node_id]),
                [(p, c if c in known else "") for p, c in sorted(children[node.node_id].items())],
            )
        )
        for node in encoded.nodes
    }


def _children(encoded: Encoded) -> defaultdict[str, dict[str, str]]:
    """Return the ids of nested nodes by path, for each node."""
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for parent, child, path in encoded.links:
        found[parent][path] = child
    return found


def _differing(before: StoredNode, properties: dict[str, Any]) -> dict[str, Any]:
    """Return the properties that change; those that the node loses are None.

    Only texts and numbers without a fraction are compared: others may be equal and yet differ, as
    0.0 and -0.0 do.
    """
    old = before.properties
    found = {
        name: value
        for name, value in properties.items()
        if type(value) not in (str, int)
        or type(old.get(name)) is not type(value)
        or old[name] != value
    }
    for name in (*before.field_properties(), *before.entry_properties(), "search_"):
        if name in old and name not in properties:
            found[name] = None
    return found


def _digest(pending: Pending) -> str:
    """Return the digest of the serialized value, made only once; for a lazy value it is known."""
    if pending.reference is not None:
        return pending.reference.digest
    data = pending.serialized()
    pending.make = lambda: data
    return hashlib.sha256(data).hexdigest()


class Change:
    """The change of one artifact by its migration.

    Attributes:
        old: The stored artifact.
        root: Its own node.
        encoded: The nodes to store; ``pending`` holds only values that are not stored yet.
    """

    def __init__(self, old: OldArtifact, encoded: Encoded) -> None:
        self.old = old
        self.root = old.root
        self.encoded = encoded
        self._stays = {node.node_id for node in encoded.nodes}
        there = set(old.node_ids)
        # A nested model of today's version does not change.
        self._written = {n for n in self._stays if n in old.old or n not in there}
        self._kept: set[str] = set()
        self._blobs: list[dict[str, Any]] = []
        self._digests: defaultdict[str, dict[str, str]] = defaultdict(dict)
        encoded.pending = [
            item
            for item in encoded.pending
            if item.node.node_id in self._written and not self._is_stored(item)
        ]

    @property
    def waits(self) -> bool:
        """Whether values have to be stored, or indexes to be created, before it is written."""
        return bool(self.encoded.pending) or any(n.plan.indexes for n in self.encoded.nodes)

    def _is_stored(self, pending: Pending) -> bool:
        """Tell if a storage has the bytes for this artifact already, and keep them there."""
        digest = _digest(pending)
        place = (pending.node.node_id, pending.field.name)
        equal = {
            (node.node_id, name): blob
            for node in self.old.stored.nodes
            for name, blob in node.blobs.items()
            if blob.digest == digest
            and (pending.storage is None or pending.storage.name == blob.storage)
        }
        if not equal:
            return False
        pending.keep_outside()
        if place in equal:
            self._kept.add(self.old.blob_ids[place])
            self._digests[place[0]][place[1]] = digest
        else:  # the field was renamed: it gets a new reference to the same bytes
            blob = next(iter(equal.values()))
            properties = {
                "blob_id": new_id(),
                "digest": digest,
                "size": blob.size,
                "storage": blob.storage,
                "location": blob.location,
            }
            self._add_blob({"owner": place[0], "field": place[1], "properties": properties})
        return True

    def _add_blob(self, row: dict[str, Any]) -> None:
        self._blobs.append(row)
        self._digests[row["owner"]][row["field"]] = row["properties"]["digest"]

    def unit(
        self, stored: list[dict[str, Any]], rows: list[dict[str, Any]], models: Container[str]
    ) -> tuple[dict[str, Any], list[list[str]]]:
        """Return the unit for ``REWRITE``.

        Args:
            stored: The rows of the values that were just stored.
            rows: The rows of all nodes, in order.
            models: All names of models; labels among them that the node's model does not have
                any more are removed.

        Returns:
            The unit, and the ids and seals of the nodes that will carry a seal.
        """
        for row in stored:
            self._add_blob(row)
        children = _children(self.encoded)
        written: list[dict[str, Any]] = []
        seals: list[list[Any]] = []
        for node, row in zip(self.encoded.nodes, rows, strict=True):
            if node.node_id not in self._written:
                continue
            row["unlabel"] = []
            if (before := self.old.old.get(node.node_id)) is not None:
                properties = row["properties"]
                properties[SEAL] = self._seal(node, properties, children[node.node_id])
                labels = self.old.labels[node.node_id]
                row["unlabel"] = [
                    label
                    for label in labels
                    if label not in row["labels"]
                    and (label in models or label in (before.model, STORED_LABEL))
                ]
                row["labels"] = [label for label in row["labels"] if label not in labels]
                row["properties"] = _differing(before, properties)
                seals.append([node.node_id, properties[SEAL]])
            written.append(row)
        unit = {
            "root": self.old.root.node_id,
            "guard": [[n.node_id, n.model, n.version] for n in self.old.stored.nodes],
            "nodes": written,
            "blobs": self._blobs,
            "unstore": [
                blob_id
                for (owner, _), blob_id in self.old.blob_ids.items()
                if owner in self._written and blob_id not in self._kept
            ],
            **self._links(),
        }
        return unit, seals

    def _seal(self, node: Node, properties: dict[str, Any], children: dict[str, str]) -> str:
        names = map(property_name, node.entries)
        return seal(
            (node.plan.info.name, node.plan.info.version, properties["codec"]),
            {name: properties[name] for name in names if name in properties},
            self._digests[node.node_id],
            children,
        )

    def _links(self) -> dict[str, Any]:
        before = {
            (node.node_id, child.node_id): path
            for node in self.old.stored.nodes
            for path, child in node.children.items()
        }
        after = {(parent, child): path for parent, child, path in self.encoded.links}
        return {
            "unlink": [
                [parent, child]
                for parent, child in before
                if (parent, child) not in after and (parent in self._stays or child in self._stays)
            ],
            "links": [[*pair, path] for pair, path in after.items() if before.get(pair) != path],
            "drop": [
                child
                for parent, child in before
                if child not in self._stays and parent in self._stays
            ],
        }
