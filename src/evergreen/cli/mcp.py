"""The tools of the Model Context Protocol."""

from __future__ import annotations

import typer

from evergreen.cli.here import load_settings

app = typer.Typer()


@app.command("mcp")
def serve_tools() -> None:
    """Serve status, records and counted research to a program that starts this over stdio (extra `mcp`)."""
    from evergreen.adapters.infra.extras import require_installed

    require_installed("mcp", "Tools cannot be served", ".[mcp]")
    from evergreen.mcp_server import make_server

    make_server(load_settings()).run("stdio")
