"""The command ``artigraph``, with one module for each group of commands.

Exit codes are listed in ``docs/cli.md``: 0 success, 1 failure (the message says why), 2 a wrong
command line, 3 from ``status`` if the stack does not run.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    try:
        from artigraph_neo4j.cli.app import app
    except ImportError as error:
        print(  # noqa: T201
            f'the command needs {error.name}: pip install "artigraph-neo4j[cli]"', file=sys.stderr
        )
        sys.exit(1)
    app()
