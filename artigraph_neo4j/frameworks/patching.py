"""Functions of frameworks, replaced while ``autolog`` is on, also in modules imported later."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import update_wrapper
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

__all__ = ["Patches", "when_imported"]


class Patches:
    """The functions that were replaced, each with what it was."""

    def __init__(self) -> None:
        self._originals: list[tuple[Any, str, Any, Any]] = []

    def replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Replace an attribute of a class or module by what ``make`` returns for the original."""
        original = _own(owner, name)
        if hasattr(original, "__artigraph__"):
            return
        made: Any = make(original)
        update_wrapper(made, original)
        made.__artigraph__ = True
        setattr(owner, name, made)
        self._originals.append((owner, name, original, made))

    def undo(self) -> None:
        """Put back what was replaced, except what somebody else has replaced since."""
        while self._originals:
            owner, name, original, made = self._originals.pop()
            if _own(owner, name) is made:
                setattr(owner, name, original)


def _own(owner: Any, name: str) -> Any:
    """Return an attribute of a class or module itself, not of what it extends."""
    attributes: dict[str, Any] = dict(owner.__dict__)
    return attributes.get(name)


class _Finder:
    """A finder of modules that calls a function once one is imported."""

    def __init__(self, name: str, then: Callable[[], None]) -> None:
        self.name = name
        self.then = then
        self._busy = False

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See ``importlib.abc.MetaPathFinder``."""
        if name != self.name or self._busy:
            return None
        self._busy = True
        try:
            spec = find_spec(name)
        finally:
            self._busy = False
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self)
        return spec


class _Loader(Loader):
    def __init__(self, inner: Loader, finder: _Finder) -> None:
        self._inner = inner
        self._finder = finder

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        if spec is not None:
            spec.loader = self._inner
        self._inner.exec_module(module)
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
            self._finder.then()


def when_imported(name: str, then: Callable[[], None]) -> Callable[[], None]:
    """Call a function now if a module is imported, else once it is.

    Returns:
        A function that stops waiting for it.
    """
    if name in sys.modules:
        then()
        return lambda: None
    finder = _Finder(name, then)
    sys.meta_path.insert(0, finder)
    return lambda: sys.meta_path.remove(finder) if finder in sys.meta_path else None
