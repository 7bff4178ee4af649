"""A replay for people: every measure on one page that needs no network."""

from __future__ import annotations

from dataclasses import replace

from evergreen.replay.breaks import parse_break
from evergreen.replay.plan import Replay
from evergreen.replay.report import rows_for_people, table_for_people, write_report
from evergreen.replay.run import replay
from tests.unit.replay.conftest import impatient, policies

HEADS = (
    "RankIC served",
    "less calendar:20",
    "less never",
    "regret",
    "loss saved against the random walk",
    "ICIR",
    "net return a year",
    "coverage",
    "retrained",
    "tried",
    "canaries",
    "promoted",
    "rolled back",
    "sessions worse than the random walk",
    "seconds",
    "sessions until clients were free of it",
)


def test_report__has_every_measure_of_every_policy_and_asks_no_network(plan: Replay) -> None:
    tried = (*policies("never", "calendar:20", "oracle"), replace(impatient(), gate=None))
    replayed = replay(replace(plan, policies=tried, breaks=(parse_break("shuffled@2001-09-10"),)))
    page = write_report(replayed, plan.out / "report.html").read_text()
    assert [head for head in HEADS if head not in page] == []
    assert [policy.name for policy in tried if f"<th>{policy.name}<td>" not in page] == []
    assert "1 stopped" in page
    assert "http" not in page and page.count("data:image/png;base64,") == 4
    assert table_for_people(replayed.summary).count("\n") == len(rows_for_people(replayed.summary)) == len(tried)
