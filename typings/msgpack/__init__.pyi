# What this library uses of msgpack, which comes without types.

from collections.abc import Callable
from typing import Any, NamedTuple

class ExtType(NamedTuple):
    code: int
    data: bytes

class Timestamp: ...

def packb(
    o: Any, *, default: Callable[[Any], Any], strict_types: bool, unicode_errors: str
) -> bytes: ...
def unpackb(
    packed: bytes,
    *,
    ext_hook: Callable[[int, bytes], Any],
    strict_map_key: bool,
    unicode_errors: str,
) -> Any: ...
