"""`evergreen demo`: a whole stack walks four real stocks through the break of 2008, then tells what it saw."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from evergreen.adapters.database import decisions, ledger, reading
from evergreen.adapters.database.triggers import EVERYTHING
from evergreen.adapters.infra.ending import ended_once
from evergreen.adapters.infra.prefect_api import FlowRun, PrefectApi
from evergreen.adapters.infra.processes import LOOPBACK, Stack
from evergreen.audit.history import give_account
from evergreen.core.bars.session import iso
from evergreen.core.policy.plain_words import in_plain_words
from evergreen.errors import EvergreenError, NotFound
from evergreen.ops import local_stack
from evergreen.ops.demo_report import tell
from evergreen.ops.flow_runs import follow
from evergreen.ops.local_stack import Ports
from evergreen.settings import Settings
from evergreen.workspace import Workspace

PARTS = "The demo starts four parts of its own, on this machine alone, and stops them when it ends:"
REHEARSED = (
    "[bold]Now a failure, made on purpose:[/] a copy of the model that serves is tried, and in its first session it is "
    "given each stock's numbers under another stock's name."
)


@dataclass(frozen=True)
class DemoWalk:
    """What the demo walks: real prices of four stocks, through the break of 2008, then one session more.

    In that one a copy of the champion challenges and is served features `broken` on purpose.
    """

    start: str = "2008-09-02"
    end: str = "2009-02-06"
    broken_session: str = "2009-02-09"
    broken: str = "shuffled"
    history: str = "2000-03-01"
    tickers: tuple[str, ...] = ("AAPL", "IBM", "MSFT", "GOOG")
    clients: int = 20

    @property
    def sentence(self) -> str:
        """What is walked, by which flow, and who asks meanwhile."""
        return (
            f"The flow `replay` walks {', '.join(self.tickers)} from {self.start} to {self.end}; "
            f"{self.clients} clients ask the service for prices after each session."
        )

    def parameters(self) -> dict[str, Any]:
        """As parameters of the `replay` flow."""
        return {
            "source": "sample",
            "tickers": list(self.tickers),
            "start": self.start,
            "end": self.end,
            "history": self.history,
            "clients": self.clients,
        }

    def rehearsal(self) -> dict[str, Any]:
        """As parameters of the `replay` flow for the session after them, with its challenger broken."""
        broken = f"{self.broken}@{self.broken_session}"
        return self.parameters() | {"start": self.broken_session, "end": self.broken_session, "broken": broken}


def run_demo(home: Path, account: Path, walk: DemoWalk, console: Console) -> dict[str, Any]:
    """Start everything, let the server walk, write the account to a file, stop everything.

    A demo that was killed goes on where it was. The stack is stopped however it ends.

    Raises:
        EvergreenError: the walk failed, with the place of its log.
    """
    settings, stack = demo_settings(home), Stack(home)
    if stopped := stack.stop():
        console.print(f"stopped what an earlier demo left running: {', '.join(stopped)}")
    with ended_once(), ExitStack() as ending:
        ending.callback(stack.stop)
        console.print(PARTS)
        variables = local_stack.start(settings, Ports(0, 0, 0), lambda line: console.print(f"  {line}"))
        console.print(walk.sentence)
        api, at = PrefectApi.at(variables), Workspace(settings)
        shown = _walk(api, at, walk.parameters(), 0, console)
        _rehearse_failure(api, at, walk, shown, console)
        report = give_account(Workspace(settings).engine, settings.model_name)
    account.write_text(json.dumps(report, indent=2, default=str))
    tell(report, account, home, console)
    return report


def demo_settings(home: Path) -> Settings:
    """The settings of a demo's stack: its clock stands at the session walked last."""
    return Settings(home=home, clock="replay", refresh_seconds=0.05)


def show_pages(home: Path, say: Callable[[str], None]) -> None:
    """Bring the status page and MLflow of a demo back up until Ctrl-C or a SIGTERM; nothing is walked any further.

    Raises:
        NotFound: there is no demo.
        Conflict: its stack runs, or is being started.
    """
    settings = demo_settings(home)
    if not (home / "evergreen.db").exists():
        raise NotFound(f"{home} holds no demo.", "Type `evergreen demo`; it takes a few minutes.")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's job in the background begins with it ignored
    with ended_once(), suppress(KeyboardInterrupt), local_stack.pages(settings, Ports(0, 0, 0), say) as variables:
        say(f"status page opens in a browser at http://{LOOPBACK}:{variables['EVERGREEN_SERVICE_PORT']}")
        say(f"mlflow opens in a browser at {local_stack.links(settings, variables)['mlflow']}")
        say("Ctrl-C stops them")
        signal.pause()


def _rehearse_failure(api: PrefectApi, at: Workspace, walk: DemoWalk, shown: int, console: Console) -> None:
    """A copy of the champion challenges it, and a broken server hands it the features of other tickers."""
    console.print(REHEARSED)
    _walk(api, at, walk.rehearsal(), shown, console)


def _walk(api: PrefectApi, at: Workspace, parameters: dict[str, Any], shown: int, console: Console) -> int:
    """Follow the walk to its end; returns how many decisions have been printed, the `shown` of before among them."""
    started = api.start("replay/replay", parameters)
    due = at.calendar.sessions(pd.Timestamp(parameters["start"]), pd.Timestamp(parameters["end"]))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("loading the history", total=len(due))
        for _ in follow(api, started, pause=0.5):
            shown = _show_new(at, shown, progress)
            clock = _walked(at)
            progress.update(bar, completed=len(due[due <= clock]) if clock else 0, description=_where(at, clock))
    _require_completed(api.read(started.id))
    return shown


def _walked(at: Workspace) -> pd.Timestamp | None:
    with reading(at.engine) as conn:
        clock = ledger.clock(conn, at.settings.model_name)
    return pd.Timestamp(clock) if clock else None


def _where(at: Workspace, clock: pd.Timestamp | None) -> str:
    return f"session {iso(clock)}" if clock is not None else "loading the history"


def _show_new(at: Workspace, shown: int, progress: Progress) -> int:
    """Print the decisions made since the last look; returns how many there are."""
    with reading(at.engine) as conn:
        turns = list(reversed(decisions.turns(conn, at.settings.model_name, EVERYTHING)))
    for decision in turns[shown:]:
        progress.console.print(f"[bold]{decision.as_of} {in_plain_words(decision.kind)}[/]")
        progress.console.print(f"[dim]           {decision.kind}: {decision.summary}[/]")
    return len(turns)


def _require_completed(run: FlowRun) -> None:
    if run.state != "COMPLETED":
        raise EvergreenError(
            f"The walk ended {run.state.lower()}: {run.message}", "Its log is logs/worker.log in the demo's home."
        )
