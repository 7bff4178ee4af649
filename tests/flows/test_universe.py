"""A universe that changes under the loop: a name is renamed, another delisted, a third listed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text

from evergreen.adapters.bars import SampleSource
from evergreen.adapters.database import owed, reading
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.session import iso
from evergreen.service.store import DiskStore
from evergreen.workspace import Workspace, open_workspace, workspace
from tests.flows.conftest import TICKERS, WALKED

XNYS = Calendar("XNYS")
WALKED_LAST = XNYS.next(pd.Timestamp("2008-06-30"), WALKED)
DAYS = XNYS.sessions(XNYS.next(WALKED_LAST), XNYS.next(WALKED_LAST, 3))
LISTINGS = f"""ticker,from,to,renamed_to
AAPL,,{iso(DAYS[0])},AAPX
AAPX,{iso(DAYS[1])},,
GOOG,,{iso(DAYS[1])},
NEWCO,{iso(DAYS[1])},,
"""

pytestmark = pytest.mark.xdist_group("lived")


def vendor(folder: Path) -> str:
    """Bars under the names of the day, and a newcomer's."""
    bars = SampleSource().fetch(TICKERS, pd.Timestamp("2008-06-01"), DAYS[-1])
    newcomer = bars[(bars["ticker"] == "IBM") & (bars["session"] >= DAYS[1])].assign(ticker="NEWCO", source="x")
    newcomer[["open", "high", "low", "close"]] *= 0.5
    renamed = bars["ticker"].mask((bars["ticker"] == "AAPL") & (bars["session"] > DAYS[0]), "AAPX")
    there = bars.assign(ticker=renamed)[~((bars["ticker"] == "GOOG") & (bars["session"] > DAYS[1]))]
    folder.mkdir()
    pd.concat([there, newcomer[bars.columns]]).to_parquet(folder / "bars.parquet")
    return f"files:{folder}"


def walk(at: Workspace, folder: Path, patch: pytest.MonkeyPatch) -> Workspace:
    from flows.daily import daily

    (folder / "listings.csv").write_text(LISTINGS)
    patch.setenv("EVERGREEN_MARKET_LISTINGS", str(folder / "listings.csv"))
    open_workspace.cache_clear()
    source = vendor(folder / "vendor")
    names = [*TICKERS, "AAPX", "NEWCO"]
    assert daily(source, names, as_of=iso(DAYS[-1])) == [iso(day) for day in DAYS]
    return workspace()


@pytest.mark.slow
def test_daily__names_come_and_go_and_a_renamed_company_keeps_its_history(
    copied: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = walk(copied, tmp_path, monkeypatch)
    with reading(at.engine) as conn:
        forecasts = pd.read_sql(text("select session, ticker from forecast"), conn)
        outcomes = pd.read_sql(text("select session, ticker, value from outcome"), conn).set_index(
            ["session", "ticker"]
        )
        assert owed.open_bars(conn) == []
    by_session = forecasts.groupby("session")["ticker"].agg(lambda names: sorted(set(names)))
    assert by_session[iso(DAYS[0])] == ["AAPL", "GOOG", "IBM", "MSFT"]
    assert by_session[iso(DAYS[1])] == ["AAPX", "GOOG", "IBM", "MSFT", "NEWCO"]
    assert by_session[iso(DAYS[2])] == ["AAPX", "IBM", "MSFT", "NEWCO"]
    sample = SampleSource().fetch(["AAPL"], DAYS[0], DAYS[1])
    before, after = sample["close"] * sample["factor"]
    assert outcomes.loc[(iso(DAYS[0]), "AAPL"), "value"] == pytest.approx(np.log(after / before), abs=1e-9)
    served = DiskStore(at.settings).universe()
    assert served.tickers == ("AAPX", "IBM", "MSFT", "NEWCO") and set(served.dates) == {iso(DAYS[2])}
    online = at.features.read_online(["AAPX", "NEWCO"])
    assert online.features.loc["AAPX"].notna().all() and online.features.loc["NEWCO"].isna().any()
