"""The table of serializers in docs/serializers.md: ``python -m tests.unit.serializer.table``.

Names, types, versions and whether it is text come from the registry; what a reader has to be told
besides is here, for every serializer that there is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from artigraph_neo4j.serializer import base, find_serializer, serializer_names
from artigraph_neo4j.serializer.base import Serializer
from artigraph_neo4j.serializer.pickle import pickle_serializer

PAGE = Path(__file__).parents[3] / "docs" / "serializers.md"
BEGIN, END = "<!-- serializers -->\n", "<!-- /serializers -->\n"
HEADER = "| name | type | format | version | limits |\n|---|---|---|---|---|\n"


class Note(NamedTuple):
    """What the registry does not know: the format, its limits, and types said in other words."""

    format: str
    limits: str = ""
    types: str = ""


ON_REQUEST = "on request"
PLAIN = "`dict` with text keys, `list`, `str`, `int`, finite `float`, `bool`, `None`"
NOTES = {
    "json": Note(
        "JSON, compact",
        "refuses what JSON would change: tuples, `nan`, other keys, integers of more than about "
        "3,900 digits",
        PLAIN,
    ),
    "json-sorted": Note(
        "JSON, keys sorted", "the order of keys is lost", f"the same, {ON_REQUEST}"
    ),
    "str": Note(
        "UTF-8",
        "no lone surrogates (`msgpack` keeps them)",
        "`str`, when too long for a property, or lazy",
    ),
    "bytes": Note(
        "the bytes",
        "not `bytearray` (`msgpack` keeps it)",
        "`bytes`, when too long for a property, or lazy",
    ),
    "file": Note(
        "the content",
        "the name is not part of it; a model of Keras comes back as a `File`",
        "`artigraph_neo4j.File`, `keras.Model`",
    ),
    "msgpack": Note(
        "msgpack",
        "subclasses of built-in types are refused; 4 GiB",
        "all plain values, [see below](#plain-values)",
    ),
    "datetime": Note(
        "ISO 8601, the zone's name in brackets (RFC 9557), `;fold=1`",
        "zones of `datetime.timezone` and `zoneinfo`",
    ),
    "time": Note("the same", "the same"),
    "date": Note("ISO 8601"),
    "timedelta": Note("microseconds"),
    "numpy": Note("`.npy`", "no Python objects, no `StringDType`; a slice comes back in C order"),
    "numpy.masked": Note("`.npz` of `data`, `mask`, `fill`, `hard`", "the same"),
    "numpy.scalar": Note("`.npy` without dimensions", "no text that ends in zeros"),
    "pandas.parquet": Note(
        "Parquet", "no sparse columns; cells of object columns have to be plain values"
    ),
    "pandas.series": Note("Parquet", "the same"),
    "pandas.index": Note("Parquet", "a `freq` that its text does not tell is refused"),
    "pandas.timestamp": Note("msgpack: count, unit, zone, fold", "zones as above, and of pytz"),
    "pandas.timedelta": Note("msgpack: count, unit"),
    "pandas.period": Note("msgpack: ordinal, freq"),
    "pandas.interval": Note("msgpack: left, right, closed"),
    "pandas.missing": Note("its name"),
    "arrow.feather": Note(
        "Arrow IPC file (Feather 2), lz4",
        "chunks are not kept; no decimals whose scale exceeds their bits, such as "
        "`decimal128(5, 40)`",
    ),
    "arrow.parquet": Note(
        "Parquet",
        "no types that Parquet does not give back, such as unions and `list<null>`; "
        "with pyarrow 24 and 25, no missing lists of a fixed size",
        f"`pyarrow.Table`, {ON_REQUEST}",
    ),
    "arrow.batch": Note("Arrow IPC file, lz4"),
    "polars.ipc": Note("Arrow IPC file, lz4", "no `Object` columns, no arrays of width 0"),
    "polars.series": Note("Arrow IPC file, lz4", "the same"),
    "polars.lazy": Note("none", "always refused: store what `collect()` gives"),
    "picture": Note(
        "the PNG, SVG, JPEG, GIF or WebP file",
        "a figure of matplotlib comes back as a `Picture`",
        "`artigraph_neo4j.Picture`, `matplotlib.Figure`",
    ),
    "pillow": Note("PNG", "modes `1`, `L`, `LA`, `P`, `RGB`, `RGBA`, `I;16`; no metadata"),
    "plotly": Note("JSON of plotly", "arrays come back as plotly's JSON has them"),
    "markdown": Note("UTF-8", "", "`artigraph_neo4j.Markdown`"),
    "html": Note("UTF-8", "", "`artigraph_neo4j.Html`"),
    "networkx": Note("msgpack", "nodes and attributes have to be plain values"),
    "scipy.sparse": Note("`.npz`", "csr, csc, bsr, coo and dia, of two dimensions"),
    "sklearn": Note("skops", "[types that are known or trusted](#models-of-others)"),
    "xgboost": Note("JSON of XGBoost", "no splits by categories, no leaves of several numbers"),
    "xgboost.estimator": Note(
        "msgpack: parameters, and the model as above",
        "the same; no functions as parameters",
        "`xgboost.XGBClassifier` and the other estimators",
    ),
    "lightgbm": Note(
        "text of LightGBM", "no data of the training; trees of at most 2,000 levels; no parser"
    ),
    "lightgbm.estimator": Note(
        "msgpack: parameters, what was learned, and the model as above",
        "the same; no functions as parameters; scores come back as plain dicts",
        "`lightgbm.LGBMClassifier` and the other estimators",
    ),
    "onnx": Note("ONNX", "no weights in other files; 2 GiB"),
    "torch": Note("safetensors", "detached, dense; comes back on the CPU", "`torch.Tensor`"),
    "torch.state": Note(
        "safetensors",
        "the same",
        "`artigraph_neo4j.serializer.torch.StateDict`; any `dict` of tensors by name of the "
        "serializer",
    ),
    "torch.module": Note(
        "none", "always refused: store `StateDict(module.state_dict())`", "`torch.nn.Module`"
    ),
    "pickle": Note("pickle, protocol 5", "[read this first](#pickle)", f"anything, {ON_REQUEST}"),
}
"""In the order of the table."""


def serializers() -> dict[str, Any]:
    """All serializers of this library, by name."""
    base.serializer_types()
    known = {name: find_serializer(name) for name in serializer_names()}
    ours = {
        name: found
        for name, found in known.items()
        if type(found).__module__.startswith("artigraph_neo4j.")
    }
    absent = {name: Absent() for name in ("torch", "torch.state", "torch.module")}
    return {**absent, **ours, pickle_serializer.name: pickle_serializer}


class Absent(Serializer[Any]):
    """Stands for a serializer whose package need not be installed to make the table."""

    def serialize(self, value: Any, /) -> bytes:
        raise NotImplementedError

    def deserialize(self, data: bytes, /) -> Any:
        raise NotImplementedError


def _type_name(kind: type[Any]) -> str:
    module = kind.__module__.split(".")[0]
    return f"`{module}.{kind.__qualname__}`" if module != "builtins" else f"`{kind.__qualname__}`"


def table() -> str:
    """The table, as it has to be in the page."""
    rows = [HEADER]
    found = serializers()
    for name in sorted(found, key=list(NOTES).index):
        note, serializer = NOTES[name], found[name]
        types = note.types or ", ".join(map(_type_name, serializer.types))
        text = "text: " if serializer.text else ""
        cells = [f"`{name}`", types, text + note.format, str(serializer.version), note.limits]
        rows.append("| " + " | ".join(cells).replace("|  |", "| |").rstrip() + " |\n")
    return "".join(rows)


def page() -> str:
    """The page with the table of now."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page())
