"""Is the market different enough to retrain? Profiles and outcomes in, a finding out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from evergreen.adapters.database import decisions, ledger, reading, rollouts, writing
from evergreen.core.bars.calendar import iso
from evergreen.market_data.delivery import Delivery
from evergreen.workspace import Workspace, workspace
from tasks.decorators import effect
from tasks.signs import read_signs

if TYPE_CHECKING:
    from evergreen.core.drift import Counts, DriftCheck, SkillTest

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
class Look:
    """One look at the features; without a check and counts where none could be made."""

    outcome: str
    sentence: str
    check: DriftCheck | None = None
    counts: Counts | None = None

    @property
    def drift(self) -> bool:
        """Whether it amounts to drift."""
        return self.outcome == "drift"


def is_checked(session: pd.Timestamp) -> bool:
    """Whether drift is judged in a session: once a week, on its last one."""
    following = workspace().calendar.next(session)
    return bool(following.isocalendar()[:2] != session.isocalendar()[:2])


@effect
def check_drift(session: pd.Timestamp, delivery: Delivery) -> DriftFinding | None:
    """Judge features and realized skill of the champion, and what caused what was found; None without a champion."""
    from evergreen.adapters.monitoring.realized import read_skill
    from evergreen.core.drift import cause

    at = workspace()
    with reading(at.engine) as conn:
        rollout = rollouts.read(conn, at.settings.model_name)
    if rollout is None:
        return None
    look = look_at_features(at, rollout.champion, session)
    skill = read_skill(at.engine, at.model_folder(rollout.champion), rollout.champion)
    signs = read_signs(at, session, delivery, look.counts, look.drift, skill.standing if skill else "unproven")
    diagnosis = cause(signs)
    _record(at, rollout.champion, session, look)
    return DriftFinding(
        version=rollout.champion,
        as_of=iso(session),
        outcome=look.outcome,
        sentence=f"{look.sentence} {diagnosis.sentence}",
        cause=diagnosis.cause.value,
        reaction=diagnosis.reaction.value,
        evidence=_evidence(look, skill) | {"refused": signs.refused, "missing": signs.missing},
        leading=_leading(look),
    )


def look_at_features(at: Workspace, version: str, session: pd.Timestamp) -> Look:
    """The drift check of a version at a session; a version without a calibration says that it is not monitored."""
    from evergreen.adapters.monitoring.calibrations import read_counts, read_kept
    from evergreen.core.drift import DriftCheck, check, verdict

    kept = read_kept(at.settings.calibrations / version)
    if kept is None:
        return Look("not_monitored", f"Version {version} has no drift calibration: its features are not monitored.")
    counts = read_counts(kept, at.settings.profiles, at.calendar, session)
    found = check(kept.calibration, counts, session)
    judged = verdict(found, _sessions_since_reset(at, session))
    return Look(judged.outcome.value, judged.sentence, found if isinstance(found, DriftCheck) else None, counts)


def _sessions_since_reset(at: Workspace, session: pd.Timestamp) -> int | None:
    """Sessions since, before this one, a model was last trained or a canary rolled back."""
    with reading(at.engine) as conn:
        trained = [known.as_of for known in ledger.model_versions(conn, at.settings.model_name)]
        made = decisions.recent(conn, at.settings.model_name, 1000)
    ended = [decision.as_of for decision in made if decision.kind in ("rollback", "inconclusive")]
    before = [reset for reset in (*trained, *ended) if reset < iso(session)]
    return at.calendar.between(pd.Timestamp(max(before)), session) if before else None


def _evidence(look: Look, skill: SkillTest | None) -> dict[str, Any]:
    told: dict[str, Any] = {"skill": skill.standing if skill else "unproven"}
    if skill:
        told |= {"skill_e_value": skill.e_value, "skill_mean": skill.mean_skill, "skill_record": skill.record}
    return told | (look.check.to_dict() if look.check else {})


def _leading(look: Look) -> tuple[dict[str, Any], ...]:
    """The features with the largest scores, each with its current window in the reference's deciles."""
    from evergreen.core.drift import Windows, shares

    if look.check is None or look.counts is None:
        return ()
    found, windows = look.check, Windows()
    names = found.scores.sort_values(ascending=False).index[:LEADING]
    places = [look.counts.grid.features.index(name) for name in names]
    tail = look.counts.upto(found.as_of, windows.span).values[:, places]
    _, current = shares(tail[: windows.reference].sum(axis=0), tail[windows.reference :].sum(axis=0))
    return tuple(
        {
            "feature": name,
            "PSI": float(found.psi[name]),
            "score": float(found.scores[name]),
            "p": float(found.p[name]),
            "culprit": "yes" if name in found.culprits else "",
            "now, by tenth of the reference": _sparkline(row[:-1]),
        }
        for name, row in zip(names, current, strict=True)
    )


def _sparkline(values: Any) -> str:
    top = max(float(values.max()), 0.2)
    return "".join(BARS[min(int(float(value) / top * len(BARS)), len(BARS) - 1)] for value in values)


def _record(at: Workspace, version: str, session: pd.Timestamp, look: Look) -> None:
    told: dict[str, Any] = {}
    if look.check:
        told = {
            "p_value": look.check.p_family,
            "statistic": look.check.statistic,
            "culprits": list(look.check.culprits),
            "window_start": iso(look.check.window_start),
            "window_end": iso(look.check.window_end),
        }
    as_of = iso(session)
    kept = ledger.DriftRecord(
        model=at.settings.model_name, as_of=as_of, version=version, drifted=look.drift, verdict=look.outcome, **told
    )
    with writing(at.engine) as conn:
        ledger.record_drift_check(conn, kept)
