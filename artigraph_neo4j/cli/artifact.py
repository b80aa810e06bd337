"""``artigraph artifact``: the stored form of an artifact, and the bytes of a field."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from artigraph_neo4j.cli.options import Url, ago, run
from artigraph_neo4j.cli.output import Json, Terminal, print_json, say
from artigraph_neo4j.common.wording import cut, duration_text, place_text, size_text
from artigraph_neo4j.errors import ArgumentError, StorageError
from artigraph_neo4j.find.inspect import StoredArtifact, StoredField, inspect_artifact
from artigraph_neo4j.find.named import find_named
from artigraph_neo4j.serializer.note import Html
from artigraph_neo4j.serializer.picture import Picture
from artigraph_neo4j.values.stored_value import StoredValue

__all__ = ["artifact", "commands"]

commands = typer.Typer(add_completion=False)

SHOWN = 80
"""Maximum number of characters shown of a value."""


@commands.command()
def artifact(
    artifact: Annotated[
        str,
        typer.Argument(
            metavar="ARTIFACT", help="Its id, the beginning of one, its label, or latest."
        ),
    ],
    field: Annotated[
        str | None,
        typer.Option("--field", help="Write the bytes of this field to --out."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The file; - is standard output.")
    ] = None,
    opened: Annotated[
        bool,
        typer.Option("--open", help="Open a picture, page or note in the program for it."),
    ] = False,
    codec: Annotated[
        bool, typer.Option("--codec", help="Show the codec, too: how each field is read back.")
    ] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Show the fields of an artifact and where each value is. Needs no class of yours."""
    if opened:
        found, path = run(url, lambda: _to_file(artifact, field))
        say(f"{path}\n")
        typer.launch(str(path))
        return
    if (field is None) != (out is None):
        raise typer.BadParameter("--field and --out go together")
    if as_json and out == Path("-"):
        raise typer.BadParameter("--json and the bytes cannot both go to standard output")
    found, saved = run(url, lambda: _read(artifact, field, out))
    if as_json:
        print_json(_facts(found) | ({} if saved is None else {"saved": saved}))
    elif saved is None:
        _say(found, codec)
    elif out != Path("-"):
        say(f"{saved['path']}: {saved['size']:,} bytes, SHA-256 {saved['digest']}\n")


async def _read(
    name: str, field: str | None, out: Path | None
) -> tuple[StoredArtifact, dict[str, Any] | None]:
    _, node_id = await find_named(name, "artifact")
    found = await inspect_artifact(node_id)
    if field is None or out is None:
        return found, None
    handle = found.handle(field)
    try:
        if out != Path("-"):
            await handle.save(out)
        else:
            await _to_stdout(handle)
    except OSError as error:
        raise StorageError(f"{out} cannot be written: {error}") from error
    return found, {"path": str(out), "size": handle.size, "digest": handle.digest}


_SUFFIXES = {
    "html": ".html",
    "markdown": ".md",
    "onnx": ".onnx",
    "pillow": ".png",
    "plotly": ".json",
}


async def _to_file(name: str, field: str | None) -> tuple[StoredArtifact, Path]:
    """Write one field to a file whose suffix leads to a program that shows it.

    The file stays, since the program opens it later. A page with scripts of somebody else would run
    them in a browser, so pages and drawings are wrapped in a page that runs none.
    """
    _, node_id = await find_named(name, "artifact")
    found = await inspect_artifact(node_id)
    shown = [f for f in found.fields if f.serializer in (*_SUFFIXES, "picture")]
    if field is None and len(shown) != 1:
        names = ", ".join(f.path for f in shown) or "none"
        raise ArgumentError(f"--open needs --field, one that can be shown: {names}")
    wanted = field or shown[0].path
    kinds = {stored.path: stored.serializer for stored in found.fields}
    folder = Path(tempfile.mkdtemp(prefix="artigraph-"))
    path = await found.handle(wanted).save(folder / "value")
    return found, await asyncio.to_thread(_as_shown, path, kinds.get(wanted))


def _as_shown(path: Path, serializer: str | None) -> Path:
    if serializer == "picture":
        picture = Picture.open(path)
        if picture.format != "svg":
            return path.rename(path.with_suffix(f".{picture.format}"))
        body = picture._repr_html_()
    elif serializer == "html":
        body = Html(path.read_text("utf-8"))._repr_html_()
    else:
        return path.rename(path.with_suffix(_SUFFIXES.get(serializer or "", ".bin")))
    page = path.with_suffix(".html")
    style = "body{margin:0} iframe{height:100vh!important}"
    page.write_text(
        f'<!doctype html><meta charset="utf-8"><style>{style}</style>{body}', encoding="utf-8"
    )
    path.unlink()
    return page


async def _to_stdout(handle: StoredValue) -> None:
    """Write a value by way of a file: nothing is written before the digest was checked."""
    with tempfile.TemporaryDirectory(prefix="artigraph-") as directory:
        path = await handle.save(Path(directory, "value"))

        def copy() -> None:
            with path.open("rb") as file:
                while chunk := file.read(1 << 20):
                    sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()

        await asyncio.to_thread(copy)


def _facts(found: StoredArtifact) -> dict[str, Any]:
    return {
        "node_id": found.node_id,
        "model": found.model,
        "version": found.version,
        "class": found.origin,
        "label": found.label,
        "span_id": found.span_id,
        "recorded_at": found.recorded_at.isoformat(),
        "nested": found.nested,
        "fields": [_field_facts(field) for field in found.fields],
        "codec": found.codec,
    }


def _field_facts(field: StoredField) -> dict[str, Any]:
    value = field.value
    if isinstance(value, bytes):
        value = {"bytes": len(value), "sha256": hashlib.sha256(value).hexdigest()}
    elif field.kind == "inline" and isinstance(value, str) and field.serializer == "json":
        with suppress(ValueError):
            value = json.loads(value)
    return {
        "path": field.path,
        "kind": field.kind,
        "serializer": field.serializer,
        "lazy": field.lazy,
        "size": field.size,
        "value": value,
        "blob": None if field.blob is None else asdict(field.blob),
        "node_id": field.node_id,
        "model": field.model,
    }


def _say(found: StoredArtifact, codec: bool) -> None:
    console = Terminal()
    console.print(
        Text.assemble(
            (found.label or "artifact", "bold"), f"  {found.model} version {found.version}"
        )
    )
    console.print(
        Text(
            f"id        {found.node_id}\n"
            f"span      {found.span_id or 'none'}\n"
            f"recorded  {found.recorded_at:%Y-%m-%d %H:%M:%S} UTC, "
            f"{duration_text(ago(found.recorded_at))} ago\n"
            f"class     {found.origin}"
        )
    )
    table = Table("field", "type", "size", "value", "where", box=SIMPLE_HEAD, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    for field in found.fields:
        table.add_row(*map(Text, _cells(field)))
    console.print(table)
    if codec:
        console.print_json(data=found.codec)


def _cells(field: StoredField) -> tuple[str, str, str, str, str]:
    where = "graph" if field.blob is None else place_text(field.blob.storage, field.blob.location)
    size = "" if field.kind in ("none", "unset", "model") else size_text(field.size)
    kind = field.kind if field.serializer is None else field.serializer
    if field.lazy:
        kind += " (lazy)"
    if field.kind == "unreadable":
        return field.path, "unreadable", "", cut(str(field.value), SHOWN), where
    if field.kind == "model":
        return field.path, "model", "", str(field.value), f"node of {field.value}"
    value = {"none": "None", "unset": "(not set)"}.get(field.kind, "")
    if field.value is not None:
        quoted = field.kind != "inline" and isinstance(field.value, (str, bytes))
        value = repr(field.value) if quoted else str(field.value)
    return field.path, kind, size, cut(value, SHOWN), where
