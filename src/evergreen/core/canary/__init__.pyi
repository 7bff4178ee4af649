from .betting import robust_scale
from .power import Power, PowerPlan, plan_power
from .quality import QualityTest, SessionEvidence
from .record import CanaryRecord, RollbackWindow
from .rules import Rules, first_decisions
from .stages import LADDER, Guardrails, Ladder, Stage, Step, next_stage
from .verdict import CanaryVerdict

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
    "first_decisions",
    "next_stage",
    "plan_power",
    "robust_scale",
]
