"""What delivery policies earn where the truth is known, and on real prices: the tables of docs/experiments/replay.md.

`python -m benchmarks.replay_markets FOLDER [NAME...] [--panel FILE]` walks the named markets, or all of them, and
prints a table for each, then what the default policy earns beside a retraining every 20 sessions. What lies in FOLDER
already is not walked again.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from evergreen.core.model.breadth import suited
from evergreen.core.model.config import TrainingConfig
from evergreen.replay.breaks import parse_break
from evergreen.replay.plan import Replay, shipped
from evergreen.replay.report import table_for_people, write_report
from evergreen.replay.run import Replayed, replay

POLICIES = ("default", "never", "calendar:20", "calendar:250", "drift", "skill", "eager", "oracle")
WORKERS = 2
SIMULATED = "simulated:tickers=50,seed=7,years=10"
SIMULATED_SPAN = ("2004-06-01", "2009-12-11")  # four years before it are history
SAMPLE = ("AAPL", "IBM", "MSFT", "GOOG")


@dataclass(frozen=True)
class ComparedMarket:
    """Bars, the sessions walked, what is broken, and what is known of it in a word."""

    truth: str
    bars: str
    span: tuple[str, str] = SIMULATED_SPAN
    broken: tuple[str, ...] = ()
    tickers: tuple[str, ...] = ()
    config: TrainingConfig | None = None

    def plan(self, out: Path) -> Replay:
        """Its replay, into a folder of its own."""
        begin, end = (pd.Timestamp(day) for day in self.span)
        breaks = tuple(parse_break(each) for each in self.broken)
        plan = Replay(self.bars, begin, end, shipped(POLICIES), out, breaks=breaks, workers=WORKERS)
        return replace(plan, tickers=self.tickers, config=self.config, learner="lightgbm")


KNOWN = {
    "stationary": ComparedMarket("nothing ever changes", SIMULATED),
    "decay": ComparedMarket("from 2005 on the edge halves each year", f"{SIMULATED},drift=decay@2005-01-03@1"),
    "flip": ComparedMarket("the edge turns its sign once, on 2006-06-01", f"{SIMULATED},drift=sign@2006-06-01@1"),
    "broken": ComparedMarket(
        "the first challenger from 2005-09-01 on is served shuffled features",  # a model serves by then
        SIMULATED,
        broken=("shuffled@2005-09-01",),
    ),
    "sample": ComparedMarket("four stocks, real prices", "sample", ("2004-06-01", "2013-02-28"), tickers=SAMPLE),
}


# Five years of bars are too short for the usual record: half of it, and a year before its first fold.
SHORT = replace(TrainingConfig(**suited(505)), learner="lightgbm", folds=4, min_train=252)  # type: ignore[arg-type]


def panel(file: str) -> dict[str, ComparedMarket]:
    """505 stocks: the years that choices were made on, and the whole, which is one look."""
    return {
        "panel_to_2016": ComparedMarket("505 stocks, development", file, ("2015-04-01", "2016-12-30"), config=SHORT),
        "panel": ComparedMarket("505 stocks, one look", file, ("2015-04-01", "2018-02-07"), config=SHORT),
    }


def line(name: str, market: ComparedMarket, summary: dict[str, Any]) -> str:
    """A row of the table in docs/error-rates.md."""
    rows = {row["policy"]: row for row in summary["policies"]}
    ours, calendar = rows["default"], rows["calendar:20"]
    cells = [
        f"{name}: {market.truth}",
        f"{summary['from']} to {summary['to']}",
        f"{ours['rank_ic']:+.4f}",
        f"{calendar['rank_ic']:+.4f}",
        _difference(ours["against"]["calendar:20"]),
        _difference(ours["against"]["never"]),
        f"{ours['retrainings']} / {calendar['retrainings']}",
        f"{ours['promotions']} / {calendar['promotions']}",
    ]
    return f"| {' | '.join(cells)} |"


COLUMNS = (
    "market",
    "walked",
    "RankIC `default`",
    "RankIC `calendar:20`",
    "difference (90 %)",
    "less `never` (90 %)",
    "retrained",
    "promoted",
)


def _difference(numbers: dict[str, float]) -> str:
    return f"{numbers['rank_ic']:+.4f} ({numbers['rank_ic_lower90']:+.4f} to {numbers['rank_ic_upper90']:+.4f})"


def walked(market: ComparedMarket, out: Path) -> Replayed:
    """A market's replay, and its page in the folder."""
    replayed = replay(market.plan(out))
    write_report(replayed, out / "report.html")
    return replayed


def main() -> None:
    """Walk markets and print what was earned."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--panel", help="a file of the 505 stocks")
    given = parser.parse_args()
    markets = KNOWN | (panel(given.panel) if given.panel else {})
    summaries = {}
    for name in given.names or markets:
        summaries[name] = walked(markets[name], given.folder / name).summary
        print(f"{name}: {markets[name].truth}\n{table_for_people(summaries[name])}\n", flush=True)
    print(f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|", sep="\n")
    print(*(line(name, markets[name], summary) for name, summary in summaries.items()), sep="\n")


if __name__ == "__main__":
    main()
