from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path

import mlflow
import pytest

from evergreen.adapters.mlflow.registry import Registry
from evergreen.adapters.mlflow.tracking import Tracking
from evergreen.adapters.models.folder import read_model_folder, sha256s
from evergreen.errors import BadInput, Broken, Unavailable
from tests.unit.adapters.mlflow.conftest import NAME, TAGS


def test_log_training__records_what_a_person_asks_for(tracking, model_folder, client):
    (model_folder / "figures" / "one.png").write_bytes(b"png")
    run_id = tracking.log_training(model_folder, {"horizon": 1, "tickers": ["A", "B"]}, {"commit": "abc"}, "named")
    run = client.get_run(run_id)
    model = read_model_folder(model_folder)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "named")
    assert run.data.params == {"horizon": "1", "tickers": '["A", "B"]'}
    assert run.data.metrics["rank_ic"] == model.metrics["metrics"]["rank_ic"]
    assert run.data.tags["data_version"] == "d1" and run.data.tags["commit"] == "abc"
    steps = client.get_metric_history(run_id, "fold_rank_ic")
    assert [step.step for step in steps] == [1, 2]
    assert [each.path for each in client.list_artifacts(run_id, "figures")] == ["figures/one.png"]


def test_log_training__the_model_has_an_example_that_it_answers(tracking, model_folder, recwarn, client):
    run_id = tracking.log_training(model_folder, {"horizon": 1}, {})
    assert not [each for each in recwarn if "input example" in str(each.message)]
    model_id = client.get_run(run_id).outputs.model_outputs[0].model_id
    logged = mlflow.pyfunc.load_model(client.get_logged_model(model_id).artifact_location)
    (answer,) = logged.predict(logged.input_example)
    assert answer == read_model_folder(model_folder).manifest.golden_outputs[-1]


def test_log_training__a_request_has_one_run(tracking, model_folder):
    tags = {"request_id": "once"}
    first = tracking.log_training(model_folder, {}, tags)
    assert tracking.log_training(model_folder, {}, tags) == first == tracking.find_run("once")
    assert tracking.find_run("") is None and tracking.find_run("never") is None
    with pytest.raises(BadInput):
        tracking.find_run("it's")


def test_log_training__a_run_left_unfinished_is_replaced(tracking, model_folder, client):
    tracking.log_training(model_folder, {}, {})
    experiment = client.get_experiment_by_name("evergreen") or pytest.fail("no experiment")
    dead = client.create_run(experiment.experiment_id, tags={"request_id": "died"})
    fresh = tracking.log_training(model_folder, {}, {"request_id": "died"})
    assert fresh != dead.info.run_id
    assert client.get_run(dead.info.run_id).info.lifecycle_stage == "deleted"


def test_log_training__leaves_address_and_working_directory_alone(
    tracking, registry, model_folder, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    before = mlflow.get_tracking_uri()
    registry.register("other", tracking.log_training(model_folder, {}, {}), {})
    assert [each.name for each in tmp_path.iterdir()] == [model_folder.name]
    assert mlflow.get_tracking_uri() == before and mlflow.active_run() is None


def test_download__brings_the_registered_bytes_and_repairs_a_damaged_copy(tracking, version, model_folder, tmp_path):
    run_id, recorded = tracking.find_run("r1"), sha256s(model_folder)
    target = tracking.download(run_id, tmp_path / "models" / version, recorded)
    assert sha256s(target) == recorded
    (target / "model.txt").write_text("damaged")
    assert sha256s(tracking.download(run_id, target, recorded)) == recorded
    assert [each.name for each in (tmp_path / "models").iterdir()] == [version]


def test_download__what_is_gone_or_changed_in_mlflow_is_refused_and_what_stood_there_stays(
    tracking, model_folder, tmp_path, client
):
    run_id, recorded, target = tracking.log_training(model_folder, {}, {}), sha256s(model_folder), tmp_path / "kept"
    with pytest.raises(Broken, match="is gone"):
        tracking.download("0" * 32, target, recorded)
    tracking.download(run_id, target, recorded)
    with pytest.raises(Broken, match="not those on record"):
        tracking.download(run_id, target, recorded | {"model.txt": "0" * 64})
    assert sha256s(target) == recorded
    stored = Path(client.get_run(run_id).info.artifact_uri.removeprefix("file://")) / "manifest.json"
    stored.write_bytes(stored.read_bytes()[:-1] + b" }")
    with pytest.raises(Broken, match="not those on record"):
        tracking.download(run_id, tmp_path / "other", recorded)
    stored.unlink()
    with pytest.raises(Broken, match="is gone"):
        tracking.download(run_id, tmp_path / "other", recorded)
    assert not list(tmp_path.glob("*other*"))


def test_log_training__other_files_under_the_same_request_are_another_run(tracking, model_folder):
    first = tracking.log_training(model_folder, {}, {"request_id": "r3"})
    manifest = (model_folder / "manifest.json").read_text()
    (model_folder / "manifest.json").write_text(manifest.replace('"d1"', '"d2"'))
    second = tracking.log_training(model_folder, {}, {"request_id": "r3"})
    assert first != second == tracking.log_training(model_folder, {}, {"request_id": "r3"})


def test_attach__adds_files_to_the_run(tracking, version, tmp_path, client):
    run_id = tracking.find_run("r1")
    (tmp_path / "executed.ipynb").write_text("{}")
    tracking.attach(run_id, [tmp_path / "executed.ipynb"])
    assert [each.path for each in client.list_artifacts(run_id, "notebook")] == ["notebook/executed.ipynb"]


def test_log_random_walk__is_registered_like_any_model(tracking, registry, small_training_set, tmp_path):
    from tests.unit.conftest import SMALL

    tags = {"request_id": "walk"}
    run_id = tracking.log_random_walk(small_training_set, SMALL, tmp_path / "walk", "2015-12-30", "d1", tags)
    version = registry.register(NAME, run_id, {})
    model = read_model_folder(tmp_path / "walk")
    assert model.manifest.kind == "random_walk" and set(model.manifest.golden_outputs) == {0.0}
    assert {each.version for each in registry.versions(NAME)} >= {version}


def test_connect__a_dead_a_hanging_and_a_failing_server_are_unavailable(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        port = hanging.getsockname()[1]
        with pytest.raises(Unavailable, match="did not answer"):
            Registry(f"http://127.0.0.1:{port}").versions(NAME)
    with pytest.raises(Unavailable, match="did not answer"):
        Registry(f"http://127.0.0.1:{port}").aliases(NAME)
    with socket.create_server(("127.0.0.1", 0)) as failing:
        threading.Thread(target=_answer_500, args=(failing,), daemon=True).start()
        with pytest.raises(Unavailable, match="did not answer"):
            Registry(f"http://127.0.0.1:{failing.getsockname()[1]}").versions(NAME)


@pytest.mark.faults
def test_connect__first_start_by_several_processes_at_once(tmp_path):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    code = f"from evergreen.adapters.mlflow.tracking import Tracking; print(Tracking({uri!r}).find_run('none'))"
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ended = [(process.communicate(), process.returncode) for process in started]
    assert [(out.strip(), code) for (out, _), code in ended] == [("None", 0)] * 2, ended


def _answer_500(server: socket.socket) -> None:
    body = json.dumps({"error_code": "INTERNAL_ERROR", "message": "out of order"})
    head = f"HTTP/1.1 500 Out of order\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            connection.recv(65536)
            connection.sendall(f"{head}Connection: close\r\n\r\n{body}".encode())


def test_connect__artifacts_moved_with_their_database_are_looked_for_beside_it(model_folder, tmp_path):
    first, then, recorded = tmp_path / "first", tmp_path / "für später", sha256s(model_folder)
    run_id = Tracking(f"sqlite:///{first / 'mlflow.db'}").log_training(model_folder, {"horizon": 1}, TAGS)
    first.rename(then)
    moved = Tracking(f"sqlite:///{then / 'mlflow.db'}")
    assert sha256s(moved.download(run_id, tmp_path / "models" / "1", recorded)) == recorded
