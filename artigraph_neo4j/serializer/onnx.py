"""Models of ONNX, in the format of ONNX."""

from __future__ import annotations

from typing import Any, ClassVar

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import (
    DamagedError,
    Serializer,
    exactly,
    unreadable,
    unwritable,
)
from artigraph_neo4j.serializer.needed import needed

__all__ = ["OnnxSerializer", "onnx_serializer"]

_onnx: Any = needed("onnx", "onnx")


class OnnxSerializer(Serializer[Any]):
    """A model with its weights, as one message; nothing is run or loaded from elsewhere."""

    name: ClassVar[str] = "onnx"
    types: ClassVar[tuple[type[Any], ...]] = (_onnx.ModelProto,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: Any, /) -> bytes:
        """Return the model as a ``.onnx`` file.

        Raises:
            SerializationError: The model takes more than 2 GiB, or has weights in other files.
        """
        model = exactly(_onnx.ModelProto, value)
        if any(tensor.data_location == _onnx.TensorProto.EXTERNAL for tensor in _tensors(model)):
            raise SerializationError(
                "the model has weights in other files; load them with "
                "onnx.load_external_data_for_model, or store the files as File"
            )
        with unwritable("a .onnx file", "store it as File"):
            data: bytes = model.SerializeToString(deterministic=True)
            return data

    def deserialize(self, data: bytes, /) -> Any:
        """Return the model.

        Raises:
            SerializationError: The bytes are not a model, or one with weights in other files.
        """
        with unreadable("a .onnx file"):
            model: Any = _onnx.ModelProto()
            model.ParseFromString(data)
            if any(t.data_location == _onnx.TensorProto.EXTERNAL for t in _tensors(model)):
                raise DamagedError("it has weights in other files")
            return model


def _tensors(model: Any) -> list[Any]:
    """Return the tensors of a model wherever they are: in graphs within nodes and functions too."""
    found: list[Any] = []
    todo: list[Any] = [model]
    while todo:
        message = todo.pop()
        if isinstance(message, _onnx.TensorProto):
            found.append(message)
            continue
        for about, value in message.ListFields():
            if about.message_type is not None:
                todo += [value] if hasattr(value, "ListFields") else value
    return found


onnx_serializer = OnnxSerializer().register()
