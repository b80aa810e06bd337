"""Takes the pictures of Neo4j Browser in README and docs anew: ``make pictures``."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from artigraph_neo4j.local import StackInfo
from artigraph_neo4j.local.kit import write_kit
from tests.browser.apps import LegacyApp, NewApp, chromium, page_of
from tests.browser.fill import fill
from tests.services import discard, new_stack

IMAGES = Path(__file__).parents[2] / "docs" / "images"
TREE = "The latest run, as a tree"


def take(stack: StackInfo, program: str) -> None:
    """Both apps with the demo's graph, as the kit makes them look."""
    with tempfile.TemporaryDirectory() as folder:
        kit = write_kit(folder)
        with page_of(program, width=1300, height=1000) as page:
            legacy = LegacyApp(page, stack)
            legacy.log_in()
            legacy.reset_style()
            legacy.drop(kit.style)
            legacy.drop(kit.zip)
            legacy.favorites()
            legacy.run(TREE)
            legacy.nodes()
            legacy.picture(IMAGES / "browser-tree.png")
        with page_of(program, width=1300, height=800) as page:
            new = NewApp(page, stack)
            new.log_in()
            new.import_queries(kit.csv)
            new.run(TREE)
            new.import_style(kit.style)
            new.picture(IMAGES / "browser-preview.png")


def main() -> None:
    """Start a stack, fill it, take the pictures."""
    program = chromium()
    if program is None:
        sys.exit("there is no Chromium here; apt-get install chromium")
    stack = new_stack("pictures")
    try:
        info = stack.up(timeout=180)
        asyncio.run(fill(info))
        take(info, program)
    finally:
        discard(stack)


if __name__ == "__main__":
    main()
