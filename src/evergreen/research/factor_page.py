"""docs/features.md: every factor with formula, lookback and a small picture, from the declarations themselves.

python -m evergreen.research.factor_page
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.features import FACTORS, Factor, compute_features

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = DOCS / "features.md"
PICTURES = DOCS / "features"
SHOWN, FIRST, LAST = "IBM", pd.Timestamp("2007-01-03"), pd.Timestamp("2008-12-31")  # a calm year, then 2008
WIDTH, HEIGHT = 180, 44  # pixels: two lines of a table's text
COLOURS = ("#1b7f5c", "#c2571a")  # the shortest window, the longest

HEAD = f"""# Factors

Generated from the declarations by `make docs`; do not edit. All are known at the close of their session and read
adjusted prices and volumes of the sessions counted under *reads*, the session's own included.

In a formula, `ref(x, d)` is x d sessions ago; `mean`, `sum`, `std` (ddof 1), `max`, `min`, `quantile`, `rank` (as a
share of the window), `corr`, and the regression of x on time (`slope`, `rsquare`, `resi`) run over the last d sessions;
`idxmax` and `idxmin` count sessions from the start of the window, from 1; `greater` and `less` take the larger and the
smaller of two. A session without a bar is skipped.

Pictures: {SHOWN}, {FIRST:%B %Y} to {LAST:%B %Y}; green the shortest window, orange the longest.

| factors | formula | reads | |
|---|---|---|---|
"""


def families(factors: Sequence[Factor]) -> dict[str, list[Factor]]:
    """Factors that differ in their window only, under their common name."""
    by_name: dict[str, list[Factor]] = {}
    for factor in factors:
        name = factor.name if factor.lookback == 1 else re.sub(r"\d+$", "", factor.name)
        by_name.setdefault(name, []).append(factor)
    return by_name


def page(factors: Sequence[Factor] = FACTORS) -> str:
    """The page as Markdown."""
    return HEAD + "\n".join(_row(name, own) for name, own in families(factors).items()) + "\n"


def _row(name: str, own: Sequence[Factor]) -> str:
    names = ", ".join(f"`{factor.name}`" for factor in own)
    reads = ", ".join(str(factor.lookback) for factor in own)
    return f"| {names} | `{own[0].formula}` | {reads} | ![{name}](features/{name}.svg) |"


def picture(lines: Iterable[NDArray[np.float32]]) -> str:
    """Curves over one common scale as SVG; a missing value is a gap."""
    curves = list(lines)
    known = np.concatenate([line[np.isfinite(line)] for line in curves])
    low, high = np.quantile(known, [0.005, 0.995])
    drawn = zip(reversed(curves), reversed(COLOURS[: len(curves)]), strict=True)
    paths = "".join(f'<path d="{_path(line, low, high)}" stroke="{colour}"/>' for line, colour in drawn)
    frame = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {frame}><g fill="none" stroke-width="1">{paths}</g></svg>\n'


def _path(line: NDArray[np.float32], low: float, high: float) -> str:
    place = np.linspace(1, WIDTH - 1, len(line))
    share = (np.clip(line, low, high) - low) / ((high - low) or 1.0)
    rise = (HEIGHT - 2) * (1 - share) + 1
    steps, pen = [], "M"
    for x, y in zip(place, rise, strict=True):
        if np.isfinite(y):
            steps.append(f"{pen}{x:.0f} {y:.1f}")
        pen = "L" if np.isfinite(y) else "M"
    return "".join(steps)


def write() -> None:
    """Write the page and its pictures."""
    from evergreen.research.sample import accepted_sample_bars

    features = compute_features(accepted_sample_bars(LAST, [SHOWN])).loc[SHOWN].loc[FIRST:].iloc[::3]
    PICTURES.mkdir(exist_ok=True)
    for name, own in families(FACTORS).items():
        shown = [own[0], own[-1]] if len(own) > 1 else own
        lines = [features[factor.name].to_numpy() for factor in shown]
        (PICTURES / f"{name}.svg").write_text(picture(lines))
    PAGE.write_text(page())


if __name__ == "__main__":
    write()
