"""Models of XGBoost, in its own JSON, whose trees are checked before XGBoost reads them."""

from __future__ import annotations

import json
from typing import Any, ClassVar, cast

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import (
    DamagedError,
    Serializer,
    exactly,
    unreadable,
    unwritable,
)
from artigraph_neo4j.serializer.msgpack import pack, unpack
from artigraph_neo4j.serializer.needed import needed

__all__ = [
    "BoosterSerializer",
    "EstimatorSerializer",
    "booster_serializer",
    "estimator_serializer",
]

_xgb: Any = needed("xgboost", "xgboost")
_ESTIMATORS: dict[str, Any] = {
    name: getattr(_xgb, name)
    for name in (
        "XGBClassifier", "XGBRegressor", "XGBRanker", "XGBRFClassifier", "XGBRFRegressor",
    )
    if hasattr(_xgb, name)
}  # fmt: skip
_ADVICE = "save it with save_model() and store the File"


class BoosterSerializer(Serializer[Any]):
    """A booster: ``gbtree``, ``dart`` or ``gblinear``."""

    name: ClassVar[str] = "xgboost"
    types: ClassVar[tuple[type[Any], ...]] = (_xgb.Booster,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: Any, /) -> bytes:
        """Return the model as JSON of XGBoost.

        Raises:
            SerializationError: The booster is of a subclass, or encodes categories of a frame.
        """
        booster = exactly(_xgb.Booster, value)
        with unwritable("JSON of XGBoost", _ADVICE):
            data = bytes(booster.save_raw("json"))
        try:
            _check(json.loads(data), len(data))
        except DamagedError as error:
            raise SerializationError(f"the model cannot be stored: {error}; {_ADVICE}") from error
        return data

    def deserialize(self, data: bytes, /) -> Any:
        """Return the booster.

        Raises:
            SerializationError: The bytes are not such JSON, or a number leads out of its tree.
        """
        with unreadable("JSON of XGBoost"):
            model = json.loads(data)
            _check(model, len(data))
            # Written anew, so that XGBoost reads what was checked.
            made: Any = _xgb.Booster()
            text = json.dumps(model, separators=(",", ":"), ensure_ascii=False)
            made.load_model(bytearray(text.encode()))
            return made


def _check(model: Any, size: int) -> None:
    learner = model["learner"]
    about = {name: _whole(text) for name, text in learner["learner_model_param"].items()
             if name.startswith("num_")}  # fmt: skip
    features = about["num_feature"]
    groups = max(about["num_class"], 1) * max(about.get("num_target", 1), 1)
    if features > size * 100 or groups > size:
        raise DamagedError("it says that it has more classes or features than it can have")
    booster = learner["gradient_booster"]
    name = booster["name"]
    if name == "gblinear":
        weights = booster["model"]["weights"]
        if len(weights) != (features + 1) * groups:
            raise DamagedError("it has another number of weights")
        _numbers(weights, len(weights))
        return
    if name == "dart":
        _numbers(booster["weight_drop"], len(booster["gbtree"]["model"]["trees"]))
        booster = booster["gbtree"]
    elif name != "gbtree":
        raise DamagedError("its kind is not known")
    _check_forest(booster["model"], features, groups)


def _check_forest(forest: dict[str, Any], features: int, groups: int) -> None:
    trees: list[dict[str, Any]] = forest["trees"]
    if any(forest.get("cats", {}).values()):
        raise DamagedError("it encodes the categories of a frame")
    _numbers(forest["tree_info"], len(trees), 0, groups)
    if _whole(forest["gbtree_model_param"]["num_trees"]) != len(trees):
        raise DamagedError("it has another number of trees")
    rounds = forest.get("iteration_indptr", [0, len(trees)])
    _numbers(rounds, len(rounds), 0, len(trees) + 1)
    if not rounds or rounds[0] != 0 or rounds[-1] != len(trees) or rounds != sorted(rounds):
        raise DamagedError("its rounds are not its trees")
    for number, tree in enumerate(trees):
        if tree["id"] != number:
            raise DamagedError("its trees are not in order")
        _check_tree(tree, features)


def _check_tree(tree: dict[str, Any], features: int) -> None:
    about = {name: _whole(text) for name, text in tree["tree_param"].items()}
    count = about["num_nodes"]
    if about["num_deleted"] or about.get("size_leaf_vector", 1) > 1 or count < 1:
        raise DamagedError("a tree has deleted nodes, or leaves of several numbers")
    if about["num_feature"] != features:
        raise DamagedError("a tree has other features")
    if any(tree[name] for name in _CATEGORIES):
        raise DamagedError("a tree splits by categories")
    left, right = tree["left_children"], tree["right_children"]
    for children in (left, right):
        _numbers(children, count, -1, count)
    for node, children in enumerate(zip(left, right, strict=True)):
        if children != (-1, -1) and min(children) <= node:
            raise DamagedError("a child is not behind its parent")
    _numbers(tree["split_indices"], count, 0, max(features, 1))
    _numbers(tree["default_left"], count, 0, 2)
    _numbers(tree["split_type"], count, 0, 1)
    _numbers(tree["parents"], count, 0, 2**31)
    for name in ("base_weights", "loss_changes", "split_conditions", "sum_hessian"):
        _numbers(tree[name], count)


_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")


def _numbers(items: Any, count: int, low: int | None = None, high: int = 0) -> None:
    """Refuse a list that is not of so many numbers, or whole ones from ``low`` to below ``high``.

    Raises:
        DamagedError: It is not.
    """
    if not isinstance(items, list) or len(cast("list[object]", items)) != count:
        raise DamagedError("a list has another length")
    for item in cast("list[object]", items):
        if type(item) is not int and (low is not None or type(item) is not float):
            raise DamagedError("a list has other than numbers")
        if low is not None and not low <= cast("int", item) < high:
            raise DamagedError("a number leads out of the model")


def _whole(text: Any) -> int:
    if type(text) is not str or not text.isdecimal() or len(text) > 10:
        raise DamagedError("a number is not a whole number")
    return int(text)


class EstimatorSerializer(Serializer[Any]):
    """Estimators of XGBoost for scikit-learn: their parameters, and the booster."""

    name: ClassVar[str] = "xgboost.estimator"
    types: ClassVar[tuple[type[Any], ...]] = tuple(_ESTIMATORS.values())
    heavy: ClassVar[bool] = True

    def serialize(self, value: Any, /) -> bytes:
        """Return parameters and booster as msgpack.

        Raises:
            SerializationError: The estimator is of a subclass, or a parameter is not a plain value,
                such as an objective or a callback of one's own.
        """
        kind = type(value).__name__
        estimator = exactly(_ESTIMATORS.get(kind, _xgb.XGBModel), value)
        fitted = estimator.__sklearn_is_fitted__()
        model = booster_serializer.serialize(estimator.get_booster()) if fitted else None
        return pack({"kind": kind, "parameters": estimator.get_params(deep=False), "model": model})

    def deserialize(self, data: bytes, /) -> Any:
        """Return the estimator.

        Raises:
            SerializationError: The bytes are not those of an estimator.
        """
        with unreadable("an estimator of XGBoost"):
            about: Any = unpack(data)
            if type(about) is not dict or about.keys() != {"kind", "parameters", "model"}:
                raise DamagedError("its parts are others")
            parts = cast("dict[str, Any]", about)
            made: Any = _ESTIMATORS[parts["kind"]](**parts["parameters"])
            if parts["model"] is not None:
                booster = booster_serializer.deserialize(parts["model"])
                made.load_model(booster.save_raw("json"))
                made.set_params(**parts["parameters"])  # loading sets some
            return made


booster_serializer = BoosterSerializer().register()
estimator_serializer = EstimatorSerializer().register()
