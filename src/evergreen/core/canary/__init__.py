"""The canary: is the challenger good enough to keep? Looked at every session, stopped any time."""

from evergreen.core.canary.betting import robust_scale
from evergreen.core.canary.power import Power, PowerPlan, plan_power
from evergreen.core.canary.quality import QualityTest, SessionEvidence
from evergreen.core.canary.record import CanaryRecord, RollbackWindow, TrafficLimits
from evergreen.core.canary.rules import CanaryVerdict, Rules, first_decisions
from evergreen.core.canary.stages import LADDER, Guardrails, Ladder, Stage, Step, next_stage

__all__ = [
    "LADDER",
    "CanaryRecord",
    "CanaryVerdict",
    "Guardrails",
    "Ladder",
    "Power",
    "PowerPlan",
    "QualityTest",
    "RollbackWindow",
    "Rules",
    "SessionEvidence",
    "Stage",
    "Step",
    "TrafficLimits",
    "first_decisions",
    "next_stage",
    "plan_power",
    "robust_scale",
]
