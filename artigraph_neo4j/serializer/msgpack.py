"""msgpack with extension types, for plain values that JSON would change.

None, numbers, text, bytes, lists and dicts with plain keys are plain msgpack; lone surrogates in
text are encoded as UTF-8 would encode them. A single value of another type has a separate extension
type (``msgpack_leaves``), mostly with readable text. A group of values is an array that starts with
a mark, an empty extension that names the type of the group (``MARKS``): a tuple is ``[mark 1,
first, …]``. So any msgpack reader shows the whole value. Only exact types are accepted: a subclass
of a built-in type is refused, never flattened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, NoReturn, get_args

import msgpack
from msgpack import ExtType

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import (
    DamagedError,
    Serializer,
    find_serializer,
    infer_serializer,
    shorten_path,
    shown,
    unreadable,
)
from artigraph_neo4j.serializer.classes import Kind, restore, state_of
from artigraph_neo4j.serializer.limits import MAX_DEPTH, nested
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
"""Types of groups by the code of their mark; the rest of the array is the content.

Codes from 100 on are for ``default`` and ``ext_hook``; 127 is the reference to a nested model.
"""

_FIRST_FREE_CODE = 100
_PLAIN = frozenset({type(None), bool, int, float, str, bytes})
_CODE_OF = {leaf.type: code for code, leaf in LEAVES.items()}
_MARK_OF = {name: ExtType(code, b"") for code, name in MARKS.items()}
_GROUPS: dict[type[Any], str] = {tuple: "tuple", set: "set", frozenset: "frozenset"}


def pack(value: Any, *, default: Default | None = None) -> bytes:
    """Return the value as msgpack bytes.

    Args:
        value: The value.
        default: A function that is called first for everything except None, bool, int, float, str,
            bytes, list and dict. It returns an ``ExtType`` with a code from 100 on, or None.

    Raises:
        SerializationError: The value contains an unsupported type or itself, or is nested too
            deeply; the message names the place.
    """
    try:
        with nested():
            return _packb(_Packing(default).tree(value, 0))
    except _RefusedError as refused:
        raise SerializationError(refused.message) from refused.__cause__
    except (RecursionError, ValueError) as error:  # msgpack raises ValueError
        raise SerializationError(f"it is nested too deeply or too large ({error})") from error


def _packb(tree: Any) -> bytes:
    packed: bytes = msgpack.packb(
        tree, default=_big_int, strict_types=True, unicode_errors="surrogatepass"
    )
    return packed


def _big_int(value: int) -> ExtType:
    """Convert an integer of more than 64 bits for msgpack; all other types are converted before."""
    return ExtType(BIG_INT, LEAVES[BIG_INT].to_data(value))


class _RefusedError(Exception):
    """A part of the value cannot be packed; ``steps`` lead to it, innermost first."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.steps: list[str] = []

    @property
    def message(self) -> str:
        at = f"at {shorten_path(self.steps)}: " if self.steps else ""
        return f"{at}{self.args[0]}"


class _Packing:
    """The conversion of a value into a tree of values that msgpack supports."""

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
                refused.steps.append(f"[{shown(key)}]")
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
    except SerializationError as error:
        raise _RefusedError(str(error)) from error
    except Exception as error:  # raised by the code of a user's class or serializer
        raise _RefusedError(f"{type(error).__name__}: {error}") from error


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
        "a serializer for its type, or give the field one: artifact_field(serializer=...). A file "
        "that a library saved can be kept as a File; pickle_serializer is for those who trust all "
        "that is stored (docs/serializers.md)"
    )


_SHAPES = frozenset({list, dict, *_GROUPS, *_CODE_OF})


def unpack(data: bytes, *, ext_hook: ExtHook | None = None) -> Any:
    """Return the value that ``pack`` made the bytes from.

    Args:
        data: The bytes.
        ext_hook: A function that makes values from the extension types from 100 on.

    Raises:
        SerializationError: ``pack`` does not return such bytes, they are nested too deeply, or they
            name a class or serializer that this program does not have.
    """

    def ext(code: int, inner: bytes) -> Any:
        if code in LEAVES:
            return LEAVES[code].from_data(inner)
        if code in MARKS and not inner:
            return _Mark(code)
        if code >= _FIRST_FREE_CODE and ext_hook is not None:
            return ext_hook(code, inner)
        raise DamagedError(f"unknown msgpack extension type {code}")

    with nested(), unreadable("msgpack of this library"):
        tree = msgpack.unpackb(
            data, ext_hook=ext, strict_map_key=False, unicode_errors="surrogatepass"
        )
        return _grown(tree)


class _Mark:
    __slots__ = ("code",)

    def __init__(self, code: int) -> None:
        self.code = code


Place = tuple[Any, Any]
"""A container, and the index or key in it."""


def _grown(tree: Any) -> Any:
    """Return the value of a tree in which marked arrays stand for other values.

    The whole tree is checked before anything except tuples of plain values is made. It is walked
    level by level, and built from the bottom up, so that its depth does not need stack.
    """
    whole = [tree]
    marked: list[Place] = []
    level: list[Any] = [whole]
    if type(tree) is _Mark:
        raise DamagedError("a mark is outside of an array")
    for depth in range(-1, MAX_DEPTH + 1):
        if depth == MAX_DEPTH and any(map(_has_containers, level)):
            raise DamagedError(f"it is nested more than {MAX_DEPTH} deep")
        below: list[Any] = []
        for item in level:
            _look_into(item, below, marked)
        if not below:
            break
        level = below
    for parent, key in reversed(marked):
        parent[key] = _made(parent[key])
    return whole[0]


def _has_containers(item: Any) -> bool:
    children: Iterable[object] = item.values() if hasattr(item, "values") else item
    return any(type(child) in (list, dict) for child in children)


def _look_into(item: Any, below: list[Any], marked: list[Place]) -> None:
    """Collect the containers in a container that are not all plain, and places of marked arrays."""
    is_map = hasattr(item, "values")  # otherwise a list
    keys: Iterable[Any] = list(item) if is_map else range(len(item))
    children: list[Any] = list(item.values()) if is_map else item
    kinds: Iterable[object] = map(type, children)
    for key, child, kind in zip(keys, children, kinds, strict=True):
        if kind is list:
            if not _is_done(item, key, child, marked):
                below.append(child)
        elif kind is dict:
            if not _PLAIN.issuperset(map(type, child)):
                raise DamagedError("a map has a key that is not plain")
            if not _PLAIN.issuperset(map(type, child.values())):
                below.append(child)
        elif kind is msgpack.Timestamp or (kind is _Mark and (is_map or key != 0)):
            raise DamagedError("an extension type is where none can be")


def _is_done(parent: Any, key: Any, items: list[Any], marked: list[Place]) -> bool:
    """Note a marked array, or make it a tuple at once; return True if its content is plain."""
    if not items or type(items[0]) is not _Mark:
        return _PLAIN.issuperset(map(type, items))
    rest = items[1:]
    plain = _PLAIN.issuperset(map(type, rest))
    if plain and items[0].code == _TUPLE:
        parent[key] = tuple(rest)
    else:
        marked.append((parent, key))
    return plain


_TUPLE = _MARK_OF["tuple"].code


def _made(items: list[Any]) -> Any:
    """Return the value of a marked array whose items are made already."""
    what, rest = MARKS[items[0].code], items[1:]
    match what:
        case "tuple":
            return tuple(rest)
        case "set" | "frozenset":
            found = set(rest) if what == "set" else frozenset(rest)
            if len(found) != len(rest):
                raise DamagedError(f"a {what} has an item twice")
            return found
        case "dict":
            pairs = dict(zip(rest[::2], rest[1::2], strict=True))
            if 2 * len(pairs) != len(rest):
                raise DamagedError("a dict has a key twice")
            return pairs
        case "serialized":
            return _serialized(*rest)
        case _:
            return restore(_KINDS[what], *rest)


_KINDS: dict[str, Kind] = {kind: kind for kind in get_args(Kind)}


def _serialized(name: object, data: object) -> Any:
    if type(name) is not str or type(data) is not bytes:
        raise DamagedError("a serialized value is not a name and bytes")
    serializer = find_serializer(name)
    if serializer is None:
        raise SerializationError(
            f"serializer {name!r} is not known to this process; register() one of that name"
        )
    if not serializer.types:
        raise DamagedError(f"serializer {name!r} is never used inside a container")
    with unreadable(f"of serializer {name!r}"):
        return serializer.deserialize(data)


class MsgpackSerializer(Serializer[Any]):
    """The default for plain values that are not native and that JSON would change."""

    name: ClassVar[str] = "msgpack"

    def serialize(self, value: Any, /) -> bytes:
        """Return the value as msgpack; see ``pack``."""
        return pack(value)

    def deserialize(self, data: bytes, /) -> Any:
        """Return the value; see ``unpack``."""
        return unpack(data)


msgpack_serializer = MsgpackSerializer().register()
