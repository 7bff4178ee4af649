"""Is the market different enough to retrain? Profiles and outcomes in, a finding out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from evergreen.adapters.database import ledger, reading, rollouts, writing
from evergreen.adapters.database.delivery_state import NOW, read_state
from evergreen.core.bars.session import iso
from evergreen.core.drift import Outcome
from evergreen.market_data.delivery import Delivery
from evergreen.workspace import Workspace, workspace
from tasks.decorators import effect
from tasks.signs import read_watch

if TYPE_CHECKING:
    from evergreen.core.drift import Counts, CoverageTest, DriftCheck, SkillTest, TooLittleHistory
    from evergreen.core.policy import DeliveryState, WatchFinding

LEADING = 12  # features shown
BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class DriftFinding:
    """What a session's drift check found about the champion `version`, and what should follow.

    `leading` are rows of a table for a person: the features that moved most.
    """

    version: str
    as_of: str
    outcome: str
    sentence: str
    cause: str
    reaction: str
    evidence: Mapping[str, Any]
    leading: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, eq=False)
class FeatureLook:
    """One look at the features; without a check and counts where none could be made."""

    check: DriftCheck | TooLittleHistory | None = None
    counts: Counts | None = None

    @property
    def judged(self) -> DriftCheck | None:
        """The check, if there was history enough for one."""
        from evergreen.core.drift import DriftCheck

        return self.check if isinstance(self.check, DriftCheck) else None


@effect
def check_drift(session: pd.Timestamp, delivery: Delivery) -> DriftFinding | None:
    """What is found of the champion in a session on which the policy looks; None on others and without a champion."""
    at = workspace()
    state = read_standing(at, session)
    return find_drift(at, state, session, delivery) if state and is_checked(at, state, session) else None


def read_standing(at: Workspace, session: pd.Timestamp) -> DeliveryState | None:
    """Where delivery stands as seen from a session; None before the first champion."""
    with reading(at.engine) as conn:
        if rollouts.read(conn, at.settings.model_name) is None:
            return None
        return read_state(conn, at.settings.model_name, at.calendar, session)


def is_checked(at: Workspace, state: DeliveryState, session: pd.Timestamp) -> bool:
    """Whether anything may ask for a retraining in a session: on the last one of a week, and as the policy has it."""
    from evergreen.core.policy import is_look

    ends_week = bool(at.calendar.next(session).isocalendar()[:2] != session.isocalendar()[:2])
    return is_look(at.settings.delivery_policy(), state, NOW, ends_week)


def find_drift(at: Workspace, state: DeliveryState, session: pd.Timestamp, delivery: Delivery) -> DriftFinding:
    """Judge features and realized skill of the champion, and what caused what was found; the check goes on record."""
    from evergreen.adapters.monitoring.realized import read_coverage, read_skill
    from evergreen.core.policy import diagnose

    policy = at.settings.delivery_policy()
    look = look_at_features(at, state.champion, session, policy.trigger.level)
    folder = at.model_folder(state.champion)
    run_length = policy.trigger.run_length
    skill = read_skill(at.engine, folder, at.settings.model_name, state.champion, run_length)
    coverage = read_coverage(at.engine, folder, at.settings.model_name, state.champion, run_length)
    realized = skill.standing if skill else "unproven", bool(coverage and coverage.lost)
    watch = read_watch(at, delivery, look.check, look.counts, *realized)
    finding = diagnose(policy, state, watch)
    _record(at, state.champion, finding, look.judged)
    return DriftFinding(
        version=state.champion,
        as_of=watch.as_of,
        outcome=finding.outcome,
        sentence=finding.sentence,
        cause=finding.cause.value,
        reaction=finding.reaction.value,
        evidence=_evidence(look, skill, coverage) | {"refused": watch.refused, "missing": watch.missing},
        leading=_leading(look),
    )


def look_at_features(at: Workspace, version: str, session: pd.Timestamp, level: float) -> FeatureLook:
    """The drift check of a version at a session; empty for a version without a calibration."""
    from evergreen.adapters.monitoring.calibrations import read_calibration, read_counts
    from evergreen.core.drift import check

    calibrated = read_calibration(at.settings.calibrations / version)
    if calibrated is None:
        return FeatureLook()
    counts = read_counts(calibrated, at.settings.profiles, at.calendar, session)
    return FeatureLook(check(calibrated.calibration, counts, session, level), counts)


def _evidence(look: FeatureLook, skill: SkillTest | None, coverage: CoverageTest | None) -> dict[str, Any]:
    evidence: dict[str, Any] = {"skill": skill.standing if skill else "unproven"}
    if skill:
        evidence |= {
            "skill_evidence": skill.evidence,
            "run_length": skill.run_length,
            "skill_mean": skill.mean_skill,
            "skill_record": skill.record,
        }
    if coverage:
        evidence |= {"coverage_evidence": coverage.evidence, "promised_outside": coverage.promised}
    return evidence | (look.judged.to_dict() if look.judged else {})


def _leading(look: FeatureLook) -> tuple[dict[str, Any], ...]:
    """The features with the largest scores, each with its current window in the reference's deciles."""
    from evergreen.core.drift import Windows, shares

    check, windows = look.judged, Windows()
    if check is None or look.counts is None:
        return ()
    names = check.scores.sort_values(ascending=False).index[:LEADING]
    places = [look.counts.grid.features.index(name) for name in names]
    tail = look.counts.upto(check.as_of, windows.span).values[:, places]
    _, current = shares(tail[: windows.reference].sum(axis=0), tail[windows.reference :].sum(axis=0))
    return tuple(
        {
            "feature": name,
            "PSI": float(check.psi[name]),
            "score": float(check.scores[name]),
            "p": float(check.p[name]),
            "culprit": "yes" if name in check.culprits else "",
            "now, by tenth of the reference": _sparkline(row[:-1]),
        }
        for name, row in zip(names, current, strict=True)
    )


def _sparkline(values: Any) -> str:
    top = max(float(values.max()), 0.2)
    return "".join(BARS[min(int(float(value) / top * len(BARS)), len(BARS) - 1)] for value in values)


def _record(at: Workspace, version: str, finding: WatchFinding, check: DriftCheck | None) -> None:
    measured: dict[str, Any] = {}
    if check:
        measured = {
            "p_value": check.p_family,
            "statistic": check.statistic,
            "culprits": list(check.culprits),
            "window_start": iso(check.window_start),
            "window_end": iso(check.window_end),
        }
    record = ledger.DriftRecord(
        model=at.settings.model_name,
        as_of=finding.as_of,
        version=version,
        drifted=finding.outcome == Outcome.DRIFT.value,
        verdict=finding.outcome,
        **measured,
    )
    with writing(at.engine) as conn:
        ledger.record_drift_check(conn, record)
