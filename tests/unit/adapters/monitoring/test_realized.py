"""What is said of a version's record is said of the registered files only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evergreen.adapters.database import ledger
from evergreen.adapters.models.folder import MANIFEST
from evergreen.adapters.monitoring.realized import read_coverage, read_realized, read_skill
from evergreen.core.model.verified import sha256
from evergreen.errors import ModelRefused
from tests.service.world import NOW, World, manifest_of, train


@pytest.mark.parametrize("read", [read_skill, read_coverage, read_realized])
def test_read__a_manifest_that_is_not_the_registered_one_is_refused(tmp_path: Path, read: Callable[..., Any]) -> None:
    world = World(tmp_path)
    folder, manifest = world.settings.models / "1", manifest_of(train(1))
    folder.mkdir(parents=True)
    registered = ledger.ModelVersion(
        model=world.settings.model_name, version="1", run_id="r1", sha256=manifest.model_sha256, kind="lightgbm",
        as_of="2008-06-30", created_at=NOW, files={MANIFEST: sha256(manifest.to_json().encode())},
    )  # fmt: skip
    with world.engine.begin() as conn:
        ledger.record_model_version(conn, registered)
    (folder / MANIFEST).write_text(replace(manifest, horizon=20).to_json())
    with pytest.raises(ModelRefused, match="is not the registered one"):
        read(world.engine, folder, world.settings.model_name, "1")
