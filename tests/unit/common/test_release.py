"""What ``make release-check`` demands of the version and of the changelog."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

PATH = Path(__file__).parents[3] / ".ci" / "release.py"


@pytest.fixture(scope="module")
def release() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("version", ["0.1.0", "12.0.3", "1.0.0rc1", "0.2.0a3"])
def test_versions_of_releases(release: ModuleType, version: str) -> None:
    assert release.version_of(f'"""Doc."""\n\n__version__ = "{version}"\n') == version


@pytest.mark.parametrize("version", ["0.1", "0.1.0.dev1", "0.1.0+local", "", "v0.1.0"])
def test_versions_of_no_release(release: ModuleType, version: str) -> None:
    with pytest.raises(release.NotReadyError, match=r"_version\.py"):
        release.version_of(f'__version__ = "{version}"\n')


def test_a_changelog_of_this_release(release: ModuleType) -> None:
    section = "## 0.1.0 - 2026-12-01\n\n### Added\n\n- Spans.\n"
    for text in (f"# Changelog\n\n{section}", f"# Changelog\n\n## Unreleased\n\n{section}"):
        release.check_changelog(text, "0.1.0")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("# Changelog\n", "newest section"),
        ("## Unreleased\n\n- Spans.\n", "rename 'Unreleased'"),
        ("## Unreleased\n\n- More.\n\n## 0.1.0 - 2026-12-01\n", "rename 'Unreleased'"),
        ("## Unreleased\n\n## 0.1.0\n\n- No date.\n", "newest section"),
        ("## 0.0.9 - 2026-12-01\n\n## 0.1.0 - 2026-12-01\n", "newest section"),
        ("## 0.1.0rc1 - 2026-12-01\n", "newest section"),
    ],
)
def test_changelogs_that_are_not_ready(release: ModuleType, text: str, reason: str) -> None:
    with pytest.raises(release.NotReadyError, match=reason):
        release.check_changelog(text, "0.1.0")


def test_a_command_that_fails_is_a_reason_with_its_words(release: ModuleType) -> None:
    with pytest.raises(release.NotReadyError, match="no-such-command-of-git"):
        release.run("git", "no-such-command-of-git")
