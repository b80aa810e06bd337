"""The number of examples that a property test tries."""

from __future__ import annotations

import os

__all__ = ["few"]

_ALL = "ARTIGRAPH_TEST_EXAMPLES" in os.environ


def few(examples: int, share: int = 5) -> int:
    """Return a fifth, or another share, of a number of examples; all of them in ``make test-long``.

    For tests in which an example costs much, since the server plans a new statement or writes a new
    graph for 0.3 s or more, or in which examples are many: also trials, runs and processes.
    """
    return examples if _ALL else -(-examples // share)
