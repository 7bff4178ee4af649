"""Step one: the bytes of a file, unpacked, as a table with a header."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import IO, Any

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.csv as arrow_csv

from evergreen.adapters.bars.files.spellings import KNOWN, plain
from evergreen.errors import BadInput, UnreadableFile

PACKED = (".gz", ".bz2", ".xz", ".zip")
DELIMITED = (".csv", ".txt", ".tsv", ".xls")  # many call a text table so; a real workbook is told by its bytes
PARQUET = (".parquet", ".pq")
SHEETS = (".xlsx",)
FEATHER = (".feather", ".arrow")
JSON = (".json", ".jsonl", ".ndjson")
MOST_UNPACKED = 100  # times: text of bars is packed to a fifth, at most to a twentieth
ARCHIVE = (".zip",)  # of one text table, whatever it is called
SUFFIXES = (
    *(form + pack for form in DELIMITED for pack in ("", *PACKED)),
    *PARQUET,
    *SHEETS,
    *FEATHER,
    *JSON,
    *ARCHIVE,
)
HINT = "A file of bars has a header and columns for date, open, high, low, close and volume."
ABSENT = ["", "null", "NULL", "nan", "NaN", "N/A", "n/a", "None", "-"]
_SEPARATORS = {  # after a name, as in a header: between numbers a comma may be a decimal one
    mark: re.compile(r"[^\W\d][>\"']? *" + re.escape(mark)) for mark in (",", ";", "\t", "|")
}
_BINARY = {  # by their first bytes
    b"PK\x03\x04": "a workbook or an archive",
    b"\xd0\xcf\x11\xe0": "an old workbook",
    b"PAR1": "Parquet",
    b"ARROW1": "Feather",
    b"\x1f\x8b": "packed by gzip",
    b"BZh": "packed by bzip2",
    b"\xfd7zXZ": "packed by xz",
}
_PAGES = (b"<!doctype", b"<html", b"<?xml", b"{", b"[")
_HEAD = 65_536  # bytes: room for the header of a table of 500 tickers
_HEAD_LINES = 24
_FEWEST_COLUMNS = 3  # of notes beside a table
UTF16 = (b"\xff\xfe", b"\xfe\xff")
UTF32 = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")
BOM = b"\xef\xbb\xbf"
_ENCODINGS = ("cp1252", "cp1250", "cp932", "gb18030", "big5", "euc-kr", "cp1251", "cp1254")
_HEAD_FIELDS = 100  # room for notes before the header


@dataclass(frozen=True)
class Delimited:
    """A text table not yet parsed: `data` in UTF-8, and its first lines as fields."""

    data: bytes
    separator: str
    lines: list[list[str]]

    def parse(self, skip: int, numbers: Sequence[int], texts: Sequence[int]) -> tuple[pd.DataFrame, list[str]]:
        """The columns at the places `numbers` and `texts`, named by place, without the first `skip` lines.

        Numbers are floats if all of them are written plainly, else everything is text. With them come the lines
        that have another number of fields.
        """
        if len(self.lines) <= skip:
            return pd.DataFrame({place: pd.Series(dtype=object) for place in (*numbers, *texts)}), []
        plain = self.separator == ","  # beside any other separator a comma may be a decimal one
        try:
            return self._parse(skip, numbers if plain else (), texts if plain else (*numbers, *texts))
        except pa.ArrowInvalid:
            return self._parse(skip, (), (*numbers, *texts))

    def _parse(self, skip: int, numbers: Sequence[int], texts: Sequence[int]) -> tuple[pd.DataFrame, list[str]]:
        header, first = self.lines[skip - 1 : skip + 1]
        width = len(header) if any(first[len(header) :]) else max(len(header), len(first))  # rows may end with a comma
        odd: list[str] = []

        def leave_out(row: Any) -> str:
            odd.append(str(row.text))
            return "skip"

        types = {str(place): pa.float64() for place in numbers} | {str(place): pa.string() for place in texts}
        table = arrow_csv.read_csv(
            pa.BufferReader(self.data),
            arrow_csv.ReadOptions(skip_rows=skip, column_names=[str(n) for n in range(width)], use_threads=False),
            arrow_csv.ParseOptions(delimiter=self.separator, invalid_row_handler=leave_out),
            arrow_csv.ConvertOptions(column_types=types, include_columns=list(types), null_values=ABSENT),
        )
        return table.to_pandas().rename(columns=int), odd


def open_delimited(path: str, data: bytes | None = None) -> Delimited:
    """The text table at `path` (a path or an fsspec URL): UTF-8, UTF-16 or Western; comma, semicolon, tab or bar.

    With `data` these bytes are read in place of the file's.

    Raises:
        UnreadableFile: nothing there, a page, no text, or several files packed into one.
    """
    data = content(path) if data is None else data
    for start, form in _BINARY.items():
        if data.startswith(start):
            raise UnreadableFile(f"{path} is no text: by its content it is {form}.", "Name it by what it is.")
    data = _as_utf8(data)
    if data.lstrip()[:16].lower().startswith(_PAGES) or not data.strip():
        raise UnreadableFile(f"{path} holds {'a page or message' if data.strip() else 'nothing'}, not bars.", HINT)
    head = data[:_HEAD].decode("utf-8", errors="replace").splitlines()[:_HEAD_LINES]
    counts = {mark: max(len(after.findall(line)) for line in head) for mark, after in _SEPARATORS.items()}
    separator = max(counts, key=lambda mark: counts[mark])
    lines = list(csv.reader(head, delimiter=separator, skipinitialspace=True))
    return Delimited(data, separator, [[field.strip() for field in line] for line in lines])


def open_workbook(path: str) -> tuple[pd.DataFrame, list[list[str]]]:
    """The one sheet of the workbook at `path` that holds a table, as cells, and its first lines as texts.

    Raises:
        UnreadableFile: no workbook, or several sheets with tables.
    """
    try:
        sheets = pd.read_excel(io.BytesIO(content(path)), sheet_name=None, header=None, dtype=object, na_filter=False)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, ImportError) as error:
        raise unreadable(path, suffix_of(path), error) from None
    tables = {name: sheet for name, sheet in sheets.items() if len(sheet) > 1 and len(sheet.columns) > _FEWEST_COLUMNS}
    if len(tables) != 1:
        names = ", ".join(map(str, tables)) or "none"
        raise UnreadableFile(f"{path} has {len(tables)} sheets with tables ({names}).", "Save each as a file.")
    (table,) = tables.values()
    lines = [[str(cell).strip() for cell in line] for line in table.head(_HEAD_LINES).itertuples(index=False)]
    return table.replace({"": None}), lines


def open_table(path: str) -> pd.DataFrame:
    """The typed table at `path`: Parquet, Feather or JSON records.

    Raises:
        UnreadableFile: not what its name says.
    """
    form = suffix_of(path)
    try:
        table = _read_typed(form, io.BytesIO(content(path)))
    except (pa.ArrowException, OSError, ValueError, KeyError, zipfile.BadZipFile, ImportError) as error:
        raise unreadable(path, form, error) from None
    pa.default_memory_pool().release_unused()  # Arrow keeps what it read with, as much as the table once more
    return table if isinstance(table.index, pd.RangeIndex) else table.reset_index()


def _read_typed(form: str, file: io.BytesIO) -> pd.DataFrame:
    if form in PARQUET:
        return pd.read_parquet(file)
    if form in FEATHER:
        return pd.read_feather(file)
    lines = form != ".json" or re.match(rb"\s*\{[^{]*\}\s*\{", file.getvalue()) is not None
    return pd.read_json(file, dtype=False, convert_dates=False, lines=lines)


def content(path: str) -> bytes:
    """The bytes at `path`, unpacked.

    Raises:
        UnreadableFile: it cannot be opened, or several files are packed into it.
    """
    try:
        if path.lower().endswith(".zip"):
            return _only_member(path)
        with fsspec.open(path, "rb") as packed:
            if (form := fsspec.core.get_compression(path, "infer")) is None:
                return bytes(packed.read())
            with fsspec.open(path, "rb", compression=form) as file:
                return _unpacked(file, packed.seek(0, io.SEEK_END))
    except (OSError, EOFError, ValueError, ImportError, zipfile.BadZipFile) as error:
        raise unreadable(path, suffix_of(path), error) from None


def _only_member(path: str) -> bytes:
    with fsspec.open(path, "rb") as file, zipfile.ZipFile(io.BytesIO(file.read())) as packed:
        members = [name for name in packed.namelist() if not name.endswith("/") and not _hidden(name)]
        if len(members) != 1:
            raise ValueError(f"it packs {len(members)} files, and only one can be read")
        with packed.open(members[0]) as file:
            return _unpacked(file, packed.getinfo(members[0]).compress_size)


def _unpacked(file: IO[bytes], packed: int) -> bytes:
    """What is in `file`, unless it is far more than bars that were packed into so many bytes."""
    most = MOST_UNPACKED * packed + _HEAD
    data = bytes(file.read(most + 1))
    if len(data) > most:
        raise ValueError(f"it unpacks to over {MOST_UNPACKED} times its {packed} bytes, which bars never do")
    return data


def _hidden(member: str) -> bool:
    """What a system put beside the files it packed."""
    return any(part.startswith((".", "__")) for part in PurePath(member).parts)


def _as_utf8(data: bytes) -> bytes:
    if data.startswith(UTF16):
        wide = "utf-32" if data.startswith(UTF32) else "utf-16"
        return data.decode(wide, errors="replace").encode()
    data = data.removeprefix(BOM)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode(_encoding_of(data[:_HEAD]), errors="replace").encode()
    return data


def _encoding_of(head: bytes) -> str:
    """The encoding in which most fields are names of columns that we know: prices are ASCII, only names can differ."""
    counts = {}
    for encoding in _ENCODINGS:
        fields = re.split(r"[,;\t|\n]", head.decode(encoding, errors="replace"))
        counts[encoding] = sum(plain(field) in KNOWN for field in fields[:_HEAD_FIELDS])
    return max(counts, key=counts.__getitem__)


def suffix_of(path: str) -> str:
    """The longest suffix of a file of bars that `path` ends with; empty for another file."""
    name = PurePath(path).name.lower()
    return max((suffix for suffix in SUFFIXES if name.endswith(suffix)), key=len, default="")


def unreadable(path: object, form: str, error: Exception) -> UnreadableFile:
    """What a library says about a file, in one sentence."""
    what = error.what if isinstance(error, BadInput) else str(error)
    first = (what.splitlines() or [type(error).__name__])[0].rstrip(".")
    kind = "Parquet" if form in PARQUET else form.split(".")[1].upper() if form else "bars"
    return UnreadableFile(f"{path} cannot be read as {kind}: {first}.", HINT)
