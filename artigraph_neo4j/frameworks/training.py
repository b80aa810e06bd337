"""One training as it is recorded: a span with parameters and metrics, a model, fingerprints."""

import logging
import math
import os
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from artigraph_neo4j import sync
from artigraph_neo4j.common.wording import cut
from artigraph_neo4j.engine.scope import current_cell
from artigraph_neo4j.errors import ArtigraphError, EngineError
from artigraph_neo4j.frameworks.fingerprint import fingerprint
from artigraph_neo4j.graph.failures import RefusedError
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.recording.artifact_model import ArtifactModel
from artigraph_neo4j.serializer.plain import serializer_for

__all__ = ["AutologWarning", "DataFingerprint", "FittedModel", "Record", "Training", "record"]

T = TypeVar("T")

_CHARACTERS = 500
"""Maximum length of a parameter that is kept as text."""

_inside: ContextVar[bool] = ContextVar("artigraph_neo4j.frameworks.inside", default=False)
_log = logging.getLogger("artigraph_neo4j.autolog")
_lock = threading.Lock()
_given_up: list[str] = []
"""The error after which nothing more is tried: a database out of reach costs a minute each time."""


class AutologWarning(UserWarning):
    """A training could not be recorded, or not whole; the training itself is not affected."""


# Annotations are values here: the public module, by which they would be looked up, has other names.


class Training(Span):
    """The span of one training: a span of your own, or one that ``autolog`` opens.

    The first training inside of ``span_context(Training(label="trial 1"))`` is recorded in that
    span, beside what you log and record there. Every other one is below the current span, or a run
    by itself.

    Attributes:
        framework: The name by which ``autolog`` knows it, such as ``"sklearn"``.
        estimator: The class that was fitted.
        params: The parameters by name; those that are not plain as text.
        metrics: The metrics at the end by name.
    """

    framework: str = ""
    estimator: str = ""
    params: dict[str, Any] = field(default_factory=dict[str, Any])
    metrics: dict[str, float] = field(default_factory=dict[str, float])


@dataclass
class FittedModel(ArtifactModel, version=1):
    """A fitted model; its label is ``model``.

    Attributes:
        model: The model; of PyTorch its state dict, of Keras its ``.keras`` file.
        kind: The class of the model.
    """

    model: Any
    kind: str


@dataclass
class DataFingerprint(ArtifactModel, version=1):
    """The form and the content of data that was trained on; its label is ``data/`` and its name.

    Attributes:
        kind: The class of the data.
        shape: The length of each side.
        columns: The names of columns, the first 1,000; empty if they have none.
        sha256: The digest of the content; the same for the same data. None if it is not known.
    """

    kind: str
    shape: list[int] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    sha256: str | None = None


class Record:
    """A training under way. Nothing that it does raises; a failure becomes a warning.

    Args:
        framework: The framework's name.
        estimator: The class that is fitted.
        params: The parameters.
        models: Whether the model is recorded.
    """

    def __init__(
        self, framework: str, estimator: str, params: Mapping[str, Any], *, models: bool
    ) -> None:
        self._models = models
        self._artifacts: dict[str, ArtifactModel] = {}
        self._context: Any = None
        self.span: Training | None = None
        self.attempt(lambda: self._open(framework, estimator, params))

    def _open(self, framework: str, estimator: str, params: Mapping[str, Any]) -> None:
        made = _own(framework, estimator)
        if made is not None:
            self.span = made
            made.params = {**made.params, **_plain(params)}
            return
        made = Training(
            label=estimator,
            framework=framework,
            estimator=estimator,
            params=_plain(params),
            metrics={},
        )
        context: Any = sync.span_context(made)
        self.span = context.__enter__()
        self._context = context

    def data(self, name: str, value: object) -> None:
        """Note data that is trained on."""
        if value is not None and self.span is not None:
            self.attempt(lambda: self._artifacts.update({f"data/{name}": _fingerprint_of(value)}))

    def params(self, make: Callable[[], Mapping[str, Any]]) -> None:
        """Add parameters, which a function returns."""
        span = self.span
        if span is not None:
            self.attempt(lambda: setattr(span, "params", {**span.params, **_plain(make())}))

    def metrics(self, make: Callable[[], Mapping[str, Any]]) -> None:
        """Add metrics, which a function computes: numbers, also as scalars of the framework."""
        span = self.span
        values = self.attempt(lambda: _numbers(make())) if span is not None else None
        if span is not None and values:
            self._keep_last(span, values)

    def step(self, make: Callable[[], Mapping[str, Any]], number: int) -> None:
        """Log metrics of one step, as ``metrics`` takes them, as a series; keep the last."""
        span = self.span
        values = self.attempt(lambda: _numbers(make())) if span is not None else None
        if span is not None and values:
            self._keep_last(span, values)
            self.attempt(lambda: span.log(values, step=number))

    def _keep_last(self, span: Training, values: Mapping[str, float]) -> None:
        """Keep metrics that a property of the span can hold; a series keeps all of them."""
        finite = {name: number for name, number in values.items() if math.isfinite(number)}
        self.attempt(lambda: setattr(span, "metrics", {**span.metrics, **finite}))

    def model(self, make: Callable[[], object], kind: str) -> None:
        """Keep the model, which a function returns."""
        if self._models and self.span is not None:
            self.attempt(lambda: self._keep(make(), kind))

    def _keep(self, model: object, kind: str) -> None:
        serializer_for(model)  # a package that is missing is named once, here
        self._artifacts["model"] = FittedModel(model, kind)

    def close(self, error: BaseException | None = None) -> None:
        """Write what was noted, and close the span unless its user opened it."""
        span, context = self.span, self._context
        if span is None:
            return
        for label, artifact in self._artifacts.items():
            # One by one: a model that cannot be stored takes nothing with it.
            self.attempt(partial(sync.create_span_artifact, span, label=label, data=artifact))
        if context is None:
            return
        trace = None if error is None else error.__traceback__
        self.attempt(lambda: context.__exit__(None if error is None else type(error), error, trace))

    def attempt(self, work: Callable[[], T]) -> T | None:
        """Return the result of a function; None and a warning if it fails."""
        try:
            return work()
        except Exception as error:  # whatever it is, the training goes on
            # A value that the database refuses tells nothing of the next one.
            if isinstance(error, EngineError) and not isinstance(error, RefusedError):
                _give_up(error)
            warn(error)
            return None


def _own(framework: str, estimator: str) -> Training | None:
    """Return the current span if a user opened it for a training, and none was recorded in it."""
    cell = current_cell()
    span = None if cell is None or cell.is_inherited else cell.span
    with _lock:  # two threads that were started in the span may train at once
        if not isinstance(span, Training) or span.estimator:
            return None
        span.framework, span.estimator = framework, estimator
    return span


def _give_up(error: ArtigraphError) -> None:
    with _lock:
        _given_up.append(str(error))


def is_given_up() -> bool:
    """Tell whether nothing is recorded any more, since the database was out of reach."""
    return bool(_given_up)


def begin_again() -> None:
    """Forget that the database was out of reach."""
    _given_up.clear()


def warn(error: BaseException) -> None:
    """Say that a training was not recorded whole; also where warnings are errors."""
    text = f"autolog: {type(error).__name__}: {cut(str(error), _CHARACTERS)}"
    try:
        warnings.warn(text, AutologWarning, stacklevel=4)
    except AutologWarning:  # "error" is the filter, and the training goes on
        _log.warning(text)


def record(
    work: Callable[[Record | None], T],
    begin: Callable[[], Record],
    *,
    first: bool = True,
) -> T:
    """Call a function that trains, recorded unless another that is recorded called it.

    Of several processes that train together only the first records, also what it trains besides.

    Args:
        work: The training; it gets the record, or None where nothing is recorded.
        begin: Opens the record.
        first: Whether this process is the first, as far as the framework knows.

    Returns:
        The result of the training; its exceptions are raised as they are.
    """
    if _inside.get() or is_given_up() or _in_a_worker():
        return work(None)
    token = _inside.set(True)
    try:
        made = None
        try:
            made = begin() if first and not _is_another_process() else None
        except Exception as error:  # a description of the estimator failed
            warn(error)
        if made is not None and made.span is None:  # it could not be opened
            made = None
        try:
            result = work(made)
        except BaseException as error:
            if made is not None:
                made.close(error)
            raise
        if made is not None:
            made.close()
        return result
    finally:
        _inside.reset(token)


def _is_another_process() -> bool:
    """Tell if a launcher such as torchrun started this process to help the first one.

    It runs the whole program, so without this each training of it would be recorded several times.
    """
    if "WORLD_SIZE" not in os.environ:
        return False
    ranks = ("RANK",) if "RANK" in os.environ else ("NODE_RANK", "LOCAL_RANK")
    return any(os.environ.get(name, "0") not in ("", "0") for name in ranks)


def _in_a_worker() -> bool:
    """Tell whether scikit-learn calls this from a thread of its own, for a part of something."""
    frame = sys._getframe(1)  # noqa: SLF001 - a thread tells nothing else of who started it
    while frame is not None:
        if frame.f_code.co_filename.replace("\\", "/").endswith("sklearn/utils/parallel.py"):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name): plain_value(value) for name, value in params.items()}


def plain_value(value: object) -> Any:
    """Return a parameter as it is if it is plain, else as text: NaN and infinities too."""
    if type(value) is float and not math.isfinite(value):
        return str(value)
    if type(value) in (bool, int, float, str, type(None)):
        return value if type(value) is not str else cut(value, _CHARACTERS)
    try:
        item: Any = getattr(value, "item", None)
        if callable(item) and getattr(value, "shape", None) == ():
            plain: object = item()
            if type(plain) is not type(value):  # a longdouble is its own item
                return plain_value(plain)
        return cut(repr(value), _CHARACTERS)
    except Exception:  # the code of somebody's class
        return f"(a {type(value).__qualname__})"


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): float(value) for name, value in values.items()}


def _fingerprint_of(value: object) -> DataFingerprint:
    shape, columns, digest = fingerprint(value)
    kind = type(value)
    return DataFingerprint(f"{kind.__module__}.{kind.__qualname__}", shape, columns, digest)
