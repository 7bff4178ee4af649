"""What must be known about a model besides its trees, kept beside them and verified with them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evergreen.core.model.aim import Aim
from evergreen.core.model.delivered import KIND as DELIVERED
from evergreen.errors import Broken

if TYPE_CHECKING:
    from evergreen.core.model.intervals import Band


@dataclass(frozen=True)
class Manifest:
    """Facts a server needs to load, check and explain one model.

    It forecasts `target` (by name), a log return unless another is told, over `horizon` sessions. The interval of a
    forecast f of a ticker with scale s is [f + interval_low s, f + interval_high s] until outcomes have moved it;
    `scales` holds s by ticker, as of `as_of`. Sessions are ISO dates. `golden_outputs` are the model's answers to
    `golden_inputs`, to the bit; None in an input stands for NaN. `audit` is the look-ahead audit of the training set,
    as `core.audit.Audit.to_dict` gives it; None if there was none. `feature_low` and `feature_high` are the ends of
    `core.inputs.training_range`, `recipe` is `core.model.config.recipe`'s; all three are empty in a manifest from
    before they were kept.
    """

    kind: str  # the name of the learner that reads the model
    model_sha256: str
    feature_names: tuple[str, ...]
    horizon: int
    interval_low: float
    interval_high: float
    residual_sigma: float
    target_low: float
    target_high: float
    trained_through: str
    as_of: str
    data_version: str
    training_set_sha256: str
    seed: int
    golden_inputs: tuple[tuple[float | None, ...], ...]
    golden_outputs: tuple[float, ...]
    metrics: dict[str, float | None] = field(default_factory=dict)
    audit: dict[str, Any] | None = None
    interval_level: float = 0.90
    scales: dict[str, float] = field(default_factory=dict)
    feature_low: tuple[float | None, ...] = ()
    feature_high: tuple[float | None, ...] = ()
    recipe: str = ""
    target: str = "return"

    def renews(self, champion: Manifest) -> bool:
        """Whether its model is of the champion's recipe, trained up to a later session.

        One that has seen no more is a model of its own: where nothing is shown, the fresher one stays.
        """
        later = date.fromisoformat(self.trained_through) > date.fromisoformat(champion.trained_through)
        return bool(self.recipe) and self.recipe == champion.recipe and later

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, exact floats, no NaN."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Read back what `to_json` wrote.

        Raises:
            Broken: not JSON, or its fields are not a manifest's; ends of features, recipe and target may be missing.
        """
        values = {"feature_low": (), "feature_high": (), "recipe": "", "target": "return"} | _object(text)
        known = {each.name for each in fields(cls)}
        if values.keys() != known:
            odd = ", ".join(sorted(values.keys() ^ known))
            raise Broken(f"manifest fields missing or unknown: {odd}.", "Download the version again from the registry.")
        try:
            return cls(**_as_tuples(values))
        except (TypeError, ValueError) as error:
            raise Broken(f"the manifest cannot be read: {error}.", "Download the version again.") from None

    @property
    def aim(self) -> Aim:
        """What it forecasts, and how far ahead."""
        return Aim(self.target, self.horizon)

    @cached_property
    def is_priced(self) -> bool:
        """Whether a price follows from what it forecasts.

        Raises:
            BadSetting: its target is not registered here.
        """
        from evergreen.core.model.targets.registry import target  # with pandas, as `band`

        return target(self.target).is_return

    @property
    def is_delivered(self) -> bool:
        """Whether its forecasts come from where it runs, session by session, and none is computed here."""
        return self.kind == DELIVERED

    @property
    def band(self) -> Band:
        """What intervals reach over until outcomes have moved them."""
        from evergreen.core.model.intervals import Band  # with pandas: who only reads what a model is need not wait

        return Band(self.interval_low, self.interval_high)

    def golden_matrix(self) -> NDArray[np.float32]:
        """The golden inputs as rows x features."""
        return np.array(self.golden_inputs, dtype=np.float32).reshape(-1, len(self.feature_names))


def nullable(values: Iterable[float]) -> tuple[float | None, ...]:
    """Floats for JSON: what is not finite becomes None."""
    return tuple(value if math.isfinite(value) else None for value in map(float, values))


def _object(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise Broken(f"the manifest is not JSON: {error}.", "Download the version again.") from None
    if not isinstance(values, dict):
        raise Broken("the manifest is not a JSON object.", "Download the version again.")
    return values


def _as_tuples(values: dict[str, Any]) -> dict[str, Any]:
    return values | {
        "feature_names": tuple(values["feature_names"]),
        "golden_inputs": tuple(tuple(row) for row in values["golden_inputs"]),
        "golden_outputs": tuple(values["golden_outputs"]),
        "feature_low": tuple(values["feature_low"]),
        "feature_high": tuple(values["feature_high"]),
    }
