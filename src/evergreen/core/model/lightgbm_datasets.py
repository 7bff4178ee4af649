"""The rows of a panel as LightGBM takes them: in bins, with what a fit learns of them."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from evergreen.core.dataset.panel import Matrix, Panel
from evergreen.core.model.config import TrainingConfig
from evergreen.core.model.ranked_targets import normal_ranks, return_per_score, winsorized

Array = NDArray[np.float64]

SAMPLE = 50_000  # rows that bins are chosen by: LightGBM takes 8 bytes for each of their values


def labels_to_fit(panel: Panel, rows: slice, config: TrainingConfig, scores: Array | None = None) -> Array:
    """What a fit on these rows learns: their labels, winsorized, or their ranks in units of return.

    `scores` are the panel's `normal_ranks`, for who has them at hand.
    """
    if config.ranked:
        return labels_to_stop_by(panel, rows, rows, config, scores)
    return winsorized(panel.label[rows], config.label_clip)


def labels_to_stop_by(
    panel: Panel, tail: slice, fitted: slice, config: TrainingConfig, scores: Array | None = None
) -> Array:
    """What forecasts of the rows `tail`, by a fit on the rows `fitted`, are compared with to choose the rounds."""
    if not config.ranked:
        return panel.label[tail]
    return _in_returns(normal_ranks(panel) if scores is None else scores, panel, tail, fitted, config)


def _in_returns(scores: Array, panel: Panel, rows: slice, fitted: slice, config: TrainingConfig) -> Array:
    """Scores of these rows in units of the returns of the rows fitted on."""
    return scores[rows] * return_per_score(scores[fitted], winsorized(panel.label[fitted], config.label_clip))


class Datasets:
    """All rows of a panel put into bins once, for that is a third to half of the time of a fit by itself.

    The bins are those of the first `min_train` sessions, which every training of a market shares, so that a fit is
    the same whichever others are made with it. Each fit copies its rows' bins, a byte each, and fits in other threads
    touch nothing of what it has.

    Args:
        panel: the rows.
        stops: the increasing numbers of sessions that fits are made before.
        config: choices of the run.
    """

    def __init__(self, panel: Panel, stops: Sequence[int], config: TrainingConfig) -> None:
        self._panel, self._config = panel, config
        self._scores = normal_ranks(panel) if config.ranked else None
        bins, everything = bins_of(panel, rows_of_bins(panel, stops[0], config), config), panel.rows(0, stops[-1])
        rows, label = Rows(panel.matrix, everything), panel.label[everything]
        self._whole = lgb.Dataset(rows, label, reference=bins, params=binning(config)).construct()
        self._copying = Lock()

    def to_fit(self, rows: slice) -> lgb.Dataset:
        """Rows with the labels that a fit on them learns."""
        return self._part(rows, labels_to_fit(self._panel, rows, self._config, self._scores))

    def to_stop_by(self, tail: slice, fitted: slice) -> lgb.Dataset:
        """Rows `tail`, with what a fit on the rows `fitted` is compared with."""
        return self._part(tail, labels_to_stop_by(self._panel, tail, fitted, self._config, self._scores))

    def _part(self, rows: slice, labels: Array) -> lgb.Dataset:
        with self._copying:
            part = self._whole.subset(range(rows.start, rows.stop)).construct()
        return part.set_label(labels)


class Rows(lgb.Sequence):  # type: ignore[misc]  # of an untyped package
    """Rows of a matrix as LightGBM bins them: some at a time, so that a file need not be in memory."""

    batch_size = 16_384

    def __init__(self, matrix: Matrix, rows: slice) -> None:
        self._matrix, self._rows = matrix, range(rows.start, rows.stop)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: slice) -> NDArray[np.float32]:
        rows = self._rows[place]
        return np.asarray(self._matrix[rows.start : rows.stop])


def rows_of_bins(panel: Panel, stop: int, config: TrainingConfig) -> slice:
    """The rows that the bins of all fits are chosen by: of the first `min_train` sessions, or those before `stop`."""
    return panel.rows(0, min(stop, config.min_train))


def bins_of(panel: Panel, rows: slice, config: TrainingConfig) -> lgb.Dataset:
    """A sample of these rows, whose bins others are put into (`reference`)."""
    drawn = np.random.default_rng(config.seed).permutation(rows.stop - rows.start)[:SAMPLE]
    sample = np.sort(drawn) + rows.start
    names = list(panel.feature_names)
    return lgb.Dataset(panel.matrix[sample], panel.label[sample], feature_name=names, params=binning(config))


def binning(config: TrainingConfig) -> dict[str, object]:
    """LightGBM's parameters for bins."""
    return {
        "max_bin": config.max_bin,
        "bin_construct_sample_cnt": SAMPLE,
        "feature_pre_filter": False,
        "data_random_seed": config.seed,
        "num_threads": 1,  # LightGBM keeps one number for the whole process, where fits may be under way
        "verbose": -1,
    }
