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
    "StateDict",
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
_VERSIONS = "artigraph.versions"
"""Key of the metadata that keeps the versions of the modules, by which torch reads old states."""
_METADATA = "__metadata__"
"""Name that the format keeps for itself."""


class StateDict(OrderedDict[str, Any]):
    """A state dict that any field stores as safetensors: ``StateDict(module.state_dict())``.

    ``module.load_state_dict`` takes it as it is.

    Args:
        state: The state dict, or its items.
        versions: The versions of its modules, if ``state`` does not have them.
    """

    _metadata: Any  # the name that torch gives it

    def __init__(self, state: Any = (), versions: Any = None) -> None:
        super().__init__(state)
        versions = getattr(state, "_metadata", None) if versions is None else versions
        if versions is not None:
            self._metadata = versions


def _checked(name: str, tensor: Any) -> Any:
    """Return a tensor as it is written: on the CPU, in one piece, with memory of its own."""
    exactly(_torch.Tensor, tensor)
    if tensor.is_meta:
        raise SerializationError(f"{name} is on the device 'meta', which holds no numbers")
    if tensor.requires_grad:
        raise SerializationError(f"{name} requires a gradient; store tensor.detach()")
    if tensor.layout is not _torch.strided or tensor.is_quantized or tensor.is_complex():
        raise SerializationError(
            f"{name} is sparse, quantized or complex, which safetensors does not hold; convert it"
        )
    with unwritable("a file of safetensors"):
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
    """A state dict, ``StateDict(module.state_dict())``; any other dict if the field names this."""

    name: ClassVar[str] = "torch.state"
    types: ClassVar[tuple[type[Any], ...]] = (StateDict,)
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
        if _METADATA in names:
            raise SerializationError(f"safetensors keeps the name {_METADATA} for itself")
        tensors = {name: _checked(f"the tensor {name!r}", items[name]) for name in names}
        metadata = {_ORDER: json.dumps(names)}
        versions: Any = getattr(items, "_metadata", None)
        if versions is not None:
            with unwritable("the versions of modules", "store a dict of its items"):
                metadata[_VERSIONS] = json.dumps(versions)
        return _dumped(tensors, metadata)

    def deserialize(self, data: bytes, /) -> StateDict:
        """Return the state dict.

        Raises:
            SerializationError: The bytes are not such a file.
        """
        with unreadable("a state dict of safetensors"):
            found, metadata = _loaded(data)
            names: Any = json.loads(metadata[_ORDER])
            if sorted(names) != sorted(found):
                raise DamagedError("its names are others")
            versions: Any = json.loads(metadata.get(_VERSIONS, "null"))
            if versions is not None:
                if not isinstance(versions, dict):
                    raise DamagedError("its versions are others")
                versions = OrderedDict(cast("dict[str, Any]", versions))
            return StateDict(((name, found[name]) for name in names), versions)


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
            "a module of torch is code; store StateDict(module.state_dict()), with "
            "artigraph_neo4j.serializer.torch.StateDict"
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
