"""Factors without a thought behind them: what a careless search would propose."""

from __future__ import annotations

import numpy as np

RATIOS = ("open / close", "high / low", "close / ref(close, {d})", "volume / ref(volume, {d})", "vwap / close")
SHAPES = ("{x}", "mean({x}, {w})", "std({x}, {w})", "max({x}, {w}) - min({x}, {w})", "rank({x}, {w})", "({x}) * ({y})")


def random_formula(generator: np.random.Generator) -> str:
    """A formula of ratios, so that no split moves it."""
    x, y = (str(generator.choice(RATIOS)).format(d=generator.integers(1, 30)) for _ in range(2))
    return str(generator.choice(SHAPES)).format(x=x, y=y, w=generator.integers(3, 40))
