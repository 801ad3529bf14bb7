"""`up` and `emulator`: the long-running processes, in the foreground."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from integration_center.cli.embedded import embedded_demo, running
from integration_center.cli.output import console
from integration_center.emulator.drop_people import read_drop_people
from integration_center.emulator.server import EmulatorConfig, serve
from integration_center.errors import ConfigurationError
from integration_center.launching import WEBSERVER_FILE
from integration_center.settings import PROJECT, Paths, prepare_home, read_settings

LOOPBACK = "127.0.0.1"


def serve_all(
    port: Annotated[int, typer.Option(help="Port of the Dagster UI, on this machine only.")] = 3000,
) -> None:
    """Dagster UI and daemon in the foreground (and the demo's local org, when the demo ran); Ctrl-C ends all."""
    paths = Paths()
    settings = read_settings()
    workspace = PROJECT / "workspace.yaml"
    prepare_home(paths.dagster_home)
    home = {"DAGSTER_HOME": str(paths.dagster_home)}
    python = [sys.executable, "-m"]
    noted = paths.dagster_home / WEBSERVER_FILE
    with ExitStack() as stack:
        processes = []
        if demo := embedded_demo(settings):
            processes.append(stack.enter_context(running(demo.command)))
        web = ["dagster_webserver", "-h", LOOPBACK, "-p", str(port), "-w", str(workspace)]
        processes.append(stack.enter_context(running([*python, *web], home)))
        daemon = ["dagster._daemon", "run", "-w", str(workspace)]
        processes.append(stack.enter_context(running([*python, *daemon], home)))
        url = f"http://{LOOPBACK}:{port}"
        noted.write_text(json.dumps({"url": url}))
        stack.callback(noted.unlink, missing_ok=True)
        console.print(f"Dagster UI: {url}  (Ctrl-C ends everything)", markup=False)
        wait_for_any(processes)


def wait_for_any(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Return on Ctrl-C or SIGTERM; a process that ends by itself is an error.

    Raises:
        ConfigurationError: names the process that ended.
    """

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    # A non-interactive shell starts background processes with SIGINT ignored; say what both signals mean here.
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        pid, status = os.wait()
    except KeyboardInterrupt:
        return
    ended = next((process for process in processes if process.pid == pid), None)
    name = " ".join(map(str, ended.args[2:4])) if ended and isinstance(ended.args, list) else str(pid)
    raise ConfigurationError(f"{name} ended by itself with status {os.waitstatus_to_exitcode(status)}; see above")


def serve_emulator(
    records: Annotated[int, typer.Option(min=0, max=200_000, help="Invented Leads in each org.")] = 2_000,
    data: Annotated[Path | None, typer.Option(help="Keep the orgs' rows in this folder.")] = None,
    drops: Annotated[Path | None, typer.Option(help="Serve these report drops, too, and make Leads for them.")] = None,
    sandbox_port: Annotated[int, typer.Option(help="0 takes any free port.")] = 0,
    production_port: Annotated[int, typer.Option(help="0 takes any free port.")] = 0,
    insights_port: Annotated[int, typer.Option(help="0 takes any free port.")] = 0,
) -> None:
    """Two local Salesforce orgs and an Insights API on loopback; prints their addresses as one line of JSON."""
    config = EmulatorConfig(
        records=records,
        people=read_drop_people(drops) if drops else (),
        data=data,
        drops=drops,
        sandbox_port=sandbox_port,
        production_port=production_port,
        insights_port=insights_port,
        redirect_uris=[read_settings().callback_url],
    )
    serve(config)


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("up")(serve_all)
    app.command("emulator")(serve_emulator)
