"""How a span ended, as properties: its status, and the exception that ended it."""

from __future__ import annotations

import traceback
from contextlib import suppress
from typing import Any

from artigraph_neo4j.common.wording import storable
from artigraph_neo4j.graph.span import Span

TRACE_CHARACTERS = 32_768
"""Maximum characters of a traceback; its end, where the error is, is kept."""

MESSAGE_CHARACTERS = 8_192
"""Maximum characters of an exception's message; its beginning is kept."""


def outcome_of(span: Span, error: BaseException | None) -> dict[str, Any]:
    """The status and exception of a span, as properties, when its block is left."""
    if error is None or isinstance(error, GeneratorExit) or is_success(error):
        # The exception is cleared, since the span may have been marked as lost while it lived.
        return {
            "status": "OK" if span.status == "UNSET" else span.status,
            "exception_type": None,
            "exception_message": None,
            "exception_stacktrace": None,
        }
    return _failure(error)


def is_success(error: BaseException) -> bool:
    """Whether it ends a program without an error: ``SystemExit`` with code 0 or none."""
    return isinstance(error, SystemExit) and error.code in (None, 0)


def _failure(error: BaseException) -> dict[str, Any]:
    """The status, and OpenTelemetry's ``exception.type``, ``.message`` and ``.stacktrace``."""
    kind = type(error)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    try:
        message = str(error)
    except Exception as broken:  # an exception whose ``str`` fails
        message = f"<no text: {type(broken).__name__}>"
    trace = None
    if len(message) <= MESSAGE_CHARACTERS:  # otherwise the message would fill the whole traceback
        with suppress(Exception):
            trace = "".join(traceback.format_exception(error))
    if trace is None:
        trace = "".join(traceback.format_tb(error.__traceback__))
        trace += f"{module}{kind.__qualname__}: {_cut(message)}"
    return {
        "status": "ERROR",
        "exception_type": storable(f"{module}{kind.__qualname__}"),
        "exception_message": storable(_cut(message)),
        "exception_stacktrace": storable(trace[-TRACE_CHARACTERS:]),
    }


def _cut(message: str) -> str:
    if len(message) <= MESSAGE_CHARACTERS:
        return message
    return f"{message[:MESSAGE_CHARACTERS]}… ({len(message):,} characters)"
