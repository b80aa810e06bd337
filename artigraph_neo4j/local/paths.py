"""Directories of the local stack: its data, and the cache of jars."""

from __future__ import annotations

import os
from pathlib import Path

from artigraph_neo4j.local.needs import need

__all__ = ["cache_directory", "default_directory"]


def default_directory() -> Path:
    """Directory of data and records: ``ARTIGRAPH_HOME``, or below the user's data directory."""
    if home := os.environ.get("ARTIGRAPH_HOME"):
        return Path(home).expanduser().absolute()
    return Path(need("platformdirs").user_data_dir("artigraph", appauthor=False))


def cache_directory() -> Path:
    """Directory of jars that all stacks share: ``ARTIGRAPH_CACHE``, or below the user's cache."""
    if cache := os.environ.get("ARTIGRAPH_CACHE"):
        return Path(cache).expanduser().absolute()
    return Path(need("platformdirs").user_cache_dir("artigraph", appauthor=False))
