"""Sizes, durations, times and places in words, the same in every picture and table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

__all__ = [
    "aligned",
    "counted",
    "cut",
    "duration_text",
    "number_text",
    "place_text",
    "size_text",
    "storable",
    "time_text",
    "visible",
]

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def size_text(size: int) -> str:
    """Return a size in decimal units: ``"950 bytes"``, ``"1.2 kB"``, ``"12 MB"``."""
    value, unit = float(size), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    number = f"{value:.1f}" if unit and value < 9.95 else f"{value:.0f}"
    return f"{number} {_UNITS[unit]}"


def number_text(number: float) -> str:
    """Return a number rounded to four digits: ``"0.1235"``, ``"3.0"``, ``"1e-05"``, ``"12,000"``.

    An int is not rounded.
    """
    if isinstance(number, int):
        return f"{number:,}" if abs(number) >= 10_000 else str(number)
    whole = number.is_integer() and abs(number) < 1e6
    return f"{number:.1f}" if whole else f"{number:.4g}"


def counted(number: int, noun: str) -> str:
    """Return a number of things: ``"1 suspect"``, ``"1,200 suspects"``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def aligned(numbers: Sequence[str], *, digit: str = " ", point: str = " ") -> list[str]:
    """Pad numbers on the right, so that at the right of a column their points are in one line.

    Args:
        numbers: The numbers as text; an empty text is not padded.
        digit: A space as wide as a digit.
        point: A space as wide as a point.
    """
    tails = [text[len(text.partition(".")[0].partition("e")[0]) :] for text in numbers]
    longest = max(map(len, tails), default=0)
    pads = [
        (point if longest and not tail.startswith(".") else digit) + digit * (longest - 1)
        for tail in tails
    ]
    return [
        text and text + pad[: longest - len(tail)]
        for text, tail, pad in zip(numbers, tails, pads, strict=True)
    ]


def duration_text(duration: timedelta | None) -> str:
    """Return a length of time in its two largest units; empty for None.

    ``"850 µs"``, ``"12 ms"``, ``"3.5 s"``, ``"2 min 5 s"``, ``"3 h 20 min"``, ``"4 d 7 h"``.
    """
    if duration is None:
        return ""
    seconds = duration.total_seconds()
    if abs(seconds) < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    if abs(seconds) < 1:
        return f"{seconds * 1e3:.0f} ms"
    if abs(seconds) < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, below, of in ((86400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if abs(whole) >= size:
            return f"{whole // size} {unit} {whole % size // below} {of}"
    return f"{whole // 60} min {whole % 60} s"


def time_text(time: datetime | None) -> str:
    """Return an instant to the second, in UTC; empty for None."""
    return "" if time is None else f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def place_text(storage: str, location: str) -> str:
    """Return the place of a value: ``"s3://bucket/key"``, or the storage's name and location."""
    kind, _, rest = storage.partition(":")
    if kind == "s3" and rest:
        return f"s3://{rest.partition('/')[0]}/{location}"
    return f"{storage}: {location}"


# Control characters except tab and line end, and those that change the direction of text.
_UNSEEN = [*range(9), *range(11, 32), *range(127, 160), *range(0x202A, 0x202F),
           *range(0x2066, 0x206A), 0x2028, 0x2029, 0x200E, 0x200F, 0x061C]  # fmt: skip
_SEEN = {code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" for code in _UNSEEN}


def visible(text: str) -> str:
    r"""Return text with escapes such as ``\x1b`` for the characters that control a terminal.

    Line ends and tabs stay. Characters that cannot be sent (lone surrogates) are escaped too.
    """
    return text.translate(_SEEN).encode("utf-8", "backslashreplace").decode()


def cut(text: str, characters: int) -> str:
    """Return the text, or its beginning and an ellipsis if it has more than ``characters``."""
    return text if len(text) <= characters else text[: characters - 1] + "…"


def storable(text: str) -> str:
    r"""Return text that UTF-8 can hold; bytes of a file name that are not text are escaped."""
    return text.encode("utf-8", "backslashreplace").decode()
