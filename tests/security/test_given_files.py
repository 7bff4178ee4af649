"""What a person is handed and gives on to Evergreen: model files, archives, names of sources, queries. Each attempt is
refused in one sentence, and leaves nothing behind."""

from __future__ import annotations

import gzip
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import create_engine

from evergreen.adapters.bars import open_source
from evergreen.adapters.bars.files import read_file
from evergreen.core.model.onnx_file import model_of_file
from evergreen.errors import EvergreenError
from evergreen.market_data.found_market import FoundMarket
from evergreen.ops.first_hour import write_settings
from tests.unit.core.model.elsewhere import exported, fitted

NAMES = ("F0", "F1")
DAY = pd.Timestamp("2023-01-03")
BOMB = 40_000_000  # bytes of one letter: packed, a thousandth of that

NOTES = {
    "features": ["not json", "[", "{}", '"F0"', "[1, 2]", '["F0", "F0"]', '[["F0"], "F1"]', "[" * 90_000, "null"],
    "golden": ["not json", "[]", "null", "{}", '{"inputs": 1}', '{"inputs": [[1, 2]], "outputs": ["x"]}',
               '{"inputs": [[1]], "outputs": [1]}', '{"inputs": [[1, 2]], "outputs": [1, 2, 3]}',
               '{"inputs": [[1, 2], [3]], "outputs": [1, 2]}', '{"inputs": [{"a": 1}], "outputs": [1]}'],
}  # fmt: skip
ODD_SOURCES = (
    "os:system touch {mark}",
    "subprocess:Popen touch {mark}",
    "subprocess:getoutput touch {mark}",
    "builtins:eval __import__('pathlib').Path('{mark}').touch()",
    "builtins:open {mark}",
    "pathlib:Path {mark}",
    "pickle:Unpickler {mark}",
    "no.such.module:Class {mark}",
    "evergreen.cli:app {mark}",
    "../x:Class {mark}",
    "os.path; import os:Class {mark}",
    "csv:nosuch://{mark}",
    "csv:",
    "sql:sqlite:///x",
    "sql:nosuch://x select 1",
    "sql:postgresql://u:secret@h/d select 1",
)
WRITES = (
    "delete from bars",
    "drop table bars",
    "update bars set close = 0",
    "insert into bars select * from bars",
    "select 1; drop table bars",
    "create table other as select * from bars",
    "pragma writable_schema = 1",
    "with gone as (select 1) delete from bars",
)


@pytest.fixture(scope="module")
def graph() -> bytes:
    """A sound model file of two features."""
    x = np.random.default_rng(1).normal(size=(50, 2)).astype(np.float32)
    return exported(fitted(x, x[:, 0].astype(np.float64)), x, list(NAMES))


def noted(graph: bytes, key: str, value: str) -> bytes:
    onnx = pytest.importorskip("onnx")
    model = onnx.load_from_string(graph)
    for note in model.metadata_props:
        if note.key == key:
            note.value = value
    return bytes(model.SerializeToString())


def refused(attempt: Callable[[], object]) -> str:
    """The sentence an attempt ends with; anything else than one sentence of ours is the attempt's success."""
    with pytest.raises(EvergreenError) as refusal:
        attempt()
    sentence = str(refusal.value)
    assert "Traceback" not in sentence and "secret" not in sentence
    return sentence


def test_model_file__as_its_maker_wrote_it_is_read(graph: bytes) -> None:
    assert model_of_file(graph, NAMES).features == NAMES


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in NOTES.items() for value in values])
def test_model_file__with_notes_of_another_kind_is_refused(graph: bytes, key: str, value: str) -> None:
    refused(lambda: model_of_file(noted(graph, key, value), NAMES))


@pytest.mark.parametrize("place", ["../../../../etc/passwd", "/etc/passwd", "weights.bin", "", "file:///etc/passwd"])
def test_model_file__whose_numbers_lie_in_another_file_is_refused(graph: bytes, place: str) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load_from_string(graph)
    weights = onnx.numpy_helper.from_array(np.zeros(64, dtype=np.float32), "elsewhere")
    weights.ClearField("raw_data")
    weights.data_location = onnx.TensorProto.EXTERNAL
    weights.external_data.add(key="location", value=place)
    model.graph.initializer.append(weights)
    model.graph.node.append(onnx.helper.make_node("Identity", ["elsewhere"], ["copied"]))
    model.graph.output.append(onnx.helper.make_tensor_value_info("copied", onnx.TensorProto.FLOAT, [64]))
    sentence = refused(lambda: model_of_file(bytes(model.SerializeToString()), NAMES))
    assert "root:" not in sentence


@pytest.mark.parametrize("spoilt", [b"", b"\x00" * 64, b"\x80\x04\x95", b"<html>", b"PK\x03\x04", b"\x08" * 9_000])
def test_model_file__that_is_none_is_refused(spoilt: bytes) -> None:
    refused(lambda: model_of_file(spoilt, NAMES))


def test_model_file__cut_anywhere_is_refused(graph: bytes) -> None:
    for end in range(10, len(graph) - 1, max(len(graph) // 12, 1)):
        refused(lambda end=end: model_of_file(graph[:end], NAMES))  # type: ignore[misc]  # the default binds it now


@pytest.mark.parametrize("spec", ODD_SOURCES)
def test_source__whose_name_means_something_else_runs_nothing(tmp_path: Path, spec: str) -> None:
    mark = tmp_path / "mark"
    refused(lambda: open_source(spec.format(mark=mark)).tickers())
    assert not mark.exists()


@pytest.mark.parametrize("query", WRITES)
def test_sql__a_query_that_writes_changes_nothing(tmp_path: Path, query: str) -> None:
    url = f"sqlite:///{tmp_path / 'bars.db'}"
    bars = pd.DataFrame({"ticker": ["A"], "session": ["2023-01-03"], **dict.fromkeys(("open", "close"), 1.0)})
    bars.to_sql("bars", create_engine(url), index=False)
    refused(lambda: open_source(f"sql:{url} {query}").fetch(["A"], DAY, DAY))
    assert pd.read_sql("select * from bars", create_engine(url))["close"].tolist() == [1.0]
    names = pd.read_sql("select name from sqlite_master where type = 'table'", create_engine(url))["name"]
    assert names.tolist() == ["bars"]


@pytest.mark.parametrize("name", ["bomb.csv.gz", "bomb.csv.zip", "bomb.txt.bz2", "bomb.csv.xz"])
def test_archive__that_unpacks_to_what_no_bars_are_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    content = b"0" * BOMB
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("bars.csv", content)
    else:
        import bz2
        import lzma

        pack = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}[path.suffix]
        path.write_bytes(pack(content))
    assert "unpacks to over" in refused(lambda: read_file(path))


def test_archive__with_a_member_that_points_elsewhere_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    line = "Date,Open,High,Low,Close,Volume\n2023-01-03,1,1,1,1,1\n"
    with zipfile.ZipFile(tmp_path / "ACME.csv.zip", "w") as packed:
        packed.writestr("../../escaped.csv", line)
    refused(lambda: read_file(tmp_path / "ACME.csv.zip"))
    assert [each.name for each in tmp_path.parent.rglob("escaped.csv")] == []


@pytest.mark.parametrize(
    "name", ['a"\n[service]\nhost = "0.0.0.0', "a\\", "a\x7fb", "a\tb", "$HOME", "für später", "#", "]]"]
)
def test_init__of_a_folder_or_ticker_with_such_a_name_writes_it_and_no_other_setting(tmp_path: Path, name: str) -> None:
    market = FoundMarket(
        Path(name), "XNYS", "USD", (name,), 1, 1, DAY, DAY, absent=0, strange=0, lacking={}, refusing=0, remarks=0,
        unreadable=(),
    )  # fmt: skip
    write_settings(market, tmp_path / "evergreen.toml", replace=False)
    written = tomllib.loads((tmp_path / "evergreen.toml").read_text(encoding="utf-8"))
    assert written == {"market": {"calendar": "XNYS", "source": f"files:{name}", "currency": "USD"}}
