"""Reference pages made from the code itself: commands, settings, HTTP routes, Python modules.

python -m evergreen.cli.reference_pages FOLDER
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import typer
from pydantic import BaseModel
from typer.cli import get_docs_for_click
from typer.main import get_command

from evergreen.cli import app
from evergreen.service.app import create_app
from evergreen.settings import PREFIX, MarketSettings, Settings

FIELD = re.compile(r"    (\w+): [^=\n]+ = [^#\n]+?(?:  # (.+))?\n")
MODULES = {
    "Research": ["evergreen.research", "evergreen.research.sample", "evergreen.research.training_sets"],
    "Features": ["evergreen.core.features", "evergreen.core.features.declared"],
    "Learners": ["evergreen.core.model.protocol", "evergreen.core.model.registry"],
    "Sources": ["evergreen.adapters.bars.sources"],
    "Errors": ["evergreen.errors"],
}


def command_page() -> str:
    """Every command with its options, as the command line itself describes them."""
    command = get_command(app)
    return get_docs_for_click(obj=command, ctx=typer.Context(command), name="evergreen")


def settings_page() -> str:
    """Every setting with its default and what it is for, read from the declarations."""
    market, general = (inspect.getsource(tree).partition("\n    @")[0] for tree in (MarketSettings, Settings))
    return "\n".join(
        [
            "# Settings",
            "",
            f"In `evergreen.toml`, or as variables that begin with `{PREFIX}` and win.",
            "",
            *_table(general, Settings, PREFIX),
            "",
            "## Table `[market]`",
            "",
            *_table(market, MarketSettings, f"{PREFIX}MARKET_"),
            "",
        ]
    )


def _table(source: str, tree: type[BaseModel], prefix: str) -> Iterator[str]:
    yield from ("| setting | variable | default | what |", "|---|---|---|---|")
    for name, what in FIELD.findall(source):
        if name not in ("model_config", "market"):
            default = tree.model_fields[name].default
            shown = "" if default in ("", None, ()) else f"`{default}`"
            yield f"| `{name}` | `{prefix}{name.upper()}` | {shown} | {what} |"


def http_page(home: Path) -> str:
    """Every route of the service with its parameters and answers; `home` is where an application may stand."""
    description = create_app(Settings(home=home)).openapi()
    lines = ["# HTTP", "", "The service describes itself at `/openapi.json`, and shows it at `/docs`.", ""]
    for path, methods in description["paths"].items():
        for method, route in methods.items():
            lines += [f"## `{method.upper()} {path}`", "", route.get("description") or route.get("summary", ""), ""]
            lines += [f"* `{given['name']}` in {given['in']}" for given in route.get("parameters", [])]
            lines += [f"* answers {code}: {answer['description']}" for code, answer in route["responses"].items()] + [
                ""
            ]
    return "\n".join(lines)


def module_page() -> str:
    """The modules a researcher or an author of a learner or source calls, from their docstrings."""
    parts = [f"## {title}\n\n" + "\n\n".join(f"::: {name}" for name in names) for title, names in MODULES.items()]
    return "# Python\n\n" + "\n\n".join(parts) + "\n"


def write(folder: Path) -> None:
    """Write the pages into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {"cli": command_page(), "settings": settings_page(), "http": http_page(folder), "python": module_page()}
    for name, text in pages.items():
        (folder / f"{name}.md").write_text(text)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
