"""Models of Keras, saved when they are written: the ``File`` in the format of Keras comes back.

A ``.keras`` file can name code and holds HDF5, which no check makes harmless. So reading does not
open it: who trusts the file calls ``keras.saving.load_model``.
"""

from __future__ import annotations

import importlib
import json
import tempfile
import warnings
from pathlib import Path
from typing import Any, ClassVar, Self

from artigraph_neo4j.serializer.base import Serializer, register_type, unwritable
from artigraph_neo4j.serializer.file import File, FileSerializer
from artigraph_neo4j.serializer.zipped import unzipped, zipped

__all__ = ["ModelSerializer", "model_serializer"]

_keras: Any = importlib.import_module("keras")

_METADATA = "metadata.json"


class ModelSerializer(Serializer[Any]):
    """A model as its ``.keras`` file, optimizer included; reading needs no Keras."""

    # Bytes are read by the serializer of files, since they are one.
    name: ClassVar[str] = FileSerializer.name
    types: ClassVar[tuple[type[Any], ...]] = (_keras.Model,)
    heavy: ClassVar[bool] = True
    raw: ClassVar[bool] = True

    def __init__(self) -> None:
        self._files = FileSerializer(".keras")

    def serialize(self, value: Any, /) -> bytes:
        """Return the ``.keras`` file; a model that did not change makes equal bytes.

        Raises:
            SerializationError: Keras cannot save the model.
        """
        if isinstance(value, File):  # what came back before
            return self._files.serialize(value)
        advice = "store its weights: model.get_weights()"
        with (
            unwritable("a .keras file", advice),
            warnings.catch_warnings(),
            tempfile.TemporaryDirectory(prefix="artigraph-") as folder,
        ):
            warnings.simplefilter("ignore")  # what Keras says of itself and its backend
            path = Path(folder, "model.keras")
            value.save(path)
            members = unzipped(path.read_bytes())
            about = json.loads(members[_METADATA])
            about.pop("date_saved", None)  # without it, and dates of members, nothing differs
            return zipped({**members, _METADATA: json.dumps(about).encode()})

    def deserialize(self, data: bytes, /) -> File:
        """Return the file, whose name ends with ``.keras``."""
        return self._files.deserialize(data)

    def register(self) -> Self:
        """Make this the serializer of models, and return it; the name is that of files."""
        for type_ in self.types:
            register_type(type_, self)
        return self


model_serializer = ModelSerializer().register()
