from __future__ import annotations

import math

import pandas as pd
import pytest

from evergreen.adapters.database import evidence
from evergreen.service.ticker_page import ArmView, PastForecast
from tests.service.story import tell
from tests.service.test_decision_page import page_of
from tests.service.test_pages import assert_stands_alone
from tests.service.world import NOW, SESSION, World, ready_world


def past(forecasts: list[float], outcomes: list[float]) -> ArmView:
    days = pd.bdate_range("2008-01-01", periods=len(forecasts))
    return ArmView(
        "champion", "1", 1.0, None, pd.DataFrame({"session": days, "forecast": forecasts, "outcome": outcomes})
    )


def test_ticker__both_models_stand_side_by_side_with_their_past(world: World) -> None:
    tell(world)
    page = page_of(world, "/tickers/AAPL").replace("\u00a0", " ")
    assert_stands_alone(page)
    for sentence in (
        "for 2008-09-15", "champion, version 1", "challenger, version 2", "<td>75 %</td>", "<td>25 %</td>",
        "The last close was 100.00", "on 2008-09-12", "What was said, and what came", "version 2</text>",
    ):  # fmt: skip
        assert sentence in page, sentence
    assert page.count('<th scope="row">interval</th>') == 1 and page.count("of 50</td>") == 2


def test_ticker__the_newest_forecast_is_open_until_its_session_has_closed(world: World) -> None:
    new = pd.DataFrame({"session": [SESSION], "ticker": ["AAPL"], "value": [0.01]})
    with world.engine.begin() as conn:
        evidence.record_forecasts(conn, new.assign(version="1", feature_hash="0" * 16, made_at=NOW))
    page = page_of(world, "/tickers/AAPL")
    assert "<td>open</td>" in page and "none yet" in page


def test_ticker__without_a_challenger_the_champion_stands_alone(world: World) -> None:
    alone = ready_world(world.settings.home / "alone", challenger=False, weight=0)
    page = page_of(alone, "/tickers/IBM")
    assert "challenger" not in page.partition("<body>")[2] and "<td>100\u00a0%</td>" in page


def test_ticker__that_left_shows_only_its_past(world: World) -> None:
    tell(world)
    world.store.features = world.store.features.drop(index="IBM")
    page = page_of(world, "/tickers/IBM")
    assert "IBM is not forecast now" in page and "What was said, and what came" in page
    assert '<th scope="row">price</th>' not in page


def test_pages__of_a_target_without_prices_tell_the_forecast_and_its_naive_one(world: World) -> None:
    for version in ("1", "2"):
        file = world.settings.models / version / "manifest.json"
        file.write_text(file.read_text().replace('"target":"return"', '"target":"volatility"'))
    ticker, status = page_of(world, "/tickers/AAPL"), page_of(world, "/")
    assert (
        "Forecast is the log of realized volatility over the month" in ticker
        and "0 is an unchanged volatility" in ticker
    )
    assert '<th scope="row">forecast</th>' in ticker and '<th scope="row">price</th>' not in ticker
    assert "(0 is an unchanged volatility) with the interval that its model gives" in status
    assert ">forecast</button>" in status and ">price</button>" not in status and ">return</button>" not in status


def test_ticker__nobody_knows_is_404_with_a_sentence(world: World) -> None:
    assert "Nothing was ever forecast of" in page_of(world, "/tickers/ZZZ", 404)


def test_status__leads_to_every_ticker_and_decision_it_names(world: World) -> None:
    tell(world)
    page = page_of(world, "/")
    assert 'href="/tickers/AAPL"' in page and 'href="/decisions/9"' in page


def test_arm__hits_are_counted_where_a_sign_can_be_right_or_wrong() -> None:
    arm = past([0.01, -0.01, 0.02, 0.0, 0.01, math.nan], [0.02, 0.01, 0.01, 0.01, math.nan, 0.01])
    assert (len(arm.judged), arm.hit_rate) == (3, pytest.approx(2 / 3))
    assert past([0.01], [math.nan]).hit_rate is None


def test_arm__saves_what_the_random_walk_would_have_lost() -> None:
    saved = past([0.01, 0.0], [0.01, 0.01]).saved
    assert saved.tolist() == pytest.approx([1.0, 1.0]), "a perfect session saves one average one, no change none"


@pytest.mark.parametrize(
    ("champion", "outcome", "word"), [(1, 2, "right"), (1, -2, "wrong"), (None, 1, ""), (0, 1, "")]
)
def test_past_forecast__says_whether_its_sign_was_right(champion: float, outcome: float, word: str) -> None:
    assert PastForecast("2008-09-12", champion, None, outcome).right == word
