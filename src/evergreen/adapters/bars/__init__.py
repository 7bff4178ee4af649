"""Bars from outside, and the store that keeps them."""

from evergreen.adapters.bars.files import read_any
from evergreen.adapters.bars.sources import FilesSource, SampleSource, SimulatedSource, Source, open_source
from evergreen.adapters.bars.store import AppendReport, BarStore

__all__ = [
    "AppendReport",
    "BarStore",
    "FilesSource",
    "SampleSource",
    "SimulatedSource",
    "Source",
    "open_source",
    "read_any",
]
