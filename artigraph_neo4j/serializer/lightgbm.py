"""Models of LightGBM, in its own text, which is checked before LightGBM reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, cast

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import (
    DamagedError,
    Serializer,
    exactly,
    unreadable,
    unwritable,
)
from artigraph_neo4j.serializer.lightgbm_text import check_model
from artigraph_neo4j.serializer.msgpack import pack, unpack
from artigraph_neo4j.serializer.needed import needed

__all__ = [
    "BoosterSerializer",
    "EstimatorSerializer",
    "booster_serializer",
    "estimator_serializer",
]

_lgb: Any = needed("lightgbm", "lightgbm")
_np: Any = needed("numpy", "lightgbm")

_ADVICE = "save it with save_model() and store the File"
_OURS = "\nartigraph:"
"""Begins the line that keeps what LightGBM does not write; LightGBM skips it."""
_CATEGORIES = "\npandas_categorical:"


class BoosterSerializer(Serializer[Any]):
    """A booster that has trees; it comes back without the data that it was trained on.

    ``params`` are those that LightGBM writes, which are all that there are.
    """

    name: ClassVar[str] = "lightgbm"
    types: ClassVar[tuple[type[Any], ...]] = (_lgb.Booster,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: Any, /) -> bytes:
        """Return the text of LightGBM, with all rounds and the number of the best.

        Raises:
            SerializationError: The booster is of a subclass, has no trees or one of more than 2,000
                levels, or names a parser.
        """
        booster = exactly(_lgb.Booster, value)
        with unwritable("the text of LightGBM", _ADVICE):
            text: str = booster.model_to_string(num_iteration=-1)
            model, _, categories = text.rpartition(_CATEGORIES)
            about = {"best_iteration": booster.best_iteration, "best_score": booster.best_score}
            data = f"{model}{_OURS}{json.dumps(about)}\n{_CATEGORIES}{categories}".encode()
        try:
            _parts(data)
        except DamagedError as error:
            raise SerializationError(f"the model cannot be stored: {error}; {_ADVICE}") from error
        return data

    def deserialize(self, data: bytes, /) -> Any:
        """Return the booster.

        Raises:
            SerializationError: The bytes are not such text, or a number leads out of its tree.
        """
        with unreadable("the text of LightGBM"):
            text, about = _parts(data)
            made: Any = _lgb.Booster(model_str=text)
            made.best_iteration, made.best_score = about["best_iteration"], about["best_score"]
            return made


def _parts(data: bytes) -> tuple[str, dict[str, Any]]:
    """Return the text as LightGBM wrote it, and what is kept besides, after a check of both."""
    model, _, rest = data.decode().rpartition(_OURS)
    line, _, last = rest.partition(f"\n{_CATEGORIES}")
    rounds = check_model(model)
    categories: Any = json.loads(last)
    if categories is not None and not _is_categories(categories):
        raise DamagedError("the categories of its columns are not lists of plain values")
    about: Any = json.loads(line)
    if type(about) is not dict or about.keys() != {"best_iteration", "best_score"}:
        raise DamagedError("its best round is not known")
    found = cast("dict[str, Any]", about)
    best, score = found["best_iteration"], found["best_score"]
    if type(best) is not int or not -1 <= best <= rounds or type(score) is not dict:
        raise DamagedError("its best round is none")
    return f"{model}{_CATEGORIES}{json.dumps(categories)}\n", found


def _is_categories(found: Any) -> bool:
    plain = (str, int, float, bool, type(None))
    return isinstance(found, list) and all(
        isinstance(column, list)
        and all(isinstance(item, plain) for item in cast("list[object]", column))
        for column in cast("list[object]", found)
    )


_ESTIMATORS: dict[str, Any] = {
    name: getattr(_lgb, name)
    for name in ("LGBMModel", "LGBMClassifier", "LGBMRegressor", "LGBMRanker")
    if hasattr(_lgb, name)
}
_KEPT = {
    "_best_iteration": int,
    "_best_score": dict,
    "_class_weight": (dict, str, type(None)),
    "_eval_at": (list, tuple),
    "_evals_result": dict,
    "_fitted_with_feature_names": bool,
    "_n_classes": int,
    "_n_features": int,
    "_n_features_in": int,
    "_objective": (str, type(None)),
    "fitted_": bool,
}
"""Attributes of a fitted estimator beside its parameters, with their types."""
_MADE = {"_Booster", "_class_map", "_classes", "_le", "_other_params"}
"""Attributes that are made anew from others."""


class EstimatorSerializer(Serializer[Any]):
    """Estimators of LightGBM for scikit-learn: their parameters, what they learned, the booster."""

    name: ClassVar[str] = "lightgbm.estimator"
    types: ClassVar[tuple[type[Any], ...]] = tuple(_ESTIMATORS.values())
    heavy: ClassVar[bool] = True

    def serialize(self, value: Any, /) -> bytes:
        """Return parameters, attributes and booster as msgpack.

        Raises:
            SerializationError: The estimator is of a subclass, has an attribute that LightGBM does
                not give it, or a parameter that is not plain, such as an objective of one's own.
        """
        kind = type(value).__name__
        estimator = exactly(_ESTIMATORS.get(kind, _lgb.LGBMModel), value)
        parameters: dict[str, Any] = estimator.get_params(deep=False)
        attributes = cast("dict[str, Any]", vars(estimator))
        learned = {k: v for k, v in attributes.items() if k not in (*parameters, *_MADE)}
        unknown = learned.keys() - _KEPT.keys()
        if unknown:
            raise SerializationError(
                f"the estimator has an attribute {min(unknown)!r}, which would be lost; {_ADVICE}"
            )
        booster = attributes.get("_Booster")
        return pack(
            {
                "kind": kind,
                "parameters": parameters,
                "learned": {name: _plain(item) for name, item in learned.items()},
                "classes": _listed(estimator._classes),  # noqa: SLF001 - LightGBM has no other way
                "model": None if booster is None else booster_serializer.serialize(booster),
            }
        )

    def deserialize(self, data: bytes, /) -> Any:
        """Return the estimator; scores come back as plain dicts.

        Raises:
            SerializationError: The bytes are not those of an estimator.
        """
        with unreadable("an estimator of LightGBM"):
            about: Any = unpack(data)
            if type(about) is not dict or about.keys() != _PARTS:
                raise DamagedError("its parts are others")
            parts = cast("dict[str, Any]", about)
            made: Any = _ESTIMATORS[parts["kind"]](**parts["parameters"])
            for name, item in parts["learned"].items():
                if not isinstance(item, _KEPT[name]):  # type: ignore[arg-type]
                    raise DamagedError(f"its {name} is something else")
                setattr(made, name, item)
            if parts["classes"] is not None:
                _set_classes(made, _array(parts["classes"]))
            if parts["model"] is not None:
                made._Booster = booster_serializer.deserialize(parts["model"])  # noqa: SLF001
            return made


_PARTS = {"kind", "parameters", "learned", "classes", "model"}


def _plain(item: Any) -> Any:
    """Return an attribute with plain dicts: LightGBM makes ordered ones and such with defaults."""
    if isinstance(item, Mapping):
        return {
            name: _plain(value) for name, value in cast("Mapping[object, object]", item).items()
        }
    return item


def _listed(classes: Any) -> Any:
    """Return an array of labels as it is, or its items if it holds objects, such as texts."""
    return classes.tolist() if classes is not None and classes.dtype.hasobject else classes


def _array(classes: Any) -> Any:
    found = _np.array(classes, dtype=object) if isinstance(classes, list) else classes
    if not isinstance(found, _np.ndarray) or found.ndim != 1:
        raise DamagedError("its classes are not a list")
    return found


def _set_classes(made: Any, classes: Any) -> None:
    """Set what the estimator made of the labels that it was trained on."""
    module: Any = needed("sklearn.preprocessing", "sklearn")
    encoder: Any = module.LabelEncoder()
    encoder.classes_ = classes
    made._le, made._classes = encoder, classes  # noqa: SLF001
    codes = _np.arange(len(classes))
    made._class_map = dict(zip(classes, codes, strict=True))  # noqa: SLF001


booster_serializer = BoosterSerializer().register()
estimator_serializer = EstimatorSerializer().register()
