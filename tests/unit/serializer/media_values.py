"""Pictures, notes, figures, graphs and models: values of each serializer, and how they differ."""

from __future__ import annotations

import importlib
from functools import cache
from importlib.util import find_spec
from typing import Any

import lightgbm
import matplotlib.figure
import networkx as nx
import numpy as np
import onnx
import plotly.graph_objects as go
import scipy.sparse as sparse
import xgboost
from hypothesis import strategies as st
from PIL import Image
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from artigraph_neo4j.serializer import find_serializer
from artigraph_neo4j.serializer.note import Html, Markdown
from artigraph_neo4j.serializer.picture import Picture

Strategy = st.SearchStrategy[Any]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)

PNG = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\10\0\0\0\0:~\x9bU\0\0\0\nIDATx\x9cc`\0\0\0\2"
    b"\0\1H\xaf\xa4q\0\0\0\0IEND\xaeB`\x82"
)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
PICTURES = (Picture(PNG), Picture(SVG), Picture(b"\xff\xd8\xff\xe0"), Picture(b"GIF89a"))

# Images ----------------------------------------------------------------------------------------


def image(mode: str, size: tuple[int, int], seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    made = Image.fromarray(rng.integers(0, 255, (size[1], size[0], 4), "uint8"), "RGBA")
    return Image.new(mode, size, int(rng.integers(2**16))) if mode == "I;16" else made.convert(mode)


IMAGES = st.builds(
    image,
    st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "I;16"]),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.integers(0, 9),
)

# Figures ---------------------------------------------------------------------------------------


def figure(kind: str = "Scatter", items: Any = (1, 2.5)) -> Any:
    made = getattr(go, kind)(y=list(items)) if kind != "Heatmap" else go.Heatmap(z=[list(items)])
    return go.Figure(made, layout={"title": {"text": "ü <b>&"}})


FIGURES = st.builds(
    figure,
    st.sampled_from(["Scatter", "Bar", "Heatmap", "Box"]),
    st.lists(st.integers(-99, 99) | TEXT | st.none(), max_size=4),
)


def drawn() -> Any:
    made = matplotlib.figure.Figure(figsize=(1, 1), dpi=40)
    made.subplots().plot([1, 3, 2])
    return made


# Graphs and sparse matrices ----------------------------------------------------------------------


def graph(kind: str, nodes: Any, edges: Any, about: Any) -> Any:
    made = getattr(nx, kind)(**about)
    made.add_nodes_from(nodes)
    for number, (source, target) in enumerate(edges):
        made.add_edge(source, target, weight=number / 2)
    return made


NODES = st.integers(-5, 5) | TEXT | st.tuples(st.integers(0, 3), TEXT)
GRAPHS = st.builds(
    graph,
    st.sampled_from(["Graph", "DiGraph", "MultiGraph", "MultiDiGraph"]),
    st.lists(NODES, max_size=4),
    st.lists(st.tuples(NODES, NODES), max_size=5),
    st.dictionaries(st.sampled_from(["name", "unit"]), TEXT, max_size=2),
)


def matrix(form: str, is_array: bool, dtype: str, seed: int, sides: tuple[int, int]) -> Any:
    rng = np.random.default_rng(seed)
    dense = (rng.integers(0, 3, sides) * rng.integers(0, 2, sides)).astype(dtype)
    return getattr(sparse, f"{form}_{'array' if is_array else 'matrix'}")(dense)


SIDES = st.tuples(st.sampled_from([1, 2, 4]), st.sampled_from([1, 2, 6]))


def matrices(*, is_array: bool) -> Strategy:
    return st.builds(
        matrix,
        st.sampled_from(["csr", "csc", "bsr", "coo", "dia"]),
        st.just(is_array),
        st.sampled_from(["float64", "float32", "int8", "bool", "complex128"]),
        st.integers(0, 20),
        SIDES,
    )


# Models ------------------------------------------------------------------------------------------

X = np.random.default_rng(0).random((40, 3))
Y = (X[:, 0] + X[:, 1] > 1).astype(int)
THREE = np.arange(40) % 3


@cache
def estimators() -> list[Any]:
    return [
        LogisticRegression(),
        LogisticRegression(C=0.5).fit(X, Y),
        DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, THREE),
        RandomForestRegressor(2, max_depth=2, random_state=0).fit(X, X[:, :2]),
        HistGradientBoostingClassifier(max_iter=2).fit(X, Y),
        make_pipeline(StandardScaler(), FunctionTransformer(np.log1p), LogisticRegression()),
    ]


@cache
def boosters() -> list[Any]:
    data = xgboost.DMatrix(X, Y, feature_names=["a", "ü", "c"])
    kinds = ({"booster": "gbtree", "max_depth": 2}, {"booster": "dart"}, {"booster": "gblinear"})
    return [xgboost.train({**kind, "nthread": 1}, data, 2) for kind in kinds]


@cache
def boosting() -> list[Any]:
    return [
        xgboost.XGBClassifier(n_estimators=2, max_depth=2).fit(X, THREE),
        xgboost.XGBRegressor(n_estimators=2, missing=-1.0).fit(X, Y),
        xgboost.XGBRanker(),
        xgboost.XGBRFClassifier(n_estimators=2).fit(X, Y),
        xgboost.XGBRFRegressor(),
    ]


@cache
def gradient_boosters() -> list[Any]:
    """Boosters of LightGBM: with splits by categories, linear leaves, several classes, one leaf."""
    quiet = {"verbose": -1, "num_threads": 1, "min_data_in_leaf": 2, "min_data_per_group": 1,
             "cat_smooth": 1, "max_cat_to_onehot": 1}  # fmt: skip
    rows = np.column_stack([THREE, X])
    names = ["kind", "ü", "b=c", "d"]

    def data(y: Any = Y) -> Any:
        return lightgbm.Dataset(rows, y, feature_name=names, categorical_feature=[0])

    linear = lightgbm.Dataset(X, X @ [1, 2, 3])
    stop = lightgbm.early_stopping(2, verbose=False)
    own: dict[str, Any] = {"objective": lambda found, _: (found, np.ones_like(found))}
    return [
        lightgbm.train({**quiet, "objective": "binary", "num_leaves": 4}, data(THREE % 2), 3),
        lightgbm.train({**quiet, "linear_tree": True, "min_data_in_leaf": 15}, linear, 3),
        lightgbm.train({**quiet, "objective": "multiclass", "num_class": 3}, data(THREE), 2),
        lightgbm.train({**quiet, "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5,
                        "monotone_constraints": [1, 0, -1]}, lightgbm.Dataset(X, Y), 2),
        lightgbm.train(quiet, lightgbm.Dataset(X, np.zeros(40)), 1),
        lightgbm.train({**quiet, **own}, data(), 1),
        lightgbm.train(quiet, data(), 20, valid_sets=[data(1 - Y)], callbacks=[stop]),
    ]  # fmt: skip


@cache
def gradient_boosting() -> list[Any]:
    quiet: dict[str, Any] = {"verbose": -1, "n_jobs": 1, "n_estimators": 2, "min_child_samples": 2}
    words = np.array(["a", "b"], dtype=object)[Y]
    return [
        lightgbm.LGBMClassifier(**quiet).fit(X, np.array(list("abc"))[THREE]),
        lightgbm.LGBMClassifier(class_weight={"a": 1, "b": 2}, **quiet).fit(X, words),
        lightgbm.LGBMRegressor(**quiet).fit(X, Y),
        lightgbm.LGBMRegressor(),
        lightgbm.LGBMRanker(**quiet).fit(X, Y, group=[20, 20]),
        lightgbm.LGBMModel(objective="regression", **quiet).fit(X, Y),
    ]


def network(operator: str = "Relu", name: str = "g") -> Any:
    ends = [onnx.helper.make_tensor_value_info(end, onnx.TensorProto.FLOAT, [1]) for end in "xy"]
    weights = onnx.numpy_helper.from_array(np.arange(3, dtype="float32"), "w")
    node = onnx.helper.make_node(operator, ["x"], ["y"])
    inner = onnx.helper.make_graph([node], name, ends[:1], ends[1:], [weights])
    return onnx.helper.make_model(inner)


NETWORKS = st.builds(network, st.sampled_from(["Relu", "Abs", "Neg"]), TEXT)

VALUES: dict[str, Any] = {
    "picture": lambda: PICTURES,
    "markdown": lambda: (Markdown("# ü"), Markdown("")),
    "html": lambda: (Html("<b>ü</b><script>1</script>"),),
    "pillow": lambda: [image(mode, (3, 2)) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")],
    "plotly": lambda: (figure(), figure("Heatmap"), go.Figure()),
    "networkx": lambda: (
        nx.path_graph(3),
        graph("MultiDiGraph", [(1, "x")], [(1, 2), (1, 2), (2, 2)], {"name": "n"}),
    ),
    "scipy.sparse": lambda: [
        matrix(form, form != "csr", "float64", 3, (4, 6))
        for form in ("csr", "csc", "bsr", "coo", "dia")
    ],
    "onnx": lambda: (network(),),
    "sklearn": estimators,
    "xgboost": boosters,
    "xgboost.estimator": boosting,
    "lightgbm": gradient_boosters,
    "lightgbm.estimator": gradient_boosting,
}
"""Values of each serializer, made when they are asked for."""

STRATEGIES: dict[type[Any], Strategy] = {
    Picture: st.sampled_from(PICTURES),
    Markdown: TEXT.map(Markdown),
    Html: TEXT.map(Html),
    Image.Image: IMAGES,
    go.Figure: FIGURES,
    nx.Graph: GRAPHS,
    sparse.sparray: matrices(is_array=True),
    sparse.spmatrix: matrices(is_array=False),
    onnx.ModelProto: NETWORKS,
    BaseEstimator: st.deferred(lambda: st.sampled_from(estimators())),
    xgboost.Booster: st.deferred(lambda: st.sampled_from(boosters())),
    **{
        kind: st.deferred(
            lambda kind=kind: st.sampled_from([m for m in boosting() if type(m) is kind])
        )
        for kind in (
            xgboost.XGBClassifier, xgboost.XGBRegressor, xgboost.XGBRanker,
            xgboost.XGBRFClassifier, xgboost.XGBRFRegressor,
        )
    },
    lightgbm.Booster: st.deferred(lambda: st.sampled_from(gradient_boosters())),
    **{
        kind: st.deferred(
            lambda kind=kind: st.sampled_from([m for m in gradient_boosting() if type(m) is kind])
        )
        for kind in (
            lightgbm.LGBMClassifier, lightgbm.LGBMModel, lightgbm.LGBMRanker,
            lightgbm.LGBMRegressor,
        )
    },
    **{
        kind: GRAPHS.filter(lambda made, kind=kind: type(made) is kind)
        for kind in (nx.DiGraph, nx.MultiGraph, nx.MultiDiGraph)
    },
}  # fmt: skip


def _bytes_of(name: str) -> Any:
    def compare(left: Any, right: Any) -> str | None:
        serializer = find_serializer(name)
        assert serializer is not None
        same = serializer.serialize(left) == serializer.serialize(right)
        return None if same else "their bytes differ"

    return compare


def graph_difference(left: Any, right: Any) -> str | None:
    same = nx.utils.graphs_equal(left, right) and list(left) == list(right)
    return None if same else "the graphs differ"


def matrix_difference(left: Any, right: Any) -> str | None:
    same = left.shape == right.shape and left.dtype == right.dtype and left.format == right.format
    return None if same and (left.todense() == right.todense()).all() else "the matrices differ"


def image_difference(left: Any, right: Any) -> str | None:
    same = (left.mode, left.size, left.tobytes()) == (right.mode, right.size, right.tobytes())
    same = same and left.convert("RGBA").tobytes() == right.convert("RGBA").tobytes()
    return None if same else "the images differ"


DIFFERENCES: dict[Any, Any] = {
    Image.Image: image_difference,
    go.Figure: _bytes_of("plotly"),
    nx.Graph: graph_difference,
    (sparse.sparray, sparse.spmatrix): matrix_difference,
    xgboost.Booster: _bytes_of("xgboost"),
    xgboost.XGBModel: _bytes_of("xgboost.estimator"),
    lightgbm.Booster: _bytes_of("lightgbm"),
    lightgbm.LGBMModel: _bytes_of("lightgbm.estimator"),
    BaseEstimator: _bytes_of("sklearn"),
}
"""For types that ``==`` says nothing about; the first that fits is used."""


# Where they are installed ------------------------------------------------------------------------

if find_spec("torch") and find_spec("safetensors"):
    from artigraph_neo4j.serializer.torch import StateDict

    torch: Any = importlib.import_module("torch")

    def tensor(name: str, sides: list[int], seed: int) -> Any:
        made = torch.from_numpy(np.random.default_rng(seed).integers(0, 2, sides))
        return made.to(getattr(torch, name)).T.contiguous().T

    def module() -> Any:
        made = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
        for weights in made.parameters():
            torch.nn.init.constant_(weights, 0.5)
        return made

    TENSORS = st.builds(
        tensor,
        st.sampled_from(["float32", "float64", "bfloat16", "float16", "int8", "uint8", "int64",
                         "bool", "float8_e4m3fn"]),
        st.lists(st.integers(0, 3), min_size=2, max_size=2),
        st.integers(0, 9),
    )  # fmt: skip
    NAMED = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
    STRATEGIES[torch.Tensor] = TENSORS
    STRATEGIES[StateDict] = st.dictionaries(NAMED, TENSORS, max_size=3).map(StateDict)
    VALUES["torch"] = lambda: (
        torch.arange(6.0).reshape(2, 3).T,
        torch.tensor(float("nan")),
        torch.tensor([-0.0]),
        torch.zeros(0, 3, dtype=torch.int8),
        torch.ones(1).expand(5),
        torch.ones(2, dtype=torch.complex64).imag,
    )
    VALUES["torch.state"] = lambda: (
        StateDict(module().state_dict()),
        StateDict(),
    )

    def tensor_difference(left: Any, right: Any) -> str | None:
        about = [(t.dtype, t.shape, str(t.device), t.requires_grad) for t in (left, right)]
        parts = [t.contiguous().reshape(-1).view(torch.uint8) for t in (left, right)]
        return None if about[0] == about[1] and torch.equal(*parts) else "the tensors differ"

    def state_difference(left: Any, right: Any) -> str | None:
        if list(left) != list(right) or getattr(left, "_metadata", 0) != getattr(
            right, "_metadata", 0
        ):
            return "the names or versions differ"
        found = (tensor_difference(left[name], right[name]) for name in left)
        return next(filter(None, found), None)

    DIFFERENCES[torch.Tensor] = tensor_difference
    DIFFERENCES[StateDict] = state_difference
