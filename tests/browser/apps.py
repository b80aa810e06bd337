"""Drives both apps of Neo4j Browser as a person does: logs in, imports, runs, looks."""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from artigraph_neo4j.local import StackInfo

__all__ = ["LegacyApp", "NewApp", "chromium", "page_of", "wait_stored"]

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT = 120_000
"""Milliseconds; the machine may do a lot besides."""


def chromium() -> str | None:
    """The program, where there is one."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@contextmanager
def page_of(program: str, width: int = 1400, height: int = 900) -> Iterator[Page]:
    """A page of a headless browser that remembers nothing."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        try:
            page = browser.new_page(viewport={"width": width, "height": height})
            page.set_default_timeout(WAIT)
            yield page
        finally:
            browser.close()


def wait_stored(page: Page, key: str, text: str) -> str:
    """Wait until what the app keeps under a key has some text in it."""
    for _ in range(WAIT // 100):
        value: str = page.evaluate("key => localStorage[key] || ''", key)
        if text in value:
            return value
        page.wait_for_timeout(100)
    raise AssertionError(f"{key} has no {text!r}: {value}")


_DROP = """([name, data]) => {
  const bytes = Uint8Array.from(atob(data), character => character.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name));
  const target = document.querySelector('[data-testid="main"]');
  for (const type of ["dragenter", "dragover", "drop"]) {
    target.dispatchEvent(
      new DragEvent(type, {dataTransfer: transfer, bubbles: true, cancelable: true}));
  }
}"""

_NODES = """nodes => nodes.map(node => {
  const circle = node.querySelector('circle.b-outline');
  const lines = [...node.querySelectorAll('text.caption')].map(text => text.textContent);
  return [lines.join(' ').split(/\\s+/).join(' ').trim(), circle.getAttribute('fill')];
})"""

_LINKS = """links => links.map(link => [
  link.querySelector('text').textContent,
  link.querySelector('path.b-outline').getAttribute('fill')
])"""


class LegacyApp:
    """The app at ``/browser/``, which draws with SVG."""

    def __init__(self, page: Page, stack: StackInfo) -> None:
        self.page = page
        self.stack = stack

    def log_in(self) -> None:
        self.page.goto(self.stack.browser_url)
        self.page.get_by_test_id("username").fill(self.stack.username)
        self.page.get_by_test_id("password").fill(self.stack.password)
        self.page.get_by_test_id("connect").click()
        self.page.get_by_text("You are connected as user").first.wait_for()

    def reset_style(self) -> None:
        self.type(":style reset")
        wait_stored(self.page, "neo4j.grass", "null")

    def drop(self, file: Path) -> None:
        """Drag a file onto the window."""
        data = base64.b64encode(file.read_bytes()).decode()
        self.page.evaluate(_DROP, [file.name, data])

    def type(self, command: str) -> None:
        self.page.get_by_test_id("activeEditor").locator(".monaco-editor").first.click()
        self.page.keyboard.insert_text(command)
        self.page.get_by_test_id("editor-Run").click()

    def favorites(self) -> list[str]:
        """The saved queries in the kit's folder."""
        self.page.get_by_test_id("navigationFavorites").click()
        self.page.get_by_test_id("expandFolder-Artigraph").click()
        items = self.page.get_by_test_id("savedScriptsFolder-Artigraph").get_by_test_id(
            "savedScriptListItem"
        )
        items.first.wait_for()
        return [text.strip() for text in items.all_inner_texts()]

    def run(self, name: str) -> None:
        """Run a saved query; the list of ``favorites`` is open, and is closed."""
        self.page.get_by_test_id(f"scriptTitle-{name}").click()
        self.page.get_by_test_id("editor-Run").click()
        self.page.get_by_test_id("navigationFavorites").click()

    def nodes(self) -> list[tuple[str, str]]:
        """Caption and colour of every node in the newest frame."""
        found = self.page.get_by_test_id("frame").first.locator("g.node")
        found.first.wait_for()
        return [(caption, colour) for caption, colour in found.evaluate_all(_NODES)]

    def links(self) -> set[tuple[str, str]]:
        """Captions and colours of the relationships there."""
        found = self.page.get_by_test_id("frame").first.locator("g.relationship")
        return {(caption, colour) for caption, colour in found.evaluate_all(_LINKS)}

    def picture(self, file: Path) -> None:
        """A screenshot of the newest frame, when its graph has come to rest."""
        self.page.wait_for_timeout(5_000)
        frame = {"x": 70, "y": 128, "width": 1220, "height": 540}
        self.page.screenshot(path=file, clip=frame)  # type: ignore[arg-type]


class NewApp:
    """The app at ``/browser/preview/``, which draws on a canvas."""

    def __init__(self, page: Page, stack: StackInfo) -> None:
        self.page = page
        self.stack = stack

    def log_in(self) -> None:
        page = self.page
        page.goto(f"{self.stack.browser_url}preview/")
        # In this release the import of styles is behind a flag.
        page.evaluate(
            "localStorage['nx.v1.nx.featureFlags'] = JSON.stringify({'query:import-grass': 'true'})"
        )
        page.reload()
        # Without a way to the internet it says that it found no newer version, above the rest.
        page.add_style_tag(content="[data-testid=notification] { display: none }")
        page.locator("input[name=hostname]").fill(self.stack.bolt_url.removeprefix("bolt://"))
        page.locator("input[name=password]").fill(self.stack.password)
        page.get_by_test_id("connection-form-submit").click()
        page.locator("input[name=password]").wait_for(state="hidden")

    def import_queries(self, file: Path) -> list[str]:
        """Import saved queries; returns what is listed then."""
        page = self.page
        page.get_by_label("Cypher panel").click()
        page.locator('input[accept=".csv,.zip"]').set_input_files(file)
        folder = page.get_by_role("row").filter(has_text="Artigraph")
        folder.hover()
        folder.get_by_role("button").last.click()
        page.get_by_text("The latest run, as a tree").first.wait_for()
        return [t.strip() for t in page.get_by_role("row").all_inner_texts()]

    def run(self, name: str) -> None:
        self.page.get_by_text(name, exact=True).first.click()
        self.page.get_by_test_id("run-button").first.click()
        self.page.locator("canvas").first.wait_for()

    def import_style(self, file: Path) -> None:
        page = self.page
        page.get_by_text("ArtigraphFailed (").click()
        page.locator('input[type=file][accept*=".grass"]').set_input_files(file)
        page.get_by_role("button", name="Import", exact=True).click()
        page.keyboard.press("Escape")

    def chips(self) -> dict[str, str]:
        """The colours of the labels beside the graph, as ``rgb(…)``, without their counts."""
        found = self.page.locator("button, span, div").filter(has_text=re.compile(r"^\w+ \(\d+\)$"))
        rows = found.evaluate_all(
            "all => all.map(e => [e.textContent, getComputedStyle(e).backgroundColor])"
        )
        return {text.split(" ")[0]: colour for text, colour in rows if colour != "rgba(0, 0, 0, 0)"}

    def picture(self, file: Path) -> None:
        self.page.wait_for_timeout(5_000)
        self.page.screenshot(path=file)

    def count(self, colours: list[str]) -> list[int]:
        """How many pixels on the screen have each of some colours."""
        shot = base64.b64encode(self.page.screenshot()).decode()
        found: list[int] = self.page.evaluate(_PIXELS, [shot, colours])
        return found


_PIXELS = """async ([shot, colours]) => {
  const image = new Image();
  image.src = "data:image/png;base64," + shot;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const data = context.getImageData(0, 0, image.width, image.height).data;
  const counts = new Map(colours.map(colour => [parseInt(colour.slice(1), 16), 0]));
  for (let i = 0; i < data.length; i += 4) {
    const value = (data[i] << 16) | (data[i + 1] << 8) | data[i + 2];
    if (counts.has(value)) counts.set(value, counts.get(value) + 1);
  }
  return [...counts.values()];
}"""
