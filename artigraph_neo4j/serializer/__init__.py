"""Serializers: values to bytes and back, one module per format; subclass ``Serializer``."""

from artigraph_neo4j.serializer.base import (
    Serializer,
    find_serializer,
    infer_serializer,
    serializer_names,
)
from artigraph_neo4j.serializer.class_names import trust_modules, trusted_modules

__all__ = [
    "Serializer",
    "find_serializer",
    "infer_serializer",
    "serializer_names",
    "trust_modules",
    "trusted_modules",
]
