"""The stack and what stands in it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from evergreen.cli.here import load_settings
from evergreen.cli.output import AsJson, tell

app = typer.Typer()


@app.command()
def demo(
    home: Annotated[Path, typer.Option(help="Where the demo keeps everything.")] = Path(".evergreen/demo"),
    fresh: Annotated[bool, typer.Option(help="Forget an earlier demo first.")] = False,
    look: Annotated[
        bool, typer.Option("--look", help="Walk nothing: bring the pages of what it made back up, until Ctrl-C.")
    ] = False,
) -> None:
    """Walk real prices through the break of 2008, on a stack of its own, in a few minutes."""
    import shutil

    from rich.console import Console

    from evergreen.adapters.infra.processes import Stack
    from evergreen.ops.demo import DemoWalk, run_demo, show_pages
    from evergreen.workspace import require_writable

    if look:
        show_pages(home.resolve(), print)
        return
    require_writable(home, "Name another --home.")
    if fresh:
        Stack(home).stop()
        shutil.rmtree(home)
    run_demo(home.resolve(), home.parent / "demo.json", DemoWalk(), Console())


@app.command()
def up(
    prefect_port: Annotated[int, typer.Option(help="0 takes a free port.")] = 4200,
    mlflow_port: Annotated[int, typer.Option(help="0 takes a free port.")] = 5000,
    service_port: Annotated[int, typer.Option(help="0 takes a free port.")] = 8780,
) -> None:
    """Start the stack and leave it running: Prefect server, worker, MLflow, service."""
    from evergreen.adapters.infra.ending import ended_once
    from evergreen.ops import first_hour, local_stack
    from evergreen.ops.known_choices import require_known_choices
    from evergreen.workspace import require_writable

    settings = load_settings()
    require_writable(settings.home)
    require_known_choices(settings)
    print(first_hour.UP)
    with ended_once():
        variables = local_stack.start(settings, local_stack.Ports(prefect_port, mlflow_port, service_port), print)
    for name, link in local_stack.links(settings, variables).items():
        print(f"{name:<8} opens in a browser at {link}")
    for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING"):
        if name in variables:
            print(f"export {name}={variables[name]}")
    print(first_hour.after_up(settings))


@app.command()
def down() -> None:
    """Stop exactly what `up` started."""
    from evergreen.adapters.infra.processes import Stack

    stopped = Stack(load_settings().home).stop()
    print(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Who serves what, what runs, and what to type if something is wrong."""
    from evergreen.ops.status import lines, read_status

    standing = read_status(load_settings())
    tell(lines(standing), asdict(standing), as_json)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Look at every place the settings name. Exit 0 when all answer, 1 with what to type when one does not."""
    from evergreen.ops.doctor import examine

    checks = list(examine(load_settings()))
    lines = [f"{'ok' if check.sound else 'WRONG':<6} {check.name:<10} {check.sentence}" for check in checks]
    tell(lines, [asdict(check) for check in checks], as_json)
    raise typer.Exit(0 if all(check.sound for check in checks) else 1)


@app.command()
def serve(workers: Annotated[int, typer.Option(help="Processes that share the address.")] = 1) -> None:
    """Run the prediction service in the foreground."""
    from evergreen.service.app import serve as run

    run(load_settings(), workers)
