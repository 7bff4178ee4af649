"""A model's card, made from facts on record: as Markdown, as a page, with the bill of materials beside it."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from evergreen.adapters.models.folder import ModelFolder
from evergreen.core.evaluation.evaluate import skill_line
from evergreen.core.model.manifest import Manifest
from evergreen.core.model.registry import reader
from evergreen.core.model.targets.registry import target

CARD, PAGE, BILL = "model_card.md", "model_card.html", "sbom.cdx.json"
PACKAGES = ("numpy", "pandas", "scipy", "feast", "mlflow", "prefect")  # whatever fitted it is in the bill of materials
SHOWN = (
    "rank_ic",
    "rank_icir",
    "ic",
    "gain",
    "skill",
    "mae",
    "mase",
    "coverage",
    "top_k_net_return",
    "top_k_drawdown",
    "top_k_turnover",
    "factor_neutral",
    "feature_neutral",
    "era_sharpe",
    "exposure_market",
    "exposure_size",
    "exposure_momentum",
    "exposure_reversal",
)
LIMITS = """
* For the tickers and the horizon it was trained on, at the close; not for prices within a session.
* Forecasts of daily returns hold little signal. What is claimed is the sentence above, nothing more.
* The back-test leaves out market impact, borrowing and financing: it ranks models, it promises no earnings.
* Intervals keep their coverage over months, not over a single week of a break.
* Out of use when its features are stale, or when the drift or skill monitor of this installation says so.
"""
STYLE = """
:root { color-scheme: light dark; --paper: #f6f7f3; --ink: #1c2620; --hair: #d9dee4 }
@media (prefers-color-scheme: dark) { :root { --paper: #121714; --ink: #e4eae5; --hair: #2b352f } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem }
body { color: var(--ink); background: var(--paper) }
table { border-collapse: collapse; margin: 1rem 0 }
td, th { padding: .25rem .75rem; border-bottom: 1px solid var(--hair) }
td { font-variant-numeric: tabular-nums } h1, h2 { line-height: 1.2 } code { font-size: .9em; word-break: break-all }
"""


@dataclass(frozen=True)
class Provenance:
    """Where a version came from and what was said of it.

    Attributes:
        version: as registered.
        run_id: of MLflow.
        cause: why it was trained.
        commit: of the code.
        made_at: UTC.
        verdict: the gate's sentence.
        data: of the data version: rows added, refused, restated and the like.
        notebook_sha256: of the executed notebook; empty without one.
        audit: what the look-ahead audit of the features said; empty when there was none.
    """

    version: str
    run_id: str
    cause: str
    commit: str
    made_at: datetime
    verdict: str
    data: Mapping[str, Any] = field(default_factory=dict)
    notebook_sha256: str = ""
    audit: str = ""


def write_model_card(model: ModelFolder, known: Provenance, lock: Path, folder: Path) -> list[Path]:
    """Write card, page and bill of materials into `folder`; returns their paths."""
    from evergreen.adapters.documents.sbom import bill_of_materials

    card = model_card(model, known)
    contents = {CARD: card, PAGE: to_page(card), BILL: bill_of_materials(lock)}
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in contents.items():
        (folder / name).write_text(text)
    return [folder / name for name in contents]


def model_card(model: ModelFolder, known: Provenance) -> str:
    """The card as Markdown (sections after Mitchell et al., "Model Cards for Model Reporting", FAT* 2019)."""
    manifest, metrics = model.manifest, model.metrics
    audit = (known.audit or "none on record").rstrip(".")
    parts = [
        f"# Model card: version {known.version}",
        f"A {reader(manifest.kind).title} of the {target(manifest.target).title} over {manifest.horizon} session(s), "
        f"trained through {manifest.trained_through}, standing at {manifest.as_of}. Asked for: {known.cause}.",
        "## What it can do",
        f"**{skill_line(metrics['metrics'], baseline=target(manifest.target).baseline)}**",
        f"Gate: {known.verdict}",
        _table(_metric_rows(metrics["metrics"])),
        "## Walk-forward folds",
        _table(_fold_rows(metrics["folds"])),
        "## Data",
        _table([{"fact": name, "value": f"`{value}`"} for name, value in _data(model, known).items()]),
        "## Features",
        _inputs(manifest, audit),
        _strongest(metrics["importance"]),
        "## Where it came from",
        _table([{"fact": name, "value": f"`{value}`"} for name, value in _origin(model, known).items()]),
        "## Limits of use",
        LIMITS.strip(),
    ]
    return "\n\n".join(parts) + "\n"


def _inputs(manifest: Manifest, audit: str) -> str:
    if manifest.is_delivered:
        return "Unknown: it runs elsewhere. Each forecast was known before the session after its own opened."
    return f"{len(manifest.feature_names)} factors, known at the close. Look-ahead audit: {audit}."


def to_page(card: str) -> str:
    """The card as one HTML page that needs nothing else."""
    import mistune

    title = card.splitlines()[0].removeprefix("# ")
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    body = mistune.create_markdown(escape=True, plugins=["table"])(card)
    page = f"<head>{head}<style>{STYLE}</style></head><body><main>{body}</main></body>"
    return f'<!doctype html><html lang="en">{page}</html>'


def _strongest(importance: Mapping[str, float]) -> str:
    strongest = ", ".join(list(importance)[:10])
    return f"Strongest, by what they count for in the model: {strongest}." if strongest else "No feature counts."


def _metric_rows(metrics: Mapping[str, float | None]) -> Iterable[dict[str, Any]]:
    for name in [name for name in SHOWN if metrics.get(name) is not None]:
        ends = [metrics.get(f"{name.removesuffix('_return')}_{end}") for end in ("lower90", "upper90")]
        interval = " to ".join(f"{end:+.4f}" for end in ends if end is not None)
        yield {"metric": f"`{name}`", "out of sample": _number(metrics.get(name)), "90 % interval": interval or "-"}


def _fold_rows(folds: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    for fold in folds:
        days = {name: str(fold[name])[:10] for name in ("train_end", "test_start", "test_end")}
        yield days | {name: _number(fold[name]) for name in ("rounds", "rank_ic", "skill", "coverage")}


def _data(model: ModelFolder, known: Provenance) -> dict[str, Any]:
    return {
        "data version": model.manifest.data_version,
        **known.data,
        "training set SHA-256": model.manifest.training_set_sha256,
        "rows judged": len(model.oos),
    }


def _origin(model: ModelFolder, known: Provenance) -> dict[str, Any]:
    return {
        "model SHA-256": model.manifest.model_sha256,
        "executed notebook SHA-256": known.notebook_sha256 or "-",
        "MLflow run": known.run_id,
        "commit": known.commit,
        "made at": f"{known.made_at:%Y-%m-%d %H:%M} UTC",
        "seed": model.manifest.seed,
        "Python": platform.python_version(),
        **{name: installed(name) for name in PACKAGES},
    }


def _table(rows: Iterable[Mapping[str, Any]]) -> str:
    listed = list(rows)
    head = list(listed[0])
    lines = [head, ["---"] * len(head), *([str(row[name]) for name in head] for row in listed)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
