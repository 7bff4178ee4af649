"""A person's view of a finding: an executed notebook and a page of profiles, kept with the model's run."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from evergreen.adapters.database import ledger, reading, rollouts
from evergreen.core.bars.session import iso
from evergreen.workspace import REPOSITORY, Workspace, workspace
from tasks.artifacts import show, table
from tasks.decorators import effect

NOTEBOOK = REPOSITORY / "notebooks" / "drift.ipynb"
TIMEOUT = 300.0  # seconds; the notebook reads records and trains nothing


@effect
def run_drift_notebook(session: pd.Timestamp, version: str) -> Path:
    """Execute the notebook on what is on record; returns it as one HTML page."""
    from evergreen.adapters.notebooks.papermill import run_notebook, to_html

    output = _folder(workspace(), session) / "drift.ipynb"
    return to_html(run_notebook(NOTEBOOK, {"as_of": iso(session), "version": version}, output, TIMEOUT))


@effect
def write_profile_page(session: pd.Timestamp, version: str) -> Path | None:
    """The last 20 sessions' profiles, merged, beside the reference the version was calibrated on.

    None for a version without a calibration.
    """
    from evergreen.adapters import monitoring
    from evergreen.adapters.monitoring.calibrations import REFERENCE, read_calibration, read_counts
    from evergreen.core.drift import DriftCheck, check

    at = workspace()
    folder = at.settings.calibrations / _judged(at, version)
    calibrated = read_calibration(folder)
    if calibrated is None:
        return None
    drift = check(calibrated.calibration, read_counts(calibrated, at.settings.profiles, at.calendar, session), session)
    first = at.calendar.next(session, 1 - calibrated.calibration.windows.current)
    days = at.calendar.sessions(max(first, _after(at, calibrated.history.sessions[-1])), session)
    current = monitoring.merge(monitoring.read(monitoring.profile_path(at.settings.profiles, day)) for day in days)
    page = _folder(at, session) / "profiles.html"
    judged = drift if isinstance(drift, DriftCheck) else None
    return monitoring.report(current, monitoring.read(folder / REFERENCE), page, judged)


@effect
def show_report(session: pd.Timestamp, version: str, pages: list[str]) -> None:
    """Keep the pages with the version's MLflow run and say where they are."""
    at = workspace()
    judged = _judged(at, version)
    with reading(at.engine) as conn:
        run_id = ledger.read_model_version(conn, at.settings.model_name, judged).run_id
    folder = f"drift/{iso(session)}"
    print(f"Drift of version {judged}, session {iso(session)}: {', '.join(pages) or 'no page'}")
    at.tracking.attach(run_id, [Path(page) for page in pages], folder)
    rows = [{"page": Path(page).name, "file": page, "in MLflow": f"runs:/{run_id}/{folder}"} for page in pages]
    show("drift-report", f"Drift of version {judged}, session {iso(session)}", table(rows))


def _after(at: Workspace, session: pd.Timestamp) -> pd.Timestamp:
    return at.calendar.next(session)


def _judged(at: Workspace, version: str) -> str:
    with reading(at.engine) as conn:
        return version or rollouts.current(conn, at.settings.model_name).champion


def _folder(at: Workspace, session: pd.Timestamp) -> Path:
    return at.settings.home.resolve() / "reports" / iso(session)
