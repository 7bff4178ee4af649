"""What `core.model.protocol` promises of a fit, asked of one that somebody else's learner made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from evergreen.core.model.protocol import Codes, Fit, Model, Reader, Rows, forecast
from evergreen.errors import BadInput

if TYPE_CHECKING:
    from evergreen.core.dataset.panel import Panel

ALONE = 8  # rows that are forecast one by one as well
Promise = tuple[bool, str, str]  # whether it holds, what is so otherwise, and what to do


def require_promises(learner: Reader, fit: Fit, panel: Panel, stop: int, validation_size: int) -> None:
    """Pass if a fit of the sessions before number `stop` is one that can be judged, stored, served and reproduced.

    Raises:
        BadInput: the first promise that is broken.
    """
    for asked_of in (_of_form, _of_forecasts, _of_text):
        for holds, otherwise, hint in asked_of(learner, fit, panel, stop, validation_size):
            if not holds:
                raise BadInput(f"the learner {learner.name!r} {otherwise}.", hint)


def _of_form(learner: Reader, fit: Fit, panel: Panel, stop: int, validation_size: int) -> Iterator[Promise]:
    model, tail_start = fit.model, max(0, stop - validation_size)
    tail = panel.rows(tail_start, stop)
    yield (
        model.kind == learner.name,
        f"makes models of the kind {model.kind!r}",
        "Their kind is its name: by it they are read back.",
    )
    yield (
        model.features == panel.feature_names,
        f"makes a model whose {len(model.features)} features are not the panel's {len(panel.feature_names)} in order",
        "Name all of `panel.feature_names`; which of them count is for `prepare` and `predict`.",
    )
    yield (
        fit.tail_start == tail_start and np.shape(fit.tail_residuals) == (tail.stop - tail.start,),
        f"gives {np.size(fit.tail_residuals)} residuals from session {fit.tail_start} of the {stop} it was fitted on",
        f"Give one for each of the {tail.stop - tail.start} rows from session {tail_start}: `config.validation_size`.",
    )
    yield bool(np.isfinite(fit.tail_residuals).all()), "gives residuals that are not finite", "Labels are."
    weights = model.importance()
    yield (
        weights is None or bool((np.isfinite(weights) & (weights >= 0)).all()),
        "gives importance that is negative or not finite",
        "Give sizes, or None.",
    )


def _of_forecasts(learner: Reader, fit: Fit, panel: Panel, stop: int, validation_size: int) -> Iterator[Promise]:
    rows, session = _some(panel, stop)
    prepared = fit.model.prepare(rows, session)
    forecasts = fit.model.predict(prepared)
    yield (
        bool(np.isfinite(forecasts).all()),
        "does not forecast a finite number of every row",
        "A feature may be missing, and all of them: put something in its place.",
    )
    yield (
        np.array_equal(fit.model.predict(prepared), forecasts),
        "forecasts the same rows otherwise each time",
        "Leave nothing random in `predict`.",
    )
    few = np.linspace(0, len(rows) - 1, ALONE).astype(int)
    alone = np.concatenate([fit.model.predict(prepared[[place]]) for place in few])
    yield (
        np.array_equal(alone, forecasts[few]),
        "forecasts a row otherwise alone than among others, in its last bits or more",
        "Compute each row by itself: a matrix product may add in another order for another number of rows.",
    )
    by_session = np.concatenate([forecast(fit.model, rows[session == number]) for number in range(session[-1] + 1)])
    yield (
        np.array_equal(by_session, forecasts),
        "forecasts a session otherwise when there are others beside it",
        "In `prepare` a row may depend on those of its own session alone.",
    )


def _of_text(learner: Reader, fit: Fit, panel: Panel, stop: int, validation_size: int) -> Iterator[Promise]:
    content, (rows, session) = fit.model.to_bytes(), _some(panel, stop)
    again: Model = learner.read(content)
    same = again.features == fit.model.features and again.to_bytes() == content
    yield (
        same and np.array_equal(forecast(again, rows, session), forecast(fit.model, rows, session)),
        "does not read back the model that it wrote, to the bit",
        "Write floats as `json` does: in their shortest form that reads back.",
    )


def _some(panel: Panel, stop: int) -> tuple[Rows, Codes]:
    """Rows of the last two sessions before a stop, then one of NaN and one of zeros; with the session of each."""
    first = max(0, stop - 2)
    real = np.asarray(panel.matrix[panel.rows(first, stop)], dtype=np.float32)
    edges = np.zeros((2, real.shape[1]), dtype=np.float32)
    edges[0] = np.nan
    counts = [*np.diff(panel.first_row[first : stop + 1]), len(edges)]
    return np.vstack([real, edges]), np.arange(len(counts)).repeat(counts)
