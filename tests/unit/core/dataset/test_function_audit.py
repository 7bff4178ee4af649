"""The audit of functions that know nothing of Evergreen: ten public leaks are caught, ten honest functions pass."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from evergreen.core.dataset.function_audit import Function, FunctionAudit, FunctionAuditor, FunctionFailed
from evergreen.core.dataset.output_lines import Roles
from evergreen.errors import BadInput
from tests.unit.core.dataset.public_functions import HONEST, LEAKS, _returns, _reversal, _slope, momentum

ROLES = Roles("date", "symbol", ("open", "high", "low", "close"), "volume")
DAYS = pd.bdate_range("2019-01-02", periods=260)


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    """Six tickers over a year, one of which misses some days."""
    rng = np.random.default_rng(3)
    close = 40 * np.exp(np.cumsum(rng.standard_t(4, (6, len(DAYS))) * 0.012, axis=1)).ravel()
    opening = close * np.exp(rng.normal(0, 0.005, close.size))
    rows = pd.DataFrame({"symbol": np.repeat(list("ABCDEF"), len(DAYS)), "date": np.tile(DAYS, 6), "open": opening})
    rows = rows.assign(high=np.maximum(opening, close) * 1.003, low=np.minimum(opening, close) * 0.997, close=close)
    rows["volume"] = np.round(np.exp(rng.normal(13, 0.4, close.size)))
    return rows[(rows["symbol"] != "C") | (rng.random(len(rows)) > 0.05)].reset_index(drop=True)


@pytest.fixture(scope="module")
def reports() -> pd.DataFrame:
    """Quarterly earnings of each ticker, published 40 days after the quarter."""
    ends = pd.date_range("2018-09-30", "2019-12-31", freq="QE")
    rows = pd.MultiIndex.from_product([list("ABCDEF"), ends], names=["symbol", "period_end"]).to_frame(index=False)
    rng = np.random.default_rng(4)
    return rows.assign(earnings=rng.normal(2, 0.5, len(rows)), known_at=rows["period_end"] + pd.Timedelta(days=40))


def audited(function: Function, bars: pd.DataFrame, reports: pd.DataFrame | None = None, **choices) -> FunctionAudit:
    tables = {"reports": reports} if reports is not None and "join" in function.__name__ else {}
    return FunctionAuditor(function, bars, ROLES, tables, **choices).audit()


@pytest.mark.parametrize("leak", LEAKS)
def test_audit__catches_public_leaks_and_says_which_line_moved(leak, bars, reports) -> None:
    verdict = audited(LEAKS[leak], bars, reports)
    assert not verdict.passed and not verdict.unanswered
    move = verdict.moves[0]
    assert move.before != move.after
    assert move.lines >= 1 and move.session <= move.cut
    assert move.sentence.startswith(f"{move.column} of {move.ticker} at {move.session} moves from ")


@pytest.mark.parametrize("name", HONEST)
def test_audit__passes_honest_functions(name, bars, reports) -> None:
    verdict = audited(HONEST[name], bars, reports)
    assert verdict.passed and not verdict.unanswered, verdict.sentences
    assert verdict.lines > 1000
    assert verdict.sentences[-1].startswith(f"no look-ahead in {verdict.lines} lines")


def test_audit__names_the_column_that_moved_and_not_its_neighbour(bars) -> None:
    verdict = audited(LEAKS["back-adjusted levels"], bars)
    assert {(move.column, move.why) for move in verdict.moves} == {("cheap", "shares are split after")}
    assert audited(LEAKS["back-adjusted levels"], bars, adjusted=False).passed


@pytest.mark.parametrize("ahead", [1, 3, 10])
def test_audit__says_how_far_a_line_reads(ahead, bars) -> None:
    verdict = audited(lambda some: _returns(some, ahead), bars)
    (truncated,) = [move for move in verdict.moves if move.why == "the bars end at"]
    assert truncated.after is None and truncated.reach == ahead
    assert f"reads up to {ahead} sessions ahead" in truncated.sentence


def test_audit__label_spans_that_reach_into_the_window_are_caught(bars) -> None:
    def unpurged(some: pd.DataFrame) -> pd.DataFrame:
        x, y = _reversal(some), _returns(some, ahead=5)
        forecast = pd.DataFrame(np.nan, index=x.index, columns=x.columns)
        for start in range(60, len(x), 2):
            slope = _slope(x.to_numpy()[:start].ravel(), y.to_numpy()[:start].ravel())
            forecast.iloc[start : start + 2] = slope * x.iloc[start : start + 2]
        return forecast

    assert not audited(unpurged, bars).passed


def _labelled(ahead: int, drop: bool) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def training_set(some: pd.DataFrame) -> pd.DataFrame:
        label = _returns(some, ahead).unstack().rename("label")
        rows = some[["date", "symbol"]].assign(momentum=momentum(some)).join(label, on=["symbol", "date"])
        return rows.dropna(subset=["label"]) if drop else rows

    return training_set


@pytest.mark.parametrize("drop", [False, True])
def test_audit__a_label_may_read_as_far_as_it_says_and_no_further(drop, bars) -> None:
    assert audited(_labelled(5, drop), bars, label="label", horizon=5).passed
    verdict = audited(_labelled(5, drop), bars, label="label", horizon=4)
    assert {move.column for move in verdict.moves} == {"label"}


def test_audit__a_label_known_before_its_sessions_have_passed_is_caught(bars) -> None:
    def early(some: pd.DataFrame) -> pd.DataFrame:
        return _labelled(1, drop=False)(some).fillna({"label": 0.0})

    verdict = audited(early, bars, label="label", horizon=1)
    assert [move.column for move in verdict.moves] == ["label"] * len(verdict.moves) != []
    assert "the label may read 1 sessions ahead" in verdict.moves[0].sentence


def test_audit__refuses_what_answers_differently_each_time(bars) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(FunctionFailed, match="differently each time"):
        audited(lambda some: momentum(some) + rng.normal(size=len(some)), bars)


def test_audit__says_what_the_function_failed_on(bars) -> None:
    def needy(some: pd.DataFrame) -> pd.Series:
        if some["date"].nunique() < len(DAYS):
            raise ValueError("too short")
        return momentum(some)

    with pytest.raises(FunctionFailed, match=r"fails on .* bars up to .*: ValueError: too short"):
        audited(needy, bars)


def test_audit__questions_without_an_answer_are_named(bars) -> None:
    def no_halts(some: pd.DataFrame) -> pd.DataFrame:
        wide = some[some["symbol"] != "C"].pivot(index="date", columns="symbol", values="close")
        if wide.isna().to_numpy().any():
            raise ValueError("a hole")
        return wide / wide.shift(3)

    verdict = audited(no_halts, bars)
    assert verdict.passed
    assert verdict.unanswered and all("ValueError: a hole" in each for each in verdict.unanswered)
    assert verdict.sentences[0].startswith("not answered: the function fails on")


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda some: "buy", "answers with str"),
        (lambda some: some[["symbol", "date"]], "no numbers"),
        (lambda some: pd.concat([some, some])[["symbol", "date", "close"]], "answers twice for"),
        (lambda some: np.zeros(len(some) + 3), "without saying whose"),
        (lambda some: pd.DataFrame({"x": 1.0}, index=DAYS), "columns that are no tickers"),
    ],
)
def test_audit__what_cannot_be_lined_up_is_refused_in_a_sentence(answer, sentence, bars) -> None:
    with pytest.raises(BadInput, match=sentence):
        audited(answer, bars)


def test_audit__too_few_sessions_are_said(bars) -> None:
    with pytest.raises(BadInput, match="sessions cannot be cut"):
        audited(momentum, bars[bars["date"] < DAYS[10]])
