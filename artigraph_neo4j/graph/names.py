"""Names reserved by this library in the graph, and the conversion of users' names that clash."""

from __future__ import annotations

import os
from collections.abc import Iterable

from artigraph_neo4j.common.wording import storable
from artigraph_neo4j.errors import FilterError, ModelError, SpanError

__all__ = [
    "ARTIFACT_PROPERTIES",
    "FAILED_LABEL",
    "INDEXED_LABEL",
    "INDEX_PROPERTIES",
    "LABEL_CHARACTERS",
    "LOGGED",
    "LOG_FIELD",
    "MARKS",
    "OPEN_LABEL",
    "RESERVED_LABELS",
    "SEARCH_LABELS",
    "SPAN_PROPERTIES",
    "STORED_LABEL",
    "UNINDEXED_LABEL",
    "WORDS",
    "Label",
    "as_label",
    "check_label",
    "check_text",
    "entry_property",
    "field_name",
    "others_property",
    "property_name",
    "quoted",
    "users_labels",
]

FAILED_LABEL = "ArtigraphFailed"
"""Label of spans whose status is ``ERROR``: styles of Neo4j Browser can only select by label."""

OPEN_LABEL = "ArtigraphOpen"
"""Label of spans while they are open, for the same reason."""

STORED_LABEL = "ArtigraphStored"
"""Label of artifacts with values in a storage, for the same reason."""

INDEXED_LABEL = "ArtigraphIndexed"
"""Label of spans and artifacts whose words full-text search looks through."""

UNINDEXED_LABEL = "ArtigraphUnindexed"
"""Label of spans and artifacts with words that full-text search does not look through yet."""

SEARCH_LABELS = frozenset({INDEXED_LABEL, UNINDEXED_LABEL})

WORDS = ("label", "artifact_label", "search_")
"""Properties whose words full-text search looks through. A node that gets one of them gets
``UNINDEXED_LABEL`` too, in the same statement."""

RESERVED_LABELS = frozenset(
    {
        "ArtigraphNode",
        "Span",
        "Artifact",
        "Blob",
        "ArtigraphGraph",
        "ArtigraphTag",
        "ArtigraphNote",
        "ArtigraphDeleting",
        "ArtigraphWriter",
        "ArtigraphLane",
        FAILED_LABEL,
        OPEN_LABEL,
        STORED_LABEL,
        *SEARCH_LABELS,
    }
)
"""Labels of this library; no model and no span class may take one."""

MARKS = frozenset({FAILED_LABEL, OPEN_LABEL, STORED_LABEL})
"""Labels that are added and removed during a node's life."""


def users_labels(labels: Iterable[str]) -> list[str]:
    """The user's labels of a node: its span classes or models, in the order given."""
    return [name for name in labels if name not in RESERVED_LABELS]


LABEL_CHARACTERS = 256
"""Maximum characters of ``label_``, the beginning of a label that an index holds."""

LOGGED = "log."
"""Beginning of the properties of a span that summarize what it logged: ``log.loss.min``."""

LOG_FIELD = "log"
"""``HAS_FIELD.path`` from a span to each artifact with rows that it logged: they are parts of the
span, as nested models are parts of an artifact, and not artifacts of it."""

INDEX_PROPERTIES = frozenset(
    {"label_", "duration_", "key_", "gone_", "log_", "log_of_", "marked_at_", "search_"}
)
"""Properties of spans for indexes, deletes and what they log. (Fields of artifacts cannot clash
with them, since a field that ends in ``_`` is stored with one more.)"""

SPAN_PROPERTIES = INDEX_PROPERTIES | {"imported_id_", "seal_"}
"""Properties of this library on spans, in addition to those that ``Span`` declares."""

RESERVED_PROPERTIES = frozenset(
    {"node_id", "artifact_label", "model", "model_version", "recorded_at", "codec"}
)
"""Properties of this library on an artifact. A field with the same name gets a ``_`` appended."""


ARTIFACT_PROPERTIES = RESERVED_PROPERTIES | {"label_", "marked_at_", "search_", "seal_"}
"""All properties of this library on an artifact; the others hold fields, and entries of dicts."""


def property_name(field: str) -> str:
    """The property that holds a field: its own name unless that is reserved or ends in ``_``."""
    return f"{field}_" if field in RESERVED_PROPERTIES or field.endswith("_") else field


def entry_property(field: str, path: Iterable[str]) -> str:
    """The property that holds an entry of a dict, beside the dict itself."""
    return ".".join((field, *path))


def others_property(field: str) -> str:
    """The property that names the entries of a dict that cannot be properties."""
    return f"{field}."


def field_name(property_: str) -> str:
    """The field whose value a property holds."""
    return property_[:-1] if property_.endswith("_") else property_


def quoted(name: str) -> str:
    """Quote a label or property for the text of a statement, where the planner has to see it.

    Raises:
        FilterError: The name has a backslash, which Cypher uses to write other characters,
            including backticks; or a null character or a lone surrogate, which no name in the graph
            has.
    """
    surrogate = any("\ud800" <= character <= "\udfff" for character in name)
    if "\\" in name or "\0" in name or not name or surrogate:
        raise FilterError(
            f"{name!r} cannot be a name in a statement: it is empty, or has a backslash, a null or "
            "a lone surrogate"
        )
    return "`" + name.replace("`", "``") + "`"


def check_label(label: str, kind: str, name: str) -> str:
    """Return ``label`` after checking that a class may have it as its label in the graph.

    Args:
        label: The label.
        kind: ``"model"`` or ``"span class"``; within a program a label is never both.
        name: The name of the class, for messages.

    Raises:
        ModelError: The label is empty, reserved, taken by the other kind, or cannot be stored.
    """
    owner = f"{kind} {name}"
    if not label or "\0" in label:
        raise ModelError(f"{owner}: the name in the graph must not be empty, nor have a null in it")
    if label in RESERVED_LABELS:
        raise ModelError(
            f"{owner}: {label!r} is a label of this library; give the class another name"
        )
    if _kinds.setdefault(label, kind) != kind:
        raise ModelError(
            f"{owner}: {label!r} is the label of a {_kinds[label]} already; "
            "give the class another name"
        )
    return check_text(label, owner, ModelError)


_kinds: dict[str, str] = {}  # never shrinks: the graph may have nodes of a deleted class


Label = str | os.PathLike[str]
"""Label of a span or an artifact: a text, or a path, which stands for its text."""


def as_label(label: object, owner: str) -> str:
    r"""Convert a label to a text that the graph can hold.

    Bytes of a file's name that are not text are spelled out, as ``\udce9``: so any path can be
    recorded, and the same path finds it again.

    Raises:
        SpanError: The label is neither a text nor a path.
    """
    if type(label) is str and label.isascii():
        return label
    if isinstance(label, os.PathLike):
        label = os.fsdecode(label)  # pyright: ignore[reportUnknownArgumentType]
    if not isinstance(label, str):
        raise SpanError(f"{owner} is a str or a path, not a {type(label).__name__}: {label!r}")
    return storable(str(label))


def check_text(text: str, owner: str, error: type[Exception]) -> str:
    """Return ``text`` after checking that UTF-8 can encode it (a lone surrogate cannot be sent)."""
    try:
        text.encode()
    except UnicodeEncodeError as cause:
        raise error(f"{owner}: {text!r} has a lone surrogate, which UTF-8 cannot hold") from cause
    return text
