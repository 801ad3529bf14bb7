"""`up` and `console`: the long-running processes, in the foreground."""

import json
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Annotated

import httpx
import stamina
import typer
from dagster._core.storage.runs import SqliteRunStorage

from integration_center.access.binding import check_bind_address
from integration_center.cli.embedded import LOOPBACK, embedded_demo, refuse_taken
from integration_center.cli.only_up import only_up
from integration_center.cli.output import console, errors
from integration_center.cli.supervision import Part, Supervisor
from integration_center.console.shell.server import Certificate
from integration_center.console.shell.server import serve as run_console
from integration_center.database.engine import upgrade_database
from integration_center.database.revision import REVISION
from integration_center.errors import ConfigurationError, IntegrationCenterError
from integration_center.files.regular_files import read_regular
from integration_center.installation import open_installation
from integration_center.pipeline.instance.dagster_storage import open_instance
from integration_center.pipeline.instance.webserver import WEBSERVER_FILE, WORKSPACE, find_workspace
from integration_center.pipeline.planned_events import TOGETHER
from integration_center.pipeline.runs.history import fail_killed_runs
from integration_center.pipeline.runs.lost_runs import LOOK_SECONDS, close_lost_runs
from integration_center.pipeline.starting.alert_watch import Watch
from integration_center.remote import log_retries
from integration_center.settings import Settings, read_settings
from integration_center.store.home import prepare_home
from integration_center.web.json_log import log_as_json

START_SECONDS = 120
CONSOLE_PORT = 3001
ALERT_SECONDS = 20.0


def serve_all(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the Dagster UI, on this machine only.")] = 3000,
    console_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the console.")] = CONSOLE_PORT,
    console_host: Annotated[
        str, typer.Option(help="The console's address; other than loopback needs users.")
    ] = LOOPBACK,
) -> None:
    """Dagster UI, daemon and console in the foreground; Ctrl-C ends all. After the demo, its orgs run too."""
    log_retries()  # else waiting for Dagster would fill the terminal
    if port == console_port:
        raise typer.BadParameter(f"--port and --console-port are both {port}; give each its own")
    settings = read_settings()
    check_bind_address(console_host, settings)
    prepare_home(settings.dagster_home, on_server=settings.has_database_server)
    url = f"http://{LOOPBACK}:{port}"
    with ended_by_signals(), ExitStack() as stack:
        lock = stack.enter_context(only_up(settings.dagster_home, warn))
        refuse_taken(port, "--port")
        refuse_taken(console_port, "--console-port")
        if demo := embedded_demo(settings):
            demo.refuse_taken_ports()
        if upgrade_database(settings.database) not in {None, REVISION}:
            warn("the database was of an earlier version, and is upgraded")
            with open_installation(settings) as installation:
                installation.index_earlier_files()
        close_runs_of_nobody(settings)
        supervisor = Supervisor(build_parts(settings, port, (console_host, console_port)), warn, lock)
        stack.callback(close_runs_of_nobody, settings)
        stack.callback(supervisor.stop)
        supervisor.start()
        await_answer(f"{url}/server_info", supervisor)
        noted = settings.dagster_home / WEBSERVER_FILE
        noted.write_text(json.dumps({"url": url}))
        stack.callback(noted.unlink, missing_ok=True)
        await_answer(f"http://{reach(console_host)}:{console_port}/health", supervisor)
        console.print(f"Console:    http://localhost:{console_port}", markup=False)
        console.print(f"Dagster UI: {url}  (Ctrl-C ends everything)", markup=False)
        start_alerts(settings)
        looks = Every(LOOK_SECONDS)
        supervisor.watch(lambda: close_killed_runs(settings) if looks.due() else None)


def close_runs_of_nobody(settings: Settings) -> None:
    """Fail the runs that no process holds while `up` does not run: they would keep their places in the queue."""
    with open_installation(settings) as installation, open_instance(settings) as instance:
        # Runs in a database that hosts share may be those of another host.
        own = isinstance(instance.run_storage, SqliteRunStorage)
        fail_killed_runs(instance, installation, unheld=own)


def close_killed_runs(settings: Settings) -> None:
    """Fail the runs whose process was killed; nothing is lost when that fails once."""
    try:
        close_lost_runs(settings)
    except IntegrationCenterError as error:
        warn(f"runs that were killed could not be looked for: {error}")


def start_alerts(settings: Settings) -> None:
    """Look for what is wrong in a thread: Dagster's own sensor cannot tell that the daemon has stopped."""

    def look_again_and_again() -> None:
        watch, warned = Watch(accounts=False), ""
        while True:
            time.sleep(ALERT_SECONDS)
            try:
                with open_installation(settings) as installation, open_instance(settings) as instance:
                    watch.look(installation, instance)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next look may go well
                said = str(error) if isinstance(error, IntegrationCenterError) else type(error).__name__
                if said != warned:
                    warn(f"alerts could not be sent: {said}")
                warned = said
            else:
                warned = ""

    Thread(target=look_again_and_again, name="alerts", daemon=True).start()


@dataclass
class Every:
    """Says once every so many seconds that something is due."""

    seconds: float
    last: float = field(default_factory=time.monotonic)

    def due(self) -> bool:
        """Whether the time is over; it begins again then."""
        now = time.monotonic()
        if now - self.last < self.seconds:
            return False
        self.last = now
        return True


def warn(sentence: str) -> None:
    """Tell the terminal what happened to a process."""
    errors.print(sentence[0].upper() + sentence[1:], markup=False, soft_wrap=True)


def reach(host: str) -> str:
    """How this machine reaches a server that listens on `host`, as a part of a URL."""
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not listened on
        return LOOPBACK
    return f"[{host}]" if ":" in host else host


def build_parts(settings: Settings, port: int, console_at: tuple[str, int]) -> list[Part]:
    """What `up` runs: the local org of the demo where the settings lead to it, the web server, the daemon, us."""
    home = {"DAGSTER_HOME": str(settings.dagster_home)}
    host, console_port = console_at
    demo = embedded_demo(settings)
    return [
        # What the local org prints holds its secrets.
        *([Part("the local org of the demo", "integration_center", demo.command[3:], silent=True)] if demo else []),
        *build_dagster_parts(port, home, find_workspace(settings), log_format=settings.log_format),
        Part("the console", "integration_center", ("console", "--host", host, "--port", str(console_port)), home),
    ]


def build_dagster_parts(
    port: int, environment: Mapping[str, str], workspace_file: Path = WORKSPACE, *, log_format: str = "text"
) -> list[Part]:
    """Dagster's web server, which finds its workspace in the settings, and its daemon."""
    together = {**TOGETHER, **environment}
    workspace = ("-w", str(workspace_file), *(("--log-format", "json") if log_format == "json" else ()))
    return [
        Part("the Dagster UI", "integration_center.pipeline.instance.dagster_ui", ("--port", str(port)), together),
        Part("the Dagster daemon", "dagster._daemon", ("run", *workspace), together),
    ]


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """End the block quietly on Ctrl-C, SIGTERM, or when the terminal is closed.

    A non-interactive shell starts background processes with SIGINT ignored, so both are said here.
    """

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    with suppress(KeyboardInterrupt):
        yield


def await_answer(url: str, supervisor: Supervisor) -> None:
    """Wait until a web server answers at `url`.

    Raises:
        ConfigurationError: it does not, or a process ended.
    """
    for attempt in stamina.retry_context(on=httpx.TransportError, attempts=None, timeout=START_SECONDS, wait_max=0.5):
        with attempt:
            supervisor.require_alive()
            httpx.get(url, trust_env=False)


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
    prepare_home(settings.dagster_home, on_server=settings.has_database_server)
    refuse_taken(port, "--port", host)
    for path in filter(None, (certificate, certificate_key)):
        require_readable(path)
    if settings.log_format == "json":
        log_as_json()
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
