"""Line charts as inline SVG: no script, no network, colours from the page's own style sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

HEIGHT = 240  # pixels, as are those below: margins that hold the labels, and a width for desk and phone
LEFT, RIGHT, TOP, BOTTOM = 40, 92, 12, 26
WIDE, NARROW = 860, 380


@dataclass(frozen=True)
class Series:
    """One series, one value per x label; `style` is a CSS class of the page. Non-finite values are gaps."""

    name: str
    values: Sequence[float]
    style: str


@dataclass(frozen=True)
class Level:
    """A horizontal line worth naming."""

    name: str
    value: float
    style: str = "level"


@dataclass(frozen=True)
class Chart:
    """Lines and levels over common labels; `log` for quantities that multiply, drawn from 1e-3 up."""

    title: str
    labels: Sequence[str]
    lines: Sequence[Series]
    levels: Sequence[Level] = ()
    log: bool = False

    def __html__(self) -> Markup:
        """The chart twice: the style sheet shows the one that suits the screen."""
        return self.draw(WIDE, "chart wide") + self.draw(NARROW, "chart narrow")

    def draw(self, width: int, style: str) -> Markup:
        """An SVG of that width and its names at the line ends; read aloud by its title."""
        axes = _Axes.around(self, width)
        parts = [_ticks(axes), *(_level(level, axes) for level in self.levels)]
        parts += [_path(series, axes) for series in self.lines]
        parts += _names(self, axes)
        parts += [_date(self.labels[0], LEFT, "start"), _date(self.labels[-1], width - RIGHT, "end")]
        return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}" class="{}">{}</svg>').format(
            width, HEIGHT, self.title, style, Markup("").join(parts)
        )


def bare(phrase: str) -> str:
    """A phrase as the name of a line, without its article."""
    return phrase.removeprefix("the ").removeprefix("an ").removeprefix("a ")


@dataclass(frozen=True)
class _Axes:
    low: float
    high: float
    places: int
    width: int
    log: bool

    @classmethod
    def around(cls, chart: Chart, width: int) -> _Axes:
        scale = _log10 if chart.log else float
        values = [value for series in chart.lines for value in series.values if math.isfinite(value)]
        shown = [scale(value) for value in [*values, *(level.value for level in chart.levels)]]
        room = (max(shown) - min(shown)) * 0.06 or 1.0
        return cls(min(shown) - room, max(shown) + room, len(chart.labels), width, chart.log)

    def x(self, place: int) -> float:
        return LEFT + place / max(self.places - 1, 1) * (self.width - LEFT - RIGHT)

    def y(self, value: float) -> float:
        scaled = _log10(value) if self.log else value
        return HEIGHT - BOTTOM - (scaled - self.low) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM)


def _log10(value: float) -> float:
    return math.log10(max(value, 1e-3))


def _ticks(axes: _Axes) -> Markup:
    values = _decades(axes.low, axes.high) if axes.log else _round_steps(axes.low, axes.high)
    return Markup("").join(
        Markup(
            '<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>'
            '<text class="tick" x="{}" y="{:.1f}" text-anchor="end">{}</text>'
        ).format(LEFT, axes.width - RIGHT, axes.y(value), axes.y(value), LEFT - 8, axes.y(value) + 4, f"{value:g}")
        for value in values
    )


def _decades(low: float, high: float) -> list[float]:
    return [10.0**power for power in range(math.ceil(low), math.floor(high) + 1)]


def _round_steps(low: float, high: float) -> list[float]:
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first = math.ceil(low / step)
    return [round(step * place, 10) for place in range(first, math.floor(high / step) + 1)]


def _level(level: Level, axes: _Axes) -> Markup:
    height = axes.y(level.value)
    return Markup('<line class="{}" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(
        level.style, LEFT, axes.width - RIGHT, height, height
    )


def _path(series: Series, axes: _Axes) -> Markup:
    points = [(axes.x(place), axes.y(value)) for place, value in enumerate(series.values) if math.isfinite(value)]
    if len(points) == 1:
        return Markup('<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="3"/>').format(series.style, *points[0])
    drawn = " ".join(f"{across:.1f},{up:.1f}" for across, up in points)
    return Markup('<polyline class="line {}" points="{}"/>').format(series.style, drawn)


def _names(chart: Chart, axes: _Axes) -> list[Markup]:
    ends = [(axes.y(level.value), level.name, level.style) for level in chart.levels]
    for series in chart.lines:
        finite = [value for value in series.values if math.isfinite(value)]
        ends += [(axes.y(value), series.name, series.style) for value in finite[-1:]]
    placed, names = -math.inf, []
    for height, name, style in sorted(ends):
        placed = max(height, placed + 15)
        names.append(
            Markup('<text class="name {}" x="{}" y="{:.1f}">{}</text>').format(
                style, axes.width - RIGHT + 8, placed + 4, name
            )
        )
    return names


def _date(label: str, across: float, anchor: str) -> Markup:
    return Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="{}">{}</text>').format(
        across, HEIGHT - 6, anchor, label
    )
