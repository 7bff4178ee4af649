from __future__ import annotations

from pathlib import Path

from evergreen.cli.reference_pages import write
from evergreen.settings import MarketSettings, Settings


def test_write__names_every_setting_command_and_route(tmp_path: Path) -> None:
    write(tmp_path)
    settings = (tmp_path / "settings.md").read_text()
    names = [*(set(Settings.model_fields) - {"market"}), *MarketSettings.model_fields]
    assert [name for name in names if f"| `{name}` |" not in settings] == []
    assert "`EVERGREEN_MARKET_DELIVERY_DELAY` | `30` | minutes after the close" in settings
    assert "`evergreen quarantine release`" in (tmp_path / "cli.md").read_text()
    assert "`POST /v1/predictions`" in (tmp_path / "http.md").read_text()
    assert "::: evergreen.core.model.protocol" in (tmp_path / "python.md").read_text()
