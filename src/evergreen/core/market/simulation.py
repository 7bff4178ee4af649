"""A seeded stock market whose truth is known: what can be predicted in it, and when it changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.schema import adjusted, conform
from evergreen.core.evaluation.backtest import SESSIONS_A_YEAR
from evergreen.errors import BadInput

START = pd.Timestamp("2000-01-03")  # near the packaged sample's first session
SIGNAL_SESSIONS = 5  # the week over which real stocks reverse
DAILY_VOLATILITY = 0.016  # 25 % a year, a large stock's
MEAN_RETURN = 0.0002  # 5 % a year
VOLATILITY_MEMORY = 0.97  # a session: turmoil halves in a month
TAIL_DOF = 5.0  # of Student's t: as heavy as daily returns of stocks are
SECTORS = 8  # about as many as industry classifications have

Floats = NDArray[np.float64]
DriftKind = Literal["mean", "spread", "dependence", "sign", "decay"]


@dataclass(frozen=True)
class Drift:
    """A change of the market from `session` on (a date, or a count of sessions from the start).

    `mean` adds `size` daily volatilities to every return; `spread` multiplies volatility by 1 + `size`;
    `dependence` multiplies the common factor by 1 + `size`; `sign` turns the planted signal round, to an
    information coefficient of -`size` times the former one; `decay` halves that coefficient `size` times
    a year, slowly, as an edge that others find wears away.
    """

    kind: DriftKind
    session: pd.Timestamp | int
    size: float = 1.0


def simulate(
    tickers: int,
    sessions: int | pd.DatetimeIndex,
    seed: int,
    *,
    start: pd.Timestamp = START,
    ic: float = 0.03,
    drift: Drift | None = None,
) -> pd.DataFrame:
    """Bars of `tickers` stocks over `sessions` (a count of New York sessions from `start`, or the days).

    Log returns have one common factor, sector factors and own noise, Student t with 5 degrees of freedom, and
    volatility that persists (log-AR(1), 0.97 a session, common and own). Each holds a reversal one can
    predict: its correlation across tickers with the `planted_signal` of the session before is `ic` in
    expectation. Open, high and low surround the close; volume follows the size of the move. `factor` is 1.0:
    no splits, no dividends. Equal arguments give equal bars.

    Raises:
        BadInput: no tickers, no sessions, or an `ic` outside (-1, 1).
    """
    days = _days(sessions, start)
    if tickers < 1 or not len(days) or not -1 < ic < 1:
        raise BadInput(
            f"cannot simulate {tickers} tickers over {len(days)} sessions with ic {ic}.",
            "Ask for at least one of each, and an ic between -1 and 1.",
        )
    rng = np.random.default_rng(seed)
    regime = _Regime.of(days, ic, drift)
    volatility = _volatility(rng, len(days), tickers) * regime.spread[:, None]
    shocks = _shocks(rng, len(days), tickers, regime.dependence)
    returns = _with_signal(volatility * shocks, regime.ic) + regime.mean[:, None]
    return _bars(rng, days, returns, volatility)


def planted_signal(bars: pd.DataFrame) -> pd.Series:
    """What `simulate` lets one predict, from bars known at each session: the reversal of 5 sessions.

    The negated log return of the adjusted close over 5 sessions, standardised across tickers. Index (ticker,
    session), name "signal", NaN for a ticker's first 5 sessions.
    """
    closes = adjusted(bars).pivot(index="session", columns="ticker", values="close")
    moves = closes.apply(np.log).diff(SIGNAL_SESSIONS)
    scores = -moves.sub(moves.mean(axis=1), axis=0).div(moves.std(axis=1, ddof=0), axis=0)
    signal = scores.unstack()
    return pd.Series(signal, name="signal")


@dataclass(frozen=True)
class _Regime:
    """What drift changes, one value a session."""

    mean: Floats
    spread: Floats
    dependence: Floats
    ic: Floats

    @classmethod
    def of(cls, days: pd.DatetimeIndex, ic: float, drift: Drift | None) -> _Regime:
        size = drift.size if drift else 0.0

        def begun(kind: str) -> Floats:
            return _begun(days, drift if drift and drift.kind == kind else None)

        return cls(
            mean=MEAN_RETURN + DAILY_VOLATILITY * size * begun("mean"),
            spread=1 + size * begun("spread"),
            dependence=1 + size * begun("dependence"),
            ic=ic * (1 - (1 + size) * begun("sign")) * 0.5 ** (size * np.cumsum(begun("decay")) / SESSIONS_A_YEAR),
        )


def _begun(days: pd.DatetimeIndex, drift: Drift | None) -> Floats:
    """One from the drift's session on, zero before."""
    if drift is None:
        return np.zeros(len(days))
    position = drift.session if isinstance(drift.session, int) else days.searchsorted(drift.session)
    return np.where(np.arange(len(days)) >= position, 1.0, 0.0)


def _days(sessions: int | pd.DatetimeIndex, start: pd.Timestamp) -> pd.DatetimeIndex:
    if isinstance(sessions, pd.DatetimeIndex):
        return sessions.as_unit("us")
    if sessions < 1:
        return pd.DatetimeIndex([])
    calendar = Calendar("XNYS")
    first = calendar.next(start - pd.Timedelta(days=1))
    return calendar.sessions(first, calendar.next(first, sessions - 1))


def _volatility(rng: np.random.Generator, length: int, tickers: int) -> Floats:
    """Daily volatility: log-AR(1), a common part and an own part, from its stationary law on."""
    paths = rng.standard_normal((length, tickers + 1))
    paths[1:] *= np.sqrt(1 - VOLATILITY_MEMORY**2)
    for session in range(1, length):
        paths[session] += VOLATILITY_MEMORY * paths[session - 1]
    level = DAILY_VOLATILITY * np.exp(0.3 * rng.standard_normal(tickers))
    scaled: Floats = level * np.exp(0.35 * paths[:, :1] + 0.2 * paths[:, 1:])
    return scaled


def _shocks(rng: np.random.Generator, length: int, tickers: int, dependence: Floats) -> Floats:
    """Unit-variance shocks (before drift): 25 % market, 10 % sector, the rest each ticker's own."""
    unit = np.sqrt((TAIL_DOF - 2) / TAIL_DOF)
    market = rng.standard_t(TAIL_DOF, (length, 1)) * unit * dependence[:, None]
    sectors = (rng.standard_t(TAIL_DOF, (length, SECTORS)) * unit)[:, np.arange(tickers) % SECTORS]
    own = rng.standard_t(TAIL_DOF, (length, tickers)) * unit
    betas = rng.uniform(0.7, 1.3, tickers)
    shocks: Floats = np.sqrt(0.25) * betas * market + np.sqrt(0.10) * sectors + np.sqrt(0.65) * own
    return shocks


def _with_signal(noise: Floats, ic: Floats) -> Floats:
    """`noise` plus, each session, what correlates `ic` across tickers with the reversal known before it."""
    returns = noise.copy()
    spread = noise.std(axis=1)
    for session in range(SIGNAL_SESSIONS, len(returns)):
        recent = returns[session - SIGNAL_SESSIONS : session].sum(axis=0)
        scale = recent.std()
        if scale > 0:
            strength = ic[session] / np.sqrt(1 - ic[session] ** 2) * spread[session]
            returns[session] -= strength * (recent - recent.mean()) / scale
    return returns


def _bars(rng: np.random.Generator, days: pd.DatetimeIndex, returns: Floats, volatility: Floats) -> pd.DataFrame:
    length, tickers = returns.shape
    first = rng.uniform(20, 120, tickers)
    close = first * np.exp(np.cumsum(returns, axis=0))
    previous = np.vstack([first, close[:-1]])
    opening = previous * np.exp(0.3 * returns + 0.3 * volatility * rng.standard_normal(returns.shape))
    reach = 0.5 * volatility * np.abs(rng.standard_normal((2, *returns.shape)))
    high = np.maximum(opening, close) * np.exp(reach[0])
    low = np.minimum(opening, close) * np.exp(-reach[1])
    prices = {"open": opening, "high": high, "low": low, "close": close}
    columns = {name: np.maximum(np.round(value, 4), 1e-4).T.ravel() for name, value in prices.items()}
    width = len(str(tickers - 1))
    names = np.array([f"S{number:0{width}d}" for number in range(tickers)], dtype=object)
    keys = {"ticker": np.repeat(names, length), "session": np.tile(days.to_numpy(), tickers)}
    volume = _volume(rng, returns, volatility).T.ravel()
    return conform(pd.DataFrame({**keys, **columns, "volume": volume, "source": "simulated"}))


def _volume(rng: np.random.Generator, returns: Floats, volatility: Floats) -> Floats:
    """Shares traded: lognormal around each ticker's level, more on violent days, never none."""
    level = np.exp(rng.normal(14, 1, returns.shape[1]))
    activity = 0.4 * np.minimum(np.abs(returns) / volatility, 6.0) + 0.35 * rng.standard_normal(returns.shape)
    shares: Floats = np.maximum(np.round(level * np.exp(activity)), 1.0)
    return shares
