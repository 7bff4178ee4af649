"""Status, records and research as tools of the Model Context Protocol: what a person's program may ask, over its stdio.

No tool changes who serves. A run that deserves it is named to the person, who types `evergreen challenge`.
"""

from __future__ import annotations

import functools
import json
import sys
import threading
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict
from typing import Any, ParamSpec

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

from evergreen import __version__
from evergreen.adapters.database import decisions, owed, quarantine, reading
from evergreen.core.features.factors import FACTORS
from evergreen.errors import EvergreenError
from evergreen.research.proposals import Workbench
from evergreen.settings import Settings
from evergreen.workspace import Workspace

P = ParamSpec("P")
READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
COUNTS = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
MOST = 100  # records in one answer: what still fits in a conversation
INSTRUCTIONS = """\
Evergreen keeps a model of stock prices true to its market. Ask status first.
Research is counted: every training and every comparison is a trial in the ledger, and each one more raises the bar for
all that follow. Choose by reasoning, and propose before you train. A verdict of "not shown" is an answer: do not try
again with another seed.
Nothing here promotes a model, releases bars or deletes anything: name the command to the person, whose word it is."""


def make_server(settings: Settings) -> MCPServer:
    """The server of an installation, with all its tools."""
    server = MCPServer("evergreen", version=__version__, instructions=INSTRUCTIONS)
    at, research = Workspace(settings), threading.Lock()
    records, bench = ReadingTools(at), ResearchTools(Workbench(at))
    of_records = (records.status, records.explain, records.decisions, records.data_findings, records.factors)
    add_tools(server, READS, threading.Lock(), *of_records)
    add_tools(server, READS, research, bench.propose_factor)
    add_tools(server, COUNTS, research, bench.train, bench.compare)
    return server


class ReadingTools:
    """What the records say; nothing of it changes anything."""

    def __init__(self, at: Workspace) -> None:
        self.at = at

    def status(self) -> dict[str, Any]:
        """What stands, what runs, what is missing, who serves, and what a search has used up of the levels."""
        from evergreen.ops.status import lines, read_status

        now = read_status(self.at.settings)
        return asdict(now) | {"lines": list(lines(now))}

    def explain(self, prediction_id: str) -> dict[str, Any]:
        """From a served number back to model, run, data version, commit and every decision about it."""
        from evergreen.audit.explain import explain as trace

        return {"facts": [{"what": what, "value": value} for what, value in trace(self.at, prediction_id)]}

    def decisions(self, limit: int = 20) -> dict[str, Any]:
        """The last decisions, newest first: triggers, verdicts, promotions, rollbacks, each with its reason."""
        with reading(self.at.engine) as conn:
            recorded = decisions.recent(conn, self.at.settings.model_name, min(limit, MOST))
        shown = ("seq", "as_of", "kind", "subject", "summary")
        return {"decisions": [{name: getattr(each, name) for name in shown} for each in recorded]}

    def data_findings(self) -> dict[str, Any]:
        """Bars that validation holds back, with what is wrong in them, and bars that have not arrived."""
        with reading(self.at.engine) as conn:
            cases, awaited = quarantine.unsettled(conn), owed.open_bars(conn)
        return {
            "held": [asdict(case) for case in cases[:MOST]],
            "held_in_all": len(cases),
            "owed": owed.by_session(awaited)[:MOST],
        }

    def factors(self, containing: str = "") -> dict[str, Any]:
        """The factors that models are trained on, by name and formula; `containing` narrows them."""
        known = [*FACTORS, *self.at.features.factors]
        shown = [each for each in known if containing.lower() in f"{each.name} {each.formula}".lower()]
        return {"factors": [{"name": each.name, "formula": each.formula, "lookback": each.lookback} for each in shown]}


class ResearchTools:
    """What may be tried; every look at outcomes is counted."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench

    def propose_factor(self, name: str, formula: str) -> dict[str, Any]:
        """Look at a new factor, not at outcomes: its look-ahead audit, missing values, what it is most alike. No trial.

        A formula is written like those of `factors`: ref(x, d), mean, sum, std, max, min, rank, quantile, corr, slope,
        rsquare, resi, idxmax, idxmin over d sessions; abs, log, greater, less; + - * / < >; open, high, low, close,
        volume, vwap. Levels are refused: divide by close.
        """
        proposed = self.bench.propose(name, formula)
        return {
            "name": name,
            "formula": formula,
            "lookback": proposed.factor.lookback,
            "audit": proposed.audit,
            "missing": proposed.missing,
            "nearest": proposed.nearest,
            "likeness": proposed.likeness,
            "line_for_feature_repo_factors_py": f"{name} = from_formula({name!r}, {formula!r})",
        }

    def train(
        self, formulas: dict[str, str], learner: str = "ridge", folds: int | None = None, seed: int = 7
    ) -> dict[str, Any]:
        """Train on the known factors and those of `formulas` (name -> formula), and log the run. A trial is counted.

        Returns the run, its figures out of sample, and which recipe it is of all tried under this model's name.
        """
        choices = {"learner": learner, "seed": seed} | ({"folds": folds} if folds else {})
        run = self.bench.train(formulas, choices)
        return {"run_id": run.run_id, "figures": run.metrics, "recipe_number": run.place.number}

    def compare(self, run_id: str) -> dict[str, Any]:
        """What the gate says of a run against the champion, at the level its place in the search leaves; counted."""
        verdict = self.bench.compare(run_id)
        challenge = f'evergreen challenge {run_id} --reason "..."'
        return {
            "sentence": verdict.sentence,
            "admitted": verdict.admitted,
            "better": verdict.better,
            "reasons": list(verdict.reasons),
            "recipe_number": verdict.place.number,
            "level": verdict.levels.better,
            "what_a_person_may_type": challenge if verdict.admitted else "",
        }


def add_tools(
    server: MCPServer, annotations: ToolAnnotations, lock: threading.Lock, *tools: Callable[..., dict[str, Any]]
) -> None:
    """Offer `tools` under their own names; of those that share a lock one runs at a time."""
    for tool in tools:
        server.add_tool(answering(tool, lock), annotations=annotations)


def answering(function: Callable[P, dict[str, Any]], lock: threading.Lock) -> Callable[P, dict[str, Any]]:
    """One call at a time, its prints to stderr (stdout is the protocol's), its error a sentence, its values JSON's."""

    @functools.wraps(function)
    def answered(*args: P.args, **kwargs: P.kwargs) -> dict[str, Any]:
        with lock, redirect_stdout(sys.stderr):
            try:
                content = function(*args, **kwargs)
            except EvergreenError as error:
                raise ToolError(str(error)) from None
        return dict(json.loads(json.dumps(content, default=str)))

    return answered
