"""Factors proposed by formula, trained with and compared: research by a program, each trial counted as anyone's."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from evergreen.adapters.database import ledger, reading, rollouts, trials, writing
from evergreen.adapters.models.folder import read_model_folder, write_model_folder, write_run
from evergreen.core.dataset.look_ahead_audit import ATTRIBUTE, Audit, audit, require_passed, stamp
from evergreen.core.dataset.panel import training_frame
from evergreen.core.features import DeclaredFactor, FormulaFactor, from_formula
from evergreen.core.features.declared import with_declared
from evergreen.core.gate.place import Place
from evergreen.core.gate.requirements import require_audit
from evergreen.core.gate.verdict import Verdict
from evergreen.core.model.continuity import Continuity
from evergreen.core.model.manifest import Manifest
from evergreen.core.model.training import train
from evergreen.core.policy import GatePolicy
from evergreen.core.policy.judging import judge
from evergreen.errors import BadInput, NotFound, Refused
from evergreen.research.panels import ResearchPanel
from evergreen.research.project import run_folder
from evergreen.research.registered import champion_record, read_manifest
from evergreen.research.retrainings import usual_aim
from evergreen.research.search import SHOWN
from evergreen.workspace import Workspace

AIM = "Only forecasts of the same can be compared."
MOST_FACTORS = 20  # in one training: what a person still reads


@dataclass(frozen=True)
class ProposedFactor:
    """What can be said of a factor without a look at outcomes: nothing of this is a trial.

    `missing` is the share of rows without a value; `nearest` the known factor it is most alike, by rank correlation.
    """

    factor: FormulaFactor
    audit: str
    missing: float
    nearest: str
    likeness: float


@dataclass(frozen=True)
class ResearchRun:
    """A finished training, by its run in MLflow, and where its recipe stands among all that were tried."""

    run_id: str
    metrics: dict[str, float | None]
    place: Place


class Workbench:
    """The bars of an installation, and what a program tries on them.

    The champion must stand: what is tried is counted under its model's name, beside what the flows try.
    """

    def __init__(self, at: Workspace) -> None:
        self.at = at

    @cached_property
    def panel(self) -> ResearchPanel:
        """Bars and features of the installation as they stand, and labels of what the champion forecasts.

        Raises:
            NotFound: no session has been processed yet.
        """
        with reading(self.at.engine) as conn:
            clock = ledger.clock(conn, self.at.settings.model_name)
        if clock is None:
            raise NotFound("No data has come in yet.", "Run the backfill first.")
        aim = usual_aim(self.at)
        bars = self.at.listings.companies(self.at.bars.as_of(end=pd.Timestamp(clock)))
        return ResearchPanel(bars, self.at.calendar, aim.horizon, tuple(self.at.features.factors), aim.target)

    def propose(self, name: str, formula: str) -> ProposedFactor:
        """Look at a factor: does it look ahead, is it there, does another say the same.

        Raises:
            BadInput: no formula, or no usable name.
            LooksAhead: it holds what was not known at its session.
        """
        factor = from_formula(name, formula)
        values, verdict = self._audited(factor)
        column = values[factor.name]
        ranks = self.panel.features.rank().corrwith(column.rank()).abs().fillna(0.0)
        nearest = str(ranks.idxmax())
        return ProposedFactor(factor, verdict.sentence, float(column.isna().mean()), nearest, float(ranks[nearest]))

    def train(self, formulas: Mapping[str, str], choices: Mapping[str, Any]) -> ResearchRun:
        """Train with the known factors and those of `formulas` (name -> formula), log the run and count the trial.

        `choices` are fields of `TrainingConfig`: learner, folds, seed and the like.

        Raises:
            BadInput: no formula, or no such choice.
            LooksAhead: a factor holds what was not known at its session.
            NotFound: nothing serves yet.
        """
        if len(formulas) > MOST_FACTORS:
            raise BadInput(f"{len(formulas)} factors are too many for one training.", f"Take {MOST_FACTORS} at most.")
        factors = [from_formula(name, formula) for name, formula in formulas.items()]
        config = replace(self.panel.config, **choices)
        with reading(self.at.engine) as conn:
            rollouts.current(conn, self.at.settings.model_name)
            newest = ledger.data_versions(conn, limit=1)
        training = train(self._training_set(factors), config)
        folder = run_folder(self.at.settings, "")
        write_model_folder(training, folder, self._as_of, newest[0].id if newest else "")
        params = config.as_dict() | {f"formula {name}": formula for name, formula in formulas.items()}
        run_id = self.at.tracking.log_training(folder, params, {}, f"proposed {' '.join(formulas) or config.learner}")
        write_run(folder, run_id)
        manifest = read_model_folder(folder).manifest
        place = self._count(run_id, manifest, _recipe(manifest, formulas), training.oos)
        return ResearchRun(run_id, {name: training.metrics.get(name) for name in SHOWN}, place)

    def compare(self, run_id: str) -> Verdict:
        """What the gate would say of a run against the champion; it is counted, and nothing else follows.

        Raises:
            NotFound, Broken: no such run, or none that a training logged; nothing serves yet.
            Refused: it forecasts something else than the champion.
        """
        with TemporaryDirectory(prefix=".compared-", dir=self.at.settings.home) as folder:
            model = read_model_folder(self.at.tracking.fetch_run(run_id, Path(folder)))
        with reading(self.at.engine) as conn:
            champion = rollouts.current(conn, self.at.settings.model_name).champion
            counted_as = trials.recipe_of(conn, self.at.settings.model_name, _challenger(run_id))
        serving = read_manifest(self.at, champion).aim
        if model.manifest.aim != serving:
            raise Refused(f"Run {run_id} forecasts {model.manifest.aim.phrase}, the champion {serving.phrase}.", AIM)
        place = self._count(run_id, model.manifest, counted_as or model.manifest.recipe or run_id, model.oos)
        rules = self.at.settings.delivery_policy().gate or GatePolicy()
        continuity = Continuity.from_metrics(model.manifest.metrics)
        verdict = judge(rules, champion_record(self.at, champion), model.oos, place, continuity)
        return require_audit(verdict, model.manifest)

    @property
    def _as_of(self) -> str:
        return str(self.panel.bars["session"].max().date())

    def _training_set(self, factors: list[FormulaFactor]) -> pd.DataFrame:
        """The panel's own, audited once, with the columns of these factors, each audited by itself."""
        known = self.panel.training_set
        verdict = Audit.from_dict(known.attrs[ATTRIBUTE])
        columns = []
        for factor in factors:
            values, own = self._audited(factor)
            columns.append(values)
            verdict = replace(verdict, features=verdict.features + own.features)
        features = pd.concat([self.panel.features, *columns], axis=1) if columns else self.panel.features
        return stamp(training_frame(features, self.panel.labels), verdict)

    def _audited(self, factor: DeclaredFactor) -> tuple[pd.DataFrame, Audit]:
        bars = self.panel.bars
        days = self.panel.calendar.sessions(bars["session"].min(), bars["session"].max())

        def compute(some: pd.DataFrame) -> pd.DataFrame:
            rows = pd.DataFrame(index=pd.MultiIndex.from_frame(some[["ticker", "session"]]).sort_values())
            return with_declared(rows, some, [factor], days)

        values = compute(bars)
        aim = self.panel.target
        verdict = audit(
            values,
            self.panel.labels,
            bars,
            compute,
            factor.lookback,
            self.panel.horizon,
            label=aim.label,
            label_lookback=aim.lookback,
        )
        return values, require_passed(verdict)

    def _count(self, run_id: str, manifest: Manifest, recipe: str, record: pd.DataFrame) -> Place:
        model = self.at.settings.model_name
        with writing(self.at.engine) as conn:
            champion = rollouts.current(conn, model).champion
            trials.record(
                conn,
                model=model,
                champion=champion,
                challenger=_challenger(run_id),
                recipe=recipe,
                window_start=record["session"].min(),
                window_end=record["session"].max(),
                as_of=manifest.as_of,
            )
            return trials.place(conn, model, recipe, manifest.renews(read_manifest(self.at, champion)))


def _challenger(run_id: str) -> str:
    return f"run {run_id}"


def _recipe(manifest: Manifest, formulas: Mapping[str, str]) -> str:
    """The model's recipe, and of proposed factors what they compute: another formula under one name is another."""
    if not formulas:
        return manifest.recipe
    facts = repr((manifest.recipe, sorted(formulas.items())))
    return hashlib.sha256(facts.encode()).hexdigest()[:16]
