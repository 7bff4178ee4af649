"""The canary: is the challenger good enough to keep? Looked at every session, stopped any time."""

from evergreen.core.canary.betting import robust_scale
from evergreen.core.canary.power import Power, PowerPlan, plan_power
from evergreen.core.canary.quality import Look, QualityTest
from evergreen.core.canary.rules import Decision, Rules, first_decisions
from evergreen.core.canary.stages import WEIGHTS, Guardrails, Stage, StagePolicy, Step, next_stage

__all__ = [
    "WEIGHTS",
    "Decision",
    "Guardrails",
    "Look",
    "Power",
    "PowerPlan",
    "QualityTest",
    "Rules",
    "Stage",
    "StagePolicy",
    "Step",
    "first_decisions",
    "next_stage",
    "plan_power",
    "robust_scale",
]
