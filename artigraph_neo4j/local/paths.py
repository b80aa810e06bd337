"""Where the local stack keeps its data and what it fetched."""

from __future__ import annotations

import os
from pathlib import Path

from artigraph_neo4j.local.needs import need

__all__ = ["cache_directory", "default_directory"]


def default_directory() -> Path:
    """The stack's data and records: ``ARTIGRAPH_HOME``, else the user's data directory."""
    if home := os.environ.get("ARTIGRAPH_HOME"):
        return Path(home).expanduser().absolute()
    return Path(need("platformdirs").user_data_dir("artigraph", appauthor=False))


def cache_directory() -> Path:
    """The jars, shared by all stacks: ``ARTIGRAPH_CACHE``, else the user's cache directory."""
    if cache := os.environ.get("ARTIGRAPH_CACHE"):
        return Path(cache).expanduser().absolute()
    return Path(need("platformdirs").user_cache_dir("artigraph", appauthor=False))
