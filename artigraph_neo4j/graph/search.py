"""Words for full-text search, in nodes and in queries.

The analyzer of Neo4j leaves ``resnet50_v2_lr0.001`` and ``train.loss`` as one word, and keeps
accents. So a node also has the parts of such words, folded, in ``search_``, and a query is split in
the same way.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from artigraph_neo4j.errors import FilterError

__all__ = ["MAX_WORDS", "SEARCH_CHARACTERS", "search_query", "search_text"]

SEARCH_CHARACTERS = 32_768
"""Maximum characters of an artifact's texts that are copied, from their start, for full text."""

MAX_WORDS = 100
"""Maximum number of words in a search."""

_RUN = re.compile(r"[^\W_]+")
"""A run of letters and digits, without underscores."""

_PLAIN = re.compile(r"(?:[a-z]+|[0-9]+)(?:[ /-]+(?:[a-z]+|[0-9]+))*")
"""Labels that the analyzer of Neo4j splits into the very parts that ``_parts`` finds."""

_PART = re.compile(r"\d+|[^\W\d_]+")
_CAMEL = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_ACCENTS = re.compile("[\u0300-\u036f]")
_SPECIAL = frozenset('+-&|!(){}[]^"~*?:\\/<>=')


def _folded(text: str) -> str:
    """A text without case and accents, the same for composed and decomposed Unicode."""
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    return unicodedata.normalize("NFC", plain).casefold()


def _parts(text: str) -> Iterable[str]:
    """Each run of letters and digits, and the words and numbers that it consists of."""
    for run in _RUN.findall(unicodedata.normalize("NFC", text)):
        yield _folded(run)
        for part in _PART.findall(_CAMEL.sub(" ", run)):
            yield _folded(part)


def search_text(label: str | None, texts: Iterable[str] = ()) -> str | None:
    """The text that ``search_`` holds, or None if the label alone is enough.

    Args:
        label: The node's label, which is in the index anyway.
        texts: Texts of searchable fields, which are not.
    """
    whole = [text.encode("utf-8", "replace").decode() for text in texts]
    if not whole and (label is None or _PLAIN.fullmatch(label)):
        return None
    known: set[str] = set()
    if label is not None:
        known = {word for word in re.split(r"[\s\-/]+", label.lower()) if word.isascii()}
    further = dict.fromkeys(
        part
        for text in ([] if label is None else [label[:SEARCH_CHARACTERS]]) + whole
        for part in _parts(text[:SEARCH_CHARACTERS])
        if part not in known
    )
    found = "\n".join([*whole, " ".join(further)]).strip()[:SEARCH_CHARACTERS]
    return found or None


def search_query(text: str) -> str:
    """The query, in the language of the index, for all words of a text, none of them an operator.

    Raises:
        FilterError: The text does not have a word, or has too many.
    """
    words = "".join(" " if c in _SPECIAL else c for c in text).split()
    if not words:
        raise FilterError(f"search() needs at least one word; {text[:100]!r} has none")
    if len(words) > MAX_WORDS:
        raise FilterError(f"search() takes {MAX_WORDS} words at the most, not {len(words)}")
    return " AND ".join(map(_sought, words))


def _sought(word: str) -> str:
    """The query for a word as it is written, or for all of its parts."""
    parts = dict.fromkeys(_folded(run) for run in _RUN.findall(unicodedata.normalize("NFC", word)))
    if len(parts) > MAX_WORDS:
        raise FilterError(f"{word[:100]!r} has more than {MAX_WORDS} parts to search for")
    either = [f'"{word}"']
    if parts and list(parts) != [word.lower()]:
        either.append("(" + " AND ".join(f'"{part}"' for part in parts) + ")")
    return either[0] if len(either) == 1 else f"({' OR '.join(either)})"
