"""Tensors and state dicts of PyTorch, as safetensors; modules are code, and are refused."""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Any, ClassVar, NoReturn, cast

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import (
    DamagedError,
    Serializer,
    exactly,
    unreadable,
    unwritable,
)
from artigraph_neo4j.serializer.needed import needed

__all__ = [
    "ModuleSerializer",
    "StateSerializer",
    "TensorSerializer",
    "module_serializer",
    "state_serializer",
    "tensor_serializer",
]

_torch: Any = needed("torch", "torch", "torch ")
_safe: Any = needed("safetensors.torch", "torch")

_ORDER = "artigraph"
"""Key of the metadata that keeps the order of the tensors, which safetensors sorts."""


def _checked(name: str, tensor: Any) -> Any:
    """Return a tensor as it is written: on the CPU, in one piece, with memory of its own."""
    exactly(_torch.Tensor, tensor)
    if tensor.requires_grad:
        raise SerializationError(f"{name} requires a gradient; store tensor.detach()")
    if tensor.layout is not _torch.strided or tensor.is_quantized or tensor.is_complex():
        raise SerializationError(
            f"{name} is sparse, quantized or complex, which safetensors does not hold; convert it"
        )
    return tensor.detach().to("cpu").contiguous().clone()


def _dumped(tensors: dict[str, Any], metadata: dict[str, str]) -> bytes:
    with unwritable("a file of safetensors"):
        data: bytes = _safe.save(tensors, metadata=metadata)
        return data


def _loaded(data: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    found = cast("dict[str, Any]", _safe.load(data))  # the header is checked by safetensors
    length = int.from_bytes(data[:8], "little")
    header: Any = json.loads(data[8 : 8 + length])
    return found, header.get("__metadata__", {})


class TensorSerializer(Serializer[Any]):
    """One tensor; it comes back on the CPU."""

    name: ClassVar[str] = "torch"
    types: ClassVar[tuple[type[Any], ...]] = (_torch.Tensor,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: Any, /) -> bytes:
        """Return the tensor as a file of safetensors.

        Raises:
            SerializationError: The tensor is of a subclass, such as a parameter, requires a
                gradient, or is sparse, quantized or complex.
        """
        return _dumped({"tensor": _checked("the tensor", value)}, {})

    def deserialize(self, data: bytes, /) -> Any:
        """Return the tensor.

        Raises:
            SerializationError: The bytes are not such a file.
        """
        with unreadable("a tensor of safetensors"):
            found, _ = _loaded(data)
            if found.keys() != {"tensor"}:
                raise DamagedError("it is not one tensor")
            return found["tensor"]


class StateSerializer(Serializer[Any]):
    """A state dict, ``module.state_dict()``: name this serializer for the field."""

    name: ClassVar[str] = "torch.state"
    heavy: ClassVar[bool] = True

    def serialize(self, value: Any, /) -> bytes:
        """Return the state dict as a file of safetensors.

        Raises:
            SerializationError: It is not a dict of tensors by name.
        """
        if not isinstance(value, dict):
            raise SerializationError("a state dict is a dict; store module.state_dict()")
        items = cast("dict[str, object]", value)
        names = [exactly(str, name) for name in items]
        tensors = {name: _checked(f"the tensor {name!r}", items[name]) for name in names}
        return _dumped(tensors, {_ORDER: json.dumps(names)})

    def deserialize(self, data: bytes, /) -> Any:
        """Return the state dict, an ``OrderedDict``.

        Raises:
            SerializationError: The bytes are not such a file.
        """
        with unreadable("a state dict of safetensors"):
            found, metadata = _loaded(data)
            names: Any = json.loads(metadata[_ORDER])
            if sorted(names) != sorted(found):
                raise DamagedError("its names are others")
            return OrderedDict((name, found[name]) for name in names)


class ModuleSerializer(Serializer[Any]):
    """A serializer that refuses modules, which are code: their state dict is stored."""

    name: ClassVar[str] = "torch.module"
    types: ClassVar[tuple[type[Any], ...]] = (_torch.nn.Module,)

    def serialize(self, value: Any, /) -> NoReturn:
        """Refuse the value.

        Raises:
            SerializationError: Always.
        """
        raise SerializationError(
            "a module of torch is code; store module.state_dict() in a field with "
            "serializer=artigraph_neo4j.serializer.torch.state_serializer"
        )

    def deserialize(self, data: bytes, /) -> NoReturn:
        """Refuse the bytes.

        Raises:
            SerializationError: Always.
        """
        raise SerializationError("modules of torch are never stored")


tensor_serializer = TensorSerializer().register()
state_serializer = StateSerializer().register()
module_serializer = ModuleSerializer().register()
