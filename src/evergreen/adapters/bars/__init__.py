"""Bars from outside, and the store that keeps them."""

from evergreen.adapters.bars.files import read_any, read_file
from evergreen.adapters.bars.sources import (
    BarSource,
    FilesSource,
    ReportingSource,
    SampleSource,
    SimulatedSource,
    open_source,
)
from evergreen.adapters.bars.store import AppendReport, BarStore

__all__ = [
    "AppendReport",
    "BarSource",
    "BarStore",
    "FilesSource",
    "ReportingSource",
    "SampleSource",
    "SimulatedSource",
    "open_source",
    "read_any",
    "read_file",
]
