"""The number of examples that a property test tries."""

from __future__ import annotations

import os

__all__ = ["few"]

_ALL = "ARTIGRAPH_TEST_EXAMPLES" in os.environ


def few(examples: int) -> int:
    """Return a fifth of a number of examples, or all of them in ``make test-long``.

    For tests in which each example makes the server plan a new statement, or write a new graph,
    which takes it 0.3 s or more.
    """
    return examples if _ALL else -(-examples // 5)
