"""Bars from outside, and the store that keeps them."""

from evergreen.adapters.bars.files import read_any, read_file
from evergreen.adapters.bars.registry import open_source
from evergreen.adapters.bars.sources import (
    BarSource,
    FilesSource,
    KeepingSource,
    LoadedSource,
    ReportingSource,
    SampleSource,
    SimulatedSource,
)
from evergreen.adapters.bars.store import AppendReport, BarStore

__all__ = [
    "AppendReport",
    "BarSource",
    "BarStore",
    "FilesSource",
    "KeepingSource",
    "LoadedSource",
    "ReportingSource",
    "SampleSource",
    "SimulatedSource",
    "open_source",
    "read_any",
    "read_file",
]
