"""The weights of a module of PyTorch, as they are recorded."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["state_of"]


def state_of(module: Any) -> Any:
    """Return the state dict of a module, which is stored as safetensors.

    Raises:
        ImportError: safetensors is not installed; the message names the extra.
    """
    # Here, since importing it imports torch.
    serializer: Any = importlib.import_module("artigraph_neo4j.serializer.torch")
    return serializer.StateDict(module.state_dict())
