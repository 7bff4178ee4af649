"""Bars from files as people have them, step by step; each step says what it decided."""

from evergreen.adapters.bars.files.folder import FolderBars, bar_files, files_in, read_files
from evergreen.adapters.bars.files.naming import ticker_of
from evergreen.adapters.bars.files.reading import FileBars, read_any, read_file

__all__ = ["FileBars", "FolderBars", "bar_files", "files_in", "read_any", "read_file", "read_files", "ticker_of"]
