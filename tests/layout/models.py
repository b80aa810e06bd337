"""The graph that is kept in ``tests/data/layout``: its classes and its values.

Stored data of earlier layouts was made from these, so they are never changed; what a later layout
wants to show is added beside them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from neomodel import FloatProperty, JSONProperty, StringProperty

from artigraph_neo4j import ArtifactModel, Span, artifact_field
from artigraph_neo4j.storage.file import FileSystemStorage

STORAGE = FileSystemStorage("/nowhere", name="layout")
"""The storage; whoever writes or reads sets its directory."""

LONG = "größer als 256 Zeichen: " + "😀é漢" * 200
PARIS = ZoneInfo("Europe/Paris")


class LayoutTrial(Span):
    """A custom span."""

    estimator = StringProperty()
    score = FloatProperty()
    parameters = JSONProperty()


@dataclass
class LayoutNatives(ArtifactModel, version=1):
    """Every kind of value that Neo4j has a type for."""

    yes: bool
    no: bool
    small: int
    large: int
    ratio: float
    zero: float
    text: str
    empty: str
    raw: bytes
    day: date
    local: datetime
    utc: datetime
    offset: datetime
    zoned: datetime
    folded: datetime
    span: timedelta
    flags: list[bool]
    ints: list[int]
    floats: list[float]
    texts: list[str]
    nothing: str | None = None


@dataclass
class LayoutSerialized(ArtifactModel, version=1):
    """Values that go through a serializer, kept on the node."""

    mapping: dict[str, Any]
    pair: tuple[int, str]
    exact: Decimal
    path: Path
    array: np.ndarray[Any, Any]
    no_items: list[int]
    huge: int
    infinite: float


@dataclass
class LayoutLeaf(ArtifactModel, version=1):
    name: str
    weight: float = 1.0


@dataclass
class LayoutSpecialLeaf(LayoutLeaf, version=3):
    """A model that inherits from a model."""

    extra: int = 0


@dataclass
class LayoutTree(ArtifactModel, version=2, name="LayoutTreeRenamed"):
    """Models in a model, and in containers."""

    one: LayoutLeaf
    many: list[LayoutLeaf]
    by_name: dict[str, LayoutLeaf]
    deeper: Any = None


@dataclass
class LayoutReserved(ArtifactModel, version=1):
    """Fields named as properties of the library, or ending in ``_``."""

    node_id: str
    model: str
    codec: int
    label_: str
    duration_: float
    type_: str
    label: str = "a field"


@dataclass
class LayoutBlobs(ArtifactModel, version=1):
    """Values in a storage: by their size, and by the field."""

    large: str
    array: np.ndarray[Any, Any]
    kept: bytes = artifact_field(storage=STORAGE)
    leaf: LayoutLeaf = field(default_factory=lambda: LayoutLeaf("in blobs"))


NATIVES = LayoutNatives(
    yes=True,
    no=False,
    small=-7,
    large=2**63 - 1,
    ratio=0.1,
    zero=-0.0,
    text="naïve 😀",
    empty="",
    raw=b"\0\xff",
    day=date(2024, 2, 29),
    local=datetime(2024, 1, 2, 3, 4, 5, 678901),
    utc=datetime(2024, 1, 2, 3, 4, 5, 678901, UTC),
    offset=datetime(2024, 1, 2, 3, 4, 5, 6, timezone(timedelta(hours=5, minutes=30))),
    zoned=datetime(2024, 7, 14, 12, tzinfo=PARIS),
    folded=datetime(2024, 10, 27, 2, 30, tzinfo=PARIS, fold=1),
    span=timedelta(days=-1, microseconds=1),
    flags=[True, False],
    ints=[1, 2, 3],
    floats=[1.0, 2.5],
    texts=["a", "ß"],
)
SERIALIZED = LayoutSerialized(
    mapping={"a": [1, 2.5, None], "b": {"c": True}},
    pair=(1, "x"),
    exact=Decimal("1.10"),
    path=Path("/tmp/x"),
    array=np.arange(6.0).reshape(2, 3),
    no_items=[],
    huge=2**70,
    infinite=float("inf"),
)
TREE = LayoutTree(
    one=LayoutLeaf("one"),
    many=[LayoutLeaf("first", 0.5), LayoutSpecialLeaf("second", 2.0, 9)],
    by_name={"a/b~c": LayoutLeaf("by name")},
    deeper=LayoutTree(LayoutLeaf("deep"), [], {}, (LayoutLeaf("deepest"), 1)),
)
RESERVED = LayoutReserved("an id", "a model", 5, "a label", 1.5, "a type")
BLOBS = LayoutBlobs("long " * 1000, np.arange(500), b"kept outside")

DERIVED = LayoutLeaf("derived from the tree")
REVISED = LayoutLeaf("derived anew")
"""A newer version of it, written by another span; both hang on the span ``derives``, which made the
first, and on ``shares``."""

ARTIFACTS: dict[str, dict[str, ArtifactModel]] = {
    "root": {"natives": NATIVES, "serialized": SERIALIZED},
    "first": {"tree": TREE, LONG: LayoutLeaf("under a long label"), "Größe 漢字": RESERVED},
    "second": {"blobs": BLOBS},
    LONG: {},
    "fails": {"before": LayoutLeaf("before it failed")},
    "derives": {"shared tree": TREE, "derived": REVISED},
    "shares": {"shared": REVISED},
    "revises": {},
    "open": {},
}
"""Labeled artifacts by the label of their span."""

UNLABELED = LayoutLeaf("unlabeled")
"""The last artifact of the span ``first``."""

ALONE = LayoutSpecialLeaf("without a span")
"""Has a label, and no span."""
