"""Whether the files of a backup are what their records say, before it counts as one."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from evergreen.adapters.database import ledger, reading
from evergreen.adapters.dvc import last_version
from evergreen.adapters.dvc.objects import Objects
from evergreen.adapters.models.folder import sha256s
from evergreen.errors import Broken
from evergreen.market_data.lost_bars import require_stored
from evergreen.settings import Settings
from evergreen.workspace import Workspace


def require_sound(settings: Settings, copy: Path) -> None:
    """Pass if what was copied into the folder `copy` is what the home's own records say of it.

    Bars are held against the last data version, data versions against their names, models against the ledger; of
    other Parquet files the end is read, which a file that was cut short has not.

    Raises:
        Broken: a file is gone or damaged; names it where it came from, and says what to do.
    """
    _require_bars(settings, copy / "home" / "data" / "bars")
    _require_readable(settings, copy / "home")
    if damaged := Objects(copy / "dvc-remote").damaged():
        raise Broken(
            f"{Path(settings.remote) / damaged[0]} is not what its name says.",
            "Remove it: the next data version sends it again if the bars still have it.",
        )
    _require_models(settings, copy / "home" / "models")


def _require_bars(settings: Settings, bars: Path) -> None:
    if last := last_version(settings.data, settings.remote):
        last.require_present()
        last.require_whole(bars)
    require_stored(Workspace(settings))


def _require_readable(settings: Settings, home: Path) -> None:
    for file in sorted(home.rglob("*.parquet")):
        try:
            pq.read_metadata(file)
        except (pa.ArrowException, OSError):
            raise Broken(
                f"{settings.home / file.relative_to(home)} is no Parquet file any more.",
                "Restore it from an earlier backup; features are made anew by `evergreen backfill` once their "
                "folder is moved away.",
            ) from None


def _require_models(settings: Settings, models: Path) -> None:
    """A version whose files were brought elsewhere has no folder here, and that is no loss."""
    with reading(Workspace(settings).engine) as conn:
        versions = ledger.model_versions(conn, settings.model_name)
    for version in versions:
        folder = models / version.version
        if folder.is_dir() and not version.files.items() <= sha256s(folder).items():
            raise Broken(
                f"{settings.models / version.version} is not the version on record.",
                "Remove that folder, then type `evergreen reconcile`: it is fetched from MLflow again.",
            )
