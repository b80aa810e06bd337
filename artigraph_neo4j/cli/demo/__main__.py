"""``python -m artigraph_neo4j.cli.demo``."""

from __future__ import annotations

import asyncio
import sys
import time

try:
    from rich.console import Console

    from artigraph_neo4j.cli.demo.report import command, report
    from artigraph_neo4j.cli.demo.study import run_study
except ImportError as error:
    sys.exit(f'the demo needs {error.name}: pip install "artigraph-neo4j[demo]"')

from artigraph_neo4j import set_engine, transfer_bar
from artigraph_neo4j.local import LocalStack

QUERY = """\
MATCH path = (:Span {{node_id: "{study}"}})-[:PARENT_OF*0..]->(:Span)-[:HAS_ARTIFACT|PARENT_OF]->()
RETURN path"""


def main() -> None:
    """Start the local stack, run the study, answer questions, tell how to look at it."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)
    console.print("Starting Neo4j and S3 on this machine, or finding them running ...")
    begin = time.monotonic()
    stack = LocalStack().up()
    console.print(f"They run ({time.monotonic() - begin:.1f} s): {stack.bolt_url}")
    with transfer_bar(set_engine("local")):
        study = asyncio.run(_study(console))
    console.rule("Look at it")
    console.print(f"Neo4j Browser:  {stack.browser_url}")
    console.print(f"connect to:     {stack.bolt_url}")
    console.print(f"login:          {stack.username} / {stack.password}")
    console.print("and paste this query:\n")
    console.print(QUERY.format(study=study), soft_wrap=True, markup=False)
    console.print(f"\nIn a terminal:  {command()} ls, {command()} show {study}", soft_wrap=True)
    console.print("\nThe servers stay up; `make down` stops them, and the data stays.")


async def _study(console: Console) -> str:
    begin = time.monotonic()
    study = await run_study(lambda line: console.print(f"  {line}", markup=False))
    console.print(f"The study took {time.monotonic() - begin:.1f} s")
    await report(study, console)
    return study


if __name__ == "__main__":
    main()
