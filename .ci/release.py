"""What a release needs beside passing tests: ``make release-check``. CONTRIBUTING has the recipe.

Leaves in ``dist/`` the wheel, the sdist and ``sbom.json``, a CycloneDX list of every package that
an installation with all extras has. The audit asks for known faults of these packages; it fails
where it cannot ask.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
LOCK = ROOT / ".ci" / "requirements.txt"
UV = Path(sys.executable).with_name("uv")

SBOM_TOOL = "cyclonedx-bom>=7,<8"
AUDIT_TOOL = "pip-audit>=2.9,<3"


class NotReadyError(Exception):
    """A reason not to release."""


def run(*command: str | Path) -> str:
    """What a command prints; it has to succeed."""
    index = _index()
    done = subprocess.run(
        list(map(str, command)),
        cwd=ROOT,
        env={**os.environ, **index},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotReadyError(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def _index() -> dict[str, str]:
    """The index that pip is set up for on this machine, which uv does not know."""
    if "UV_DEFAULT_INDEX" in os.environ:
        return {}
    look = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    found = subprocess.run(look, capture_output=True, text=True, check=False).stdout.strip()
    return {"UV_DEFAULT_INDEX": found} if found else {}


def version_of(source: str) -> str:
    """The version that ``_version.py`` names.

    Raises:
        NotReadyError: It is not one that a release has.
    """
    found = re.search(r'^__version__ = "(\d+\.\d+\.\d+((a|b|rc)\d+)?)"$', source, re.MULTILINE)
    if found is None:
        raise NotReadyError("_version.py: a release has a version such as 0.2.0 or 0.2.0rc1")
    return found[1]


def check_changelog(text: str, version: str) -> None:
    """See that the changelog's first section is this release, with a date.

    Raises:
        NotReadyError: It is another one, or ``Unreleased`` still has entries.
    """
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    if sections and sections[0].startswith("Unreleased"):
        if re.search(r"^- ", sections[0], re.MULTILINE):
            raise NotReadyError(
                f"CHANGELOG.md: rename 'Unreleased' to '{version} - YYYY-MM-DD' and begin a new one"
            )
        sections = sections[1:]
    if not sections or not re.match(rf"{re.escape(version)} - \d{{4}}-\d\d-\d\d\n", sections[0]):
        raise NotReadyError(f"CHANGELOG.md: its newest section has to be '{version} - YYYY-MM-DD'")


def check_tree() -> None:
    """See that what is built is what is committed."""
    if changed := run("git", "status", "--porcelain"):
        raise NotReadyError(f"commit these, or remove them:\n{changed}")


def check_version() -> None:
    """See that version, changelog and tags agree."""
    version = version_of((ROOT / "artigraph_neo4j" / "_version.py").read_text())
    check_changelog((ROOT / "CHANGELOG.md").read_text(), version)
    if run("git", "tag", "--list", f"v{version}"):
        raise NotReadyError(f"there is a tag v{version}; raise __version__ in _version.py")


def build() -> None:
    """Build the wheel from the sdist."""
    shutil.rmtree(DIST, ignore_errors=True)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", DIST)


def build_docs() -> None:
    """Build the site; a broken link or reference fails."""
    run(Path(sys.executable).with_name("zensical"), "build", "--clean", "--strict")


def list_and_audit() -> None:
    """Install the wheel with all extras, list every package, and ask for known faults of them."""
    (wheel,) = DIST.glob("*.whl")
    with tempfile.TemporaryDirectory() as home:
        run(UV, "venv", "--quiet", "--python", sys.executable, home)
        python = Path(home) / "bin" / "python"
        own = f"artigraph-neo4j[all] @ {wheel.as_uri()}"
        run(UV, "pip", "install", "--quiet", "--python", python, "--constraint", LOCK, own)
        listed = DIST / "sbom.json"
        tool = (UV, "tool", "run", "--quiet", "--from")
        run(*tool, SBOM_TOOL, "cyclonedx-py", "environment", python, "-o", listed)
        (packages,) = Path(home).glob("lib/python*/site-packages")
        # The library itself is in no index yet.
        for own_record in packages.glob("artigraph_neo4j-*.dist-info"):
            shutil.rmtree(own_record)
        asked = ("--strict", "--progress-spinner=off", "--path", packages)
        run(*tool, AUDIT_TOOL, "pip-audit", *asked)


STEPS: dict[str, Callable[[], None]] = {
    "everything is committed": check_tree,
    "version, changelog and tags agree": check_version,
    "the wheel and the sdist are built": build,
    "the docs are built": build_docs,
    "all packages are listed, none has a known fault": list_and_audit,
}


def main() -> int:
    """Run all steps, also after one that fails; the exit code."""
    failed = 0
    for name, check in STEPS.items():
        try:
            check()
        except NotReadyError as error:
            failed += 1
            print(f"NOT READY  {name}:\n{error}\n")
        else:
            print(f"ready      {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
