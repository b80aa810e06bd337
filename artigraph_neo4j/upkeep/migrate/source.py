"""Python source of dataclasses for what is stored, by the codecs of artifacts."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Iterable
from typing import Any, NamedTuple, cast

from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.graph.cypher import migrate

__all__ = ["python_source"]

SAMPLE = 200
"""Number of artifacts of each model, the newest ones, whose fields are looked at."""

_NATIVE = {
    "bool": "bool", "int": "int", "float": "float", "str": "str", "bytes": "bytes",
    "date": "date", "datetime": "datetime", "instant": "datetime", "timedelta": "timedelta",
    "list": "list[Any]",
}  # fmt: skip

_HEAD = '''"""Models that are stored in the graph, as its newest artifacts have them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from artigraph_neo4j import ArtifactModel, Lazy
'''


class _Model(NamedTuple):
    """A stored model: its name, newest version, codecs, and ``[path, model]`` of nested ones."""

    name: str
    version: int
    codecs: list[str]
    nested: list[list[str]]


async def python_source() -> str:
    """Return Python source with a dataclass for each stored model, of its newest version.

    The source runs as it is, and reads what is stored. Values that are not native, and items of
    containers, are ``Any``. Two round trips.

    Raises:
        ConnectionFailed: The database stayed out of reach.
    """
    engine = get_engine()
    ((rows,),) = await engine.ask(migrate.BACKLOG, {})
    newest = {name: version for name, version, _ in rows}  # by name and version
    parameters = {"models": [[n, v] for n, v in newest.items()], "size": SAMPLE}
    ((found,),) = await engine.ask(migrate.SHAPES, parameters)
    models = [_Model(*row) for row in found]
    names = _class_names(model.name for model in models)
    return "\n\n".join([_HEAD, *(_class(model, names) for model in models)])


def _class_names(models: Iterable[str]) -> dict[str, str]:
    """A name for the class of each model, different from all others."""
    taken = {"Any", "ArtifactModel", "Lazy", "dataclass", "date", "datetime", "timedelta"}
    names: dict[str, str] = {}
    for model in models:
        name = re.sub(r"\W", "_", model)
        if not name.isidentifier() or keyword.iskeyword(name):
            name = f"_{name}"
        while name in taken:
            name += "_"
        taken.add(name)
        names[model] = name
    return names


def _class(model: _Model, names: dict[str, str]) -> str:
    readable = list(map(_entries, model.codecs))
    codecs = [codec for codec in readable if codec is not None]
    fields = dict.fromkeys(name for codec in codecs for name in codec)
    nested = _nested(model, names)
    lines = [_field(name, [codec.get(name) for codec in codecs], nested) for name in fields]
    if len(codecs) < len(readable):
        lines.append("# Damaged artifacts, whose fields are not known, are left out.")
    name = names[model.name]
    called = "" if name == model.name else f", name={model.name!r}"
    return "\n".join(
        [
            "@dataclass(kw_only=True)",
            f"class {name}(ArtifactModel, version={model.version}{called}):",
            *(f"    {line}" for line in (lines if fields else [*lines, "pass"])),
            "",
        ]
    )


def _entries(codec: str) -> dict[str, Any] | None:
    """Return the entries of a codec by field; None if it is damaged."""
    try:
        found: dict[str, Any] = json.loads(codec)["fields"]
        for name, entry in found.items():
            _field(name, [entry], {})
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    return found


def _nested(model: _Model, names: dict[str, str]) -> dict[str, set[str]]:
    """Annotations of the models that are nested in each field, or in its containers."""
    found: dict[str, set[str]] = {}
    for path, nested in model.nested:
        field, _, inside = path.partition("/")
        name = names.get(nested, "Any")
        if inside:
            name = f"list[{name}]" if inside.isdecimal() else "Any"
        found.setdefault(field, set()).add(name)
    return found


def _field(name: str, entries: list[Any], nested: dict[str, set[str]]) -> str:
    """Return the line of a field from its entries in several codecs; None where it is absent."""
    kinds: dict[str, None] = {}
    comments: dict[str, None] = {}
    for entry in entries:
        kind = entry if isinstance(entry, str) or entry is None else entry[0]
        if kind in (None, "none", "unset"):
            continue
        if kind in ("inline", "blob"):
            rest = cast("list[str]", entry)[1:]
            inner = {"str": "str", "bytes": "bytes"}.get(rest[0], "Any")
            if rest[0] == "tree":
                inner = " | ".join(sorted(nested.get(name, {"Any"})))
            elif inner == "Any":
                comments[rest[0]] = None
            kinds[f"Lazy[{inner}]" if "lazy" in rest else inner] = None
        elif kind == "model":
            kinds |= dict.fromkeys(sorted(nested.get(name, {"Any"})))
        else:
            plain, _, scalar = kind.partition(":")
            kinds[_NATIVE.get(plain, "Any") if not scalar else "Any"] = None
            comments |= {scalar: None} if scalar else {}
    types = ["Any"] if "Any" in kinds or not kinds else list(kinds)
    missing = any(entry in (None, "none", "unset") for entry in entries)
    line = f"{name}: {' | '.join([*types, *(['None'] if missing else [])])}"
    line += " = None" if missing else ""
    return f"{line}  # {', '.join(comments)}" if comments else line
