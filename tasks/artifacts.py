"""What a person sees in the Prefect UI."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any

from prefect.artifacts import create_markdown_artifact

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def show(key: str, title: str, *parts: str) -> None:
    """Leave a Markdown artifact on the current run."""
    create_markdown_artifact(key=key, markdown="\n\n".join((f"# {title}", *parts)), description=title)


def table(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows of equal keys as a Markdown table; a dash where there are none."""
    listed = list(rows)
    if not listed:
        return "-"
    head = list(listed[0])
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(row[name]) for name in head) + " |" for row in listed]
    return "\n".join(lines)


def picture(figure: Figure, caption: str) -> str:
    """A matplotlib figure inside Markdown, as a data URI: nothing to host."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=80, bbox_inches="tight")
    return f"![{caption}](data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()})"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).replace("|", "\\|")
