"""The jars of Neo4j: pinned by a lock, fetched from Maven Central, verified, repaired."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from artigraph_neo4j.errors import LocalStackError
from artigraph_neo4j.local.files import exclusive, write_private
from artigraph_neo4j.local.needs import need

__all__ = ["provision", "versions"]

logger = logging.getLogger(__name__)

FETCHES = 8
"""Downloads at once."""

ATTEMPTS = 3
"""How often a jar is fetched anew when it does not arrive whole."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of a lock."""

    group: str
    artifact: str
    version: str
    classifier: str
    sha256: str


def versions() -> list[str]:
    """The versions of Neo4j that a lock is shipped for."""
    names = (path.name for path in files("artigraph_neo4j.local").joinpath("locks").iterdir())
    return sorted(name[6:-5] for name in names if name.endswith(".lock"))


def _read_lock(version: str) -> list[Jar]:
    lock = files("artigraph_neo4j.local").joinpath("locks", f"neo4j-{version}.lock")
    if not lock.is_file():
        raise LocalStackError(
            f"no lock for Neo4j {version} is shipped; there is one for {', '.join(versions())}"
        )
    jars = []
    for line in lock.read_text().splitlines():
        if line and not line.startswith("#"):
            coordinate, sha256 = line.split()
            group, artifact, number, *classifier = coordinate.split(":")
            jars.append(Jar(group, artifact, number, "".join(classifier), sha256))
    return jars


def provision(version: str, cache: Path, *, verify: bool = False) -> list[Path]:
    """Have every jar of a Neo4j version in the cache, whole; returns them in the lock's order.

    What is missing is fetched, with a progress bar where a person looks. A jar that changed, or
    came only half, is fetched again.

    Args:
        version: The version of Neo4j.
        cache: The cache directory; made when missing.
        verify: Hash every jar, also those that have the size and time of the last verification.

    Raises:
        LocalStackError: There is no lock for this version, or a jar cannot be had as pinned.
    """
    jars = _read_lock(version)
    cache.mkdir(parents=True, exist_ok=True)
    with exclusive(cache / f"neo4j-{version}.lock"):
        seen = _Stamps(cache / f"neo4j-{version}.json")
        context = need("jgo.maven").MavenContext(repo_cache=cache / "maven", timeout=60)
        artifacts = [_artifact(context, jar) for jar in jars]
        wanted = [
            (jar, artifact)
            for jar, artifact in zip(jars, artifacts, strict=True)
            if verify or not seen.matches(artifact.cached_path, jar.sha256)
        ]
        if wanted:
            _fetch_all(version, wanted, seen)
            seen.save()
        return [artifact.cached_path for artifact in artifacts]


def _artifact(context: Any, jar: Jar) -> Any:
    component = context.project(jar.group, jar.artifact).at_version(jar.version)
    return component.artifact(classifier=jar.classifier)


def _fetch_all(version: str, wanted: list[tuple[Jar, Any]], seen: _Stamps) -> None:
    free = shutil.disk_usage(seen.path.parent).free
    if free < 500_000_000:
        raise LocalStackError(
            f"{seen.path.parent} has {free // 1_000_000} MB free, and Neo4j needs about 500 MB; "
            "free some, or name another place with ARTIGRAPH_CACHE"
        )
    with (
        _progress(f"Neo4j {version}: fetching and checking jars", len(wanted)) as advance,
        ThreadPoolExecutor(FETCHES, thread_name_prefix="artigraph-jars") as pool,
    ):
        for (jar, _), path in zip(
            wanted, pool.map(lambda pair: _fetch(*pair), wanted), strict=True
        ):
            seen.note(path, jar.sha256)
            advance(jar.artifact)


def _fetch(jar: Jar, artifact: Any) -> Path:
    path: Path = artifact.cached_path
    error: Exception | None = None
    for _ in range(ATTEMPTS):
        try:
            artifact.resolve()
            found = _sha256(path)
        except Exception as failed:  # of the network, of the disk, or a checksum
            error, found = failed, ""
        if found == jar.sha256:
            return path
        if found:
            logger.warning("%s is damaged; fetching it again", path.name)
        path.unlink(missing_ok=True)
    raise LocalStackError(
        f"{jar.group}:{jar.artifact}:{jar.version} could not be had as it is pinned "
        f"({error or 'its SHA-256 differs'}); check the network and the disk, then run it again"
    ) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Stamps:
    """Size and time of each verified jar, so that starting does not hash 180 MB each time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._known: dict[str, list[Any]] = json.loads(path.read_text())
        except (OSError, ValueError):
            self._known = {}

    def matches(self, path: Path, sha256: str) -> bool:
        try:
            stat = path.stat()
        except OSError:
            return False
        return self._known.get(str(path)) == [stat.st_size, stat.st_mtime_ns, sha256]

    def note(self, path: Path, sha256: str) -> None:
        stat = path.stat()
        self._known[str(path)] = [stat.st_size, stat.st_mtime_ns, sha256]

    def save(self) -> None:
        write_private(self.path, json.dumps(self._known))


@contextmanager
def _progress(title: str, total: int) -> Iterator[Any]:
    """A bar on a terminal; one line at the start and one at the end elsewhere."""
    rich = need("rich.progress")
    console = need("rich.console").Console(stderr=True)
    if not console.is_terminal:
        print(f"{title} ({total}); this takes a minute the first time", file=sys.stderr, flush=True)  # noqa: T201
        yield lambda _: None
        print(f"{title}: done", file=sys.stderr, flush=True)  # noqa: T201
        return
    columns = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TimeElapsedColumn(),
        rich.TextColumn("[dim]{task.fields[name]}"),
    )
    with rich.Progress(*columns, console=console) as bar:
        task = bar.add_task(title, total=total, name="")
        yield lambda name: bar.update(task, advance=1, name=name)
