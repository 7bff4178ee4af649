"""Learners of somebody else: each broken promise is one sentence that names the learner, and an honest one passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from importlib.metadata import EntryPoint

import numpy as np
import pandas as pd
import pytest

from evergreen.core.dataset.panel import labelled_panel
from evergreen.core.model.registry import GROUP, learner, read_model
from evergreen.core.model.ridge import RidgeLearner
from evergreen.core.model.targets.registry import named_target, target
from evergreen.core.model.training import train
from evergreen.core.model.vetted import VettedLearner, vetted
from evergreen.errors import BadInput, BadSetting, EvergreenError, ModelRefused
from tests.unit.core.conftest import made_training_set
from tests.unit.core.model import strangers

HERE = "tests.unit.core.model.strangers"
Register = Callable[..., None]


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return made_training_set(signal=0.3, tickers=6, sessions=330)


@pytest.fixture
def register(monkeypatch) -> Register:
    """Have entry points as if a package were installed that brings them: values by name."""

    def brought(group: str = GROUP, **values: str) -> None:
        entries = [EntryPoint(name, value, group) for name, value in values.items()]
        monkeypatch.setattr(
            "evergreen.core.registered.entry_points",
            lambda group, name=None: metadata.EntryPoints(
                [each for each in entries if each.group == group and name in (None, each.name)]
            ),
        )

    return brought


def test_train__an_honest_learner_of_another_package_is_as_one_of_ours(rows, small_config, register) -> None:
    register(theirs=f"{HERE}:Honest")
    training = train(rows, replace(small_config, learner="theirs"))
    ours = train(rows, replace(small_config, learner="ridge"))
    pd.testing.assert_frame_equal(training.oos, ours.oos)
    manifest = training.manifest("2016-04-07", "d")
    again = read_model(manifest.kind, training.model.to_bytes())
    assert again.kind == "theirs" and again.features == ours.model.features


@pytest.mark.parametrize(
    ("theirs", "sentence"),
    [
        ("Shouting", "failed when it was fitted: ValueError: Input X contains NaN. Mend it"),
        ("LookingAhead", "looks ahead: of the first 173 sessions alone it makes another model than beside later ones"),
        ("Drawing", "makes another model of the same rows each time"),
        ("Tired", "made 1 models of the 4 asked for"),
        ("Eager", "made more models than the 4 asked for"),
        ("Bare", "gives a Theirs"),
        ("Foreign", "was asked for kind, features and width: AttributeError"),
        ("ShortOfResiduals", "gives 359 residuals from session 113 of the 173 it was fitted on"),
        ("Rounding", "does not read back the model that it wrote, to the bit"),
        ("Unreading", "failed when it read its model: KeyError"),
        ("OtherKind", "makes models of the kind 'ridge'"),
        ("Partial", "makes a model whose 1 features are not the panel's 8 in order"),
        ("Unknowing", "does not forecast a finite number of every row"),
        ("Short", r"gives forecasts of the shape \(13,\), not \(14,\)"),
        ("Column", r"gives forecasts of the shape \(14, 1\), not \(14,\)"),
        ("Centred", "forecasts a row otherwise alone than among others"),
        ("Drawn", "forecasts the same rows otherwise each time"),
        ("AcrossSessions", "forecasts a session otherwise when there are others beside it"),
        ("Negative", "gives importance that is negative or not finite"),
        ("Few", r"gives importance of the shape \(3,\), not \(8,\)"),
        ("Pickled", "does not write its models as text in UTF-8"),
        ("Text", "does not write its models as text in UTF-8"),
    ],
)
def test_train__a_broken_promise_of_a_learner_is_one_sentence(theirs, sentence, rows, small_config, register) -> None:
    register(theirs=f"{HERE}:{theirs}")
    with pytest.raises(EvergreenError, match=f"^the learner 'theirs' .*{sentence}") as caught:
        train(rows, replace(small_config, learner="theirs"))
    assert isinstance(caught.value, BadInput | ModelRefused) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("theirs", "sentence"),
    [
        ("no.such.module:Honest", "failed when it was imported: ModuleNotFoundError"),
        (f"{HERE}:NoSuchClass", "failed when it was imported: AttributeError"),
        (f"{HERE}:instance", "is no class"),
        (f"{HERE}:NeedsDepth", "failed when it was made without arguments: TypeError"),
        (f"{HERE}:Unfit", "has no fits, read"),
        (f"{HERE}:Misnamed", "is called 'ours' by its own `name`"),
    ],
)
def test_learner__what_cannot_be_one_is_told_by_name_and_place(theirs, sentence, register) -> None:
    register(theirs=theirs)
    with pytest.raises(BadInput, match=sentence) as caught:
        learner("theirs")
    assert "'theirs'" in caught.value.what and theirs in caught.value.what


def test_learner__a_name_that_is_taken_is_refused_and_our_models_are_still_read(register, rows, small_config) -> None:
    fit = next(RidgeLearner().fits(labelled_panel(rows), [250], small_config))
    register(ridge=f"{HERE}:Honest", onnx=f"{HERE}:Honest")
    for name in ("ridge", "onnx"):
        with pytest.raises(BadSetting, match=f"'{name}' is registered 2 times .*{HERE}:Honest"):
            learner(name)
    assert read_model("ridge", fit.model.to_bytes()).kind == "ridge"
    with pytest.raises(BadSetting, match="no learner 'theirs'"):
        learner("theirs")


def test_vetted__one_that_fits_at_will_is_vetted_at_each_fit(rows, small_config) -> None:
    class AtWill(strangers.LookingAhead):
        def fitter(self, panel, config):
            return lambda stop: next(self.fits(panel, [stop], config))

    own = vetted(AtWill())
    assert type(own) is not VettedLearner
    with pytest.raises(BadInput, match="looks ahead"):
        own.fitter(labelled_panel(rows), small_config)(250)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("label", "sentence"),
    [
        (lambda bars, horizon: bars["open_interest"], "failed when it labelled bars: KeyError: 'open_interest'"),
        (lambda bars, horizon: target("return").label(bars, horizon).to_frame(), "does not give a series with one"),
        (lambda bars, horizon: target("return").label(bars, horizon).dropna(), "does not give a series with one"),
        (lambda bars, horizon: target("return").label(bars, horizon).iloc[::-1], "does not give a series with one"),
        (lambda bars, horizon: target("return").label(bars, horizon).astype("float32"), "of float32, not 'label' of"),
        (lambda bars, horizon: target("return").label(bars, horizon).rename("y"), "gives labels named 'y'"),
        (lambda bars, horizon: target("return").label(bars, horizon).fillna(np.inf), "labels that are infinite"),
    ],
)
def test_target__labels_that_are_none_are_one_sentence(label, sentence, register, monkeypatch) -> None:
    kind = type(target("rank"))
    theirs = type("TheirTarget", (kind,), {"name": "theirs", "label": lambda self, bars, horizon: label(bars, horizon)})
    monkeypatch.setattr(strangers, "TheirTarget", theirs, raising=False)
    register("evergreen.targets", theirs=f"{HERE}:TheirTarget", rank=f"{HERE}:TheirTarget")
    days = pd.bdate_range("2020-01-01", periods=4)
    bars = pd.DataFrame({"ticker": "A", "session": days, "close": [1.0, 2.0, 3.0, 4.0]})
    with pytest.raises(BadInput, match=f"^the target 'theirs' .*{sentence}"):
        target("theirs").label(bars, 1)
    with pytest.raises(BadSetting, match="'rank' is registered 2 times"):
        named_target("rank")
    assert type(target("rank")) is kind
