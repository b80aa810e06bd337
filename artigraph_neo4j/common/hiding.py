"""Removal of logins, signatures and keys from text of other programs, and from their errors.

Drivers and clients quote the URLs that they were given, with the passwords and signatures in them.
Such text goes into messages and logs, and a traceback prints the errors that ours are chained to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, cast

__all__ = ["chained", "hidden", "secrets_in", "told"]

_PATTERNS = (
    # The login of a URL, up to the last @ before the path.
    (re.compile(r"""(?<=://)[^\s/?#"'`]*@"""), "…@"),
    # A login that is not encoded: no port follows the colon. Nobody knows where it ends.
    (
        re.compile(r"""(?<=://)(?!…@)[^\s/?#@:\["'`]+:(?!\d*(?:[/?#\s"'`,;:.)\]]|$))[^\s"'`]*"""),
        "…",
    ),
    # The query of a URL, where signatures and tokens are.
    (re.compile(r"""(://[^\s?"'`]*)\?[^\s"'`)]+"""), r"\1?…"),
    # A login without a scheme: user:password@host.
    (re.compile(r"""[^\s:/@"'`(=]+:(?![:/])[^\s"'`@]+@(?=[\w\[:])"""), "…@"),
)

_SECRET_NAME = re.compile(
    r"secret|passw|passphrase|token|credential|(^|_)(key|sas|sig|auth|authorization|pwd)($|_)|"
    r"connection_string|account_key|customerkey",
    re.IGNORECASE,
)
"""Names of options with values that nobody but the service may know."""

_LEAST = 4
"""Minimum characters of a value that is looked for: a shorter one occurs in other words."""


class HiddenError(Exception):
    """The stand-in for an error of another program whose text quoted a secret."""


def hidden(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a text without what may be secret in it.

    Logins and queries of URLs are replaced by ``…``.

    Args:
        text: A text of another program.
        secrets: Further texts to replace.
    """
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _LEAST:
            text = text.replace(secret, "…")
    return text


def told(error: BaseException, secrets: Iterable[str] = ()) -> str:
    """Return the type and the text of an error, for a message, without what may be secret."""
    return hidden(f"{type(error).__name__}: {error}", secrets)


def chained(error: BaseException, secrets: Iterable[str] = ()) -> BaseException:
    """Return what to chain an error of ours to: the given error, if no part of it is secret.

    Otherwise, a copy of its text and of the errors behind it, without what is secret.
    """
    known = tuple(secrets)
    behind = list(_behind(error))
    if all(hidden(text, known) == text for one in behind for text in _texts(one)):
        return error
    copies = [HiddenError(told(one, known)).with_traceback(one.__traceback__) for one in behind]
    for copy, cause in pairwise(copies):
        copy.__cause__ = cause
    return copies[0]


def _behind(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that its traceback prints, each once."""
    todo, seen = [error], set[int]()
    while todo:
        one = todo.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        cause = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
        todo.extend([] if cause is None else [cause])
        if isinstance(one, BaseExceptionGroup):
            todo.extend(cast("BaseExceptionGroup[BaseException]", one).exceptions)


def _texts(error: BaseException) -> Iterator[str]:
    yield str(error)
    yield from getattr(error, "__notes__", ())


def secrets_in(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the texts among options, at any depth, whose names tell that they are secret."""
    return tuple(_secrets(options, told=False))


def _secrets(value: object, *, told: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in cast("Mapping[object, object]", value).items():
            yield from _secrets(item, told=told or bool(_SECRET_NAME.search(str(name))))
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in cast("Iterable[object]", value):
            yield from _secrets(item, told=told)
    elif told and isinstance(value, bytes):
        yield value.decode("utf-8", "backslashreplace")
    elif told and isinstance(value, str):
        yield value
