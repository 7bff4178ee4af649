"""Everything a run needs at hand, opened when first touched, so that a task imports only what it uses."""

from __future__ import annotations

import os
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from evergreen.errors import BadSetting
from evergreen.settings import MarketSettings, Settings, load_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from evergreen.adapters.bars import BarSource, BarStore
    from evergreen.adapters.dvc import Snapshots
    from evergreen.adapters.feast import Features
    from evergreen.adapters.mlflow.registry import Registry
    from evergreen.adapters.mlflow.tracking import Tracking
    from evergreen.core.bars.calendar import Calendar
    from evergreen.core.bars.listings import Listings
    from evergreen.core.features import Alpha

REPOSITORY = Path(__file__).resolve().parents[2]


class Workspace:
    """The stores behind one `Settings`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        require_writable(settings.home)

    @cached_property
    def engine(self) -> Engine:
        """The operational database, migrated to this code's schema."""
        from evergreen.adapters.database import open_database

        return open_database(self.settings.database)

    @cached_property
    def calendar(self) -> Calendar:
        """The sessions of the exchange."""
        return calendar_of(self.settings.market)

    @cached_property
    def listings(self) -> Listings:
        """Which names are traded when; without a file all of them always."""
        from evergreen.adapters.bars.listings_file import read_listings
        from evergreen.core.bars.listings import Listings

        file = self.settings.market.listings
        return read_listings(Path(file)) if file else Listings()

    @cached_property
    def bars(self) -> BarStore:
        """Bars as they became known.

        Raises:
            Broken: files that the last data version lists are gone.
        """
        from evergreen.adapters.bars import BarStore
        from evergreen.adapters.dvc import require_present

        require_present(self.settings.data, self.settings.remote)
        return BarStore(self.settings.data, self.calendar, self.settings.market.delay)

    def source(self, spec: str) -> BarSource:
        """The source that `spec` names (as `open_source` takes it), for the market's exchange; what files were read is
        kept in the home."""
        from evergreen.adapters.bars import KeepingSource, open_source

        opened = open_source(spec, self.calendar.exchange)
        return opened.keep_in(self.settings.read_files) if isinstance(opened, KeepingSource) else opened

    @cached_property
    def snapshots(self) -> Snapshots:
        """Data versions and their remote."""
        from evergreen.adapters.dvc import Snapshots

        return Snapshots(self.settings.data, self.settings.remote)

    @cached_property
    def features(self) -> Features:
        """The feature store, offline and online."""
        from evergreen.adapters.feast import Features, Servers

        servers = Servers(self.settings.feature_registry, self.settings.online_store)
        return Features(self.settings.features, REPOSITORY / "feature_repo", servers=servers, alpha=self._alpha158)

    @property
    def _alpha158(self) -> Alpha:
        """What computes the 158 factors: this machine, or a cluster."""
        from evergreen.adapters.cluster import alpha158_on
        from evergreen.core.features import alpha158

        return alpha158_on(self.settings.dask_address) if self.settings.dask_address else alpha158

    @cached_property
    def tracking(self) -> Tracking:
        """Runs."""
        from evergreen.adapters.mlflow.tracking import Tracking

        return Tracking(self.settings.mlflow)

    @cached_property
    def registry(self) -> Registry:
        """Registered models and their aliases."""
        from evergreen.adapters.mlflow.registry import Registry

        return Registry(self.settings.mlflow)

    def model_folder(self, version: str) -> Path:
        """The verified local copy of a registered version."""
        return self.settings.models / version


def calendar_of(market: MarketSettings) -> Calendar:
    """The sessions of the market's exchange, those declared among them."""
    from evergreen.core.bars.calendar import Calendar

    return Calendar(market.calendar, market.special_sessions)


@lru_cache(maxsize=4)
def open_workspace(settings: Settings) -> Workspace:
    """The one workspace of these settings in this process."""
    return Workspace(settings)


def workspace() -> Workspace:
    """The workspace of this process' settings."""
    return open_workspace(load_settings())


def require_writable(folder: Path, advice: str = "Set EVERGREEN_HOME elsewhere.") -> None:
    """Make `folder`, or say in one sentence why that cannot be, and what to do.

    Raises:
        BadSetting: the folder cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadSetting(f"{folder} cannot be made: {error.strerror}.", advice) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadSetting(f"{folder} is not writable.", advice)
