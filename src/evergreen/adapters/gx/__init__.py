"""The validation gate: Great Expectations over the rules of `core.quality`, and its report page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import great_expectations as gx
import great_expectations.expectations as expectations
import numpy as np
import pandas as pd
from great_expectations.data_context.types.base import ProgressBarsConfig

from evergreen.adapters.gx.validation_page import write_page
from evergreen.core.bars.schema import empty_bars
from evergreen.core.quality import RULES, Finding, Rule, Screening, blocks, screen
from evergreen.errors import Broken

PAGE = "validation.html"
FEWEST_NAMES = 30  # a profile over fewer tickers is each one's own news
_SEVERITY = {"block": "critical", "quarantine": "warning", "warn": "info"}
ALL_RULES = Rule(
    name="any_rule",
    severity="block",
    refuses="delivery",
    per="bar",
    columns=("close",),
    promise="no rule is broken",
    fault="breaks a rule",
    why="stands for all rules where none is broken",
)


@dataclass(frozen=True)
class ValidationReport:
    """The gate's answer. `success`: nothing is refused; `blocked`: nothing of it may enter; `page`: what a
    person reads, if one was asked for."""

    findings: list[Finding]
    success: bool
    blocked: bool
    page: Path | None


def validate(
    bars: pd.DataFrame,
    sessions: pd.DatetimeIndex,
    report_dir: Path | None = None,
    *,
    as_of: pd.Timestamp | None = None,
    history: pd.DataFrame | None = None,
    universe: frozenset[str] | None = None,
    clean_page: bool = True,
) -> ValidationReport:
    """Run the suite on the delivery `bars`; arguments as in `core.quality.check`.

    Each rule is one expectation, of a column that says for each bar how it breaks the rule, or nothing. With
    `report_dir` the suite's page is written there as `validation.html`; without `clean_page` only if something
    was found. Where neither page nor finding is to be told, one expectation stands for all: Great Expectations
    takes 4 ms for each.

    Raises:
        Broken: Great Expectations itself failed on a rule.
    """
    screening = screen(bars, sessions, as_of=as_of, history=history, universe=universe)
    findings = screening.findings() + _on_profile(screening.bars, history)
    folder = report_dir if clean_page or findings else None
    rules = RULES if folder is not None or findings else (ALL_RULES,)
    judged = _judged(screening, rules)
    outcome = _gate(rules).run(batch_parameters={"dataframe": judged}, result_format="BOOLEAN_ONLY")
    severities = {_severity(judgement) for judgement in outcome.results if not judgement.success}
    success = severities <= {"warn"}
    judge = (
        f"Judged by Great Expectations {gx.__version__}: {_count_met(outcome)} of {len(rules)} expectations are met."
    )
    return ValidationReport(
        findings=findings,
        success=success,
        blocked=blocks(screening.bars, findings),
        page=write_page(screening, findings, success, judge, folder / PAGE) if folder is not None else None,
    )


def _on_profile(bars: pd.DataFrame, history: pd.DataFrame | None) -> list[Finding]:
    """What the delivery's profile says, where there are names enough for one; profiles are slow to import."""
    if bars["ticker"].nunique() < FEWEST_NAMES:
        return []
    from evergreen.adapters.monitoring import judge_profile

    return judge_profile(bars, empty_bars() if history is None else history)


@lru_cache(maxsize=2)
def _gate(rules: tuple[Rule, ...]) -> Any:
    """The suite of `rules` and what it needs, built once a process."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("bars").add_dataframe_asset("delivery")
    suite = context.suites.add(gx.ExpectationSuite("market"))
    for rule in rules:
        suite.add_expectation(
            expectations.ExpectColumnValuesToBeNull(
                column=rule.name,
                severity=_SEVERITY[rule.severity],
                meta={"severity": rule.severity},
                description=f"{rule.name} ({rule.severity}): {rule.promise}",
            )
        )
    batch = asset.add_batch_definition_whole_dataframe("bars")
    return context.validation_definitions.add(gx.ValidationDefinition(name="delivery", data=batch, suite=suite))


def _judged(screening: Screening, rules: tuple[Rule, ...]) -> pd.DataFrame:
    columns = {rule.name: screening.messages(rule) for rule in rules if rule is not ALL_RULES}
    if ALL_RULES in rules:
        broken = np.logical_or.reduce([screening.marked(rule) for rule in RULES])
        columns[ALL_RULES.name] = pd.Categorical(pd.Series(ALL_RULES.fault, range(len(broken))).where(broken))
    return pd.DataFrame(columns)


def _severity(judgement: Any) -> str:
    exceptions = judgement.exception_info
    failures = [exceptions] if "raised_exception" in exceptions else list(exceptions.values())  # one, or one a metric
    reasons = [failure["exception_message"] for failure in failures if failure["raised_exception"]]
    if reasons:
        rule = judgement.expectation_config.kwargs["column"]
        raise Broken(f"Great Expectations could not judge {rule}: {reasons[0]}.", "Nothing was let in.")
    return str(judgement.expectation_config.meta["severity"])


def _count_met(outcome: Any) -> int:
    return sum(judgement.success for judgement in outcome.results)
