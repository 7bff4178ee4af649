"""Learners by name: those that come with the package, and those of others (entry points `evergreen.learners`)."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, cast

from evergreen.core.model.protocol import Learner, Model, Reader
from evergreen.core.model.verified import read_verified
from evergreen.core.registered import entry_names, find_entry, instance_of, require_unshadowed
from evergreen.errors import BadSetting, ModelRefused

if TYPE_CHECKING:  # a served model is parsed in a process that has no pandas
    from evergreen.core.model.manifest import Manifest

GROUP = "evergreen.learners"
HOME = "evergreen.core.model"
BUILT_IN = {
    "lightgbm": f"{HOME}.lightgbm_learner:LightGBMLearner",
    "averaged_lightgbm": f"{HOME}.averaged_lightgbm:AveragedLightGBMLearner",
    "ranked_lightgbm": f"{HOME}.ranked_lightgbm:RankedLightGBMLearner",
    "ridge": f"{HOME}.ridge:RidgeLearner",
    "blend": f"{HOME}.blend:BlendLearner",
    "random_walk": f"{HOME}.random_walk:RandomWalkLearner",
}
READERS = {  # of models that are fitted elsewhere
    "onnx": f"{HOME}.onnx_file:OnnxReader",
    "forecasts": f"{HOME}.delivered:DeliveredReader",
}
MEMBERS = ("name", "title", "fits", "read")


def reader(kind: str) -> Reader:
    """What reads models of that kind: their learner, or the reader of those that none here fits.

    Raises:
        BadSetting: nothing is registered under it.
    """
    if own := (BUILT_IN | READERS).get(kind):
        return cast(Reader, EntryPoint(kind, own, GROUP).load()())
    return learner(kind)


def learner(name: str) -> Learner:
    """The learner of that name; one of somebody else's is vetted at each fit.

    Raises:
        BadSetting: nothing is registered under it.
        BadInput: it cannot be imported or is no learner, or two are registered under one name.
    """
    require_unshadowed(GROUP, name, BUILT_IN | READERS)
    if own := BUILT_IN.get(name):
        return cast(Learner, EntryPoint(name, own, GROUP).load()())
    if entry := None if name in READERS else find_entry(GROUP, name, BUILT_IN):
        from evergreen.core.model.vetted import vetted

        return vetted(instance_of(entry, "learner", MEMBERS))
    raise BadSetting(f"no learner {name!r} is registered.", f"Known are {', '.join(learner_names())}.")


def learner_names() -> list[str]:
    """The names under which learners are registered."""
    return entry_names(GROUP, BUILT_IN)


def read_model(kind: str, content: bytes) -> Model:
    """A model from content that is already verified."""
    return reader(kind).read(content)


def require_described(model: Model, manifest: Manifest, sha256: str) -> None:
    """Pass only where a manifest describes this very model: its hash, and its features in its order.

    Raises:
        ModelRefused: it describes another.
    """
    names = tuple(model.features)
    if manifest.model_sha256 != sha256:
        what = "describes another model"
    elif names != tuple(manifest.feature_names):
        what = f"lists {len(manifest.feature_names)} features, not the {len(names)} of its model in their order"
    else:
        return
    raise ModelRefused(f"The manifest {what}.", "Fetch the version again with `evergreen reconcile`.")


def load_verified(path: Path, sha256: str, kind: str) -> Model:
    """Read the file once, compare its hash with the registered one, and only then parse that same copy.

    Raises:
        NotFound: there is no such file.
        BadSetting: there is no such learner.
        ModelRefused: its bytes are not the registered model's.
    """
    return read_model(kind, read_verified(path, sha256))
