"""A page that lets a browser in to a server by an address that carries the account after its #.

What follows the # stays in the browser: it is in no request and no log.
"""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

PATH = "/let-in"


def let_in_link(server: str, account: str) -> str:
    """The address that lets in to `server` as `account`, which is user:password."""
    return f"{server}{PATH}#{quote(account, safe=':')}"


def let_in_route(title: str, script: str) -> Route:
    """A route whose page runs `script`, with the account as its `account`, and nothing else.

    Args:
        title: the name of the server.
        script: JavaScript that logs in to pages of the same origin and goes there.
    """
    script = f"const account = decodeURIComponent(location.hash.slice(1)); {script}"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = f'<!doctype html><html lang="en"><title>{title}</title><script>{script}</script></html>'
    headers = {
        "content-security-policy": f"default-src 'none'; script-src 'sha256-{digest}'; connect-src 'self'",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
    }

    async def let_in(_: Request) -> HTMLResponse:
        return HTMLResponse(page, headers=headers)

    return Route(PATH, let_in)
