from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evergreen.core.bars.schema import COLUMNS, adjusted, conform, empty_bars, is_conformed
from evergreen.errors import BadInput


def bare() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "volume": [300, 200, 100],
            "close": [12.0, 11.0, 10.0],
            "ticker": ["B", "A", "A"],
            "session": pd.to_datetime(["2008-01-02", "2008-01-03", "2008-01-02"]),
            "open": [12, 11, 10],
            "high": [12.5, 11.5, 10.5],
            "low": [11.5, 10.5, 9.5],
            "vwap": [1.0, 2.0, 3.0],
        }
    )


def test_conform__fills_orders_and_types_without_touching_its_input() -> None:
    given = bare()
    bars = conform(given)
    pd.testing.assert_frame_equal(given, bare())
    assert tuple(bars.columns) == COLUMNS
    assert list(bars["close"]) == [10.0, 11.0, 12.0]
    assert bars["session"].dtype == "datetime64[us]"
    assert bars["known_at"].dtype == "datetime64[us, UTC]" and bars["known_at"].isna().all()
    assert (bars["factor"] == 1).all() and not bars["known_at_assumed"].any()
    pd.testing.assert_frame_equal(conform(bars), bars)
    assert list(empty_bars().dtypes) == list(bars.dtypes)


def test_conform__keeps_the_date_of_a_zoned_session() -> None:
    zoned = bare().assign(session=lambda bars: bars["session"].dt.tz_localize("America/New_York"))
    pd.testing.assert_frame_equal(conform(zoned), conform(bare()))


@pytest.mark.parametrize(
    ("spoiled", "sentence"),
    [
        (bare().drop(columns=["open", "low"]), "lack the column.s. open, low"),
        (bare().assign(close="ten"), "column close is not numbers"),
        (bare().assign(session="someday"), "column session is not dates"),
    ],
)
def test_conform__names_the_column_it_cannot_take(spoiled: pd.DataFrame, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        conform(spoiled)


def test_adjusted__scales_prices_up_and_volume_down_and_only_once() -> None:
    bars = conform(bare().assign(factor=[1.0, 0.5, 0.5]))
    scaled = adjusted(bars)
    np.testing.assert_allclose(scaled["close"], [5.0, 5.5, 12.0])
    np.testing.assert_allclose(scaled["volume"], [200, 400, 300])
    pd.testing.assert_frame_equal(adjusted(scaled), scaled)
    pd.testing.assert_frame_equal(adjusted(bare()), bare())


def test_is_conformed__is_true_of_what_conform_gives_and_of_nothing_else() -> None:
    bars = conform(pd.concat([bare(), bare()]))
    assert is_conformed(bars) and is_conformed(empty_bars()) and conform(bars).equals(bars)
    others = [
        bare(),
        bars.iloc[::-1],
        bars.iloc[::-1].reset_index(drop=True),
        bars.iloc[1:],
        bars.assign(more=1),
        bars.assign(volume=bars["volume"].astype(int)),
        bars.assign(session=bars["session"] + pd.Timedelta(hours=1)),
        bars.assign(session=bars["session"].where(bars.index > 0)),
        bars.assign(ticker=bars["ticker"].where(bars.index > 0)),
        bars.assign(ticker=["B", "B", "A", "A", "C", "C"]),
    ]
    assert not any(map(is_conformed, others))
