"""Names of users' classes, and the modules in which they may be looked up.

A class is stored as ``module:qualname``, after a check that this name leads to it. Importing a
module runs its code, so reading only looks into modules that this program imported or trusts.
"""

from __future__ import annotations

import importlib
import os
import sys
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import WeakValueDictionary

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import shown

__all__ = ["class_of", "name_of", "trust_modules", "trusted_modules"]

VARIABLE = "ARTIGRAPH_TRUSTED_MODULES"
"""Environment variable with the names of trusted modules, separated by commas."""

_MAIN = "__main__"
_AS_MAIN = (_MAIN, "__mp_main__")
"""Names of the program's main module; the second is used in spawned processes."""

_trusted: set[str] = set()
_brought: WeakValueDictionary[str, type[Any]] = WeakValueDictionary()
"""Classes of another process's main program that cloudpickle brought here."""


def trust_modules(*names: str) -> None:
    """Allow reading to import these modules for the classes of stored values.

    Otherwise a stored enum, NamedTuple, dataclass or pydantic model can only be read if the module
    of its class was already imported. Trust only modules that are safe to import.

    Args:
        *names: Modules or packages; a package includes all modules in it. The environment variable
            ``ARTIGRAPH_TRUSTED_MODULES`` adds more, separated by commas.

    Raises:
        ValueError: One of the names is not the name of a module.
    """
    for name in names:
        if not _is_module_name(name):
            raise ValueError(f"{shown(name)} is not the name of a module, such as 'package.module'")
    _trusted.update(names)


def trusted_modules() -> frozenset[str]:
    """Return the modules and packages that reading may import, including the environment's."""
    more = os.environ.get(VARIABLE, "").split(",")
    return frozenset(_trusted) | {name.strip() for name in more if _is_module_name(name.strip())}


def name_of(cls: type[Any]) -> str:
    """Return the name that leads back to the class.

    A class of the main program gets the name under which others import that program's module:
    ``package.train`` for ``python -m package.train`` and for ``python package/train.py``. In a
    notebook it is ``__main__``.

    Raises:
        SerializationError: The name does not lead to the class.
    """
    module = _main_name() if cls.__module__ in _AS_MAIN else cls.__module__
    path = cls.__qualname__
    name = f"{module}:{path}"
    # pydantic stores Model[int] in a place that only exists in this process.
    if "[" not in path and "<" not in path:
        if _lookup(_loaded(module), path) is cls:
            return name
        if cls.__module__ in _AS_MAIN and _lookup(_main(), path) is None and _is_brought(cls):
            _brought[path] = cls
            return f"{_MAIN}:{path}"
    raise SerializationError(
        f"class {name} could not be found by that name when it is read back; define it at the top "
        "of a module"
    )


def class_of(name: str) -> type[Any]:
    """Return the class of a name that ``name_of`` returned.

    A module is only imported if it is trusted. If its module does not exist, a class is looked for
    in the main program, as for a script whose cells are run in a notebook.

    Raises:
        SerializationError: There is no such class, or its module is neither imported nor trusted.
    """
    module, colon, path = name.partition(":") if type(name) is str else ("", "", "")
    if not colon or not all(map(str.isidentifier, path.split("."))) or not _is_module_name(module):
        raise SerializationError(f"{shown(name)} is not the name of a class")
    home = _loaded(module) or _import_trusted(module)
    found = _lookup(home, path)
    if found is None and (home is None or module == _MAIN):
        found = _lookup(_main(), path) or _brought.get(path)
    if found is not None:
        return found
    if module == _MAIN:
        raise SerializationError(
            f"class {path} of the stored value was defined in a notebook or main program; define "
            f"it in this one, or import it there: from its.module import {path.split('.')[0]}"
        )
    if home is None:
        raise SerializationError(
            f"class {name} of the stored value is in a module that this program did not import; "
            f"import {module}, or let reading do so: trust_modules({module!r}) or "
            f"{VARIABLE}={module}"
        )
    raise SerializationError(f"class {name} of the stored value is not in its module any more")


def _is_module_name(name: str) -> bool:
    return all(map(str.isidentifier, name.split(".")))


def _main() -> ModuleType | None:
    return sys.modules.get(_MAIN)


def _main_name() -> str:
    """Return the name under which other programs import the module of the main program."""
    main = _main()
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name)
    return _name_of_file(getattr(main, "__file__", None) or "")


@lru_cache(maxsize=16)
def _name_of_file(file: str) -> str:
    path = Path(file)
    if path.suffix != ".py" or not path.is_file():  # a notebook, or a command's text
        return _MAIN
    parts = [path.stem]
    for folder in path.resolve().parents:
        if not (folder / "__init__.py").is_file():
            break
        parts.append(folder.name)
    name = ".".join(reversed(parts))
    return name if _is_module_name(name) else _MAIN


def _loaded(module: str) -> ModuleType | None:
    """Return the module if it is imported; also the main program under its importable name."""
    if module in (*_AS_MAIN, _main_name()):
        return _main()
    return sys.modules.get(module)


def _import_trusted(module: str) -> ModuleType | None:
    parts = module.split(".")
    packages = {".".join(parts[: i + 1]) for i in range(len(parts))}
    if not packages & trusted_modules():
        return None
    try:
        return importlib.import_module(module)
    except (Exception, SystemExit) as error:  # the module's code may raise anything
        raise SerializationError(
            f"the trusted module {module} of a stored value cannot be imported: "
            f"{type(error).__name__}: {error}"
        ) from error


def _lookup(module: ModuleType | None, path: str) -> type[Any] | None:
    """Return the class at a path that leads from a module to a class, then to nested classes."""
    found: Any = module
    for part in path.split("."):
        found = getattr(found, "__dict__", {}).get(part)
        if not isinstance(found, type):
            return None
    return found if isinstance(found, type) else None


def _is_brought(cls: type[Any]) -> bool:
    """Return True if cloudpickle made the class from one in another process's main program."""
    for name, module in list(sys.modules.items()):
        if name == "cloudpickle.cloudpickle" or name.endswith(".cloudpickle.cloudpickle"):
            tracker: Any = getattr(module, "_DYNAMIC_CLASS_TRACKER_BY_CLASS", None)
            if tracker is not None and cls in tracker:
                return True
    return False
