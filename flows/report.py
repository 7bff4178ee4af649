"""What a finding looks like, in pictures: the drift notebook, executed, and the profiles beside each other."""

from __future__ import annotations

from datetime import date

import pandas as pd
from prefect import flow

from evergreen.workspace import workspace
from flows.clock import resolve_session
from flows.lineage import LINEAGE
from flows.names import flow_and_session
from tasks.report import run_drift_notebook, show_report, write_profile_page


@flow(flow_run_name=flow_and_session, log_prints=True, **LINEAGE)
def report(as_of: date | None = None, version: str | None = None) -> list[str]:
    """Execute `notebooks/drift.ipynb` for a session and write its profile page; returns where they are.

    Args:
        as_of: the session; the automation passes the one of the finding. By default the last one.
        version: the model version that was judged; by default the champion.
    """
    session = pd.Timestamp(resolve_session(as_of, workspace()))
    pages = [run_drift_notebook(session, version or ""), write_profile_page(session, version or "")]
    paths = [str(page) for page in pages if page]
    show_report(session, version or "", paths)
    return paths
