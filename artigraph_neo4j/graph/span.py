"""``Span``, declared with neomodel: users add properties to a span by subclassing it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Protocol, Self, TypeVar, cast

from neomodel import BooleanProperty, IntegerProperty, StringProperty
from neomodel.properties import Property  # pyright: ignore[reportUnknownVariableType]

from artigraph_neo4j.common.colours import STATUS, UNSET
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.common.markup import Html, details, dot, error, facts, faint, joined
from artigraph_neo4j.common.wording import cut, duration_text, time_text
from artigraph_neo4j.errors import SpanError
from artigraph_neo4j.graph.logged import Logged, logged_text
from artigraph_neo4j.graph.names import (
    MARKS,
    SEARCH_LABELS,
    as_label,
)
from artigraph_neo4j.graph.span_meta import ArtigraphNode, InstantProperty, once_a_class

__all__ = [
    "Log",
    "Span",
    "exception_name",
    "own_facts",
    "own_properties",
    "span_html",
    "span_name",
    "span_title",
]


V = TypeVar("V")


def _optional(property_: Property[V]) -> Property[V | None]:
    """Type a property as one that may be None, which neomodel's types cannot say."""
    return cast("Property[V | None]", property_)


def _answered(name: str, line: str) -> staticmethod[..., NoReturn]:
    """Make a method that raises, and says what to write instead of neomodel's."""

    def method(*_: object, **__: object) -> NoReturn:
        raise SpanError(f"{name}() of neomodel is not for spans; write: {line}")

    return staticmethod(method)


class Log(Protocol):
    """The log of a span that is open in this process."""

    known: dict[str, Logged]
    """The summaries of all that was written, by metric."""

    def add(self, metrics: Mapping[str, Any], step: int | None) -> None:
        """Add one row."""
        ...


class Span(ArtigraphNode):
    """A piece of work: it has a start, an end, a status, a parent and artifacts.

    Subclass it to record more about it, with annotated fields or properties of neomodel::

        class Trial(Span):
            lr: float
            notes: dict[str, Any] = field(default_factory=dict)
            device = StringProperty(default="cpu")

    A field without a default is None until it is assigned. Values that Neo4j has a type for are
    native, others are stored as JSON; a value that does not fit its annotation is refused. The
    class's name, or its ``polymorphic_identity``, becomes a further label in the graph.

    Attributes:
        node_id: The id, known before anything is sent.
        label: The name of the work, or None; need not be unique.
        status: ``"UNSET"`` while open, then ``"OK"`` or ``"ERROR"``.
        opened_at: The time when it was entered (aware, UTC).
        closed_at: The time when it was left, or None.
        root_id: The id of the outermost span above it, or its own.
        depth: Number of spans above it.
        run_key: The key that it was opened with, or None; see ``span_context``.
        run_attempt: The number of the attempt at this key, from 1; None without a key.
        exception_type: The qualified name of the exception that ended it, or None.
        exception_message: That exception's text.
        exception_stacktrace: Its traceback.
        writer_id: While it is open, the id of the process that has it open; see
            ``find_lost_spans``.
        git_commit: On root spans: the commit of the repository that the program is in, or None.
        git_dirty: Whether tracked files differed from that commit.
        git_remote: The address of that repository's ``origin``, unless it could hold a secret.
        program: The program's path, as in ``sys.argv[0]``; of a notebook the path of its file.
        cell: The number of the notebook's cell that opened it; None elsewhere.
        host: The name of the machine.
        user: The user who ran the program.
        pid: The process id.
        python_version: The version of Python.
        library_version: The version of this library.
        extra: Properties that this class does not declare, to read and set: for example those of a
            custom class that this program does not know.
        node_labels: All labels of the node in the graph, once it was opened or read, except those
            that say whether full-text search knows it.
    """

    __optional_labels__ = sorted(MARKS | SEARCH_LABELS)

    label = _optional(StringProperty())
    status = StringProperty(default="UNSET")
    opened_at = InstantProperty()
    closed_at = _optional(InstantProperty())
    root_id = StringProperty()
    depth = IntegerProperty()
    run_key = _optional(StringProperty())
    run_attempt = _optional(IntegerProperty())
    exception_type = _optional(StringProperty())
    exception_message = _optional(StringProperty())
    exception_stacktrace = _optional(StringProperty())
    writer_id = _optional(StringProperty())
    git_commit = StringProperty()
    git_dirty = BooleanProperty()
    git_remote = StringProperty()
    program = StringProperty()
    host = StringProperty()
    user = StringProperty()
    pid = IntegerProperty()
    python_version = StringProperty()
    cell = _optional(IntegerProperty())
    library_version = StringProperty()

    _taken_names: frozenset[str] = frozenset()
    _log: Log | None = None
    _logged: ClassVar[Mapping[str, Logged]] = MappingProxyType({})
    _defined: ClassVar[dict[Any, dict[str, Any]]]

    element_id_property: str | None

    _extra: dict[str, Any]
    _stored_extra: dict[str, Any]
    _node_labels: tuple[str, ...]
    _stored: dict[str, Any] | None

    if TYPE_CHECKING:
        # The base class of neomodel is untyped, so for pyright a span could be a descriptor, and
        # an attribute that holds one could be of any type.
        def __get__(self, instance: object, owner: Any = None) -> Self: ...

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        cls = type(self)
        own = _initial(cls)
        unknown = [k for k in kwargs if k not in own and k not in cls.defined_properties()]
        if unknown:
            known = [k for k in cls.defined_properties() if k not in own]
            raise SpanError(
                f"{cls.__name__} has no property {unknown[0]!r}; "
                f"it has {', '.join(sorted({'label', *known}))}"
            )
        if kwargs.get("label") is not None:
            kwargs["label"] = as_label(kwargs["label"], "a span's label")
        self.__dict__.update(
            own, node_id=new_id(), _extra={}, _stored_extra={}, _node_labels=(), _stored=None
        )
        given = {k: v for k, v in kwargs.items() if v is not None or k not in own}
        super().__init__(*args, **given)

    if not TYPE_CHECKING:  # otherwise type checkers would allow any name

        def __setattr__(self, name: str, value: Any) -> None:
            if not (name.startswith("_") or hasattr(type(self), name) or name in _NEOMODELS):
                raise SpanError(
                    f"{type(self).__name__} has no property {name!r}, so it would not be recorded; "
                    f"declare it in the class: {name}: {_annotation(value)}; or, in one span only, "
                    f"span.extra[{name!r}] = ..."
                )
            super().__setattr__(name, value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.label!r} {self.status} {self.node_id}>"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        """HTML for notebooks, from this object alone, without a round trip."""
        return span_html(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Span) and self.node_id == other.node_id

    def __hash__(self) -> int:
        return hash(self.node_id)

    @property
    def is_recorded(self) -> bool:
        """True if the graph has this span: it was opened or read."""
        return self._stored is not None

    @property
    def duration(self) -> timedelta | None:
        """Time from opening to closing; None while it is open, or if the clocks disagree."""
        if not self.closed_at or not self.opened_at or self.closed_at < self.opened_at:
            return None
        return self.closed_at - self.opened_at

    def log(
        self,
        metrics: Mapping[str, Any] | None = None,
        /,
        *,
        step: int | None = None,
        **more: Any,
    ) -> None:
        """Log metrics at a step; ``read_series`` reads them. No round trip, and nothing to await.

        ::

            for step in range(10_000):
                run.log(step=step, loss=loss, **{"val/acc": acc})

        The values are kept in memory and written in the background after 5 seconds, or once there
        are 131,072; the end of the span writes the rest. A process that is killed loses what was
        not written yet. May be called from any thread, in async code too.

        Args:
            metrics: Numbers by name: bool, int, float, or scalars of numpy, torch and the like.
            step: The step; by default one more than that of the row before.
            **more: Further metrics.

        Raises:
            SpanError: The span is not open in this process, or pyarrow is not installed.
            ArgumentError: A value is not one number, or a name cannot be that of a metric.
        """
        if self._log is None:
            raise SpanError(
                f"span {self.node_id} is not open here; log inside of: "
                "async with span_context(span)"
            )
        self._log.add({**(metrics or {}), **more}, step)

    @property
    def logged(self) -> Mapping[str, Logged]:
        """Summaries of what was logged, by metric, as they were read or last written."""
        return self._logged if self._log is None else self._log.known

    @property
    def extra(self) -> dict[str, Any]:
        """Properties that this class does not declare; those set here are recorded, too.

        ``span.extra["epoch"] = 3`` within the span is written when it is closed. Values are those
        that Neo4j has a type for: bool, int, float, str, bytes, date, datetime, and lists of one
        of the first four.
        """
        return self._extra

    @property
    def node_labels(self) -> tuple[str, ...]:
        """The labels of the node in the graph; empty until it was opened or read."""
        return self._node_labels

    @classmethod
    def defined_properties(
        cls, aliases: bool = True, properties: bool = True, rels: bool = True
    ) -> dict[str, Any]:
        """Properties known to neomodel, except names that the class uses for something else.

        Cached on the class, since neomodel would inspect all attributes of all bases for each new
        object.
        """
        known: dict[Any, dict[str, Any]] | None = vars(cls).get("_defined")
        if known is None:
            known = cls._defined = {}
        found = known.get((aliases, properties, rels))
        if found is None:
            everything: dict[str, Any] = super().defined_properties(aliases, properties, rels)
            taken = cls._taken_names
            found = {key: value for key, value in everything.items() if key not in taken}
            known[aliases, properties, rels] = found
        return dict(found)

    @classmethod
    def inherited_labels(cls) -> list[str]:
        """The labels of a span of this class, its own first."""
        return list(_labels(cls))

    if not TYPE_CHECKING:  # methods of neomodel that write past this library
        save = _answered(
            "save", "async with span_context(span): span.name = value, also for a span that exists"
        )
        delete = _answered("delete", "await delete_span(span)")
        create = create_or_update = _answered("create", "async with span_context(span)")
        get_or_create = _answered(
            "get_or_create", 'async with span_context(span, key="...", if_exists="resume")'
        )
        bulk_save = _answered("bulk_save", "async with batch(), and span_context(span) for each")


_NEOMODELS = frozenset({"deleted", "element_id_property"})
"""Names that neomodel itself sets on its nodes."""


def _annotation(value: object) -> str:
    return type(value).__name__ if value is not None else "float"


_OWN = Span.defined_properties()


@once_a_class
def own_properties(cls: type[Span]) -> frozenset[str]:
    """Properties that this library maintains on spans of a class."""
    defined = cls.defined_properties()
    return frozenset(name for name, own in _OWN.items() if defined.get(name) is own)


@once_a_class
def _labels(cls: type[Span]) -> list[str]:
    """The labels of a class, cached: neomodel would inspect all bases for each opened span."""
    return super(Span, cls).inherited_labels()


@once_a_class
def _initial(cls: type[Span]) -> dict[str, Any]:
    """Initial values of the properties that this library maintains, except the id.

    With them set, neomodel initializes only the other properties of a new object: its checks of
    each property took half of the time of recording a span.
    """
    own = own_properties(cls)
    others = ((name, prop) for name, prop in cls.__all_properties__ if name not in own)
    cls.__all_properties__ = tuple(others)
    return dict.fromkeys(own) | {"status": _OWN["status"].default}


_TEXT_CHARACTERS = 1000

_SHOWN_OTHERWISE = frozenset(
    {
        "node_id", "label", "status", "opened_at", "closed_at", "root_id", "depth", "writer_id",
        "exception_type", "exception_message", "exception_stacktrace",
    }
)  # fmt: skip


def span_name(span: Span) -> str:
    """The name of a span for people: its label, or "(no label)"."""
    return "(no label)" if span.label is None else cut(span.label, _TEXT_CHARACTERS // 5)


def exception_name(span: Span) -> str:
    """The class of the exception that ended a span, without its module."""
    return (span.exception_type or "failed").rpartition(".")[2]


def span_title(span: Span) -> Html:
    """A line about a span: its status, label, class and duration."""
    cls = type(span).__name__
    words = [cls] if cls != "Span" else []
    words += [duration_text(span.duration)] if span.duration is not None else []
    if span.status == "UNSET":
        words.append("open")
    failed = error(f" {exception_name(span)}") if span.status == "ERROR" else ""
    return joined(
        dot(STATUS.get(span.status, UNSET), span.status), " ",
        Html(f"<b>{joined(span_name(span))}</b>"), failed, " ", faint(" · ".join(words)),
    )  # fmt: skip


def own_facts(span: Span) -> dict[str, object]:
    """Properties that have a value: those that its class declares, and the extra ones."""
    names = type(span).defined_properties(aliases=False, rels=False)
    found = {name: vars(span).get(name) for name in names if name not in _SHOWN_OTHERWISE}
    found |= span.extra
    return {name: value for name, value in found.items() if value is not None}


def span_html(span: Span) -> Html:
    """See ``Span._repr_html_``."""
    rows: list[tuple[object, object]] = [("node_id", span.node_id)]
    rows += [
        (name, time_text(at))
        for name, at in (("opened_at", span.opened_at), ("closed_at", span.closed_at))
        if at is not None
    ]
    if span.exception_type is not None:
        rows.append(("exception", error(cut(_exception(span), _TEXT_CHARACTERS))))
    if span.exception_stacktrace:
        trace = Html(f"<pre>{joined(span.exception_stacktrace)}</pre>")
        rows.append(("", details("traceback", trace)))
    rows += [(name, cut(str(value), _TEXT_CHARACTERS)) for name, value in own_facts(span).items()]
    rows += [("logged", logged_text(span.logged))] if span.logged else []
    return facts(span_title(span), rows)


def _exception(span: Span) -> str:
    return f"{span.exception_type}: {span.exception_message or ''}"
