"""Estimators of scikit-learn, in the format of skops: no pickle, and only trusted types.

skops loads the types that it knows to be harmless, and those that the reader names. Reading names
the classes in trusted modules, and trees. The arrays of trees, sparse matrices and support vectors
are checked: scikit-learn follows the numbers in them without looking.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterator
from inspect import Parameter, signature
from typing import Any, ClassVar, cast
from zipfile import ZipFile

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import (
    DamagedError,
    Serializer,
    undisturbed,
    unreadable,
    unwritable,
)
from artigraph_neo4j.serializer.class_names import trusted_modules
from artigraph_neo4j.serializer.needed import needed
from artigraph_neo4j.serializer.numpy import (
    array_of,
    array_serializer,
    unzipped_arrays,
    zipped_arrays,
)
from artigraph_neo4j.serializer.sparse import PARTS, matrix_of
from artigraph_neo4j.serializer.zipped import unzipped, zipped

__all__ = ["EstimatorSerializer", "estimator_serializer"]

_np: Any = needed("numpy", "sklearn")
_base: Any = needed("sklearn.base", "sklearn")
_svm: Any = needed("sklearn.svm._base", "sklearn")
_io: Any = needed("skops.io", "sklearn")
_persist: Any = needed("skops.io._persist", "sklearn")

_TREE = "sklearn.tree._tree.Tree"
_HISTOGRAM = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"
_CHECKED = (_TREE, _HISTOGRAM)
"""Types whose arrays are checked here, since scikit-learn does not."""
_SCHEMA = "schema.json"
_UNSHARED = ("JsonNode", "TypeNode")
"""Nodes of values that cannot change: if one is there twice, both may be made."""


class EstimatorSerializer(Serializer[Any]):
    """Estimators and pipelines, fitted or not."""

    name: ClassVar[str] = "sklearn"
    types: ClassVar[tuple[type[Any], ...]] = (_base.BaseEstimator,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: Any, /) -> bytes:
        """Return the estimator as a file of skops; equal estimators make equal bytes.

        Raises:
            SerializationError: The estimator has a part that skops cannot store, or whose class is
                in a module that is not trusted.
        """
        with unwritable("a file of skops", _WAY_OUT), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = undisturbed(lambda: _tidied(_io.dumps(value)))
        self.deserialize(data)
        return data

    def deserialize(self, data: bytes, /) -> Any:
        """Return the estimator; parameters that its class got since have their defaults.

        Raises:
            SerializationError: The bytes are not such a file, or name a class in a module that is
                not trusted.
        """
        with unreadable("a file of skops"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of another version of scikit-learn
            _check_members(unzipped(data))
            found = undisturbed(lambda: _estimator(data))
            if not isinstance(found, _base.BaseEstimator):
                raise DamagedError("it is not an estimator")
            return found


def _estimator(data: bytes) -> Any:
    with ZipFile(io.BytesIO(data)) as archive:
        schema, context = _persist.read_schema(archive)
        trusted = [*_CHECKED, *_trusted(_io.get_untrusted_types(data=data))]
        tree = _persist.get_tree(schema, context, trusted=trusted)
        _persist.audit_tree(tree, trusted=trusted)
        _check_trees(tree)
        found = tree.construct()
        _check_made(tree)
        return found


_WAY_OUT = (
    "give the field a serializer of your own, or pickle_serializer if you trust all who can write "
    "(see Pickle in the documentation of serializers)"
)


def _trusted(types: list[str]) -> list[str]:
    """Return the types after a check that their modules are trusted.

    Raises:
        SerializationError: One is not; the message names the module to trust.
    """
    modules = trusted_modules()
    for name in types:
        parts = name.split(".")
        packages = {".".join(parts[:n]) for n in range(1, len(parts))}
        if name not in _CHECKED and not packages & modules:
            module = name.rpartition(".")[0]
            raise SerializationError(
                f"the estimator has a part of type {name}, which is not known to be harmless; if "
                f"you trust its module, say trust_modules({module!r}) where it is written and read"
            )
    return [name for name in types if name not in _CHECKED]


def _tidied(data: bytes) -> bytes:
    """Return the file with numbers in order of occurrence instead of addresses in memory."""
    members = unzipped(data)
    schema = json.loads(members.pop(_SCHEMA))
    numbers: dict[int, int] = {}
    names: dict[str, str] = {}
    todo: list[Any] = [schema]
    while todo:
        node = todo.pop()
        if isinstance(node, list):
            todo += reversed(cast("list[object]", node))
        elif isinstance(node, dict):
            about = cast("dict[str, Any]", node)
            if about.get("__loader__") in _UNSHARED:
                about.pop("__id__", None)
            elif isinstance(about.get("__id__"), int):
                about["__id__"] = numbers.setdefault(about["__id__"], len(numbers) + 1)
            if isinstance(about.get("file"), str) and about["file"] in members:
                suffix = about["file"].rpartition(".")[2]
                about["file"] = names.setdefault(about["file"], f"{len(names)}.{suffix}")
            todo += reversed(list(about.values()))
    files = {new: _tidied_member(members[old]) for old, new in names.items()}
    return zipped({_SCHEMA: json.dumps(schema, separators=(",", ":")).encode(), **files})


def _tidied_member(data: bytes) -> bytes:
    """Return a member: sparse matrices as they are read back, which is not compressed.

    What is between the fields of records is whatever was in memory.
    """
    if data.startswith(b"PK"):
        with _np.load(io.BytesIO(data), allow_pickle=False) as parts:
            return zipped_arrays(dict(parts))
    array: Any = array_of(data) if data.startswith(b"\x93NUMPY") else None
    if array is None or not array.dtype.names:
        return data
    plain = _np.zeros(array.shape, array.dtype)
    for name in array.dtype.names:
        plain[name] = array[name]
    return array_serializer.serialize(plain)


def _check_members(members: dict[str, bytes]) -> None:
    for name, data in members.items():
        suffix = name.rpartition(".")[2]
        if suffix == "npy":
            array_of(data)
        elif suffix == "npz":
            _check_matrix(data)
        elif suffix not in ("bin", "json"):
            raise DamagedError(f"it has a member {name[:80]!r}")


def _check_matrix(data: bytes) -> None:
    """Refuse a sparse matrix, as scipy writes it, with numbers that lead out of it."""
    parts = unzipped_arrays(data)
    is_array = bool(parts.pop("_is_array", False))
    form: str = parts["format"].item().decode("ascii")
    if form not in PARTS or parts.keys() != {*PARTS[form], "format", "shape"}:
        raise DamagedError("a sparse matrix has other parts")
    matrix_of(form, parts, stored=len(data), is_array=is_array)


def _nodes(root: Any) -> Iterator[Any]:
    """Yield the nodes of a file of skops, parents before children."""
    seen: set[int] = set()
    todo: list[Any] = [root]
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            todo += cast("dict[object, object]", node).values()
        elif isinstance(node, (list, tuple)):
            todo += cast("list[object]", node)
        elif hasattr(node, "children") and id(node) not in seen:
            seen.add(id(node))
            yield node
            todo += node.children.values()


def _check_trees(root: Any) -> None:
    """Refuse decision trees with numbers that lead out of their arrays."""
    for node in _nodes(root):
        if type(node).__name__ == "TreeNode":
            _check_tree(node.args.construct(), node.attrs.construct())
        elif getattr(node, "class_name", "").startswith("HistGradientBoosting"):
            _check_predictors(node.construct())


def _check_tree(arguments: Any, state: Any) -> None:
    features, classes, outputs = arguments
    nodes, values, count = state["nodes"], state["values"], state["node_count"]
    if not all(type(number) is int for number in (features, outputs, count)):
        raise DamagedError("a number of a decision tree is not a whole number")
    right_shape = classes.shape == (outputs,) and classes.dtype.kind == "i" and outputs > 0
    if not right_shape or classes.min() < 1 or nodes.shape != (count,) or count < 1:
        raise DamagedError("the arrays of a decision tree have other lengths")
    if values.shape != (count, outputs, classes.max()) or values.dtype.kind != "f":
        raise DamagedError("the values of a decision tree have another shape")
    leaf = nodes["left_child"] == -1
    if (nodes["right_child"][leaf] != -1).any():
        raise DamagedError("a node of a decision tree has one child")
    _check_ways(nodes["left_child"], nodes["right_child"], nodes["feature"], ~leaf, features)


def _check_ways(left: Any, right: Any, feature: Any, inner: Any, features: int) -> None:
    """Refuse children that are not behind their parents in the arrays, and other features."""
    own = inner.nonzero()[0]
    for child in (left[inner], right[inner]):
        if (child <= own).any() or (child >= len(left)).any():
            raise DamagedError("a child of a decision tree is not behind its parent")
    if ((feature[inner] < 0) | (feature[inner] >= features)).any():
        raise DamagedError("a decision tree asks for a feature that is not there")


def _check_predictors(estimator: Any) -> None:
    for predictor in (p for a_round in getattr(estimator, "_predictors", ()) for p in a_round):
        nodes, features = predictor.nodes, estimator.n_features_in_
        inner = nodes["is_leaf"] == 0
        _check_ways(nodes["left"], nodes["right"], nodes["feature_idx"], inner, features)
        sets = nodes["bitset_idx"][nodes["is_categorical"] != 0]
        for bits in (predictor.binned_left_cat_bitsets, predictor.raw_left_cat_bitsets):
            if bits.ndim != 2 or bits.shape[1] != 8 or bits.dtype != "uint32":
                raise DamagedError("a decision tree has other sets of categories")
            if len(sets) and sets.max() >= len(bits):
                raise DamagedError("a decision tree asks for categories that are not there")


def _check_made(root: Any) -> None:
    """Complete estimators; refuse support vectors of which libsvm would read too many."""
    for node in _nodes(root):
        made = node.construct() if type(node).__name__ == "ObjectNode" else None
        if isinstance(made, _base.BaseEstimator):
            _complete(made)
        if hasattr(made, "indptr"):  # its numbers were not looked at
            raise DamagedError("a sparse matrix is not stored as one")
        if isinstance(made, _svm.BaseLibSVM) and hasattr(made, "support_vectors_"):
            _check_machine(made)


def _complete(estimator: Any) -> None:
    """Set parameters that the class did not have when the estimator was stored to their defaults.

    Without one of its parameters an estimator of scikit-learn cannot be copied, nor even shown.
    """
    kind = cast("Any", type(estimator))
    names: list[str] = kind._get_param_names()  # noqa: SLF001 - get_params needs their values too
    for name in names:
        if hasattr(estimator, name):
            continue
        default = signature(kind.__init__).parameters[name].default
        if default is Parameter.empty:
            raise DamagedError(f"a {kind.__name__} has no parameter {name}")
        setattr(estimator, name, default)


def _check_machine(machine: Any) -> None:
    impl, counts, factors, ends, *chances = (getattr(machine, name) for name in _OF_LIBSVM)
    support, vectors = machine.support_, machine.support_vectors_
    count, classes = len(support), len(counts)
    if impl not in ("c_svc", "nu_svc"):
        counted = classes == 2  # libsvm does not look at them
    else:
        counted = classes > 1 and counts.min() >= 0 and counts.sum() == count
    if not counted:
        raise DamagedError("an estimator counts other support vectors than it has")
    pairs = classes * (classes - 1) // 2
    if factors.shape != (classes - 1, count) or ends.shape != (pairs,):
        raise DamagedError("an estimator has other coefficients than support vectors")
    if any(given.shape not in ((0,), (pairs,)) for given in chances):
        raise DamagedError("an estimator has other probabilities than classes")
    sparse = hasattr(vectors, "indptr")
    if sparse and not vectors.format == factors.format == "csr":
        raise DamagedError("the support vectors of an estimator are of another format")
    if machine.kernel == "precomputed" or callable(machine.kernel):
        known = machine.shape_fit_[0]
        if sparse or vectors.size or (count and not 0 <= support.min() <= support.max() < known):
            raise DamagedError("an estimator asks for samples that are not there")
    elif vectors.shape[0] != count or hasattr(factors, "indptr") != sparse:
        raise DamagedError("an estimator counts other support vectors than it has")
    elif sparse and factors.data.size != (classes - 1) * count:
        raise DamagedError("an estimator has other coefficients than support vectors")


_OF_LIBSVM = ("_impl", "_n_support", "_dual_coef_", "_intercept_", "_probA", "_probB")


estimator_serializer = EstimatorSerializer().register()
