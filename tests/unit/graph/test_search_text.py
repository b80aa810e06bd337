"""The text that a node keeps for full-text search beside its label."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from artigraph_neo4j.graph.search import (
    _parts,  # pyright: ignore[reportPrivateUsage]
    search_text,
)


@given(st.text(alphabet="ab1 -/_A.é\n\x1f", max_size=20))
def test_a_label_is_kept_twice_only_where_its_parts_are_not_words(label: str) -> None:
    words = {word for word in re.split(r"[\s\-/]+", label.lower()) if word.isascii()}
    further = [part for part in dict.fromkeys(_parts(label)) if part not in words]
    assert search_text(label) == (" ".join(further) or None)
    assert search_text(label, ["text"]) is not None
    assert search_text(None) is None
