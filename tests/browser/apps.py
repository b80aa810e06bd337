"""Drives both apps of Neo4j Browser as a person does: logs in, imports, runs, looks."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from artigraph_neo4j.local import StackInfo

__all__ = ["LegacyApp", "NewApp", "chromium", "page_of"]

_ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
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


_DROP = """([name, data]) => {
  const bytes = Uint8Array.from(atob(data), character => character.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name));
  for (const type of ["dragenter", "dragover", "drop"]) {
    const target = document.querySelector('[data-testid="main"]') || document.body;
    target.dispatchEvent(
      new DragEvent(type, {dataTransfer: transfer, bubbles: true, cancelable: true}));
  }
}"""

_LEGACY_NODES = """() => [...document.querySelectorAll('[data-testid="frame"]')].slice(0, 1)
  .flatMap(frame => [...frame.querySelectorAll('g.node')]).map(node => {
    const circle = node.querySelector('circle.b-outline') || node.querySelector('circle');
    const text = [...node.querySelectorAll('text.caption')].map(t => t.textContent).join(' ');
    return [text.trim(), circle.getAttribute('fill'), Number(circle.getAttribute('r'))];
  })"""

_LEGACY_LINKS = """() => [...document.querySelectorAll('[data-testid="frame"]')].slice(0, 1)
  .flatMap(frame => [...frame.querySelectorAll('g.relationship')]).map(link =>
    [link.querySelector('text').textContent, link.querySelector('path.b-outline').getAttribute('fill')])"""


class LegacyApp:
    """The app at ``/browser/``."""

    def __init__(self, page: Page, stack: StackInfo) -> None:
        self.page = page
        self.stack = stack

    def log_in(self) -> None:
        page = self.page
        page.goto(self.stack.browser_url)
        page.get_by_test_id("username").fill(self.stack.username)
        page.get_by_test_id("password").fill(self.stack.password)
        page.get_by_test_id("connect").click()
        page.get_by_text("You are connected as user").first.wait_for()

    def drop(self, file: Path) -> None:
        """Drag a file onto the window."""
        data = base64.b64encode(file.read_bytes()).decode()
        self.page.evaluate(_DROP, [file.name, data])

    def favorites(self) -> list[str]:
        """The names of the saved queries in the folder of the kit."""
        return self._folder().locator("xpath=..").inner_text().splitlines()

    def _folder(self):
        self.page.get_by_test_id("navigationFavorites").click()
        return self.page.get_by_text("Artigraph", exact=True)


if __name__ == "__main__":
    import json, sys, time
    from types import SimpleNamespace
    info = SimpleNamespace(**json.load(open("/tmp/b.json")))
    with page_of(chromium()) as page:
      page.set_default_timeout(60000)
      try:
        page.goto(info.browser_url + "preview/");
        page.evaluate("""localStorage["nx.v1.nx.featureFlags"] = JSON.stringify({"query:import-grass": "true"})""")
        page.reload()
        page.locator("input[name=hostname]").fill(info.bolt_url.split("//")[1])
        page.locator("input[name=password]").fill(info.password)
        page.get_by_test_id("connection-form-submit").click()
        page.locator("input[name=password]").wait_for(state="hidden")
        page.get_by_label("Cypher panel").click()
        page.locator('input[accept=".csv,.zip"]').set_input_files("/tmp/kit/saved.zip"); 
        page.get_by_text("Cypher import completed").first.wait_for()
        page.get_by_text("Artigraph", exact=True).click(); time.sleep(1)
        page.screenshot(path="/tmp/new2.png")
        page.get_by_text("The latest run, as a tree").click(); time.sleep(1)
        page.screenshot(path="/tmp/new3.png")
        page.get_by_test_id("run-button").first.click(); 
        page.locator("canvas").first.wait_for(); time.sleep(4)
        page.screenshot(path="/tmp/new4.png")
        print(page.evaluate("localStorage['nx.v1.nx.featureFlags']"), page.evaluate("localStorage['nx.v1.nx.graphStyling']"))
        page.get_by_text("ArtigraphFailed (").click(); time.sleep(2)
        page.screenshot(path="/tmp/new5.png")
        page.locator('input[type=file][accept*=".grass"]').set_input_files("/tmp/kit/artigraph.grass"); time.sleep(2)
        page.screenshot(path="/tmp/new6.png")
        page.get_by_role("button", name="Import", exact=True).click(); time.sleep(5)
        page.screenshot(path="/tmp/new7.png")
        print(page.evaluate("localStorage['nx.v1.nx.graphStyling']"))
      finally:
        page.screenshot(path="/tmp/new8.png")
