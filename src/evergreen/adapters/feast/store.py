"""Evergreen's features in Feast: write, apply, join for training, materialize, read online."""

from __future__ import annotations

import contextlib
import fcntl
import sqlite3
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from evergreen.adapters.feast import files, online
from evergreen.adapters.feast.repo import declared, declared_factors, fingerprint, quiet, store_config, view_of
from evergreen.adapters.feast.servers import Servers, answering
from evergreen.core.features import FEATURE_NAMES, Alpha, DeclaredFactor, alpha158, compute_features, lookback_of
from evergreen.errors import BadInput, Broken, NotFound, Unavailable


class Features:
    """The feature store below `root`, with the definitions in the folder `repo`.

    One process writes at a time (a file lock, released by a kill too); any number read. With `servers` the
    registry and the online store are there instead; the offline rows and the lock stay below `root`.

    Attributes:
        factors: declared beside the 158; by default those in `repo`/factors.py. Each is a view of its own, so
            that declaring one leaves what is stored alone.
    """

    def __init__(
        self,
        root: Path,
        repo: Path,
        factors: Sequence[DeclaredFactor] | None = None,
        alpha: Alpha = alpha158,
        servers: Servers = Servers(),
    ) -> None:
        self.root = root.resolve()
        self.repo = repo.resolve()
        self.factors = declared_factors(self.repo) if factors is None else tuple(factors)
        self.servers = servers
        self._alpha = alpha
        self._registry = self.root / "registry.db"
        self._online = self.root / "online.db"

    @property
    def names(self) -> tuple[str, ...]:
        """Every feature, the 158 first."""
        return (*FEATURE_NAMES, *(factor.name for factor in self.factors))

    @property
    def lookback(self) -> int:
        """Sessions that a row of features reads, its own included."""
        return lookback_of(self.factors)

    def compute(
        self, bars: pd.DataFrame, calendar: pd.DatetimeIndex, since: pd.Timestamp | None = None
    ) -> pd.DataFrame:
        """The features of `bars` as this store holds them; see `core.features.compute_features`."""
        return compute_features(bars, self.factors, calendar, since, self._alpha)

    def write(
        self,
        features: pd.DataFrame,
        prices: pd.DataFrame,
        known_at: pd.Series[pd.Timestamp],
        event_timestamp: pd.Series[pd.Timestamp],
    ) -> int:
        """Append feature and price rows to the offline store; the number of new rows, both views together.

        A row equal to what is already known is not stored again: the same call twice changes no byte. Changed
        values are stored beside the old ones and told apart by `known_at`.

        Args:
            features: as `compute` returns them.
            prices: raw `close` and `factor`, on the same MultiIndex (ticker, session).
            known_at: UTC moment each row became known, on the same index.
            event_timestamp: UTC close of each row's session, on the same index.

        Raises:
            BadInput: the indexes differ.
            Conflict: other values are already stored under the same `known_at`.
        """
        for name, part in (("prices", prices), ("known_at", known_at), ("event_timestamp", event_timestamp)):
            if not part.index.equals(features.index):
                raise BadInput(f"{name} and features are on different rows.", "Give both the same index.")
        keys = pd.DataFrame({"event_timestamp": event_timestamp, "created": known_at}).reset_index()
        price = keys.assign(
            close=prices["close"].to_numpy("float64"),
            factor=prices["factor"].to_numpy("float64"),
            session=files.text(keys["session"], "%Y-%m-%d"),
            closed_at=files.text(keys["event_timestamp"], "%Y-%m-%dT%H:%M:%SZ"),
        )
        values = features.copy(deep=False)  # copies of the 158 are what a backfill would spend its time on
        values.index = keys.index
        known = keys.drop(columns="session")
        wide = pd.concat([known, values[list(FEATURE_NAMES)] if self.factors else values], axis=1, copy=False)
        with self.writing():
            added = files.append(self.root / online.PRICE, price) + files.append(self.root / online.FACTORS, wide)
            # Library code sums from another start when it is given other bars: the last bit may differ.
            own = (
                files.append(self.root / each.view, known.assign(**{each.name: values[each.name]}), first_stays=True)
                for each in self.factors
            )
            return added + sum(own)

    def apply(self) -> bool:
        """Register the definitions of `repo` and create the online tables; False if they already stand.

        Raises:
            Broken: the registry is empty, which Feast would take for a store without views.
        """
        if self._registry.exists() and not self._registry.stat().st_size:
            raise Broken(f"{self._registry} is empty.", "Delete it and apply again: it holds definitions only.")
        mark, record = fingerprint(self.repo, self.root, self.factors, self.servers), self.root / "applied"
        with self.writing():
            if self._stands and record.exists() and record.read_text() == mark:
                return False
            if not self._has_online:
                self._progress.unlink(missing_ok=True)
            self.__dict__.pop("_feast", None)
            with quiet(), answering(self.servers):
                self._feast.apply(self._definitions())
            if not self.servers.online:
                with contextlib.closing(sqlite3.connect(self._online)) as connection:
                    connection.execute("pragma journal_mode=wal")  # readers read on while a session is written
            record.write_text(mark)
        return True

    def training_frame(
        self,
        entity: pd.DataFrame,
        as_known_at: pd.Timestamp | None = None,
        known_within: pd.Timedelta | None = None,
    ) -> pd.DataFrame:
        """The columns of `entity` followed by `names`, the features as of each row's `event_timestamp`.

        A row sees the newest event at or before its `event_timestamp`, if within the view's TTL.

        Args:
            entity: `ticker`, `event_timestamp` (UTC) and whatever is to be carried along; order, index stay.
            as_known_at: versions created after this moment do not exist. None: all do.
            known_within: a row also sees only versions created within this time of its `event_timestamp`, so
                that a later restatement does not reach back into training. Keep it shorter than a session.

        Raises:
            NotFound: no features were ever written.
        """
        self.apply()
        store = self._feast if as_known_at is None else self._store(as_known_at)
        moments = entity["event_timestamp"].astype("datetime64[us, UTC]")
        seen_at = moments if known_within is None else moments + known_within
        with quiet(), answering(self.servers):
            joined: pd.DataFrame = store.get_historical_features(
                entity_df=entity.assign(event_timestamp=seen_at).reset_index(drop=True),
                features=[
                    *(f"{online.FACTORS}:{name}" for name in FEATURE_NAMES),
                    *(f"{factor.view}:{factor.name}" for factor in self.factors),
                ],
                filter_by_created_timestamp=known_within is not None,
            ).to_df()
        joined.index, joined["event_timestamp"] = entity.index, moments.array  # in place: a copy is half a gigabyte
        return joined

    def materialize(self, until: pd.Timestamp) -> online.Watermark:
        """Bring the online store up to the events at or before `until` (UTC).

        Only what is newer than what a ticker has online is moved: an older event never replaces a newer one,
        a later version of the same event does, and repeating a call changes nothing. Events older than the
        TTL at `until` stay behind. All that stands online then is read back and compared with the offline
        store, bit for bit.

        Raises:
            Broken: an online value is not the offline one; until a call finds them equal, nobody reads them.
            NotFound: no features were ever written.
        """
        self.apply()
        with self.writing(), quiet(), answering(self.servers):
            return online.materialize(self._feast, self.root, online.Progress(self._progress), until, self._views)

    def watermark(self) -> online.Watermark:
        """How far the online store has come."""
        return online.Progress(self._progress).watermark()

    def tickers(self) -> list[str]:
        """Every ticker that has online values, sorted."""
        return sorted(online.Progress(self._progress).views.get("price", {}))

    def read_online(self, tickers: list[str]) -> online.OnlineFeatures:
        """All online values of `tickers` at once.

        Raises:
            NotFound: nothing has been applied below this root.
            Unavailable: a materialization stands between the views, or found online values that are not the
                offline ones.
        """
        if not self._has_online:
            raise NotFound(f"no online features in {self.root}.", "Run `evergreen daily` once.")
        if (unequal := self.root / online.UNEQUAL).exists():
            raise Unavailable(f"online values are not the offline ones: {unequal.read_text()}.", "Materialize again.")
        with quiet(), answering(self.servers):
            return online.read(self._feast, tickers, self._views, self.names)

    def _definitions(self) -> list[Any]:
        definitions = declared(self.repo)
        by_name = {each.name: each for each in definitions}
        own = [view_of(factor, by_name[online.FACTORS], by_name["ticker"]) for factor in self.factors]
        return [*definitions, *own]

    @property
    def _views(self) -> list[str]:
        return [online.PRICE, online.FACTORS, *(factor.view for factor in self.factors)]

    @property
    def _progress(self) -> Path:
        """What each ticker has online: of one online store, so that another begins with nothing."""
        return self.root / f"materialized{self.servers.mark and '-' + self.servers.mark}.json"

    @property
    def _has_online(self) -> bool:
        return (self.root / "applied").exists() if self.servers.online else self._online.exists()

    @property
    def _stands(self) -> bool:
        return self._has_online and (bool(self.servers.registry) or self._registry.exists())

    @cached_property
    def _feast(self) -> Any:
        return self._store(None)

    def _store(self, known_at: pd.Timestamp | None) -> Any:
        config = store_config(self.repo, self.root, known_at, self.servers)
        from feast import FeatureStore  # after `import_feast`, which is quicker than Feast's own way

        return FeatureStore(config=config)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Keep every other writer out, of this process and of others."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
