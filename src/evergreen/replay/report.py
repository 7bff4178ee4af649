"""A replay for people: a table for the terminal, and a page of its own that needs no network."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader
from matplotlib.figure import Figure

from evergreen.adapters.figures.replayed import champions_age, rank_ic_intervals, regret_and_cost, served_skill
from evergreen.replay.run import Replayed

MAIN_RIVAL = "calendar:20"
OTHER_RIVAL = "never"


def table_for_people(summary: Mapping[str, Any]) -> str:
    """One line for each policy, what it served and what it cost."""
    heads = ("policy", "RankIC (90 %)", "against calendar:20", "regret", "retrained", "promoted", "rolled back", "s")
    lines = [heads, *(_line(row) for row in summary["policies"])]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return "\n".join("  ".join(f"{each:<{w}}" for each, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def rows_for_people(summary: Mapping[str, Any]) -> list[dict[str, str]]:
    """The same for a table of any kind: what each column holds, by its head."""
    heads = ("policy", "RankIC (90 %)", "against calendar:20", "regret", "retrained", "promoted", "rolled back")
    return [dict(zip(heads, _line(row), strict=False)) for row in summary["policies"]]


def write_report(replayed: Replayed, path: Path) -> Path:
    """The page, its pictures inside."""
    pictures = [
        served_skill(replayed.sessions, replayed.decisions),
        rank_ic_intervals(replayed.summary["policies"]),
        regret_and_cost(replayed.summary["policies"]),
        champions_age(replayed.sessions),
    ]
    template = Environment(loader=PackageLoader("evergreen.replay", ""), autoescape=True).get_template("report.html.j2")
    page = template.render(
        summary=replayed.summary,
        rows=[_row(row) for row in replayed.summary["policies"]],
        pictures=[_inline(figure) for figure in pictures],
        sentence=sentence(replayed.summary["policies"]),
        breaks=[(row["policy"], one) for row in replayed.summary["policies"] for one in row["breaks"]],
    )
    path.write_text(page)
    return path


def sentence(policies: Sequence[Mapping[str, Any]]) -> str:
    """What `default` earned beside the plain calendar, or the best of those that were walked."""
    rows = {row["policy"]: row for row in policies}
    if "default" in rows and MAIN_RIVAL in rows["default"]["against"]:
        return f"Beside a retraining every 20 sessions, the default policy {_compared(rows['default'], MAIN_RIVAL)}."
    best = max(policies, key=lambda row: row["rank_ic"] if row["rank_ic"] is not None else -1.0)
    return f"The highest RankIC was served by {best['policy']}: {_with_interval(best, 'rank_ic')}."


def _compared(row: Mapping[str, Any], rival: str) -> str:
    difference = row["against"][rival]
    mean, lower, upper = (difference[f"rank_ic{end}"] for end in ("", "_lower90", "_upper90"))
    if mean is None:
        return "cannot be compared"
    shown = "better" if lower > 0 else "worse" if upper < 0 else "neither shown better nor worse"
    return f"served {shown}: RankIC {mean:+.4f} ({lower:+.4f} to {upper:+.4f})"


def _line(row: Mapping[str, Any]) -> tuple[str, ...]:
    facts = _row(row)
    names = ("policy", "rank_ic", "against_main", "regret", "retrainings", "promotions", "rollbacks", "seconds")
    return tuple(facts[name] for name in names)


def _row(row: Mapping[str, Any]) -> dict[str, str]:
    """What the page and the terminal show of a policy, as text."""
    counts = ("retrainings", "trials", "sessions_worse_than_random_walk")
    return {
        "policy": row["policy"],
        "rank_ic": _with_interval(row, "rank_ic"),
        "ic": _with_interval(row, "ic"),
        "icir": "" if row["icir"] is None else f"{row['icir']:+.3f}",
        "gain": _percent(row, "gain"),
        "coverage": "" if row["coverage"] is None else f"{row['coverage']:.1%}",
        "net": "" if row.get("costed_net_return") is None else f"{row['costed_net_return']:+.1%}",
        "against_main": _against(row, MAIN_RIVAL),
        "against_other": _against(row, OTHER_RIVAL),
        "regret": "" if row["regret"] is None else f"{row['regret']:.0%}",
        "canaries": _canaries(row),
        "promotions": f"{row['promotions']} ({row['wrong_promotions']} wrong)",
        "rollbacks": f"{row['rollbacks']} ({row['wrong_rollbacks']} wrong)",
        "age": "" if row["age"] is None else f"{row['age']:.0f}",
        "seconds": f"{row['seconds']:.0f}",
    } | {name: str(row[name]) for name in counts}


def _canaries(row: Mapping[str, Any]) -> str:
    """How many there were, and how those ended that neither promoted nor rolled back."""
    ends = {"undecided": "inconclusive", "declined": "declined", "stopped": "mismatches"}
    ended = ", ".join(f"{row[name]} {word}" for word, name in ends.items() if row[name])
    return f"{row['canaries']} ({ended})" if ended else str(row["canaries"])


def _against(row: Mapping[str, Any], rival: str) -> str:
    return _with_interval(row["against"][rival], "rank_ic") if rival in row["against"] else ""


def _with_interval(numbers: Mapping[str, Any], name: str) -> str:
    if numbers[name] is None:
        return ""
    return f"{numbers[name]:+.4f} ({numbers[f'{name}_lower90']:+.4f} to {numbers[f'{name}_upper90']:+.4f})"


def _percent(numbers: Mapping[str, Any], name: str) -> str:
    if numbers[name] is None:
        return ""
    return f"{numbers[name]:+.2%} ({numbers[f'{name}_lower90']:+.2%} to {numbers[f'{name}_upper90']:+.2%})"


def _inline(figure: Figure) -> str:
    """A figure as a PNG inside the page."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=130, facecolor="white", metadata={"Software": None})
    return base64.b64encode(buffer.getvalue()).decode()
