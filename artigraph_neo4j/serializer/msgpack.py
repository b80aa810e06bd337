"""msgpack with extension types, for plain values that JSON would change.

None, numbers, text, bytes, lists and dicts with plain keys are plain msgpack; lone surrogates of a
text pass as UTF-8 would write them. A single value of another type is an extension type of its own
(``msgpack_leaves``), mostly readable text. Several values together are an array that starts with an
empty extension, a mark that says what they make (``MARKS``): a tuple is ``[mark 1, first, …]``. So
any msgpack reader shows the whole value. Exact types only: a subclass of a built-in type is
refused, never flattened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, NoReturn, get_args

import msgpack
from msgpack import ExtType

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import (
    MAX_DEPTH,
    Serializer,
    find_serializer,
    infer_serializer,
    shorten_path,
)
from artigraph_neo4j.serializer.classes import Kind, restore, state_of
from artigraph_neo4j.serializer.msgpack_leaves import BIG_INT, LEAVES

__all__ = ["MARKS", "MsgpackSerializer", "msgpack_serializer", "pack", "unpack"]

Default = Callable[[Any], ExtType | None]
ExtHook = Callable[[int, bytes], Any]


MARKS: dict[int, str] = {
    1: "tuple",
    2: "set",
    3: "frozenset",
    20: "dict",  # [mark, key, value, key, value, …], where a key is not plain
    30: "enum",  # [mark, class, member]
    31: "namedtuple",  # [mark, class, {field: value}]
    32: "dataclass",
    33: "flag",  # [mark, class, number]
    34: "pydantic",  # [mark, class, {"fields", "set", "extra", "private"}]
    40: "serialized",  # [mark, serializer name, bytes]
}
"""Extension types without data, by code, that say what the rest of an array makes.

Codes from 100 on are for ``default`` and ``ext_hook``; 127 is the reference to a nested model.
"""

_FIRST_FREE_CODE = 100
_PLAIN = frozenset({type(None), bool, int, float, str, bytes})
_CODE_OF = {leaf.type: code for code, leaf in LEAVES.items()}
_MARK_OF = {name: ExtType(code, b"") for code, name in MARKS.items()}
_GROUPS: dict[type[Any], str] = {tuple: "tuple", set: "set", frozenset: "frozenset"}


def pack(value: Any, *, default: Default | None = None) -> bytes:
    """The value as msgpack bytes.

    Args:
        value: The value.
        default: Asked first about everything but None, bool, int, float, str, bytes, list and dict;
            returns an ``ExtType`` of a code from 100 on, or None.

    Raises:
        SerializationError: It holds something of another type, itself, or is nested too deeply; the
            message says where.
    """
    try:
        return _packb(_Packing(default).tree(value, 0))
    except _RefusedError as refused:
        raise SerializationError(refused.message) from refused.__cause__
    except (RecursionError, ValueError) as error:  # the message of ValueError is msgpack's own
        raise SerializationError(f"it is nested too deeply or too large ({error})") from error


def _packb(tree: Any) -> bytes:
    packed: bytes = msgpack.packb(
        tree, default=_big_int, strict_types=True, unicode_errors="surrogatepass"
    )
    return packed


def _big_int(value: int) -> ExtType:
    """Asked by msgpack about integers of more than 64 bits, the one thing left that it cannot."""
    return ExtType(BIG_INT, LEAVES[BIG_INT].to_data(value))


class _RefusedError(Exception):
    """Something that cannot be packed, and the way to it, inner steps first."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.steps: list[str] = []

    @property
    def message(self) -> str:
        at = f"at {shorten_path(self.steps)}: " if self.steps else ""
        return f"{at}{self.args[0]}"


class _Packing:
    """Makes of a value a tree of what msgpack packs as it is."""

    def __init__(self, default: Default | None) -> None:
        self._default = default

    def tree(self, value: Any, depth: int) -> Any:
        kind: type[object] = type(value)  # pyright: ignore[reportUnknownVariableType]
        if kind in _PLAIN:
            return value
        if depth > MAX_DEPTH:
            raise _RefusedError(f"it is nested more than {MAX_DEPTH} deep, or contains itself")
        if kind is list:
            return self._items(value, depth)
        if kind is dict:
            return self._dict(value, depth)
        if self._default is not None and (found := self._default(value)) is not None:
            return found
        if (code := _CODE_OF.get(kind)) is not None:
            return ExtType(code, _attempt(LEAVES[code].to_data, value))
        if group := _GROUPS.get(kind):
            items = self._items(list(value), depth)
            return [_MARK_OF[group], *(items if kind is tuple else sorted(items, key=_packb))]
        return self._instance(value, kind, depth)

    def _items(self, values: list[Any], depth: int) -> list[Any]:
        if _PLAIN.issuperset(map(type, values)):
            return values
        tree: list[Any] = []
        for position, item in enumerate(values):
            try:
                tree.append(self.tree(item, depth + 1))
            except _RefusedError as refused:
                refused.steps.append(f"[{position}]")
                raise
        return tree

    def _dict(self, value: dict[Any, Any], depth: int) -> Any:
        plain_keys = _PLAIN.issuperset(map(type, value))
        if plain_keys and _PLAIN.issuperset(map(type, value.values())):
            return value
        pairs: list[tuple[Any, Any]] = []
        for key, item in value.items():
            try:
                pairs.append((self.tree(key, depth + 1), self.tree(item, depth + 1)))
            except _RefusedError as refused:
                refused.steps.append(f"[{key!r:.80}]")
                raise
        return dict(pairs) if plain_keys else [_MARK_OF["dict"], *_flat(pairs)]

    def _instance(self, value: Any, cls: type[Any], depth: int) -> list[Any]:
        serializer = infer_serializer(cls)
        if serializer is not None:
            data = _attempt(serializer.serialize, value)
            return [_MARK_OF["serialized"], serializer.name, data]
        state = _attempt(state_of, value)
        if state is None:
            _refuse(cls)
        return [_MARK_OF[state.kind], state.name, self.tree(state.data, depth + 1)]


def _attempt(work: Callable[[Any], Any], value: Any) -> Any:
    try:
        return work(value)
    except (SerializationError, ValueError) as error:
        raise _RefusedError(str(error)) from error


def _flat(pairs: Iterable[tuple[Any, Any]]) -> Iterable[Any]:
    return (item for pair in pairs for item in pair)


def _refuse(cls: type[Any]) -> NoReturn:
    built_in = next((b for b in cls.__mro__[1:] if b in _PLAIN or b in _SHAPES), None)
    advice = (
        f"make it a plain {built_in.__name__}, or "
        if built_in
        else "make it a dataclass at the top of a module, or "
    )
    raise _RefusedError(
        f"a value of type {cls.__module__}.{cls.__qualname__} has no serializer; {advice}register "
        "a serializer for its type, or give the field one: artifact_field(serializer=...)"
    )


_SHAPES = frozenset({list, dict, *_GROUPS, *_CODE_OF})


def unpack(data: bytes, *, ext_hook: ExtHook | None = None) -> Any:
    """The value that ``pack`` made the bytes from.

    Args:
        data: The bytes.
        ext_hook: Makes values of codes from 100 on.

    Raises:
        SerializationError: The bytes are something else, or name a class that is not there.
    """

    def ext(code: int, inner: bytes) -> Any:
        if code in LEAVES:
            return LEAVES[code].from_data(inner)
        if code in MARKS:
            return _Mark(code)
        if code >= _FIRST_FREE_CODE and ext_hook is not None:
            return ext_hook(code, inner)
        raise SerializationError(f"unknown msgpack extension type {code}")

    try:
        return msgpack.unpackb(
            data,
            ext_hook=ext,
            list_hook=_list,
            strict_map_key=False,
            unicode_errors="surrogatepass",
        )
    except SerializationError:
        raise
    except Exception as error:
        raise SerializationError(
            f"no msgpack of this library: {type(error).__name__}: {error}"
        ) from error


class _Mark:
    __slots__ = ("code",)

    def __init__(self, code: int) -> None:
        self.code = code


def _list(items: list[Any]) -> Any:
    """Called for each array, inner ones first."""
    if not items or type(items[0]) is not _Mark:
        return items
    what, rest = MARKS[items[0].code], items[1:]
    match what:
        case "tuple":
            return tuple(rest)
        case "set":
            return set(rest)
        case "frozenset":
            return frozenset(rest)
        case "dict":
            return dict(zip(rest[::2], rest[1::2], strict=True))
        case "serialized":
            return _serialized(*rest)
        case _:
            return restore(_KINDS[what], *rest)


_KINDS: dict[str, Kind] = {kind: kind for kind in get_args(Kind)}


def _serialized(name: str, data: bytes) -> Any:
    serializer = find_serializer(name)
    if serializer is None:
        raise SerializationError(
            f"serializer {name!r} is not known to this process; register() one of that name"
        )
    return serializer.deserialize(data)


class MsgpackSerializer(Serializer[Any]):
    """The default for plain values that are neither native nor faithful JSON."""

    name: ClassVar[str] = "msgpack"

    def serialize(self, value: Any, /) -> bytes:
        """The value as msgpack; see ``pack``."""
        return pack(value)

    def deserialize(self, data: bytes, /) -> Any:
        """The value; see ``unpack``."""
        return unpack(data)


msgpack_serializer = MsgpackSerializer().register()
