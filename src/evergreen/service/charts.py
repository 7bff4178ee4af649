"""Line charts as inline SVG: no script, no network, colours from the page's own style sheet."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 680, 240
LEFT, RIGHT, TOP, BOTTOM = 44, 92, 12, 26


@dataclass(frozen=True)
class Line:
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


def line_chart(
    title: str, labels: Sequence[str], lines: Sequence[Line], levels: Sequence[Level] = (), log: bool = False
) -> Markup:
    """A line chart with its names at the line ends; `log` for positive quantities that multiply.

    The chart is readable aloud by its title; values below 1e-3 are drawn at 1e-3 when `log`.
    """
    scale = _log10 if log else float
    shown = [scale(value) for line in lines for value in line.values if math.isfinite(value)]
    shown += [scale(level.value) for level in levels]
    low, high = _padded(min(shown), max(shown))
    height = TOP + (HEIGHT - TOP - BOTTOM)

    def y(value: float) -> float:
        return height - BOTTOM + TOP - (scale(value) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    def x(place: int) -> float:
        return LEFT + place / max(len(labels) - 1, 1) * (WIDTH - LEFT - RIGHT)

    parts = [_ticks(low, high, y, log), *(_level(level, y) for level in levels)]
    parts += [_path(line, x, y) for line in lines]
    parts += _names(lines, levels, x, y)
    parts += [_date(labels[0], LEFT, "start"), _date(labels[-1], x(len(labels) - 1), "end")]
    return Markup(
        '<svg viewBox="0 0 {} {}" role="img" aria-label="{}" class="chart">{}</svg>'
    ).format(WIDTH, HEIGHT, title, Markup("").join(parts))


def _log10(value: float) -> float:
    return math.log10(max(value, 1e-3))


def _padded(low: float, high: float) -> tuple[float, float]:
    room = (high - low) * 0.06 or 1.0
    return low - room, high + room


def _ticks(low: float, high: float, y: Callable[[float], float], log: bool) -> Markup:
    values = _decades(low, high) if log else _round_steps(low, high)
    return Markup("").join(
        Markup(
            '<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>'
            '<text class="tick" x="{}" y="{:.1f}" text-anchor="end">{}</text>'
        ).format(LEFT, WIDTH - RIGHT, y(value), y(value), LEFT - 8, y(value) + 4, f"{value:g}")
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


def _level(level: Level, y: Callable[[float], float]) -> Markup:
    height = y(level.value)
    return Markup('<line class="{}" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(
        level.style, LEFT, WIDTH - RIGHT, height, height
    )


def _path(line: Line, x: Callable[[int], float], y: Callable[[float], float]) -> Markup:
    points = [(x(place), y(value)) for place, value in enumerate(line.values) if math.isfinite(value)]
    if len(points) == 1:
        return Markup('<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="3"/>').format(line.style, *points[0])
    drawn = " ".join(f"{across:.1f},{up:.1f}" for across, up in points)
    return Markup('<polyline class="line {}" points="{}"/>').format(line.style, drawn)


def _names(
    lines: Sequence[Line], levels: Sequence[Level], x: Callable[[int], float], y: Callable[[float], float]
) -> list[Markup]:
    ends = [(y(level.value), level.name, level.style) for level in levels if level.name]
    for line in lines:
        finite = [value for value in line.values if math.isfinite(value)]
        if finite:
            ends.append((y(finite[-1]), line.name, line.style))
    placed, names = -math.inf, []
    for height, name, style in sorted(ends):
        placed = max(height, placed + 15)
        names.append(
            Markup('<text class="name {}" x="{}" y="{:.1f}">{}</text>').format(
                style, WIDTH - RIGHT + 8, placed + 4, name
            )
        )
    return names


def _date(label: str, across: float, anchor: str) -> Markup:
    return Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="{}">{}</text>').format(
        across, HEIGHT - 6, anchor, escape(label)
    )
