"""Models of LightGBM, which are refused: its reader crashes the process on text that it dislikes.

The text itself can be kept, in a field of ``str``, and read by a program that trusts it.
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import Serializer
from artigraph_neo4j.serializer.needed import needed

__all__ = ["BoosterSerializer", "booster_serializer"]

_lgb: Any = needed("lightgbm", "lightgbm")


class BoosterSerializer(Serializer[Any]):
    """A serializer that refuses boosters and estimators, and says how to keep them."""

    name: ClassVar[str] = "lightgbm"
    types: ClassVar[tuple[type[Any], ...]] = (_lgb.Booster, _lgb.LGBMModel)

    def serialize(self, value: Any, /) -> NoReturn:
        """Refuse the value.

        Raises:
            SerializationError: Always.
        """
        booster = "model" if isinstance(value, _lgb.Booster) else "model.booster_"
        raise SerializationError(
            f"LightGBM reads no model safely; store {booster}.model_to_string(), and make the "
            "model again with lightgbm.Booster(model_str=text) where you trust the text"
        )

    def deserialize(self, data: bytes, /) -> NoReturn:
        """Refuse the bytes.

        Raises:
            SerializationError: Always.
        """
        raise SerializationError("models of LightGBM are stored as text, by no serializer")


booster_serializer = BoosterSerializer().register()
