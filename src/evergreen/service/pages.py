"""The status page and the API page: plain HTML, no script, nothing from the network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from evergreen.adapters.database import reading
from evergreen.core.canary import LADDER, QualityTest
from evergreen.errors import EvergreenError
from evergreen.service.charts import Chart, Level, Series
from evergreen.service.refresh import Keeper
from evergreen.service.store import DiskStore
from evergreen.service.view import Skill, View, gather
from evergreen.service.watch import Watch
from evergreen.settings import Settings

_loader = PackageLoader("evergreen.service")
_templates = Environment(
    loader=_loader,
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _page_policy() -> str:
    """What a browser may do with our pages: their one style sheet, known by its hash, and an icon of their own."""
    source, *_ = _loader.get_source(_templates, "base.html")
    style = source.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


PAGE_POLICY = _page_policy()


class StatusPage:
    """Renders `/`: who serves what and why, and the evidence behind it."""

    def __init__(self, settings: Settings, store: DiskStore, keeper: Keeper, watch: Watch) -> None:
        self._settings = settings
        self._store = store
        self._keeper = keeper
        self._watch = watch

    def render(self) -> str:
        """The page as HTML; a database that does not answer is said on it."""
        snapshot, alarms = self._keeper.snapshot, dict(self._keeper.alarms)
        try:
            with reading(self._store.engine) as conn:
                view = gather(conn, self._settings.model_name, snapshot, datetime.now(UTC))
        except EvergreenError as error:
            return self._show(alarms | {"state": str(error)}, None)
        return self._show(alarms, view)

    def _show(self, alarms: Mapping[str, str], view: View | None) -> str:
        uri = self._settings.mlflow
        return _templates.get_template("status.html").render(
            name=self._settings.model_name,
            view=view,
            snapshot=self._keeper.snapshot,
            max_age=self._settings.max_feature_age,
            alarms=alarms,
            guardrails=self._watch.verdict,
            ladder=view.rollout.evidence.ladder if view and view.rollout and view.rollout.evidence else LADDER,
            evidence=evidence_chart(view.quality) if view and view.quality else None,
            skill=skill_chart(view.skills) if view and view.skills else None,
            mlflow=uri if uri.startswith("http") else None,
        )


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


def skill_chart(skills: Sequence[Skill]) -> Chart:
    """Cumulated advantage in squared error over the random walk, by session."""
    sessions = sorted({session for skill in skills for session in skill.losses["session"]})
    lines = [
        Series(
            f"version {skill.version}",
            skill.advantage.set_axis(skill.losses["session"]).reindex(sessions).tolist(),
            "good" if place == 0 else "other",
        )
        for place, skill in enumerate(skills)
    ]
    title = "Cumulated advantage in squared error over the random walk, in average sessions"
    labels = [session.date().isoformat() for session in sessions]
    return Chart(title, labels, lines, [Level("random walk", 0.0)])


def render_docs(schema: Mapping[str, Any]) -> str:
    """The API page from the OpenAPI description."""
    return _templates.get_template("docs.html").render(schema=schema)


def _percent(share: float, digits: int = 0) -> str:
    return f"{share * 100:.{digits}f}\u00a0%"


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _count(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


_templates.filters |= {"percent": _percent, "moment": _moment, "count": _count}
