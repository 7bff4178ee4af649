"""Every error a person can meet, drawn as a tree. A command ends with 2 for `BadInput`, else with 1.

EvergreenError                 one sentence: what, where, what to do next
├── BadInput                   the caller's input is at fault; trying again changes nothing
│   ├── UnreadableFile
│   ├── NoBars
│   └── BadSetting
├── Refused                    a gate of ours said no, and says why
│   ├── DeliveryBlocked
│   ├── ModelRefused
│   ├── KeyRefused
│   └── NotPermitted
├── Conflict                   somebody else got there first; read again, then decide
│   ├── RolloutConflict
│   └── AlreadyClaimed
├── NotFound                   a version, run, request or prediction that is not on record
├── NotebookFailed             a cell raised, ran out of time or lost its kernel
├── Broken                     a stored thing is not what its record says (hash, chain, manifest)
└── Transient                  worth a retry
    ├── Unavailable            a server or database did not answer
    ├── TooManyRequests
    └── PortInUse
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class EvergreenError(Exception):
    """Base of all errors meant for a person: `what` happened and the `hint` for what to do next."""

    exit_code = 1

    def __init__(self, what: str, hint: str = "") -> None:
        self.what = what
        self.hint = hint
        super().__init__(f"{what} {hint}".strip())


class BadInput(EvergreenError):
    """The caller's input is at fault."""

    exit_code = 2


class UnreadableFile(BadInput):
    """A file that cannot be read as what it claims to be."""


class NoBars(BadInput):
    """A place that holds no bars."""


class BadSetting(BadInput):
    """A setting, parameter or environment that cannot be used."""


class Refused(EvergreenError):
    """A gate said no."""


class DeliveryBlocked(Refused):
    """Validation found what must not enter the bar store."""


class ModelRefused(Refused):
    """A model file that may not be served."""


class KeyRefused(Refused):
    """No API key, or nobody's."""


class NotPermitted(Refused):
    """A known key that may not do this."""


class Conflict(EvergreenError):
    """Somebody else changed the state first."""


class RolloutConflict(Conflict):
    """The rollout row moved on since it was read."""


class AlreadyClaimed(Conflict):
    """A retrain request that another worker holds, or that is finished."""


class NotFound(EvergreenError):
    """Nothing on record under that name."""


class Broken(EvergreenError):
    """A stored thing is not what its record says."""


class NotebookFailed(EvergreenError):
    """A cell raised, ran out of time or lost its kernel.

    Attributes:
        cell: its number as Jupyter shows it, In [cell]; 0 when no cell had started.
        source: its code.
        ename: the exception's class name.
        traceback: as the kernel printed it, without colours.
        executed: the notebook as far as it ran.
    """

    def __init__(self, notebook: Path, executed: Path, report: Mapping[str, Any]) -> None:
        self.cell = int(report["cell"])
        self.source = str(report["source"])
        self.ename = str(report["ename"])
        self.traceback = str(report["traceback"])
        self.executed = executed
        where = f"cell In [{self.cell}] of {notebook.name}" if self.cell else notebook.name
        super().__init__(f"{where} failed: {self.ename}: {report['evalue']}", f"Open {executed}.")


class Transient(EvergreenError):
    """Worth a retry."""


class Unavailable(Transient):
    """A server or database did not answer."""


class TooManyRequests(Transient):
    """A client asks more often than it may."""


class PortInUse(Transient):
    """A port that somebody else listens on."""


def unreachable(*others: type[Exception]) -> tuple[type[Exception], ...]:
    """What fsspec raises of a place that does not answer; of Amazon's library, once imported, that is no OSError."""
    library = sys.modules.get("botocore.exceptions")
    return (OSError, *others) if library is None else (OSError, library.BotoCoreError, *others)
