"""What delivery policies earn, over years of sessions in one process: no server's part is rehearsed here."""

from __future__ import annotations

from datetime import date

from prefect import flow

from flows.lineage import LINEAGE
from flows.names import flow_and_span
from tasks.replay import compare_policies, show_replay


@flow(flow_run_name=flow_and_span, log_prints=True, **LINEAGE)
def replay_policies(
    bars: str,
    start: date,
    end: date,
    policies: list[str] | None = None,
    tickers: list[str] | None = None,
    horizon: int = 1,
    breaks: list[str] | None = None,
    seed: int = 7,
    workers: int = 1,
    calendar: str = "",
    name: str = "policies",
    learner: str = "",
) -> str:
    """Walk policies side by side over past sessions; returns the folder of the results.

    Args:
        bars: a file, a folder, or the name of a source.
        start: the first session walked; what lies before it trains the first model.
        end: the last one.
        policies: shipped ones and those of the setting `policies`; `calendar:20` is the calendar of 20 sessions. By
            default the default policy beside never and a calendar.
        tickers: of the bars; all of them if absent.
        horizon: sessions ahead.
        breaks: KIND@SESSION, what goes wrong on purpose.
        seed: of the training and of the breaks.
        workers: processes.
        calendar: the exchange of the files; by default the installation's.
        name: of the folder below `replays/`; run again under the same name, it goes on where it stopped.
        learner: what fits the models; by default what live training takes.
    """
    names = policies or ["default", "never", "calendar:20"]
    folder = compare_policies(
        bars, start, end, names, tickers or [], horizon, breaks or [], seed, workers, calendar, name, learner
    )
    show_replay(folder)
    return folder
