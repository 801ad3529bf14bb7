"""`up`, `console` and `emulator`: the long-running processes, in the foreground."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Annotated

import httpx
import stamina
import typer

from integration_center.access.binding import check_bind_address
from integration_center.cli.embedded import STOP_SECONDS, embedded_demo, find_obstacle, running
from integration_center.cli.output import console
from integration_center.console.server import Certificate
from integration_center.console.server import serve as run_console
from integration_center.dagster_storage import open_instance
from integration_center.emulator.drop_people import read_drop_people
from integration_center.emulator.server import EmulatorConfig, serve
from integration_center.errors import ConfigurationError
from integration_center.history import fail_killed_runs
from integration_center.launching import WEBSERVER_FILE
from integration_center.regular_files import read_regular
from integration_center.retries import log_retries
from integration_center.settings import PROJECT, Settings, prepare_home, read_settings

LOOPBACK = "127.0.0.1"
START_SECONDS = 120
CONSOLE_PORT = 3001
PYTHON = (sys.executable, "-m")


def serve_all(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the Dagster UI, on this machine only.")] = 3000,
    console_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the console.")] = CONSOLE_PORT,
    console_host: Annotated[
        str, typer.Option(help="The console's address; other than loopback needs users.")
    ] = LOOPBACK,
) -> None:
    """Dagster UI, daemon and console in the foreground (and the demo's local org, if it ran); Ctrl-C ends all."""
    log_retries()  # else waiting for Dagster would fill the terminal
    if port == console_port:
        raise typer.BadParameter(f"--port and --console-port are both {port}; give each its own")
    settings = read_settings()
    check_bind_address(console_host, settings)
    prepare_home(settings.dagster_home)
    refuse_taken(port, "--port")
    refuse_taken(console_port, "--console-port")
    with open_instance(settings) as instance:
        fail_killed_runs(instance)  # else they would keep their places in the queue
    url = f"http://{LOOPBACK}:{port}"
    with ExitStack() as stack:
        stack.enter_context(ended_by_signals())
        processes = [
            stack.enter_context(each) for each in build_processes(settings, port, (console_host, console_port))
        ]
        stack.callback(end_all, processes)
        await_answer(f"{url}/server_info", processes)
        noted = settings.dagster_home / WEBSERVER_FILE
        noted.write_text(json.dumps({"url": url}))
        stack.callback(noted.unlink, missing_ok=True)
        await_answer(f"http://{reach(console_host)}:{console_port}/health", processes)
        console.print(f"Console:    http://localhost:{console_port}", markup=False)
        console.print(f"Dagster UI: {url}  (Ctrl-C ends everything)", markup=False)
        refuse_end(processes, os.wait())


def end_all(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask all to end at once, and wait for them; `running` sees to those that do not."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(deadline - time.monotonic(), 0))


def reach(host: str) -> str:
    """How this machine reaches a server that listens on `host`, as a part of a URL."""
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not listened on
        return LOOPBACK
    return f"[{host}]" if ":" in host else host


def refuse_taken(port: int, option: str) -> None:
    """Check that a port can be listened on.

    Raises:
        ConfigurationError: says why it cannot, and names the option that chooses another.
    """
    reason = find_obstacle(port)
    if reason == errno.EACCES:
        raise ConfigurationError(f"port {port} may not be opened by this user; choose one from 1024 on with {option}")
    if reason:
        raise ConfigurationError(f"port {port} is in use; choose another with {option}, or end what uses it")


def build_processes(
    settings: Settings, port: int, console_at: tuple[str, int]
) -> Iterator[AbstractContextManager[subprocess.Popen[bytes]]]:
    """What `up` runs: the local org of the demo where the settings lead to it, the web server, the daemon, us."""
    if demo := embedded_demo(settings):
        yield running(demo.command, stdout=subprocess.DEVNULL)  # what it prints holds its secrets
    home = {"DAGSTER_HOME": str(settings.dagster_home)}
    host, console_port = console_at
    console_command = [*PYTHON, "integration_center", "console", "--host", host, "--port", str(console_port)]
    for command in (*dagster_commands(port), console_command):
        yield running(command, home)


def dagster_commands(port: int) -> tuple[list[str], list[str]]:
    """How Dagster's web server and its daemon are started."""
    workspace = ["-w", str(PROJECT / "workspace.yaml")]
    return (
        [*PYTHON, "integration_center.dagster_ui", "--port", str(port)],
        [*PYTHON, "dagster._daemon", "run", *workspace],
    )


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """End the block quietly on Ctrl-C or SIGTERM.

    A non-interactive shell starts background processes with SIGINT ignored, so both are said here.
    """

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with suppress(KeyboardInterrupt):
        yield


def await_answer(url: str, processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Wait until a web server answers at `url`.

    Raises:
        ConfigurationError: it does not, or a process ended.
    """
    for attempt in stamina.retry_context(on=httpx.TransportError, attempts=None, timeout=START_SECONDS, wait_max=0.5):
        with attempt:
            for process in processes:
                if process.poll() is not None:
                    raise ended_by_itself(process)
            httpx.get(url, trust_env=False)


def refuse_end(processes: Sequence[subprocess.Popen[bytes]], ended: tuple[int, int]) -> None:
    """A process that ends by itself is an error.

    Raises:
        ConfigurationError: names it.
    """
    pid, status = ended
    for process in processes:
        if process.pid == pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            raise ended_by_itself(process)


def ended_by_itself(process: subprocess.Popen[bytes]) -> ConfigurationError:
    """The error that names a process and its exit code."""
    name = " ".join(map(str, process.args[2:4])) if isinstance(process.args, list) else str(process.pid)
    return ConfigurationError(f"{name} ended by itself with exit code {process.returncode}; see its messages above")


def serve_console(
    host: Annotated[str, typer.Option(help="The address to listen on; other than loopback needs users.")] = LOOPBACK,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Its port.")] = CONSOLE_PORT,
    certificate: Annotated[
        Path | None, typer.Option(help="Speak TLS with this PEM certificate and chain.", exists=True, dir_okay=False)
    ] = None,
    certificate_key: Annotated[
        Path | None, typer.Option(help="The certificate's PEM key.", exists=True, dir_okay=False)
    ] = None,
) -> None:
    """The web console alone, in the foreground; Ctrl-C ends it."""
    if (certificate is None) != (certificate_key is None):
        raise typer.BadParameter("--certificate and --certificate-key go together")
    settings = read_settings()
    prepare_home(settings.dagster_home)
    refuse_taken(port, "--port")
    for path in filter(None, (certificate, certificate_key)):
        require_readable(path)
    files = Certificate(certificate, certificate_key) if certificate and certificate_key else None
    run_console(settings, host, port, files)


def require_readable(path: Path) -> None:
    """Check that a file of the certificate can be read to its end.

    Raises:
        ConfigurationError: it is none, or cannot be read.
    """
    try:
        read_regular(path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}; expected a PEM file") from None


def serve_emulator(
    records: Annotated[int, typer.Option(min=0, max=2_000_000, help="Invented Leads in each org.")] = 2_000,
    data: Annotated[Path | None, typer.Option(file_okay=False, help="Keep the orgs' rows in this folder.")] = None,
    drops: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Serve these report drops, too, and make Leads for them."),
    ] = None,
    sandbox_port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 0,
    production_port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 0,
    insights_port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 0,
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
    app.command("console")(serve_console)
    app.command("emulator")(serve_emulator)
