"""Packages that only some serializers need, imported with the extra that installs them."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["needed"]


def needed(module: str, extra: str, also: str = "") -> Any:
    """Import and return a module; for packages that come without types.

    Args:
        module: The name of the module.
        extra: The extra that installs it.
        also: What to install besides, with a space behind it.

    Raises:
        ImportError: The package is not installed; the message says which extra installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"this serializer needs {module.split('.')[0]}: "
            f'pip install {also}"artigraph-neo4j[{extra}]"'
        ) from error
