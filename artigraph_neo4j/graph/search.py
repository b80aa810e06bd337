"""Words of texts for full-text search: those that a node is found by, and those that are sought.

The analyzer of Neo4j leaves ``resnet50_v2_lr0.001`` and ``train.loss`` as one word, and keeps
accents. So a node also has the parts of such words, folded, in ``search_``; a query does likewise.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from artigraph_neo4j.errors import FilterError

__all__ = ["MAX_WORDS", "SEARCH_CHARACTERS", "search_query", "search_text"]

SEARCH_CHARACTERS = 32_768
"""Maximum length of what is copied of an artifact's texts for full-text search: their beginning."""

MAX_WORDS = 100
"""Maximum number of words in a search."""

_RUN = re.compile(r"[^\W_]+")
"""Letters and digits that stand together; an underscore is neither here."""

_PART = re.compile(r"\d+|[^\W\d_]+")
_CAMEL = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_ACCENTS = re.compile("[\u0300-\u036f]")
_SPECIAL = frozenset('+-&|!(){}[]^"~*?:\\/<>=')


def _folded(text: str) -> str:
    """A text without case and accents, the same for both of Unicode's forms."""
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    return unicodedata.normalize("NFC", plain).casefold()


def _parts(text: str) -> Iterable[str]:
    """Each run of letters and digits, and the words and numbers it is put together of."""
    for run in _RUN.findall(unicodedata.normalize("NFC", text)):
        yield _folded(run)
        for part in _PART.findall(_CAMEL.sub(" ", run)):
            yield _folded(part)


def search_text(label: str | None, texts: Iterable[str] = ()) -> str | None:
    """The text that ``search_`` holds, or None where the label alone will do.

    Args:
        label: The node's label, which the index has by itself.
        texts: Texts of searchable fields, which it has not.
    """
    whole = [text.encode("utf-8", "replace").decode() for text in texts]
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
    """The query, in the language of the index, for all words of a text: nothing is an operator.

    Raises:
        FilterError: There is no word in it, or there are too many.
    """
    words = "".join(" " if c in _SPECIAL else c for c in text).split()
    if not words:
        raise FilterError(f"search() needs at least one word; {text[:100]!r} has none")
    if len(words) > MAX_WORDS:
        raise FilterError(f"search() takes {MAX_WORDS} words at the most, not {len(words)}")
    return " AND ".join(map(_sought, words))


def _sought(word: str) -> str:
    """A word as it is written, or all of its parts."""
    parts = dict.fromkeys(_folded(run) for run in _RUN.findall(unicodedata.normalize("NFC", word)))
    if len(parts) > MAX_WORDS:
        raise FilterError(f"{word[:100]!r} has more than {MAX_WORDS} parts to search for")
    either = [f'"{word}"']
    if parts and list(parts) != [word.lower()]:
        either.append("(" + " AND ".join(f'"{part}"' for part in parts) + ")")
    return either[0] if len(either) == 1 else f"({' OR '.join(either)})"
