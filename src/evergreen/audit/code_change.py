"""A code change seen as a change of model: the same small snapshot trained with both, and put before the gate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evergreen.adapters.models.folder import ModelFolder, read_model_folder
from evergreen.core.bars.session import iso
from evergreen.workspace import REPOSITORY, require_writable

if TYPE_CHECKING:
    import pandas as pd

SNAPSHOT: dict[str, Any] = {"as_of": "2004-06-30", "tickers": ["AAPL", "IBM", "MSFT"], "folds": 4, "rounds": 100}
SHOWN = {
    "rank_ic": "RankIC",
    "gain": "gain over the random walk",
    "mase": "MASE",
    "coverage": "coverage of 90 % intervals",
    "sessions": "sessions",
}
CHART_POINTS = 40  # Mermaid draws more of them over each other
PICTURE = "duel.png"


def rehearse(output: Path) -> Path:
    """Execute `notebooks/train.ipynb` on the packaged sample, small; the model and the notebook are in `output`.

    Raises:
        BadSetting: no folder can be made there.
        NotebookFailed: a cell failed, with the place of the notebook as far as it ran.
    """
    from evergreen.adapters.notebooks.papermill import run_notebook

    require_writable(output, "Name another folder.")
    run_notebook(REPOSITORY / "notebooks" / "train.ipynb", SNAPSHOT | {"output": str(output)}, output / "train.ipynb")
    return output


def compare_folders(base: Path, changed: Path, report: Path) -> str:
    """Put the model of `changed` before the gate as the challenger of `base`'s; writes and returns the Markdown.

    The picture lies beside `report`; a chart that a forge draws itself is in the text.

    Raises:
        Broken: a folder does not hold a model that agrees with its manifest.
    """
    champion, challenger = read_model_folder(base), read_model_folder(changed)
    text = "\n\n".join(_parts(champion, challenger, report.parent)) + "\n"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(text)
    return text


def _parts(champion: ModelFolder, challenger: ModelFolder, folder: Path) -> list[str]:
    head = "### What this change does to the model"
    where = f"`notebooks/train.ipynb` on the packaged sample: {json.dumps(SNAPSHOT)}"
    table = _table(champion.metrics["metrics"], challenger.metrics["metrics"])
    if champion.manifest.model_sha256 == challenger.manifest.model_sha256:
        return [head, f"Nothing: both train the same model, byte for byte ({where}).", table]
    return [head, where, table, *_judged(champion, challenger, folder)]


def _judged(champion: ModelFolder, challenger: ModelFolder, folder: Path) -> list[str]:
    from evergreen.adapters.figures import duel, save
    from evergreen.core.gate.compare import compare
    from evergreen.core.gate.requirements import require_audit

    verdict = require_audit(compare(champion.oos, challenger.oos), challenger.manifest)
    save(duel(champion.oos, challenger.oos), folder / PICTURE)
    return [f"**Gate.** {verdict.sentence}", _chart(champion.oos, challenger.oos)]


def _table(base: Mapping[str, float], changed: Mapping[str, float]) -> str:
    rows = [f"| {title} | {base[name]:.4f} | {changed[name]:.4f} |" for name, title in SHOWN.items()]
    return "\n".join(["| out of sample | base | this change |", "|---|---|---|", *rows])


def _chart(base: pd.DataFrame, changed: pd.DataFrame) -> str:
    """The cumulative gain as a Mermaid chart, at most `CHART_POINTS` of its sessions."""
    from evergreen.core.evaluation.metrics import loss_difference, session_losses

    pairs = changed.merge(base[["ticker", "session", "forecast"]], on=["ticker", "session"], suffixes=("", "_base"))
    rows = pairs.dropna(subset="label").set_index(["ticker", "session"])
    gain = loss_difference(
        session_losses(rows["forecast_base"], rows["label"]), session_losses(rows["forecast"], rows["label"])
    ).cumsum()
    drawn = gain.iloc[:: max(1, len(gain) // CHART_POINTS)]
    title = f"Cumulative gain r over the base, {iso(gain.index[0])} to {iso(gain.index[-1])}"
    values = ", ".join(f"{value:.4f}" for value in drawn)
    return f'```mermaid\nxychart-beta\n  title "{title}"\n  line [{values}]\n```'
