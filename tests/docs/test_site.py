"""The docs site: it builds strictly, all links lead somewhere, and its reference is complete."""

from __future__ import annotations

import importlib
import pkgutil
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.browser.apps import chromium, page_of

ROOT = Path(__file__).parents[2]
PUBLIC = [
    "artigraph_neo4j",
    "artigraph_neo4j.errors",
    "artigraph_neo4j.find",
    "artigraph_neo4j.frameworks",
    "artigraph_neo4j.gc",
    "artigraph_neo4j.local",
    "artigraph_neo4j.serializer",
    "artigraph_neo4j.storage",
    "artigraph_neo4j.sync",
    "artigraph_neo4j.testing",
]
CHROMIUM = chromium()


@dataclass
class PageReader(HTMLParser):
    """What a page has that can be linked to, and what it links to."""

    ids: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    """Of ``a``, from anywhere in the page."""
    navigation: set[str] = field(default_factory=set)
    assets: set[str] = field(default_factory=set)
    """What a browser fetches to show the page."""
    classes: set[str] = field(default_factory=set)
    text: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.classes.update(given.get("class", "").split())
        if "id" in given:
            self.ids.add(given["id"])
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
            if "md-nav__link" in given.get("class", ""):
                self.navigation.add(given["href"])
        elif tag == "link" and given.get("rel") not in ("canonical", "prev", "next"):
            self.assets.add(given["href"])
        elif "src" in given:
            self.assets.add(given["src"])

    def handle_data(self, data: str) -> None:
        self.text.append(data)


class Site:
    def __init__(self, directory: Path, output: str) -> None:
        self.directory = directory
        self.output = output

    @cached_property
    def pages(self) -> dict[str, PageReader]:
        """By path; not the one for what is not found, whose links are made for a server."""
        found = {}
        for path in sorted(self.directory.rglob("*.html")):
            if path.name != "404.html":
                reader = found[path.relative_to(self.directory).as_posix()] = PageReader()
                reader.feed(path.read_text())
        return found

    def target(self, page: str, link: str) -> tuple[str, str]:
        """The file in the site that a page's link leads to, and the place in it."""
        parts = urlsplit(link)
        if not parts.path:
            return page, unquote(parts.fragment)
        path = (self.directory / page).parent / unquote(parts.path)
        path = path / "index.html" if path.is_dir() else path
        resolved = path.resolve()
        if not resolved.is_relative_to(self.directory.resolve()):
            return f"outside of the site: {link}", ""
        name = resolved.relative_to(self.directory.resolve()).as_posix()
        return name, unquote(parts.fragment)


def build(project: Path) -> subprocess.CompletedProcess[str]:
    shutil.copytree(ROOT / "docs", project / "docs")
    (project / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "docstrings.py", project / ".ci")
    shutil.copy(ROOT / "mkdocs.yml", project)
    (project / "artigraph_neo4j").symlink_to(ROOT / "artigraph_neo4j")
    return rebuild(project)


def rebuild(project: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--clean", "--strict"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    project = tmp_path_factory.mktemp("site")
    built = build(project)
    assert built.returncode == 0, built.stdout
    return Site(project / "site", built.stdout)


def test_all_docstrings_are_understood(site: Site) -> None:
    assert "griffe:" not in site.output, site.output
    for name in site.pages:
        raw = re.findall(
            r"<p>(?:Args|Returns|Raises|Attributes|Yields):.*", (site.directory / name).read_text()
        )
        assert raw == [], f"{name} shows sections of a docstring as plain text"
    methods = site.pages["reference/sync.html"].text
    assert methods.count("Raises:") > 20


def test_all_links_lead_somewhere(site: Site) -> None:
    broken = []
    for name, page in site.pages.items():
        for link in page.links | page.assets:
            if urlsplit(link).scheme:
                continue
            path, place = site.target(name, link)
            if not (site.directory / path).is_file():
                broken.append(f"{name}: {link}")
            elif place and path in site.pages and place not in site.pages[path].ids:
                broken.append(f"{name}: {link} has no such place")
    assert broken == []


def test_all_pages_are_in_the_navigation(site: Site) -> None:
    shown = {site.target("index.html", link)[0] for link in site.pages["index.html"].navigation}
    missing = sorted(set(site.pages) - shown - {"index.html"})
    assert missing == [], "give them a line in the nav of mkdocs.yml"


def test_pages_need_nothing_from_elsewhere(site: Site) -> None:
    fetched = {
        f"{name}: {asset}"
        for name, page in site.pages.items()
        for asset in page.assets
        if urlsplit(asset).scheme not in ("", "data")
    }
    assert fetched == set()
    for name, page in site.pages.items():
        assert "mermaid" not in page.classes, f"{name}: the theme fetches what draws diagrams"
    for sheet in site.directory.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", sheet.read_text()), sheet


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_a_browser_fetches_only_files_of_the_site(site: Site) -> None:
    elsewhere: list[str] = []
    with page_of(CHROMIUM or "") as page:
        page.on("request", lambda request: elsewhere.append(request.url))
        for name in site.pages:
            page.goto((site.directory / name).as_uri())
        title = page.title()
    assert title.endswith("artigraph-neo4j")
    assert elsewhere
    assert [url for url in elsewhere if not url.startswith(("file:", "data:", "blob:"))] == []


def documented(site: Site) -> Iterator[object]:
    for page in site.pages.values():
        for name in page.ids:
            if name.startswith("artigraph_neo4j."):
                try:
                    yield pkgutil.resolve_name(name)
                except AttributeError:  # a field of a dataclass without a default
                    continue


@pytest.mark.parametrize("module", PUBLIC)
def test_the_reference_has_every_public_name(site: Site, module: str) -> None:
    found = {id(thing) for thing in documented(site)}
    public = importlib.import_module(module)
    missing = [
        name
        for name in public.__all__
        if name != "__version__" and id(getattr(public, name)) not in found
    ]
    assert missing == [], f"add '::: {module}.<name>' to a page of docs/reference"


def test_a_broken_link_or_reference_fails_the_build(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "docstrings.py", tmp_path / ".ci")
    for link, complaint in {
        "[page](nowhere.md)": "page does not exist",
        "[place](index.md#nowhere)": "anchor does not exist",
        "[name][artigraph_neo4j.nothing]": "unresolved autoref",
    }.items():
        (tmp_path / "docs" / "index.md").write_text(f"# Home\n\n{link}\n")
        built = rebuild(tmp_path)
        assert built.returncode != 0, link
        assert complaint in built.stdout
