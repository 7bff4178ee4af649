"""Reads a snapshot's parts: the operational database, verified local model files, Feast's online store."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, Engine

from evergreen.adapters.database import evidence, intervals, ledger, owed, predictions, reading, rollouts
from evergreen.adapters.database.predictions import ChainedRow
from evergreen.adapters.models.folder import MANIFEST, MODEL, read_manifest
from evergreen.core.bars.listings import Listings
from evergreen.core.bars.session import iso
from evergreen.core.model.verified import read_verified
from evergreen.errors import Broken, ModelRefused, NotFound, Unavailable
from evergreen.service.proving import prove
from evergreen.service.refresh import Sighting
from evergreen.service.state import DeliveringModel, ServedModel, Universe, make_universe
from evergreen.settings import Settings
from evergreen.workspace import Workspace

VIEW = "alpha158"


class DiskStore:
    """The places named by `settings`. Nothing is opened before it is asked for."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._at = Workspace(settings)

    @property
    def engine(self) -> Engine:
        """The operational database, created if need be."""
        return self._at.engine

    @property
    def listings(self) -> Listings:
        """Which names are traded when."""
        return self._at.listings

    def look(self, now: datetime) -> Sighting:
        """Rollout row, last materialization and clock; in replay the clock is the last session processed."""
        name = self._settings.model_name
        with reading(self.engine) as conn:
            materialized = ledger.read_materialization(conn, VIEW)
            delivered = ledger.read_materialization(conn, ledger.DELIVERY)
            return Sighting(
                rollout=rollouts.read(conn, name),
                finished_at=materialized.finished_at if materialized else None,
                clock=self._clock(conn, now),
                owed=owed.count_open(conn),
                delivered=delivered.rows if delivered else 0,
            )

    def model(self, version: str) -> ServedModel:
        """The local copy of a version, verified against its record, having repeated its golden forecasts.

        It is parsed in a process of its own, never in this one.

        Raises:
            ModelRefused: a file is missing, altered or does not belong to its record.
        """
        folder = self._settings.models / version
        with reading(self.engine) as conn:
            record = ledger.read_model_version(conn, self._settings.model_name, version)
        try:
            manifest = read_manifest(folder, record.files.get(MANIFEST))
            content = read_verified(folder / MODEL, record.sha256)
        except (OSError, UnicodeDecodeError, Broken, NotFound) as error:
            raise _refused(version, str(error)) from None
        if manifest.model_sha256 != record.sha256:
            raise _refused(version, "its manifest describes another model")
        process = prove(version, content, manifest)
        if manifest.is_delivered:
            return DeliveringModel(version, process, manifest, lambda since: self._arrived(version, since))
        return ServedModel(version, process, manifest)

    def _arrived(self, version: str, since: str) -> dict[tuple[str, str], float]:
        """What is on record as delivered to a version, by session and ticker, from a session on."""
        with reading(self.engine) as conn:
            rows = evidence.forecasts(conn, version, since, open_ended=True)
        keys = zip(rows["session"].map(iso), rows["ticker"], strict=True)
        return dict(zip(keys, rows["value"], strict=True))

    def universe(self) -> Universe:
        """All tickers of the online store that are traded in its newest session.

        Raises:
            NotFound: nothing is materialized.
            Unavailable: the online store does not answer, or is being written.
        """
        try:
            online = self._at.features.read_online(self._at.features.tickers())
        except (OSError, sqlite3.Error) as error:
            raise Unavailable(f"The online features cannot be read: {error}.", "It is tried again.") from None
        with reading(self.engine) as conn:
            standing = intervals.read(conn, self._settings.model_name)
        newest = online.as_of.max()
        traded = [ticker for ticker in online.features.index if not self.listings.absence(ticker, newest)]
        return make_universe(online.features.loc[traded], online.close, online.as_of, standing)

    def age(self, earlier: pd.Timestamp, later: pd.Timestamp) -> int:
        """Sessions from `earlier` to `later`, never negative."""
        return max(self._at.calendar.between(earlier, later), 0)

    def target(self, session: pd.Timestamp, horizon: int) -> str | None:
        """The session that a forecast from `session` is for; None where the calendar does not reach so far."""
        return self._at.calendar.target_session(session, horizon)

    def write(self, rows: Sequence[ChainedRow]) -> None:
        """Put predictions on record, durably and all at once."""
        predictions.insert_rows(self.engine, rows)

    def close(self) -> None:
        """Close what was opened."""
        if "engine" in self._at.__dict__:
            self.engine.dispose()

    def _clock(self, conn: Connection, now: datetime) -> pd.Timestamp | None:
        if self._settings.clock == "live":
            return self._at.calendar.last_before(now)
        processed = ledger.clock(conn, self._settings.model_name)
        return pd.Timestamp(processed) if processed else None


def _refused(version: str, why: str) -> ModelRefused:
    return ModelRefused(
        f"Model {version} may not be served: {why.rstrip('.')}.",
        "Fetch it again from the registry with `evergreen reconcile`.",
    )
