"""What all pages share: how they are rendered, and what a browser may do with them."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader, StrictUndefined

_loader = PackageLoader("evergreen.service")
_templates = Environment(
    loader=_loader,
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.policies["json.dumps_kwargs"] = {"sort_keys": False}  # examples keep the order of answers


def _page_policy() -> str:
    """What a browser may do with our pages: their own style sheet and scripts, known by hash, and ask here again."""
    sources = [_loader.get_source(_templates, name)[0] for name in _templates.list_templates()]
    styles, scripts = (" ".join(sorted(_hashes(sources, tag))) for tag in ("style", "script"))
    return (
        f"default-src 'none'; style-src {styles}; script-src {scripts}; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hashes(sources: list[str], tag: str) -> set[str]:
    contents = [content for source in sources for content in re.findall(f"<{tag}>(.*?)</{tag}>", source, re.DOTALL)]
    digests = [hashlib.sha256(content.encode()).digest() for content in contents]
    return {f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests}


PAGE_POLICY = _page_policy()


def render(template: str, **values: object) -> str:
    """A page as HTML."""
    return _templates.get_template(template).render(values)


def _percent(share: float, digits: int = 0) -> str:
    return f"{share * 100:.{digits}f}\u00a0%"


def _signed(value: float, is_return: bool = True) -> str:
    if math.isnan(value):
        return "none"
    return f"{value:+.2%}".replace("%", "\u00a0%") if is_return else f"{value:+.3f}"


def _level(value: float, priced: bool = True) -> str:
    return f"{value:.2f}" if priced and not math.isnan(value) else _signed(value, is_return=False)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _count(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


_templates.filters |= {"percent": _percent, "moment": _moment, "count": _count, "signed": _signed, "level": _level}
