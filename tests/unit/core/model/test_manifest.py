from __future__ import annotations

import json
from dataclasses import replace

import pytest

from evergreen.core.model.manifest import Manifest, nullable
from evergreen.errors import Broken

MANIFEST = Manifest(
    kind="lightgbm",
    model_sha256="ab" * 32,
    feature_names=("a", "b"),
    horizon=1,
    interval_low=-0.03,
    interval_high=0.1 + 0.2,
    residual_sigma=0.02,
    target_low=-0.5,
    target_high=0.4,
    trained_through="2008-06-27",
    as_of="2008-06-30",
    data_version="f00",
    training_set_sha256="cd" * 32,
    seed=7,
    golden_inputs=((1.5, None), (0.0, 1.0)),
    golden_outputs=(0.001, -0.002),
    feature_low=(-1.0, None),
    feature_high=(1.0, None),
    metrics={"rank_ic": 0.03, "icir": None},
)


def test_manifest__round_trip_is_exact_and_canonical():
    assert Manifest.from_json(MANIFEST.to_json()) == MANIFEST
    assert Manifest.from_json(MANIFEST.to_json()).to_json() == MANIFEST.to_json()


def test_renews__only_the_same_recipe_that_has_seen_more():
    champion = replace(MANIFEST, recipe="a")
    later = replace(champion, trained_through="2008-10-31")
    assert later.renews(champion)
    assert not champion.renews(champion) and not champion.renews(later)
    assert not replace(later, recipe="b").renews(champion)
    assert not replace(later, recipe="").renews(MANIFEST)


def test_manifest__not_a_number_cannot_be_written():
    with pytest.raises(ValueError, match="JSON"):
        replace(MANIFEST, interval_low=float("nan")).to_json()


def test_manifest__unknown_and_missing_fields_are_refused():
    values = json.loads(MANIFEST.to_json())
    with pytest.raises(Broken, match="surprise"):
        Manifest.from_json(json.dumps(values | {"surprise": 1}))
    values.pop("seed")
    with pytest.raises(Broken, match="seed"):
        Manifest.from_json(json.dumps(values))


def test_manifest__from_before_the_ranges_of_features_were_kept_is_read():
    values = json.loads(MANIFEST.to_json())
    del values["feature_low"], values["feature_high"]
    assert Manifest.from_json(json.dumps(values)) == replace(MANIFEST, feature_low=(), feature_high=())


@pytest.mark.parametrize("text", ["", "{", "[]", "3"])
def test_manifest__what_is_no_object_is_refused(text):
    with pytest.raises(Broken, match="the manifest is not"):
        Manifest.from_json(text)


def test_manifest__a_field_of_the_wrong_kind_is_refused():
    values = json.loads(MANIFEST.to_json()) | {"golden_inputs": 3}
    with pytest.raises(Broken, match="cannot be read"):
        Manifest.from_json(json.dumps(values))


def test_nullable__marks_what_is_not_finite():
    assert nullable([1.0, float("nan"), float("inf")]) == (1.0, None, None)
