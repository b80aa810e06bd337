"""A decorator that opens a span for each call of a function."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Generator, Mapping
from contextvars import Context, copy_context
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast, overload
from weakref import WeakKeyDictionary

from artigraph_neo4j.engine.waiting import run
from artigraph_neo4j.errors import ArtifactTypeError, SpanError
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.graph.span_rows import declared_properties
from artigraph_neo4j.recording import blocking
from artigraph_neo4j.recording.artifact_model import ArtifactModel
from artigraph_neo4j.recording.cache import Cache, Memory, Miss, explain
from artigraph_neo4j.recording.span_artifacts import create_span_artifact, create_span_artifacts
from artigraph_neo4j.recording.spans import span_context

__all__ = ["CallArguments", "cached", "explain_miss", "memory_of", "spanned"]

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


@dataclass
class CallArguments(ArtifactModel, version=1):
    """The arguments of a call, as ``spanned(arguments=...)`` records them.

    Attributes:
        function: The module and qualified name of the called function.
        values: The arguments by name, defaults included.
    """

    function: str
    values: dict[str, Any]


@overload
def spanned(function: F, /) -> F: ...
@overload
def spanned(
    *,
    label: str | None = None,
    span: type[Span] = Span,
    arguments: bool | Collection[str] = False,
    result: str | None = "result",
    cache: bool | Cache = False,
) -> Callable[[F], F]: ...
def spanned(
    function: Any = None,
    /,
    *,
    label: str | None = None,
    span: type[Span] = Span,
    arguments: bool | Collection[str] = False,
    result: str | None = "result",
    cache: bool | Cache = False,
) -> Any:
    """Open a span for each call of a function, and record the artifacts it returns.

    For functions, methods, generators, and the async ones of each. The span's status and error
    are the call's. A generator's span is open until it ends or is closed, and current only while
    its own code runs. Functions that are not async wait for the database, as ``sync`` does.

    ::

        @spanned(label="train {epochs}", arguments=["epochs"], result="model")
        async def train(data: Table, epochs: int) -> Weights: ...

    Args:
        function: The function; ``@spanned`` without brackets passes it.
        label: The span's label, in which ``{name}`` is an argument; by default the function's name.
        span: The class of the span. Properties with the name of an argument get its value.
        arguments: Whether to record the arguments, as an artifact labeled ``"arguments"``: all of
            them but ``self`` and ``cls``, or only those named.
        result: The label under which a returned artifact is recorded. A dict of artifacts by label
            is recorded under these labels. Other values are not recorded, and None records none.
        cache: Whether a call returns the result of an earlier one with equal arguments: True, or a
            ``Cache`` with settings. Only for functions that return artifacts, not for generators.
            A call that is answered from the cache has a span, too, which shares the artifacts;
            ``CallKey.cached_from`` there names the span that made them.

    Returns:
        The function with the same signature, or the decorator that makes it.

    Raises:
        SpanError: On decorating: the template, ``arguments`` or ``cache`` names an argument that
            does not exist, or the calls cannot be cached.
    """

    def decorate(called: Callable[..., Any]) -> Any:
        return _decorated(_Plan.of(called, label, span, arguments, result, cache))

    return decorate if function is None else decorate(function)


@overload
def cached(function: F, /) -> F: ...
@overload
def cached(
    *,
    version: str | int | None = None,
    ignore: Collection[str] = (),
    label: str | None = None,
    span: type[Span] = Span,
    arguments: bool | Collection[str] = False,
    result: str = "result",
) -> Callable[[F], F]: ...
def cached(
    function: Any = None,
    /,
    *,
    version: str | int | None = None,
    ignore: Collection[str] = (),
    label: str | None = None,
    span: type[Span] = Span,
    arguments: bool | Collection[str] = False,
    result: str = "result",
) -> Any:
    """``spanned`` with a cache: a call returns the result of an earlier one with equal arguments.

    Arguments are compared by content, artifacts and large values by digest. An earlier call counts
    if its span ended without an error and everything it returned still exists, including the bytes
    in storages. Of two calls at the same time, both run.

    Args:
        function: The function; ``@cached`` without brackets passes it.
        version: A value that changes when the function does; by default its source text.
        ignore: Names of arguments that do not change the result.
        label: See ``spanned``.
        span: See ``spanned``.
        arguments: See ``spanned``.
        result: See ``spanned``.

    Raises:
        SpanError: As ``spanned``.
    """
    decorate = spanned(
        label=label, span=span, arguments=arguments, result=result, cache=Cache(version, ignore)
    )
    return decorate if function is None else decorate(function)


async def explain_miss(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Miss:
    """Tell why a call of a cached function would run, and which arguments differ, without calling.

    Two round trips, and a look at storages.

    Args:
        function: A function that ``cached`` or ``spanned(cache=...)`` decorated.
        *args: The positional arguments of the call.
        **kwargs: The keyword arguments of the call.

    Raises:
        SpanError: The function does not have a cache.
        TypeError: The arguments do not fit the function.
    """
    memory = memory_of(function)
    return await explain(memory, _plans[function].bound(args, kwargs))


def memory_of(function: Callable[..., Any]) -> Memory:
    """Return the cache of a decorated function.

    Raises:
        SpanError: The function does not have a cache.
    """
    plan = _plans.get(function)
    if plan is None or plan.memory is None:
        raise SpanError(f"{function!r} has no cache; decorate it with @cached")
    return plan.memory


_plans: WeakKeyDictionary[Callable[..., Any], _Plan] = WeakKeyDictionary()
"""The plans of decorated functions, by the function that the decorator returned."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """The steps around each call of one function."""

    function: Callable[..., Any]
    signature: inspect.Signature
    label: str
    span: type[Span]
    names: tuple[str, ...]
    result: str | None
    memory: Memory | None

    @classmethod
    def of(
        cls,
        function: Callable[..., Any],
        label: str | None,
        span: type[Span],
        arguments: bool | Collection[str],
        result: str | None,
        cache: bool | Cache,
    ) -> _Plan:
        if not callable(function) or isinstance(function, (staticmethod, classmethod)):
            raise SpanError("@spanned goes on a function, below @staticmethod or @classmethod")
        signature = inspect.signature(function)
        known = [name for name in signature.parameters if name not in ("self", "cls")]
        names = known if arguments is True else list(arguments or ())
        name = f"{function.__module__}.{function.__qualname__}"
        for wanted in names:
            if wanted not in known:
                raise SpanError(f"{name} has no argument {wanted!r}; it has {', '.join(known)}")
        if label is not None:
            try:
                label.format(**dict.fromkeys(signature.parameters, _Anything()))
            except (KeyError, IndexError, ValueError) as error:
                raise SpanError(
                    f"{name}: {label!r} is not a template of its arguments: {error}"
                ) from error
        template = label or function.__name__.replace("{", "{{").replace("}", "}}")
        memory = None
        if cache is not False:
            chosen = Cache() if cache is True else cache
            memory = Memory.of(function, chosen, result)
        return cls(function, signature, template, span, tuple(names), result, memory)

    def open(self, values: Mapping[str, Any]) -> Span:
        """Make a new span for a call."""
        known = declared_properties(self.span)
        fields = {name: values[name] for name in known if name in values}
        return self.span(label=self.label.format(**values), **fields)

    def bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments by name, defaults included."""
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.arguments

    async def begin(self, values: Mapping[str, Any]) -> None:
        """Record the arguments, in the current span."""
        if self.names:
            name = f"{self.function.__module__}.{self.function.__qualname__}"
            data = CallArguments(name, {name: values[name] for name in self.names})
            await create_span_artifact("current", label="arguments", data=data)

    def parts(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Compute the parts of a call's key; empty without a cache."""
        return {} if self.memory is None else self.memory.parts(values)

    async def recall(self, parts: Mapping[str, str]) -> tuple[bool, Any]:
        """Look up the results of an earlier call; see ``Memory.recall``."""
        return (False, None) if self.memory is None else await self.memory.recall(parts)

    async def finish(self, parts: Mapping[str, str], value: Any) -> None:
        """Record the artifacts that were returned, and the key of the call."""
        await self.end(value)
        if self.memory is not None:
            await self.memory.remember(parts, value)

    async def end(self, value: Any) -> None:
        """Record the artifacts that were returned, in the current span."""
        if self.result is None:
            return
        if isinstance(value, ArtifactModel):
            await create_span_artifact("current", label=self.result, data=value)
            return
        values = cast("dict[str, ArtifactModel]", value if isinstance(value, dict) else {})
        if any(isinstance(v, ArtifactModel) for v in values.values()):
            if not all(isinstance(v, ArtifactModel) for v in values.values()):
                raise ArtifactTypeError(
                    f"{self.function.__qualname__} returned a dict of which only some values are "
                    "artifacts; return artifacts only, or take result=None"
                )
            await create_span_artifacts("current", values)


class _Anything:
    """Stands for any argument while a template is checked."""

    def __format__(self, spec: str) -> str:
        return ""

    def __getattr__(self, name: str) -> _Anything:
        return self

    def __getitem__(self, key: object) -> _Anything:
        return self


def _decorated(plan: _Plan) -> Callable[..., Any]:
    function = plan.function
    if inspect.isasyncgenfunction(function):
        made: Callable[..., Any] = _async_generator(plan)
    elif inspect.iscoroutinefunction(function):
        made = _coroutine(plan)
    elif inspect.isgeneratorfunction(function):
        made = _generator(plan)
    else:
        made = _plain(plan)
    wrapped = wraps(function)(made)
    _plans[wrapped] = plan
    return wrapped


def _coroutine(plan: _Plan) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        values = plan.bound(args, kwargs)
        parts = plan.parts(values)
        async with span_context(plan.open(values)):
            await plan.begin(values)
            is_known, value = await plan.recall(parts)
            if not is_known:
                value = await plan.function(*args, **kwargs)
                await plan.finish(parts, value)
            return value

    return call


def _plain(plan: _Plan) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        values = plan.bound(args, kwargs)
        parts = plan.parts(values)
        with blocking.span_context(plan.open(values)):
            run(plan.begin(values))
            is_known, value = run(plan.recall(parts))
            if not is_known:
                value = plan.function(*args, **kwargs)
                run(plan.finish(parts, value))
            return value

    return call


class _Steps(Generator[Any, Any, Any]):
    """A generator whose own code runs in a separate context; its consumer's code does not."""

    def __init__(self, context: Context, generator: Generator[Any, Any, Any]) -> None:
        self._context = context
        self._generator = generator

    def send(self, value: Any, /) -> Any:
        return self._context.run(self._generator.send, value)

    def throw(self, *error: Any) -> Any:
        return self._context.run(self._generator.throw, *error)


def _generator(plan: _Plan) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        values, context = plan.bound(args, kwargs), copy_context()
        opened = blocking.span_context(plan.open(values))
        context.run(opened.__enter__)
        try:
            context.run(run, plan.begin(values))
            value = yield from _Steps(context, plan.function(*args, **kwargs))
            context.run(run, plan.end(value))
        except BaseException as error:
            context.run(opened.__exit__, type(error), error, error.__traceback__)
            raise
        context.run(opened.__exit__, None, None, None)
        return value

    return call


async def _within(context: Context, work: Coroutine[Any, Any, T]) -> T:
    return await asyncio.get_running_loop().create_task(work, context=context)


_END = object()


def _async_generator(plan: _Plan) -> Callable[..., Any]:
    async def step(generator: AsyncGenerator[Any, Any], sent: Any, error: Any) -> Any:
        try:
            return await (generator.asend(sent) if error is None else generator.athrow(error))
        except StopAsyncIteration:
            return _END

    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        values, context = plan.bound(args, kwargs), copy_context()
        opened = span_context(plan.open(values))
        await _within(context, opened.__aenter__())
        try:
            await _within(context, plan.begin(values))
            generator = cast("AsyncGenerator[Any, Any]", plan.function(*args, **kwargs))
            sent: Any = None
            error: BaseException | None = None
            while (item := await _within(context, step(generator, sent, error))) is not _END:
                try:
                    sent, error = (yield item), None
                except GeneratorExit:
                    await _within(context, _close(generator))
                    raise
                except BaseException as thrown:
                    sent, error = None, thrown
        except BaseException as error:
            await _within(context, opened.__aexit__(type(error), error, error.__traceback__))
            raise
        await _within(context, opened.__aexit__(None, None, None))

    return call


async def _close(generator: AsyncGenerator[Any, Any]) -> None:
    await generator.aclose()
