"""A seeded stock market whose truth is known: what it lets one predict, when it changes, and what is wrong with it."""

from evergreen.core.market.faults import FAULTS, Spoiled, restate, spoil
from evergreen.core.market.harmless import HARMLESS
from evergreen.core.market.simulated_actions import with_corporate_actions, with_listings
from evergreen.core.market.simulation import START, Drift, DriftKind, planted_signal, simulate

__all__ = [
    "FAULTS",
    "HARMLESS",
    "START",
    "Drift",
    "DriftKind",
    "Spoiled",
    "planted_signal",
    "restate",
    "simulate",
    "spoil",
    "with_corporate_actions",
    "with_listings",
]
