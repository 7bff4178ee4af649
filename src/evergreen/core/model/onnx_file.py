"""Models trained elsewhere, as ONNX: a graph that onnxruntime computes, and that runs no code of its own."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import Any

import numpy as np

from evergreen.core.model.documents import read_document
from evergreen.core.model.protocol import Codes, Forecasts, Rows, require_width
from evergreen.errors import BadSetting, ModelRefused

AGREEMENT = 1e-4  # share by which a graph in float32 may differ from what its maker computed in float64
NUMBERS = ("tensor(float)", "tensor(double)")
HINT = "Export it with one input of float32 [rows, features] and one number out for each row."


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """A graph and the names of its columns."""

    features: tuple[str, ...]
    graph: bytes
    kind: str = "onnx"

    @property
    def width(self) -> int:
        """As many columns as features."""
        return len(self.features)

    def prepare(self, rows: Rows, session: Codes) -> Rows:
        """The rows as they are."""
        return rows

    def predict(self, prepared: Rows, num_threads: int = 1) -> Forecasts:
        """One row at a time: a matrix product may add in another order for other numbers of rows.

        Raises:
            ModelRefused: it answers with another number of values than one, or fails.
        """
        require_width(prepared, self.width)
        rows = np.ascontiguousarray(prepared, dtype=np.float32)
        answers = [_answer(self.session, rows[n : n + 1]) for n in range(len(rows))]
        if any(answer.size != 1 for answer in answers):
            raise ModelRefused(f"the graph answers one row with {answers[0].size} values.", HINT)
        return np.array([answer.item() for answer in answers], dtype=np.float64)

    def importance(self) -> None:
        """A graph does not say what it looks at."""
        return None

    def to_bytes(self) -> bytes:
        """JSON; the graph in base64."""
        graph = base64.b64encode(self.graph).decode()
        return json.dumps({"kind": self.kind, "features": self.features, "graph": graph}).encode()

    @cached_property
    def session(self) -> Any:
        """The graph, ready to be run."""
        return open_graph(self.graph)


class OnnxReader:
    """It reads what was fitted elsewhere, and fits nothing."""

    name = "onnx"
    title = "model trained elsewhere (ONNX)"

    def read(self, content: bytes) -> OnnxModel:
        """The graph of a document; a graph that cannot be computed here is refused now.

        Raises:
            ModelRefused: not such a document or graph.
            BadSetting: onnxruntime is not installed.
        """
        document = read_document(content, self.name)
        model = OnnxModel(tuple(document["features"]), base64.b64decode(document["graph"]))
        _require_shape(model)
        return model


def model_of_file(content: bytes, known: tuple[str, ...]) -> OnnxModel:
    """The model in an .onnx file, with its features and golden rows.

    The file's metadata may say `features`, a JSON list of names in the order of its columns, and `golden`, a JSON
    object of `inputs` (rows, null for missing) and `outputs` as its maker computed them.

    Args:
        content: of the file.
        known: the installation's features, in order; what a file that names none has.

    Raises:
        ModelRefused: no such graph, features that nobody knows, or other answers than its maker's.
        BadSetting: onnxruntime is not installed.
    """
    notes = open_graph(content).get_modelmeta().custom_metadata_map
    features = _names(notes["features"]) if "features" in notes else known
    if strange := [name for name in features if name not in known]:
        raise ModelRefused(f"the file asks for {', '.join(map(str, strange[:5]))}, no features of this store.", HINT)
    model = OnnxModel(features, content)
    _require_shape(model)
    if "golden" in notes:
        _require_golden(model, *_golden_rows(notes["golden"], model.width))
    return model


def _names(note: str) -> tuple[str, ...]:
    names = _json(note)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len({*names}) < len(names):
        raise ModelRefused("the file's `features` are no list of names, each once.", HINT)
    return tuple(names)


def _golden_rows(note: str, width: int) -> tuple[Rows, Forecasts]:
    golden = _json(note)
    try:
        inputs, outputs = (np.array(golden[part], dtype=np.float64) for part in ("inputs", "outputs"))
    except (TypeError, KeyError, ValueError, IndexError):
        raise ModelRefused("the file's `golden` has no rows of numbers in `inputs` and `outputs`.", HINT) from None
    if inputs.shape != (outputs.size, width):
        raise ModelRefused(f"the file's `golden` has inputs {inputs.shape} for {outputs.size} outputs.", HINT)
    return inputs.astype(np.float32), outputs.ravel()


def _json(note: str) -> Any:
    try:
        return json.loads(note)
    except (ValueError, RecursionError):
        raise ModelRefused("the file's notes are no JSON.", HINT) from None


def open_graph(content: bytes) -> Any:
    """An onnxruntime session of one thread that computes the graph as it is written, without rearranging it.

    Raises:
        ModelRefused: not a graph that can be computed here.
        BadSetting: onnxruntime is not installed.
    """
    if find_spec("onnxruntime") is None:
        raise BadSetting("a model in ONNX cannot be read without onnxruntime.", "Type `pip install '.[onnx]'`.")
    import onnxruntime
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, InvalidGraph, InvalidProtobuf
    from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as NoSuchOperator

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NoSuchOperator) as error:
        first = str(error).splitlines()[0]
        raise ModelRefused(f"the graph cannot be computed: {first}.", HINT) from None


def _answer(session: Any, row: Rows) -> Forecasts:
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, RuntimeException

    try:
        return np.asarray(session.run(None, {session.get_inputs()[0].name: row})[0])
    except (Fail, InvalidArgument, RuntimeException) as error:
        first = str(error).splitlines()[0]
        raise ModelRefused(f"the graph does not answer one row: {first.rstrip('.')}.", HINT) from None


def _require_shape(model: OnnxModel) -> None:
    inputs, outputs = model.session.get_inputs(), model.session.get_outputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or inputs[0].shape[1:] != [model.width]:
        shapes = ", ".join(f"{each.name} {each.type} {each.shape}" for each in inputs)
        raise ModelRefused(f"the graph reads {shapes}, not {model.width} features.", HINT)
    if [each.type in NUMBERS for each in outputs] != [True]:
        answered = ", ".join(f"{each.name} {each.type}" for each in outputs)
        raise ModelRefused(f"the graph answers {answered}, not one number: no regression.", HINT)
    rows = np.array([[0.0] * model.width, [np.nan] * model.width], dtype=np.float32)
    answers = model.predict(rows)
    if not np.isfinite(answers).all():
        raise ModelRefused(
            "the graph has no finite answer for a row of zeros or of missing values.", "Put an imputer before it."
        )
    if not np.array_equal(answers, model.predict(rows)):
        raise ModelRefused("the graph answers the same rows otherwise each time.", "Export it without random nodes.")


def _require_golden(model: OnnxModel, inputs: Rows, recorded: Forecasts) -> None:
    answers = model.predict(inputs)
    usual = float(np.abs(recorded).mean()) if recorded.size else 1.0
    if not np.allclose(answers, recorded, rtol=AGREEMENT, atol=AGREEMENT * usual):
        raise ModelRefused("the graph does not answer its golden rows as its maker did.", "Export it again.")
