"""A model made with scikit-learn comes in as ONNX, answers to the bit, and is judged on what it has not seen."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper

from evergreen.core.dataset.panel import training_frame
from evergreen.core.model.aim import NEXT_RETURN
from evergreen.core.model.given import judge_given
from evergreen.core.model.manifest import Manifest
from evergreen.core.model.onnx_file import OnnxModel, model_of_file
from evergreen.core.model.protocol import forecast
from evergreen.core.model.registry import learner, learner_names, read_model
from evergreen.errors import BadInput, BadSetting, ModelRefused
from evergreen.service.proving import prove
from tests.unit.core.model.elsewhere import exported, fitted

pytest.importorskip("onnxruntime")
NAMES = tuple(f"F{number}" for number in range(6))
DAYS = pd.bdate_range("2005-01-03", periods=400).as_unit("us")
THROUGH = DAYS[249]


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """A training set of three tickers, whose next return holds a little of one feature."""
    rng = np.random.default_rng(8)
    index = pd.MultiIndex.from_product([["A", "B", "C"], DAYS], names=["ticker", "session"])
    features = pd.DataFrame(rng.normal(size=(len(index), 6)).astype(np.float32), index=index, columns=list(NAMES))
    return training_frame(features, 0.02 * (0.3 * features["F1"].astype(float) + rng.standard_t(5, len(index))))


@pytest.fixture(scope="module")
def file(rows: pd.DataFrame) -> bytes:
    seen = rows[rows["session"] < THROUGH]
    x = seen[list(NAMES)].to_numpy(np.float32)
    return exported(fitted(x, seen["label"].to_numpy()), x)


def test_onnx__answers_as_its_maker_and_each_row_by_itself(rows, file) -> None:
    model = model_of_file(file, NAMES)
    x = rows[list(NAMES)].to_numpy(np.float32)[:50]
    together = forecast(model, x)
    assert together.tolist() == [forecast(model, x[n : n + 1])[0] for n in range(50)]
    seen = rows[rows["session"] < THROUGH]
    maker = fitted(seen[list(NAMES)].to_numpy(np.float32), seen["label"].to_numpy())
    assert np.allclose(together, maker.predict(x), rtol=1e-4, atol=1e-7)


def test_onnx__is_read_back_from_text_to_the_bit(rows, file) -> None:
    model = model_of_file(file, NAMES)
    again = read_model("onnx", model.to_bytes())
    x = rows[list(NAMES)].to_numpy(np.float32)[:50]
    assert isinstance(again, OnnxModel) and json.loads(model.to_bytes())["kind"] == "onnx"
    assert (again.features, again.graph) == (NAMES, file)
    assert forecast(again, x).tobytes() == forecast(model, x).tobytes()


def test_onnx__is_proved_by_the_service_in_a_process_of_its_own(rows, file) -> None:
    model = model_of_file(file, NAMES)
    manifest = judge_given(model, rows, THROUGH, NEXT_RETURN).manifest("2006-07-14", "d1")
    prove("7", model.to_bytes(), manifest)
    other = Manifest.from_json(manifest.to_json().replace(repr(manifest.golden_outputs[0]), "0.125", 1))
    with pytest.raises(ModelRefused, match="golden forecasts"):
        prove("7", model.to_bytes(), other)


def test_judge_given__counts_only_sessions_after_what_it_was_trained_through(rows, file) -> None:
    training = judge_given(model_of_file(file, NAMES), rows, THROUGH, NEXT_RETURN, chosen_from=3)
    assert training.oos["session"].min() > THROUGH
    assert training.oos["session"].nunique() == 7 * 21
    assert training.metrics["configurations"] == 3.0
    assert training.metrics["rank_ic"] > 0.1
    manifest = training.manifest("2006-07-14", "d1")
    assert (manifest.kind, manifest.trained_through) == ("onnx", f"{THROUGH:%Y-%m-%d}")


def test_judge_given__too_few_sessions_after_it_are_said(rows, file) -> None:
    with pytest.raises(BadInput, match="9 sessions with an outcome came after"):
        judge_given(model_of_file(file, NAMES), rows, DAYS[390], NEXT_RETURN)


def test_onnx__names_in_the_file_choose_and_order_the_columns(rows) -> None:
    names = ["F3", "F1"]
    x = rows[names].to_numpy(np.float32)
    model = model_of_file(exported(fitted(x, rows["label"].to_numpy()), x, names), NAMES)
    assert model.features == ("F3", "F1")
    assert judge_given(
        model, rows[["ticker", "session", *names, "label"]], THROUGH, NEXT_RETURN
    ).seen.feature_names == (
        "F3",
        "F1",
    )


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda x, y: b"not a graph", "the graph cannot be computed"),
        (lambda x, y: exported(fitted(x, y), x, ["F0", "G1", "F2", "F3", "F4", "F5"]), "asks for G1, no features"),
        (lambda x, y: exported(fitted(x[:, :4], y), x[:, :4]), r"reads X tensor\(float\) .*, not 6 features"),
        (lambda x, y: exported(fitted(x, y, imputes=False), x), "no finite answer for a row"),
        (lambda x, y: exported(fitted(x, y), x, off=1e-3), "does not answer its golden rows"),
    ],
)
def test_onnx__what_cannot_be_served_is_refused_in_a_sentence(spoil, sentence, rows) -> None:
    with pytest.raises(ModelRefused, match=sentence):
        model_of_file(spoil(rows[list(NAMES)].to_numpy(np.float32), rows["label"].to_numpy()), NAMES)


def _graph(*nodes: onnx.NodeProto, answers: int = TensorProto.FLOAT, first: int | None = None) -> bytes:
    """A graph by hand: six features in `x` (rows at once: `first`), `y` and what else the last node makes out."""
    missing = [helper.make_node("IsNaN", ["x"], ["no"]), helper.make_node("Where", ["no", "zero", "x"], ["full"])]
    weights = helper.make_tensor("w", TensorProto.FLOAT, [6, 1], [1.0] * 6)
    body = helper.make_graph(
        [*missing, helper.make_node("MatMul", ["full", "w"], ["sum"]), *nodes],
        "by hand",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [first, 6])],
        [helper.make_tensor_value_info(name, answers, None) for name in nodes[-1].output],
        [weights, helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0])],
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return bytes(model.SerializeToString())


SUM = helper.make_node("Identity", ["sum"], ["y"])


@pytest.mark.parametrize(
    ("graph", "sentence"),
    [
        (_graph(SUM, first=8), "does not answer one row: .* invalid dimensions"),
        (
            _graph(helper.make_node("Cast", ["sum"], ["y"], to=7), answers=7),
            r"answers y tensor\(int64\), not one number",
        ),
        (_graph(helper.make_node("Cast", ["sum"], ["y"], to=8), answers=8), r"answers y tensor\(string\), not one"),
        (_graph(helper.make_node("Split", ["full"], ["y", "z"], axis=1)), r"answers y .*, z .*, not one number"),
        (_graph(helper.make_node("RandomNormalLike", ["sum"], ["y"])), "the same rows otherwise each time"),
    ],
)
def test_onnx__what_is_no_regression_or_no_function_is_refused(graph: bytes, sentence: str) -> None:
    with pytest.raises(ModelRefused, match=sentence):
        model_of_file(graph, NAMES)


def test_onnx__a_graph_by_hand_is_served() -> None:
    assert model_of_file(_graph(SUM), NAMES).predict(np.ones((2, 6), dtype=np.float32)).tolist() == [6.0, 6.0]


def test_onnx__fits_nothing_and_is_no_learner() -> None:
    assert "onnx" not in learner_names()
    with pytest.raises(BadSetting, match="no learner 'onnx'"):
        learner("onnx")
    with pytest.raises(ModelRefused, match="does not hold a onnx"):
        read_model("onnx", b"{}")
