"""Packages of the extra ``[local]``, imported when they are needed, with a clear error."""

from __future__ import annotations

import importlib
from typing import Any

from artigraph_neo4j.errors import LocalStackError

__all__ = ["need"]


def need(module: str) -> Any:
    """Import ``module``, which the extra ``[local]`` installs.

    Raises:
        LocalStackError: The module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise LocalStackError(
            f'the local stack needs {package}: pip install "artigraph-neo4j[local]"'
        ) from error
