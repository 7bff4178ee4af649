"""What delivery policies earn, over years of sessions in one process: no server's part is rehearsed here."""

from __future__ import annotations

from datetime import date

import pandas as pd
from prefect import flow

from evergreen.workspace import workspace
from flows.lineage import LINEAGE
from flows.names import flow_and_span
from tasks.replay import compare_policies, show_replay

USUAL = ("default", "never", "calendar:20")


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
    from evergreen.core.policy import choose
    from evergreen.replay.bars import open_bars
    from evergreen.replay.breaks import parse_break
    from evergreen.replay.plan import Replay

    at = workspace()
    known = at.settings.delivery_policies()
    plan = Replay(
        bars=bars,
        start=pd.Timestamp(start),
        end=pd.Timestamp(end),
        policies=tuple(choose(known, each) for each in dict.fromkeys(policies or USUAL)),
        out=at.settings.home.resolve() / "replays" / name,
        calendar=calendar or open_bars(bars, usual=at.calendar.exchange).calendar,
        target=at.settings.target,
        horizon=horizon,
        seed=seed,
        train_sessions=at.settings.train_sessions,
        breaks=tuple(parse_break(each) for each in breaks or ()),
        workers=workers,
        dask_address=at.settings.dask_address,
        tickers=tuple(tickers or ()),
        learner=learner,
    )
    folder = compare_policies(plan)
    show_replay(folder)
    return folder
