from .deciding import decide
from .delivering import in_window
from .evidence import (
    CanaryLook,
    Evidence,
    GuardrailsBroken,
    InstanceDiffers,
    Judged,
    PlaceFreed,
    SessionWatch,
    WatchFinding,
)
from .kinds import (
    HAD_ITS_TURN,
    LEFT_THE_QUEUE,
    MAKES_CHAMPION,
    RESETS_DRIFT,
    DecisionKind,
)
from .parsing import choose, parse_policies
from .policy import CanaryPolicy, GatePolicy, Policy, TriggerPolicy
from .shipped import SHIPPED
from .state import Action, DeliveryState, Retraining, Waiting, after_training, apply
from .watching import diagnose, is_look

__all__ = [
    "HAD_ITS_TURN",
    "LEFT_THE_QUEUE",
    "MAKES_CHAMPION",
    "RESETS_DRIFT",
    "SHIPPED",
    "Action",
    "CanaryLook",
    "CanaryPolicy",
    "DecisionKind",
    "DeliveryState",
    "Evidence",
    "GatePolicy",
    "GuardrailsBroken",
    "InstanceDiffers",
    "Judged",
    "PlaceFreed",
    "Policy",
    "Retraining",
    "SessionWatch",
    "TriggerPolicy",
    "Waiting",
    "WatchFinding",
    "after_training",
    "apply",
    "choose",
    "decide",
    "diagnose",
    "in_window",
    "is_look",
    "parse_policies",
]
