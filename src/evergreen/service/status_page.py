"""The status page: plain HTML that needs no script to be read, and nothing from the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection

from evergreen.adapters.database import reading
from evergreen.adapters.database.lost import lost_record
from evergreen.adapters.infra.prefect_api import PrefectApi, failure_on, running_on
from evergreen.adapters.infra.running import how_sessions_come, missing
from evergreen.adapters.infra.urls import without_password
from evergreen.core.canary import LADDER, QualityTest
from evergreen.core.model.targets.registry import target as forecast_target
from evergreen.errors import EvergreenError
from evergreen.service.charts import Chart, Level, Series, bare
from evergreen.service.papers import PageLink, Papers
from evergreen.service.refresh import Keeper
from evergreen.service.store import DiskStore
from evergreen.service.templating import render
from evergreen.service.view import Skill, View, gather
from evergreen.service.watch import Watch
from evergreen.settings import Settings

COLUMNS = ("ticker", "arm", "last close", "price", "interval", "return", "forecast", "age", "sign right")
MINOR = ("last close", "age")  # what a phone's screen has no room for


class StatusPage:
    """Renders `/`: who serves what and why, and the evidence behind it."""

    def __init__(
        self,
        settings: Settings,
        store: DiskStore,
        keeper: Keeper,
        watch: Watch,
        papers: Papers,
        prefect: PrefectApi | None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._keeper = keeper
        self._watch = watch
        self._papers = papers
        self._prefect = prefect

    def render(self) -> str:
        """The page as HTML; a database that does not answer is said on it."""
        snapshot, alarms = self._keeper.snapshot, dict(self._keeper.alarms)
        try:
            with reading(self._store.engine) as conn:
                view = gather(conn, self._settings.model_name, snapshot, datetime.now(UTC))
                links = self._links(conn, view)
                lost = "" if view.clock else lost_record(conn, self._settings.data, self._database)
        except EvergreenError as error:
            return self._show(alarms | {"state": str(error)}, None, {})
        return self._show(alarms, view, links, lost)

    @property
    def _database(self) -> str:
        return without_password(self._settings.database)

    def _links(self, conn: Connection, view: View) -> dict[str, list[PageLink]]:
        """What can be read of all that the page names: of both versions, the data and the drift."""
        papers, rollout = self._papers, view.rollout
        return {
            "champion": papers.of_version(conn, rollout.champion) if rollout else [],
            "challenger": papers.of_version(conn, rollout.challenger) if rollout and rollout.challenger else [],
            "data": papers.of_data(conn, view.data.id) if view.data else [],
            "drift": papers.of_finding(conn, view.drift.as_of) if view.drift else [],
        }

    def _show(
        self, alarms: Mapping[str, str], view: View | None, links: Mapping[str, list[PageLink]], lost: str = ""
    ) -> str:
        snapshot = self._keeper.snapshot
        goal = forecast_target(snapshot.lineup.champion.manifest.target if snapshot else self._settings.target)
        running = running_on(self._prefect) if self._prefect else []
        failure = failure_on(self._prefect) if self._prefect and view and view.clock is None else ""
        return render(
            "status.html",
            name=self._settings.model_name,
            view=view,
            snapshot=snapshot,
            target=self._store.target(snapshot.as_of, snapshot.lineup.champion.manifest.horizon) if snapshot else None,
            max_age=self._settings.max_feature_age,
            alarms=alarms,
            guardrails=self._watch.verdict,
            ladder=view.rollout.evidence.ladder if view and view.rollout and view.rollout.evidence else LADDER,
            evidence=evidence_chart(view.quality) if view and view.quality else None,
            skill=skill_chart(view.skills, goal.baseline) if view and view.skills else None,
            goal=goal,
            now=datetime.now(UTC),
            running=running,
            newer=how_sessions_come(running, view.owed if view else ""),
            missing=missing(view.clock, _champion(view), running, view.training, failure, lost) if view else "",
            prefect=self._prefect.url.removesuffix("/api") if self._prefect else None,
            columns=_columns(goal.is_return),
            minor=MINOR,
            links=links,
        )


def _columns(priced: bool) -> list[str]:
    """Titles of the table of forecasts."""
    absent = {"forecast"} if priced else {"price", "return"}
    return [title for title in COLUMNS if title not in absent]


def _champion(view: View | None) -> str | None:
    return view.rollout.champion if view and view.rollout else None


def evidence_chart(quality: QualityTest) -> Chart | None:
    """Both e-values by session against the limits at which they decide; None before the first session."""
    path = quality.path
    if not path:
        return None
    promote, rollback = 1 / quality.rules.alpha_promote, 1 / quality.rules.alpha_rollback
    lines = [
        Series("not worse", [look.e_promote for look in path], "good"),
        Series("worse", [look.e_rollback for look in path], "bad"),
    ]
    levels = [
        Level(f"promote {promote:g}", promote, "level good"),
        Level(f"roll back {rollback:g}", rollback, "level bad"),
    ]
    title = "Evidence that the challenger is not worse, and that it is worse, by session"
    return Chart(title, [look.session for look in path], lines, levels, log=True)


def skill_chart(skills: Sequence[Skill], baseline: str) -> Chart:
    """Cumulated advantage in squared error over a target's naive forecast, by session."""
    sessions = sorted({session for skill in skills for session in skill.losses["session"]})
    lines = [
        Series(
            f"version {skill.version}",
            skill.advantage.set_axis(skill.losses["session"]).reindex(sessions).tolist(),
            "good" if place == 0 else "other",
        )
        for place, skill in enumerate(skills)
    ]
    title = f"Cumulated advantage in squared error over {baseline}, in average sessions"
    labels = [session.date().isoformat() for session in sessions]
    return Chart(title, labels, lines, [Level(bare(baseline), 0.0)])
