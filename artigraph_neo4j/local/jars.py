"""The jars of Neo4j: pinned by a lock, fetched by Maven coordinates, verified and repaired."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import sys
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor, as_completed
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
"""Maximum number of downloads at once."""

ATTEMPTS = 3
"""Maximum number of attempts to fetch a jar that does not arrive complete."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of a lock."""

    group: str
    artifact: str
    version: str
    classifier: str
    sha256: str


def versions() -> list[str]:
    """Return the versions of Neo4j that have a lock in this package."""
    names = (path.name for path in files("artigraph_neo4j.local").joinpath("locks").iterdir())
    return sorted(name[6:-5] for name in names if name.endswith(".lock"))


def _read_lock(version: str) -> list[Jar]:
    lock = files("artigraph_neo4j.local").joinpath("locks", f"neo4j-{version}.lock")
    if not lock.is_file():
        raise LocalStackError(
            f"no lock for Neo4j {version} is shipped; there is one for {', '.join(versions())}"
        )
    jars: list[Jar] = []
    for line in lock.read_text().splitlines():
        if line and not line.startswith("#"):
            coordinate, sha256 = line.split()
            group, artifact, number, *classifier = coordinate.split(":")
            jars.append(Jar(group, artifact, number, "".join(classifier), sha256))
    return jars


def provision(version: str, cache: Path, *, verify: bool = False) -> list[Path]:
    """Fetch the jars of a Neo4j version that are not in the cache; return all in the lock's order.

    A terminal shows a progress bar. A jar that has changed, or is incomplete, is fetched again.

    Args:
        version: The version of Neo4j.
        cache: The cache directory; made when missing.
        verify: Whether every jar is hashed, even if its size and time are those of the last
            verification.

    Raises:
        LocalStackError: There is no lock for this version, or a jar cannot be fetched as pinned.
    """
    jars = _read_lock(version)
    stamps = cache / f"neo4j-{version}.json"
    if not verify and (known := _Stamps(stamps).all_of(jars)):
        return known
    cache.mkdir(parents=True, exist_ok=True)
    with exclusive(cache / "jars.lock"):  # one for all versions, since they share jars
        seen = _Stamps(stamps)  # read again: another process may have fetched while we waited
        wanted = [jar for jar in jars if verify or seen.path_of(jar) is None]
        try:
            _fetch_all(version, wanted, cache, seen)
        finally:
            seen.save()
        return seen.all_of(jars)


def _artifact(context: Any, jar: Jar) -> Any:
    component = context.project(jar.group, jar.artifact).at_version(jar.version)
    return component.artifact(classifier=jar.classifier)


def _fetch_all(version: str, wanted: list[Jar], cache: Path, seen: _Stamps) -> None:
    if not wanted:
        return
    free = shutil.disk_usage(cache).free
    if free < 500_000_000:
        raise LocalStackError(
            f"{cache} has {free // 1_000_000} MB free, and Neo4j needs about 500 MB; "
            "free some, or name another place with ARTIGRAPH_CACHE"
        )
    context = need("jgo.maven").MavenContext(repo_cache=cache / "maven", timeout=60)
    pool = ThreadPoolExecutor(FETCHES, thread_name_prefix="artigraph-jars")
    try:
        with _progress(f"Neo4j {version}: fetching and checking jars", len(wanted)) as advance:
            jobs = {pool.submit(_fetch, jar, _artifact(context, jar)): jar for jar in wanted}
            for done in as_completed(jobs):
                seen.note(jobs[done], done.result())
                advance(jobs[done].artifact)
    finally:  # after a failure or Ctrl-C, do not wait for jars still in the queue
        pool.shutdown(cancel_futures=True)


def _fetch(jar: Jar, artifact: Any) -> Path:
    path: Path = artifact.cached_path
    error: Exception | None = None
    for attempt in range(ATTEMPTS):
        try:
            artifact.resolve()
            found = _sha256(path)
        except Exception as failed:  # of the network, of the disk, or a checksum
            error, found = failed, ""
            time.sleep(attempt)
        if found == jar.sha256:
            return path
        if found:
            logger.warning("%s is damaged; fetching it again", path.name)
        path.unlink(missing_ok=True)
    raise LocalStackError(
        f"{jar.group}:{jar.artifact}:{jar.version} could not be had as it is pinned "
        f"({_said(error)}); check the network and the disk, then run it again"
    ) from error


def _said(error: Exception | None) -> str:
    return f"{type(error).__name__}: {error}" if error else "its SHA-256 differs"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Stamps:
    """Size and time of each verified jar, so that a start does not hash 180 MB."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._known: dict[str, list[Any]] = json.loads(path.read_text())
        except (OSError, ValueError):
            self._known = {}

    def path_of(self, jar: Jar) -> Path | None:
        """The path of a jar that is unchanged since its verification; otherwise None."""
        try:
            name, size, changed = self._known[jar.sha256]
            path = self._path.parent / name
            stat = path.stat()
        except (OSError, KeyError, ValueError, TypeError):
            return None
        return path if (stat.st_size, stat.st_mtime_ns) == (size, changed) else None

    def all_of(self, jars: list[Jar]) -> list[Path]:
        """The paths of all jars, or an empty list if one has to be verified again."""
        paths = [path for path in map(self.path_of, jars) if path]
        return paths if len(paths) == len(jars) else []

    def note(self, jar: Jar, path: Path) -> None:
        """Add the stamp of a verified jar."""
        stat = path.stat()
        name = str(path.relative_to(self._path.parent))  # so that a cache can be moved
        self._known[jar.sha256] = [name, stat.st_size, stat.st_mtime_ns]

    def save(self) -> None:
        """Write the stamps to their file."""
        write_private(self._path, json.dumps(self._known))


@contextmanager
def _progress(title: str, total: int) -> Generator[Callable[[str], None]]:
    """Show a bar on a terminal; elsewhere one line at the start and one at the end."""
    rich = need("rich.progress")
    console = need("rich.console").Console(stderr=True)
    if not console.is_terminal:
        sys.stderr.write(f"{title} ({total}); this takes a minute the first time\n")
        yield lambda _: None
        sys.stderr.write(f"{title}: done\n")
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

        def advance(name: str) -> None:
            bar.update(task, advance=1, name=name)

        yield advance
