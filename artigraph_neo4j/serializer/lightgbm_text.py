"""The text of a model of LightGBM, checked line by line before LightGBM reads it.

LightGBM follows the numbers in the text without looking, so a number that leads out of a tree, or
a line that is missing, would end the process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from artigraph_neo4j.serializer.base import DamagedError

__all__ = ["check_model", "check_ways"]

_MAX_DEPTH = 2000
"""Levels of a tree; explaining a prediction takes memory that grows by their square."""

_INTEGER = re.compile(r"-?[0-9]{1,10}", re.ASCII)
_NUMBER = re.compile(r"-?(?:[0-9]{1,25}(?:\.[0-9]{1,25})?(?:e[+-]?[0-9]{1,3})?|inf|nan)", re.ASCII)
_INFO = re.compile(
    rf"none|\[{_NUMBER.pattern}:{_NUMBER.pattern}\]|-?[0-9]+(?::-?[0-9]+)*", re.ASCII
)
_OBJECTIVE = re.compile(
    rf"([a-z_0-9]+)(?: (?:[a-z_]+|[a-z_]+:{_NUMBER.pattern}))*", re.ASCII
)  # fmt: skip
_OBJECTIVES = {
    "binary", "cross_entropy", "cross_entropy_lambda", "fair", "gamma", "huber", "lambdarank",
    "mape", "multiclass", "multiclassova", "poisson", "quantile", "rank_xendcg", "regression",
    "regression_l1", "tweedie",
}  # fmt: skip
_OF_SEVERAL = ("multiclass", "multiclassova")
_PARAMETER = re.compile(r"\[[a-z_0-9]+: [^\n]*\]", re.ASCII)

_HEAD = ("version", "num_class", "num_tree_per_iteration", "label_index", "max_feature_idx",
         "objective", "average_output", "feature_names", "monotone_constraints", "feature_infos",
         "tree_sizes")  # fmt: skip
_NOT_ALWAYS = {"objective", "average_output", "monotone_constraints"}
_OF_TREE = ("num_leaves", "num_cat", "split_feature", "split_gain", "threshold", "decision_type",
            "left_child", "right_child", "leaf_value", "leaf_weight", "leaf_count",
            "internal_value", "internal_weight", "internal_count", "cat_boundaries",
            "cat_threshold", "is_linear", "leaf_const", "num_features", "leaf_features",
            "leaf_coeff", "shrinkage")  # fmt: skip
_OF_CATEGORIES = {"cat_boundaries", "cat_threshold"}
_OF_LINEAR = {"leaf_const", "num_features", "leaf_features", "leaf_coeff"}


def check_model(text: str) -> int:
    """Return the number of rounds of a model, after a check of all that LightGBM reads.

    Args:
        text: What ``Booster.model_to_string`` returned, without the line of categories at its end.

    Raises:
        DamagedError: A line is missing or another, or a number leads out of the model.
    """
    if "\r" in text or "\0" in text:
        raise DamagedError("it has other ends of lines")
    lines = iter(text.split("\n"))
    if next(lines) != "tree":
        raise DamagedError("it does not start as a model")
    head = _block(lines, _HEAD, _NOT_ALWAYS)
    features, groups = _check_head(head, len(text))
    sizes = _integers(head["tree_sizes"], None, 0, len(text) + 1)
    if not sizes or len(sizes) % groups:
        raise DamagedError("it has no trees, or not as many in each round")
    for number, size in enumerate(sizes):
        if next(lines, None) != f"Tree={number}":
            raise DamagedError("its trees are not in order")
        tree = _block(lines, _OF_TREE, _OF_CATEGORIES | _OF_LINEAR)
        written = sum(len(f"{name}={value}\n".encode()) for name, value in tree.items())
        if next(lines, None) != "" or written + len(f"Tree={number}\n\n\n") != size:
            raise DamagedError("a tree has another size than the model says")
        _check_tree(tree, features)
    if next(lines, None) != "end of trees":
        raise DamagedError("it has no end of trees")
    _check_rest(lines)
    return len(sizes) // groups


def _block(lines: Iterator[str], names: tuple[str, ...], optional: set[str]) -> dict[str, str]:
    """Return the lines up to an empty one, which have to be these in this order."""
    found: dict[str, str] = {}
    order = iter(names)
    for line in lines:
        if not line:
            break
        name, equals, value = line.partition("=")
        if not equals and name != "average_output":
            raise DamagedError("a line has no value")
        if name not in order:  # goes on behind the one before
            raise DamagedError(f"its lines are others, or in another order: {name[:40]!r}")
        found[name] = value
    missing = set(names) - optional - found.keys()
    if missing:
        raise DamagedError(f"it has no {min(missing)}")
    return found


def _check_head(head: Mapping[str, str], size: int) -> tuple[int, int]:
    """Return the number of features, and that of trees in each round."""
    [groups] = _integers(head["num_tree_per_iteration"], 1, 1, size)
    _integers(head["num_class"], 1, groups, groups + 1)
    _integers(head["label_index"], 1, 0, 2**31)
    if not re.fullmatch(r"v[0-9]", head["version"]) or head.get("average_output"):
        raise DamagedError("its version is not known")
    names = head["feature_names"].split(" ")
    [last] = _integers(head["max_feature_idx"], 1, 0, size)
    infos = head["feature_infos"].split(" ")
    if (
        not len(names) == len(infos) == last + 1
        or not all(map(str.isprintable, names))
        or ("" in names)
    ):
        raise DamagedError("it names other features than it has")
    if not all(map(_INFO.fullmatch, infos)):
        raise DamagedError("the range of a feature is not one")
    if "monotone_constraints" in head:
        _integers(head["monotone_constraints"], len(names), -1, 2)
    objective = head.get("objective")
    if objective is not None:
        _check_objective(objective, groups)
    return len(names), groups


def _check_objective(text: str, groups: int) -> None:
    kind = _OBJECTIVE.fullmatch(text)
    if kind is None or kind[1] not in _OBJECTIVES:
        raise DamagedError("its objective is not known")
    counted = [word for word in text.split(" ") if word.startswith("num_class")]
    wanted = [f"num_class:{groups}"] if kind[1] in _OF_SEVERAL else []
    if counted != wanted or (groups > 1 and not wanted):
        raise DamagedError("its objective has another number of classes")


def _check_tree(tree: dict[str, str], features: int) -> None:
    [leaves] = _integers(tree["num_leaves"], 1, 1, 2**31)
    inner = leaves - 1
    few = {0, leaves} if leaves == 1 else {leaves}  # a tree of one leaf leaves some out
    [categories] = _integers(tree["num_cat"], 1, 0, leaves)
    [is_linear] = _integers(tree["is_linear"], 1, 0, 2)
    if (categories > 0) != (tree.keys() >= _OF_CATEGORIES) or (
        bool(is_linear) != (tree.keys() >= _OF_LINEAR)
    ):
        raise DamagedError("a tree has other lines than it needs")
    _numbers(tree["leaf_value"], {leaves})
    _numbers(tree["leaf_weight"], few)
    _integers(tree["leaf_count"], few, 0, 2**31)
    for name in ("split_gain", "internal_value", "internal_weight"):
        _numbers(tree[name], {inner})
    _integers(tree["internal_count"], inner, 0, 2**31)
    _integers(tree["split_feature"], inner, 0, features)
    _numbers(tree["shrinkage"], {1})
    left = _integers(tree["left_child"], inner, -leaves, inner)
    right = _integers(tree["right_child"], inner, -leaves, inner)
    check_ways(left, right)
    kinds = _integers(tree["decision_type"], inner, 0, 12)
    thresholds = _numbers(tree["threshold"], {inner})
    if categories:
        ends = _integers(tree["cat_boundaries"], categories + 1, 0, 2**31)
        _integers(tree["cat_threshold"], ends[-1], 0, 2**32)
        if ends[0] != 0 or ends != sorted(ends):
            raise DamagedError("the categories of a tree are not in order")
    for kind, threshold in zip(kinds, thresholds, strict=True):
        if kind & 1:  # the threshold is the number of a set of categories
            _integers(threshold, 1, 0, categories)
    if is_linear:
        _check_linear(tree, leaves, features)


def check_ways(left: list[int], right: list[int]) -> None:
    """Refuse children that are not behind their parents, or have another parent too."""
    depths = [0] * len(left)
    seen: set[int] = set()
    for node, children in enumerate(zip(left, right, strict=True)):
        for child in children:
            if child in seen or 0 <= child <= node:
                raise DamagedError("a child of a tree is not behind its parent")
            seen.add(child)
            if child > 0:
                depths[child] = depths[node] + 1
    if max(depths, default=0) >= _MAX_DEPTH:
        raise DamagedError(f"a tree has more than {_MAX_DEPTH} levels")


def _check_linear(tree: Mapping[str, str], leaves: int, features: int) -> None:
    _numbers(tree["leaf_const"], {leaves})
    counts = _integers(tree["num_features"], leaves, 0, features + 1)
    of_leaf = {name: tree[name].split() for name in ("leaf_features", "leaf_coeff")}
    _integers(" ".join(of_leaf["leaf_features"]), sum(counts), 0, features)
    _numbers(" ".join(of_leaf["leaf_coeff"]), {sum(counts)})
    for name, words in of_leaf.items():
        # A space follows each number, and one more each leaf; LightGBM counts them.
        rest = iter(words)
        parts = ["".join(f"{next(rest)} " for _ in range(count)) for count in counts]
        if tree[name] != "".join(f"{part} " for part in parts):
            raise DamagedError("the numbers of a linear tree are apart in another way")


def _check_rest(lines: Iterator[str]) -> None:
    """Check what is behind the trees: how much each feature counts, and the parameters."""
    if (next(lines, None), next(lines, None)) != ("", "feature_importances:"):
        raise DamagedError("it does not say how much its features count")
    is_parameter = False
    for line in lines:
        if line == "parameters:":
            is_parameter = True
        elif line == "end of parameters":
            break
        elif line and is_parameter and not _PARAMETER.fullmatch(line):
            raise DamagedError("a parameter has no value")
    if any(lines):  # a parser, which names a library to load
        raise DamagedError("it has lines behind its parameters")


def _integers(text: str, count: int | set[int] | None, low: int, high: int) -> list[int]:
    """Return whole numbers from ``low`` to below ``high``, as many as there have to be."""
    words = text.split(" ") if text else []
    wanted = {count} if isinstance(count, int) else count
    if wanted is not None and len(words) not in wanted:
        raise DamagedError("a list has another length")
    if not all(map(_INTEGER.fullmatch, words)):
        raise DamagedError("a number is not a whole number")
    found = list(map(int, words))
    if found and not (low <= min(found) and max(found) < high):
        raise DamagedError("a number leads out of the model")
    return found


def _numbers(text: str, counts: set[int]) -> list[str]:
    """Return the words of a list of numbers, as many as there have to be."""
    words = text.split(" ") if text else []
    if len(words) not in counts:
        raise DamagedError("a list has another length")
    if not all(map(_NUMBER.fullmatch, words)):
        raise DamagedError("a list has other than numbers")
    return words
