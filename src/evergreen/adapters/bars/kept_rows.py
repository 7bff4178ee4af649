"""What was read of a folder's files, on disk: their bars by year, and what is remembered of each file."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from evergreen.adapters.bars.files.folder import Content, Outcome
from evergreen.adapters.bars.files.reading import FileBars
from evergreen.adapters.bars.files.tail import Past
from evergreen.adapters.bars.writing import replace as put
from evergreen.core.bars.schema import NUMBERS
from evergreen.core.quality import Finding
from evergreen.errors import UnreadableFile

SCHEMA = pa.schema(
    [
        ("file", pa.binary()),  # a name need not be text
        ("ticker", pa.string()),
        ("session", pa.timestamp("us")),
        *((name, pa.float64()) for name in NUMBERS),
    ]
)
MANIFEST = "files.json"
DAMAGE = (OSError, pa.ArrowException)  # what reading kept bars raises that are damaged or gone
Filters = list[tuple[str, str, Any]]


@dataclass(frozen=True)
class Remembered:
    """A file as it was read: its bytes and form, what its bars are compared by, and what was said of it."""

    past: Past
    content: Content | None = None  # none of a file that cannot be read or holds no bars
    findings: tuple[Finding, ...] = ()
    refusal: tuple[str, str] | None = None  # what, and the hint

    @classmethod
    def of(cls, past: Past, outcome: Outcome, content: Content | None) -> Self:
        """What is remembered of a file of which `outcome` became."""
        if isinstance(outcome, UnreadableFile):
            return cls(past, refusal=(outcome.what, outcome.hint))
        if isinstance(outcome, Finding):
            return cls(past, findings=(outcome,))
        live = any(finding.rule == "live_rows" for finding in outcome.findings)  # what follows decides about them
        past = replace(past, header=0 if live else outcome.header, decimal=outcome.decimal)
        return cls(past, content, outcome.findings)

    def grown(self, past: Past, content: Content | None) -> Self:
        """What is remembered of the file with the bytes `past`, once bars of `content` came to those it had."""
        form = replace(past, header=self.past.header, decimal=self.past.decimal)
        both = self.content.with_more(content) if self.content and content else self.content
        return replace(self, past=form, content=both)

    @property
    def outcome(self) -> Outcome:
        """What became of the file, without its bars."""
        if self.refusal:
            return UnreadableFile(*self.refusal)
        return FileBars(pd.DataFrame(), self.findings) if self.content else self.findings[0]


@dataclass(frozen=True)
class KeptRows:
    """The memory of files in the folder `place`; `years` names the Parquet file of each year's bars."""

    place: Path
    generation: int = 0
    years: dict[int, str] = field(default_factory=dict)
    files: dict[str, Remembered] = field(default_factory=dict)

    @classmethod
    def load(cls, place: Path) -> Self:
        """What is kept in `place`; nothing where that is damaged or was read by other code."""
        try:
            content = json.loads((place / MANIFEST).read_bytes())
        except (OSError, ValueError):
            return cls(place)
        years = {int(year): name for year, name in content.get("years", {}).items()}
        if content.get("code") != reading_code() or not all((place / name).exists() for name in years.values()):
            return cls(place)
        remembered = {file: _remembered(values) for file, values in content["files"].items()}
        return cls(place, content["generation"], years, remembered)

    def rows(self, years: Collection[int] | None = None, filters: Filters | None = None) -> pd.DataFrame:
        """The kept bars with their `file`, in the order of the files; of some `years`, by default of all.

        Raises:
            DAMAGE: they are damaged or gone.
        """
        chosen = [name for year, name in sorted(self.years.items()) if years is None or year in years]
        tables = [
            pq.read_table(self.place / name, schema=SCHEMA, filters=filters, page_checksum_verification=True)
            for name in chosen
        ]
        table = pa.concat_tables(tables) if tables else SCHEMA.empty_table()
        del tables
        rows = pd.DataFrame(table.to_pandas(deduplicate_objects=True, split_blocks=True, self_destruct=True))
        del table
        pa.default_memory_pool().release_unused()  # Arrow keeps what it read with, as much as the table once more
        rows["file"] = _each(os.fsdecode, rows["file"])
        return rows

    def updated(self, remembered: dict[str, Remembered], forgotten: Collection[str], rows: pd.DataFrame) -> KeptRows:
        """What is kept once the bars of the files `forgotten` are gone and `rows` (with their `file`) have come.

        Years that change are written to new files, then the manifest: a kill leaves what was kept before.
        """
        touched = {*(self.years if forgotten else ()), *(int(year) for year in rows["session"].dt.year.unique())}
        years = {year: name for year, name in self.years.items() if year not in touched}
        for year in sorted(touched):
            old = self.rows([year])
            old = old[~old["file"].isin(list(forgotten))]
            new = rows[rows["session"].dt.year == year]
            parts = [part for part in (old, new[SCHEMA.names]) if len(part)]
            if parts:
                years[year] = f"{year:04d}-{self.generation + 1}.parquet"
                self._write(years[year], pd.concat(parts, ignore_index=True).sort_values("file", kind="stable"))
        memory = replace(self, generation=self.generation + 1, years=years, files=remembered)
        memory.write_manifest()
        self._sweep({*self.years.values(), *years.values()})
        return memory

    def forget(self) -> KeptRows:
        """Nothing: what is on disk is removed."""
        shutil.rmtree(self.place, ignore_errors=True)
        return KeptRows(self.place)

    def _write(self, name: str, rows: pd.DataFrame) -> None:
        plain = rows.assign(file=_each(os.fsencode, rows["file"]))[SCHEMA.names]
        table = pa.Table.from_pandas(plain, schema=SCHEMA, preserve_index=False)
        put(
            self.place / name,
            lambda draft: pq.write_table(table, draft, compression="zstd", write_page_checksum=True),
            self.place / ".aside",
        )

    def write_manifest(self) -> None:
        """Put the list of files in the place of the one before."""
        content = {
            "code": reading_code(),
            "generation": self.generation,
            "years": self.years,
            "files": {file: asdict(one) | {"findings": _plain(one.findings)} for file, one in self.files.items()},
        }

        def write(draft: Path) -> None:
            draft.write_text(json.dumps(content))

        put(self.place / MANIFEST, write, self.place / ".aside")

    def _sweep(self, used: set[str]) -> None:
        """Remove the years that neither this nor the manifest before it names: another run may still read that."""
        for path in self.place.glob("*.parquet"):
            if path.name not in used:
                path.unlink(missing_ok=True)


@lru_cache(1)
def reading_code() -> str:
    """By which code files were read: what another one read is read again."""
    room = Path(str(files("evergreen.adapters.bars.files")))
    return sha256(b"".join(path.read_bytes() for path in sorted(room.glob("*.py")))).hexdigest()


def _each(turn: Callable[[Any], str | bytes], names: pd.Series) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    """Names of files in another form, each turned once."""
    codes, distinct = pd.factorize(names)
    return np.array([turn(name) for name in distinct], dtype=object)[codes]


def _plain(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [
        {"rule": one.rule, "severity": one.severity, "ticker": one.ticker, "message": one.message} for one in findings
    ]


def _remembered(values: dict[str, Any]) -> Remembered:
    content, refusal = values["content"], values["refusal"]
    return Remembered(
        Past(**values["past"]),
        Content(**{**content, "tickers": tuple(content["tickers"])}) if content else None,
        tuple(Finding(session=None, column="file", value=None, **each) for each in values["findings"]),
        (refusal[0], refusal[1]) if refusal else None,
    )
