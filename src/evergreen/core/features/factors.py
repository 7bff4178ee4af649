"""The 158 factors as a declared list: name, formula and how much history each one reads."""

from __future__ import annotations

import re
from dataclasses import dataclass

WINDOWS = (5, 10, 20, 30, 60)  # sessions: those of Qlib's Alpha158

_CANDLE = {
    "KMID": "(close - open) / open",
    "KLEN": "(high - low) / open",
    "KMID2": "(close - open) / (high - low + 1e-12)",
    "KUP": "(high - greater(open, close)) / open",
    "KUP2": "(high - greater(open, close)) / (high - low + 1e-12)",
    "KLOW": "(less(open, close) - low) / open",
    "KLOW2": "(less(open, close) - low) / (high - low + 1e-12)",
    "KSFT": "(2 * close - high - low) / open",
    "KSFT2": "(2 * close - high - low) / (high - low + 1e-12)",
    "OPEN0": "open / close",
    "HIGH0": "high / close",
    "LOW0": "low / close",
    "VWAP0": "vwap / close",
}

_GAIN = "greater({x} - ref({x}, 1), 0)"
_LOSS = "greater(ref({x}, 1) - {x}, 0)"
_MOVE = "(sum(abs({x} - ref({x}, 1)), d) + 1e-12)"
_RISES = "mean(close > ref(close, 1), d)"
_FALLS = "mean(close < ref(close, 1), d)"
_TURNOVER = "abs(close / ref(close, 1) - 1) * volume"


def _moves(prefix: str, x: str) -> dict[str, tuple[str, int]]:
    gain, loss, move = (text.format(x=x) for text in (_GAIN, _LOSS, _MOVE))
    return {
        f"{prefix}P": (f"sum({gain}, d) / {move}", 1),
        f"{prefix}N": (f"sum({loss}, d) / {move}", 1),
        f"{prefix}D": (f"(sum({gain}, d) - sum({loss}, d)) / {move}", 1),
    }


# Formula in d, the window, and how many sessions before the window it reads.
_ROLLING: dict[str, tuple[str, int]] = {
    "ROC": ("ref(close, d) / close", 1),
    "MA": ("mean(close, d) / close", 0),
    "STD": ("std(close, d) / close", 0),
    "BETA": ("slope(close, d) / close", 0),
    "RSQR": ("rsquare(close, d)", 0),
    "RESI": ("resi(close, d) / close", 0),
    "MAX": ("max(high, d) / close", 0),
    "MIN": ("min(low, d) / close", 0),
    "QTLU": ("quantile(close, d, 0.8) / close", 0),
    "QTLD": ("quantile(close, d, 0.2) / close", 0),
    "RANK": ("rank(close, d)", 0),
    "RSV": ("(close - min(low, d)) / (max(high, d) - min(low, d) + 1e-12)", 0),
    "IMAX": ("idxmax(high, d) / d", 0),
    "IMIN": ("idxmin(low, d) / d", 0),
    "IMXD": ("(idxmax(high, d) - idxmin(low, d)) / d", 0),
    "CORR": ("corr(close, log(volume + 1), d)", 0),
    "CORD": ("corr(close / ref(close, 1), log(volume / ref(volume, 1) + 1), d)", 1),
    "CNTP": (_RISES, 1),
    "CNTN": (_FALLS, 1),
    "CNTD": (f"{_RISES} - {_FALLS}", 1),
    **_moves("SUM", "close"),
    "VMA": ("mean(volume, d) / (volume + 1e-12)", 0),
    "VSTD": ("std(volume, d) / (volume + 1e-12)", 0),
    "WVMA": (f"std({_TURNOVER}, d) / (mean({_TURNOVER}, d) + 1e-12)", 1),
    **_moves("VSUM", "volume"),
}


@dataclass(frozen=True)
class Factor:
    """One factor: its `name`, its `formula`, and the sessions it reads, its own included (`lookback`).

    In a formula, `ref(x, d)` is x d sessions ago; `mean`, `sum`, `std` (ddof 1), `max`, `min`, `quantile`,
    `rank` (as a share of the window), `corr`, and the regression of x on time (`slope`, `rsquare`, `resi`)
    run over the last d sessions; `idxmax` counts sessions from the start of the window, from 1.
    """

    name: str
    formula: str
    lookback: int


def _declare() -> tuple[Factor, ...]:
    candles = [Factor(name, formula, 1) for name, formula in _CANDLE.items()]
    rolling = [
        Factor(f"{family}{window}", re.sub(r"\bd\b", str(window), formula), window + before)
        for family, (formula, before) in _ROLLING.items()
        for window in WINDOWS
    ]
    return (*candles, *rolling)


FACTORS = _declare()
FEATURE_NAMES = tuple(factor.name for factor in FACTORS)
LOOKBACK = max(factor.lookback for factor in FACTORS)
