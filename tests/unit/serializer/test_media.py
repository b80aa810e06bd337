"""Pictures, notes, figures, graphs and models of others: what each keeps, and refuses."""

from __future__ import annotations

import io
import json
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import lightgbm
import matplotlib.figure
import networkx as nx
import numpy as np
import onnx
import pytest
import scipy.sparse as sparse
import xgboost
from PIL import Image
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import BaggingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM
from sklearn.tree import DecisionTreeClassifier

from artigraph_neo4j import Html, Markdown, Picture
from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer import base, find_serializer, infer_serializer
from artigraph_neo4j.serializer import sklearn as of_sklearn
from artigraph_neo4j.serializer.base import DamagedError
from artigraph_neo4j.serializer.file import File, file_serializer
from artigraph_neo4j.serializer.lightgbm import booster_serializer as lightgbm_serializer
from artigraph_neo4j.serializer.lightgbm import estimator_serializer as lightgbm_estimator
from artigraph_neo4j.serializer.lightgbm_text import check_ways
from artigraph_neo4j.serializer.matplotlib import figure_serializer, svg_serializer
from artigraph_neo4j.serializer.msgpack import pack, unpack
from artigraph_neo4j.serializer.networkx import graph_serializer
from artigraph_neo4j.serializer.note import html_serializer, markdown_serializer
from artigraph_neo4j.serializer.onnx import onnx_serializer
from artigraph_neo4j.serializer.picture import picture_serializer
from artigraph_neo4j.serializer.pillow import image_serializer
from artigraph_neo4j.serializer.plotly import figure_serializer as plotly_serializer
from artigraph_neo4j.serializer.sklearn import estimator_serializer
from artigraph_neo4j.serializer.sparse import sparse_serializer
from artigraph_neo4j.serializer.xgboost import booster_serializer
from artigraph_neo4j.serializer.xgboost import estimator_serializer as xgboost_serializer
from artigraph_neo4j.serializer.zipped import unzipped, zipped
from artigraph_neo4j.testing import SerializerTests
from tests.unit.serializer import media_values as media
from tests.unit.serializer.type_differences import any_difference


class Conformance(SerializerTests):
    def difference(self, left: Any, right: Any) -> str | None:
        return any_difference(left, right)


class TestPictures(Conformance):
    serializer = picture_serializer
    values = media.VALUES["picture"]()


class TestMarkdown(Conformance):
    serializer = markdown_serializer
    values = media.VALUES["markdown"]()
    refused = (Markdown("\ud800"), Markdown(1))  # type: ignore[arg-type]
    garbage = (b"\xff",)


class TestHtml(Conformance):
    serializer = html_serializer
    values = media.VALUES["html"]()
    garbage = (b"\xff",)


class TestImages(Conformance):
    serializer = image_serializer
    values = media.VALUES["pillow"]()
    refused = tuple(Image.new(mode, (1, 1)) for mode in ("F", "CMYK", "HSV"))


class TestPlotly(Conformance):
    serializer = plotly_serializer
    values = media.VALUES["plotly"]()
    garbage = (b"{", b'{"data":[{"type":"none such"}]}', b"[]")


class TestGraphs(Conformance):
    class Own(nx.Graph):
        pass

    serializer = graph_serializer
    values = media.VALUES["networkx"]()
    refused = (Own(), nx.Graph([(1, len)]))


class TestSparse(Conformance):
    serializer = sparse_serializer
    values = media.VALUES["scipy.sparse"]()
    refused = (sparse.lil_matrix((2, 2)), sparse.coo_array(np.ones(3)))


class TestOnnx(Conformance):
    serializer = onnx_serializer
    values = media.VALUES["onnx"]()


class OfOnesOwn(BaseEstimator):
    pass


class TestEstimators(Conformance):
    serializer = estimator_serializer
    values: ClassVar[Any] = media.VALUES["sklearn"]()
    refused = (OfOnesOwn(),)


class TestBoosters(Conformance):
    serializer = booster_serializer
    values: ClassVar[Any] = media.VALUES["xgboost"]()
    garbage = (b"", b"{}", b'{"learner":[]}')


class TestXgboostEstimators(Conformance):
    serializer = xgboost_serializer
    values: ClassVar[Any] = media.VALUES["xgboost.estimator"]()
    refused = (xgboost.XGBRegressor(objective=lambda a, b: (a, b)),)


class TestLightgbm(Conformance):
    serializer = lightgbm_serializer
    values: ClassVar[Any] = media.VALUES["lightgbm"]()
    refused = (
        lightgbm.Booster({"verbose": -1}, lightgbm.Dataset(media.X, media.Y)),
        type("Own", (lightgbm.Booster,), {})(model_str=values[0].model_to_string()),
    )
    garbage = (b"", b"tree\n", b"tree\nversion=v4\n\nend of trees\n")


class TestLightgbmEstimators(Conformance):
    serializer = lightgbm_estimator
    values: ClassVar[Any] = media.VALUES["lightgbm.estimator"]()
    refused = (
        lightgbm.LGBMRegressor(objective=lambda a, b: (a, b)),
        type("Own", (lightgbm.LGBMRegressor,), {})(),
    )


def test_a_figure_of_matplotlib_comes_back_as_the_picture_of_it() -> None:
    figure = media.drawn()
    found = figure_serializer.deserialize(figure_serializer.serialize(figure))
    assert type(found) is Picture
    assert Image.open(io.BytesIO(found.data)).format == "PNG"
    assert infer_serializer(matplotlib.figure.Figure) is figure_serializer
    assert find_serializer("picture") is picture_serializer  # reading needs no matplotlib
    drawing = svg_serializer.deserialize(svg_serializer.serialize(figure))
    assert drawing.format == "svg"
    for serializer in (figure_serializer, svg_serializer):
        assert serializer.serialize(figure) == serializer.serialize(media.drawn())
        assert serializer.serialize(found) == found.data


def test_a_picture(tmp_path: Path) -> None:
    picture = Picture(media.PNG)
    assert repr(picture) == f"(Picture png, 1 × 1, {len(media.PNG)} bytes)"
    assert Picture.open(picture.save(tmp_path / "a.png")) == picture
    assert pickle.loads(pickle.dumps(picture)) == picture
    assert len({picture, Picture(media.PNG)}) == 1
    assert picture != media.PNG
    with pytest.raises(ValueError, match="not a PNG"):
        Picture(b"MZ")


@pytest.mark.parametrize(
    ("start", "is_drawing"),
    [
        (b"", True),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a > b --> <!-- <html> -->\n', True),
        (b'<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "a.dtd">\n', True),
        (b'<!DOCTYPE svg [<!ENTITY n "http://a"> ]>', True),
        (b"<!DOCTYPE html><p>", False),
        (b"<p>", False),
        (b"<!---->" * 500, False),
    ],
)
def test_a_page_with_a_drawing_is_not_a_drawing(start: bytes, is_drawing: bool) -> None:
    if is_drawing:
        assert Picture(start + media.SVG).format == "svg"
    else:
        with pytest.raises(ValueError, match="not a PNG"):
            Picture(start + (b"-" if start.startswith(b"<!--") else b"") + media.SVG)


def test_a_drawing_and_html_run_no_script_in_a_notebook() -> None:
    """``<img>`` runs none, and a frame with ``sandbox`` neither."""
    drawing = Picture(media.SVG.replace(b"/>", b"><script>alert(1)</script></svg>"))
    assert "script" not in drawing._repr_html_()
    shown = Html('<script>alert("1")</script>')._repr_html_()
    assert shown.startswith("<iframe sandbox ")
    assert "<script" not in shown
    assert '"1"' not in shown


def test_an_image_that_a_file_was_opened_as() -> None:
    found = image_serializer.deserialize(
        image_serializer.serialize(Image.open(io.BytesIO(media.PNG)))
    )
    assert type(found) is Image.Image
    assert found.size == (1, 1)


def test_an_image_that_claims_to_be_large_is_refused_at_once() -> None:
    large = media.PNG[:16] + b"\0\0\xff\xff\0\0\xff\xff" + media.PNG[24:]
    with pytest.raises(SerializationError, match="bytes in memory"):
        image_serializer.deserialize(large)


def trees(change: Any) -> bytes:
    """Bytes of a decision tree after a change of its nodes."""
    data = estimator_serializer.serialize(media.estimators()[2])
    members = unzipped(data)
    for name, member in members.items():
        array = of_sklearn.array_of(member).copy() if name.endswith(".npy") else None
        if array is not None and array.dtype.names:
            members[name] = of_sklearn.array_serializer.serialize(change(array))
    return zipped(members)


def with_value(name: str, value: int) -> Any:
    def change(nodes: Any) -> Any:
        nodes[name][0] = value
        return nodes

    return change


def test_an_estimator_that_lacks_a_parameter() -> None:
    """As one of an older version of scikit-learn, or of a class that got a parameter since."""
    older = LogisticRegression(C=3.0).fit([[0.0], [1.0]], [0, 1])
    del older.tol, older.max_iter
    found = estimator_serializer.deserialize(estimator_serializer.serialize(older))
    assert (found.C, found.max_iter, found.tol) == (3.0, 100, 1e-4)
    assert repr(clone(found)) == "LogisticRegression(C=3.0)"
    inside = BaggingClassifier(older)
    found = estimator_serializer.deserialize(estimator_serializer.serialize(inside))
    assert found.estimator.max_iter == 100
    needs = MultiOutputClassifier(older)
    del needs.estimator
    with pytest.raises(
        SerializationError, match="MultiOutputClassifier has no parameter estimator"
    ):
        estimator_serializer.serialize(needs)


@pytest.mark.parametrize(
    "change",
    [
        with_value("left_child", 2**40),
        with_value("right_child", 0),
        with_value("feature", 3),
        with_value("feature", -5),
        lambda nodes: nodes[:-1].copy(),
    ],
)
def test_a_decision_tree_that_leads_out_of_its_arrays_is_refused(change: Any) -> None:
    assert type(estimator_serializer.deserialize(trees(lambda same: same))) is (
        DecisionTreeClassifier
    )
    with pytest.raises(SerializationError, match="decision tree"):
        estimator_serializer.deserialize(trees(change))


def npz(matrix: Any) -> bytes:
    sink = io.BytesIO()
    sparse.save_npz(sink, matrix, compressed=False)
    return sink.getvalue()


@pytest.mark.parametrize(("name", "value"), [("indices", 7), ("indices", -1), ("indptr", 2**30)])
def test_a_sparse_part_of_an_estimator_that_leads_out_of_it_is_refused(
    name: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARTIGRAPH_TRUSTED_MODULES", "scipy.sparse")
    model = LogisticRegression().fit(media.X, media.Y).sparsify()
    good = estimator_serializer.serialize(model)
    assert sparse.issparse(estimator_serializer.deserialize(good).coef_)
    [member] = [n for n in unzipped(good) if n.endswith(".npz")]
    broken = model.coef_.copy()
    getattr(broken, name)[-1] = value
    with pytest.raises(SerializationError, match="skops"):
        estimator_serializer.deserialize(zipped({**unzipped(good), member: npz(broken)}))


@pytest.mark.parametrize("cls", [SVC, NuSVC, SVR, NuSVR, OneClassSVM])
@pytest.mark.parametrize("form", ["dense", "sparse", "precomputed"])
def test_a_machine_with_other_support_vectors_is_refused(
    cls: Any, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARTIGRAPH_TRUSTED_MODULES", "scipy.sparse")
    x = np.random.default_rng(0).random((20, 2))
    kernel = "precomputed" if form == "precomputed" else "rbf"
    rows = {"dense": x, "sparse": sparse.csr_array(x), "precomputed": x @ x.T}[form]
    model = cls(kernel=kernel).fit(rows, np.arange(20) % 2)
    good = estimator_serializer.serialize(model)
    assert (estimator_serializer.deserialize(good).predict(rows) == model.predict(rows)).all()
    changes: dict[str, Any] = {
        "_n_support": np.repeat(model._n_support, 2),
        "_intercept_": model._intercept_[:0],
        "support_": model.support_[:-1],
        "_probA": np.zeros(2),
    }
    if form == "precomputed":
        changes["support_"] = model.support_ + 20
    for name, value in changes.items():
        broken = clone(model)
        vars(broken).update({**vars(model), name: value})
        with pytest.raises(SerializationError, match="an estimator"):
            estimator_serializer.serialize(broken)


def test_a_class_of_ones_own_is_stored_once_its_module_is_trusted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(SerializationError, match=r"trust_modules\('tests.unit.serializer.test_me"):
        estimator_serializer.serialize(OfOnesOwn())
    monkeypatch.setenv("ARTIGRAPH_TRUSTED_MODULES", __name__)
    data = estimator_serializer.serialize(OfOnesOwn())
    assert type(estimator_serializer.deserialize(data)) is OfOnesOwn
    monkeypatch.delenv("ARTIGRAPH_TRUSTED_MODULES")
    with pytest.raises(SerializationError, match="not known to be harmless"):
        estimator_serializer.deserialize(data)


def test_a_stored_estimator_names_no_function_to_call() -> None:
    schema = {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode",
              "content": {"module_path": "os", "function": "system"}, "protocol": 2,
              "_skops_version": "0.16.0"}  # fmt: skip
    with pytest.raises(SerializationError):
        estimator_serializer.deserialize(zipped({"schema.json": json.dumps(schema).encode()}))


@pytest.mark.parametrize(
    ("name", "value"),
    [("left_children", [2**31]), ("split_indices", [99]), ("left_children", [0, -1, -1])],
)
def test_a_tree_of_xgboost_that_leads_out_of_its_arrays_is_refused(name: str, value: Any) -> None:
    model = json.loads(booster_serializer.serialize(media.boosters()[0]))
    tree = model["learner"]["gradient_booster"]["model"]["trees"][0]
    tree[name] = value + tree[name][len(value) :]
    with pytest.raises(SerializationError, match="XGBoost"):
        booster_serializer.deserialize(json.dumps(model).encode())


def test_a_model_of_lightgbm_predicts_as_before_and_is_a_file_of_lightgbm(tmp_path: Path) -> None:
    stopped = media.gradient_boosters()[-1]
    assert 0 < stopped.best_iteration < 20
    data = lightgbm_serializer.serialize(stopped)
    found = lightgbm_serializer.deserialize(data)
    rows = np.column_stack([media.THREE, media.X])
    assert (found.predict(rows) == stopped.predict(rows)).all()
    assert found.best_score == stopped.best_score
    (tmp_path / "model.txt").write_bytes(data)
    elsewhere = lightgbm.Booster(model_file=tmp_path / "model.txt")
    assert elsewhere.num_trees() == stopped.num_trees()
    assert elsewhere.model_to_string(num_iteration=-1) == stopped.model_to_string(num_iteration=-1)
    for model in media.gradient_boosting()[:3]:
        again = lightgbm_estimator.deserialize(lightgbm_estimator.serialize(model))
        assert (again.predict(media.X) == model.predict(media.X)).all()
        assert clone(again).get_params() == model.get_params()
        assert getattr(again, "classes_", 0) is not None


@pytest.mark.parametrize(
    ("model", "old", "new"),
    [
        (0, "num_leaves=3", "num_leaves=4"),
        (0, "num_leaves=3", "num_leaves=3000000"),
        (0, "left_child=", "left_child=99 "),
        (0, "right_child=", "right_child=-99 "),
        (0, "split_feature=0", "split_feature=4"),
        (0, "split_feature=0", "split_feature=-1"),
        (0, "cat_boundaries=0 1", "cat_boundaries=0 9"),
        (0, "cat_boundaries=0 1", "cat_boundaries=1 1"),
        (0, "threshold=0 ", "threshold=7 "),
        (0, "threshold=0 ", "threshold=0.5 "),
        (0, "num_cat=1", "num_cat=0"),
        (0, "num_class=1", "num_class=1000000000"),
        (0, "num_tree_per_iteration=1", "num_tree_per_iteration=0"),
        (0, "num_tree_per_iteration=1", "num_tree_per_iteration=2"),
        (0, "max_feature_idx=3", "max_feature_idx=2"),
        (0, "feature_infos=", "feature_infos=[ "),
        (0, "objective=binary", "objective=multiclass num_class:3"),
        (0, "objective=binary", "objective=none-such"),
        (0, "tree_sizes=", "tree_sizes=1"),
        (0, "\nversion=v4", ""),
        (0, "Tree=1", "Tree=2"),
        (0, "end of trees", "end"),
        (0, "[boosting: gbdt]", "[boosting]"),
        (0, "end of parameters", "end of parameters\n\nparser:\nlib.so\nend of parser"),
        (0, "pandas_categorical:null", "pandas_categorical:[1]"),
        (0, '"best_iteration": ', '"best_iteration": 9'),
        (1, "leaf_features=2", "leaf_features=3"),
        (1, "num_features=", "num_features=9"),
        (2, "num_class:3", "num_class:2"),
        (3, "monotone_constraints=1", "monotone_constraints=300"),
    ],
)
def test_a_number_that_leads_out_of_a_model_of_lightgbm_is_refused(
    model: int, old: str, new: str
) -> None:
    text = lightgbm_serializer.serialize(media.gradient_boosters()[model]).decode()
    assert old in text
    with pytest.raises(SerializationError, match="text of LightGBM"):
        lightgbm_serializer.deserialize(text.replace(old, new, 1).encode())


@pytest.mark.parametrize("name", ["leaf_features", "leaf_coeff"])
def test_numbers_of_a_linear_tree_that_are_apart_in_another_way_are_refused(name: str) -> None:
    """LightGBM ends the process then, since it counts the spaces."""
    texts = [lightgbm_serializer.serialize(m).decode() for m in media.gradient_boosters()]
    text = next(text for text in texts if f"\n{name}=" in text)
    line = next(line for line in text.split("\n") if line.startswith(f"{name}="))
    for changed in (line.replace("  ", " ", 1), line.rstrip()):
        zeros = "0" * (len(line) - len(changed))  # so that the tree keeps its size
        broken = text.replace(line, changed, 1)
        broken = re.sub(r"(leaf_value=\S*\.\d+)", rf"\g<1>{zeros}", broken, count=1)
        with pytest.raises(SerializationError, match="apart in another way"):
            lightgbm_serializer.deserialize(broken.encode())


def test_a_tree_of_lightgbm_that_goes_in_circles_or_too_deep_is_refused() -> None:
    text = lightgbm_serializer.serialize(media.gradient_boosters()[0]).decode()
    [children] = re.findall(r"left_child=(.*)", text)[:1]
    for circle in ("0", "-1 -1 -1"):
        broken = text.replace(children, circle + children[len(circle) :], 1)
        with pytest.raises(SerializationError, match="text of LightGBM"):
            lightgbm_serializer.deserialize(broken.encode())
    with pytest.raises(DamagedError, match="levels"):
        check_ways([-n - 1 for n in range(2001)], [*range(1, 2001), -2002])


def test_an_estimator_of_lightgbm_with_other_parts_is_refused() -> None:
    model = lightgbm.LGBMRegressor(n_estimators=1, verbose=-1).fit(media.X, media.Y)
    parts: Any = unpack(lightgbm_estimator.serialize(model))
    for broken in (
        {**parts, "kind": "os"},
        {**parts, "learned": {"__class__": int}},
        {**parts, "learned": {"_n_features": "3"}},
        {**parts, "classes": [[1]]},
        {**parts, "more": 1},
    ):
        with pytest.raises(SerializationError):
            lightgbm_estimator.deserialize(pack(broken))
    model.notes = "mine"
    with pytest.raises(SerializationError, match="'notes', which would be lost"):
        lightgbm_estimator.serialize(model)


@pytest.mark.parametrize("place", [0, 1])
def test_a_sparse_matrix_with_places_out_of_it_is_refused(place: int) -> None:
    matrix = sparse.coo_array(np.eye(3))
    good = sparse_serializer.serialize(matrix)
    members = unzipped(good)
    name = ("row.npy", "col.npy")[place]
    members[name] = members[name][:-4] + (3).to_bytes(4, "little")
    with pytest.raises(SerializationError, match="out of the matrix"):
        sparse_serializer.deserialize(zipped(members))


def test_nothing_of_these_is_imported_before_it_is_needed() -> None:
    heavy = ["PIL", "lightgbm", "matplotlib", "networkx", "onnx", "plotly", "scipy", "skops"]
    heavy += ["sklearn", "torch", "xgboost", "safetensors", "keras"]
    script = (
        "import sys, artigraph_neo4j\nfrom artigraph_neo4j import Picture, set_engine\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    monkeypatch.setitem(sys.modules, "torch", None)
    # Where it is installed, another test may have registered it.
    monkeypatch.delitem(sys.modules, "artigraph_neo4j.serializer.torch", raising=False)
    monkeypatch.delitem(base._by_name._items, "torch", raising=False)
    with pytest.raises(
        SerializationError, match=r'pip install torch "artigraph-neo4j\[torch\]".* File'
    ):
        find_serializer("torch")


def test_torch() -> None:
    torch = pytest.importorskip("torch")
    from artigraph_neo4j.serializer import torch as of_torch

    class OfTensors(Conformance):
        serializer = of_torch.tensor_serializer
        values: ClassVar[Any] = media.VALUES["torch"]()
        refused = (
            torch.nn.Parameter(torch.ones(2)),
            torch.eye(2).to_sparse(),
            torch.ones(1, requires_grad=True),
            torch.ones(1, dtype=torch.complex64),
            torch.ones(2, device="meta"),
        )
        garbage = (b"", b"\xff" * 20, of_torch.state_serializer.serialize({}))

    class OfStates(Conformance):
        serializer = of_torch.state_serializer
        values: ClassVar[Any] = media.VALUES["torch.state"]()
        refused = ([1], {"a": 1}, {1: torch.ones(1)}, {"__metadata__": torch.ones(1)},
                   {"\ud800": torch.ones(1)})  # fmt: skip
        garbage = (b"", of_torch.tensor_serializer.serialize(torch.ones(1)))

    for tests in (OfTensors(), OfStates()):
        for name in dir(tests):
            if name.startswith("test_"):
                getattr(tests, name)()


def test_weights_of_a_module_go_back_into_a_module() -> None:
    torch = pytest.importorskip("torch")
    from artigraph_neo4j.serializer.torch import StateDict, module_serializer, state_serializer

    module = media.module()
    for state in (module.state_dict(), StateDict(module.state_dict())):
        found = state_serializer.deserialize(state_serializer.serialize(state))
        assert type(found) is StateDict
        assert found._metadata == module.state_dict()._metadata
        again = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
        again.load_state_dict(found)
        assert torch.equal(again[0].weight, module[0].weight)
    assert infer_serializer(StateDict) is state_serializer
    assert infer_serializer(torch.nn.Linear) is module_serializer
    with pytest.raises(SerializationError, match=r"StateDict\(module.state_dict\(\)\)"):
        module_serializer.serialize(module)


@pytest.mark.filterwarnings("ignore")  # what Keras says of its backend
def test_a_model_of_keras_comes_back_as_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    pytest.importorskip("torch")
    keras = pytest.importorskip("keras")
    from artigraph_neo4j.serializer.keras import model_serializer as keras_serializer

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(optimizer="adam", loss="mse")
    model.fit(media.X, media.X[:, :2], verbose=0)
    assert infer_serializer(keras.Sequential) is keras_serializer
    data = keras_serializer.serialize(model)
    assert data == keras_serializer.serialize(model)
    found = keras_serializer.deserialize(data)
    assert type(found) is File
    assert keras_serializer.serialize(found) == data  # what an artifact that was read holds
    again = keras.saving.load_model(found.path)
    for left, right in zip(again.get_weights(), model.get_weights(), strict=True):
        assert (left == right).all()
    assert int(again.optimizer.iterations) == int(model.optimizer.iterations) > 0
    assert type(file_serializer.deserialize(data)) is File  # reading needs no keras


def with_graph_inside(tensor: Any) -> list[Any]:
    """Models that have a tensor elsewhere than among the weights of their graph."""
    helper, found = onnx.helper, []
    inner = helper.make_graph([], "inner", [], [], [tensor])
    sparse_one = onnx.SparseTensorProto(values=tensor, dims=[1])
    for attributes in (
        {"then_branch": inner}, {"bodies": [inner]}, {"values": [tensor]}, {"value": sparse_one},
    ):  # fmt: skip
        node = helper.make_node("If", ["x"], ["y"], **attributes)
        found.append(helper.make_model(helper.make_graph([node], "outer", [], [])))
        function = helper.make_function("own", "f", ["x"], ["y"], [node], [])
        found.append(helper.make_model(helper.make_graph([], "o", [], []), functions=[function]))
    found.append(
        helper.make_model(helper.make_graph([], "o", [], [], [], sparse_initializer=[sparse_one]))
    )
    trained = helper.make_model(helper.make_graph([], "outer", [], []))
    trained.training_info.add().algorithm.CopyFrom(inner)
    return [*found, trained]


def test_a_model_of_onnx_with_weights_in_other_files_is_refused_wherever_they_are() -> None:
    tensor = onnx.numpy_helper.from_array(np.arange(3, dtype="float32"), "w")
    for model in with_graph_inside(tensor):
        assert onnx_serializer.deserialize(onnx_serializer.serialize(model)) == model
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    for model in with_graph_inside(tensor):
        with pytest.raises(SerializationError, match="weights in other files"):
            onnx_serializer.serialize(model)
        with pytest.raises(SerializationError, match="weights in other files"):
            onnx_serializer.deserialize(model.SerializeToString())
