"""Names of the caller's classes, and the modules in which stored bytes may look for them.

A class is stored as ``module:qualname``, after a check that it is found by that name. Importing a
module runs its code, so reading looks only into modules that this program imported or trusts.
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
"""Environment variable that names trusted modules, with commas between them."""

_MAIN = "__main__"
_AS_MAIN = (_MAIN, "__mp_main__")
"""Names of the program's own module; the second is used in processes that were spawned."""

_trusted: set[str] = set()
_brought: WeakValueDictionary[str, type[Any]] = WeakValueDictionary()
"""Classes of another process's main program that cloudpickle brought here."""


def trust_modules(*names: str) -> None:
    """Allow reading to import these modules for the classes of stored values.

    Without it a stored enum, NamedTuple, dataclass or pydantic model is read only when the module
    of its class is imported already. Trust only modules that are safe to import.

    Args:
        *names: Modules or packages; a package stands for all modules in it. The environment
            variable ``ARTIGRAPH_TRUSTED_MODULES`` adds more, with commas between them.

    Raises:
        ValueError: One of them is not the name of a module.
    """
    for name in names:
        if not _is_module_name(name):
            raise ValueError(f"{shown(name)} is not the name of a module, such as 'package.module'")
    _trusted.update(names)


def trusted_modules() -> frozenset[str]:
    """Return the modules and packages that reading may import, those of the environment too."""
    more = os.environ.get(VARIABLE, "").split(",")
    return frozenset(_trusted) | {name.strip() for name in more if _is_module_name(name.strip())}


def name_of(cls: type[Any]) -> str:
    """Return the name by which the class is found again.

    A class of the main program gets the name under which others import that program's module:
    ``package.train`` for ``python -m package.train`` and for ``python package/train.py``. In a
    notebook it is ``__main__``.

    Raises:
        SerializationError: The class is not found by its name.
    """
    module = _main_name() if cls.__module__ in _AS_MAIN else cls.__module__
    path = cls.__qualname__
    name = f"{module}:{path}"
    # pydantic keeps Model[int] where only this process finds it.
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
    """Return the class of a name that ``name_of`` made.

    A module is imported only if it is trusted. A class whose module is not there is looked for in
    the main program, as of a script whose cells are run in a notebook.

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
    """Return the module if this program has it; the main program also answers to its own name."""
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
    except (Exception, SystemExit) as error:  # whatever the code of the module raises
        raise SerializationError(
            f"the trusted module {module} of a stored value cannot be imported: "
            f"{type(error).__name__}: {error}"
        ) from error


def _lookup(module: ModuleType | None, path: str) -> type[Any] | None:
    """Return the class at a path; steps only from a module to a class, and to a class in it."""
    found: Any = module
    for part in path.split("."):
        found = getattr(found, "__dict__", {}).get(part)
        if not isinstance(found, type):
            return None
    return found if isinstance(found, type) else None


def _is_brought(cls: type[Any]) -> bool:
    """Whether cloudpickle made the class here, from that of another process's main program."""
    for name, module in list(sys.modules.items()):
        if name == "cloudpickle.cloudpickle" or name.endswith(".cloudpickle.cloudpickle"):
            tracker: Any = getattr(module, "_DYNAMIC_CLASS_TRACKER_BY_CLASS", None)
            if tracker is not None and cls in tracker:
                return True
    return False
