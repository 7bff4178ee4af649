"""A training's walk-forward record: its folds, what their models forecast, and whether the final model follows on."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.bars.session import iso
from evergreen.core.dataset.panel import Panel
from evergreen.core.dataset.splits import Fold, walk_forward
from evergreen.core.model.config import TrainingConfig
from evergreen.core.model.continuity import Continuity, measure_continuity
from evergreen.core.model.fitting import forecast_sessions
from evergreen.core.model.intervals import Band, track
from evergreen.core.model.protocol import Fit
from evergreen.errors import BadInput


def folds_of(sessions: pd.DatetimeIndex, config: TrainingConfig) -> list[Fold]:
    """The walk-forward folds of these labelled sessions under a configuration, as many of them as there is history for.

    Raises:
        BadInput: not even one, or one that is shorter than its validation tail.
    """
    spare = len(sessions) - config.min_train - config.horizon - config.embargo
    folds = min(config.folds, max(1, spare // config.test_size))
    walked = walk_forward(sessions, folds, config.test_size, config.horizon, config.embargo, config.min_train)
    if len(walked[0].train) < config.validation_size:
        raise BadInput(
            f"the first fold trains on {len(walked[0].train)} sessions, on the last {config.validation_size} of which "
            "its intervals would be set.",
            "Ask for fewer folds, a larger min_train or a smaller validation_size.",
        )
    return walked


def forecast_folds(
    panel: Panel, folds: list[Fold], fits: list[Fit], config: TrainingConfig
) -> tuple[range, NDArray[np.float64]]:
    """The numbers of the sessions that the folds test, and what each fold's model forecasts of its own.

    Raises:
        BadInput: a forecast that is not finite.
    """
    starts = [int(panel.sessions.searchsorted(fold.test[0])) for fold in folds]
    forecasts = [
        forecast_sessions(fit, panel, start, start + len(fold.test), config.num_threads)
        for fit, fold, start in zip(fits, folds, starts, strict=True)
    ]
    tested, forecast = range(starts[0], len(panel.sessions)), np.concatenate(forecasts)
    _require_finite(panel, tested, forecast, fits[0].model.kind)
    return tested, forecast


def _require_finite(panel: Panel, tested: range, forecast: NDArray[np.float64], kind: str) -> None:
    odd = np.flatnonzero(~np.isfinite(forecast))
    if odd.size:
        row = panel.keys(tested.start, tested.stop).iloc[odd[0]]
        raise BadInput(
            f"{kind} forecasts no finite number of {odd.size} rows, such as {row['ticker']} on {iso(row['session'])}.",
            "A model forecasts every row, whatever is missing in it.",
        )


def continuity_of(
    panel: Panel, folds: list[Fold], fits: list[Fit], forecast: NDArray[np.float64], config: TrainingConfig
) -> Continuity | None:
    """Whether the final model, the last of `fits`, follows on the folds', which forecast their own windows so."""
    _, following = forecast_folds(panel, folds, fits[1:], config)
    starts = [int(panel.sessions.searchsorted(fold.test[0])) for fold in folds]
    rows = [panel.rows(start, start + len(fold.test)) for start, fold in zip(starts, folds, strict=True)]
    return measure_continuity(forecast, following, [each.stop - each.start for each in rows])


def out_of_sample(
    panel: Panel,
    tested: range,
    forecast: NDArray[np.float64],
    first: Fit,
    scale: NDArray[np.float64],
    config: TrainingConfig,
) -> tuple[pd.DataFrame, Band]:
    """The walk-forward record with the intervals that stood then, and the band that stands at its end.

    The first band comes from the validation tail of the first fold; from there on it learns from every
    session that settles, across folds.

    Args:
        panel: what was known.
        tested: numbers of the sessions tested, up to the last of the panel.
        forecast: of their rows.
        first: the fit of the first fold.
        scale: of each row of the panel (`panel_scales`).
        config: choices of the run.
    """
    begin, end = tested.start, tested.stop
    rows = panel.rows(begin, end)
    tail = panel.rows(first.tail_start, first.tail_start + config.validation_size)
    band = Band.of(first.tail_residuals / scale[tail], config.interval)
    scores = np.split((panel.label[rows] - forecast) / scale[rows], panel.first_row[begin + 1 : end] - rows.start)
    bands = track(scores, band, config.interval, config.horizon)
    counts = np.diff(panel.first_row[begin : end + 1])
    low, high = (np.repeat([getattr(band, side) for band in bands[:-1]], counts) for side in ("low", "high"))
    oos = panel.keys(begin, end).assign(
        forecast=forecast,
        label=panel.label[rows],
        lower=forecast + low * scale[rows],
        upper=forecast + high * scale[rows],
    )
    return oos, bands[-1]
