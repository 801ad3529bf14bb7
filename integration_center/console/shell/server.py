"""Serves the console."""

import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from integration_center.access.binding import check_bind_address
from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console
from integration_center.console.shell.users import build_identify
from integration_center.errors import ConfigurationError
from integration_center.installation import open_installation
from integration_center.pipeline.runs.lost_runs import keep_closing_lost_runs
from integration_center.settings import Settings
from integration_center.web.limits import build_server_config, run_server


@dataclass(frozen=True)
class Certificate:
    """The files that make the console speak TLS itself: the certificate with its chain, and its key, both PEM."""

    chain: Path
    key: Path


def serve(settings: Settings, host: str, port: int, certificate: Certificate | None = None) -> None:
    """Serve in the foreground until SIGINT or SIGTERM.

    Raises:
        ConfigurationError: the address is refused, or the installation or the certificate cannot be opened.
    """
    check_bind_address(host, settings)
    with open_installation(settings) as installation, ExitStack() as stack:
        console = Console(installation, build_identify(installation))
        # Hundreds of integrations take seconds to load for the first time; the first page need not wait for all.
        threading.Thread(target=console.defs.list, daemon=True).start()
        if settings.has_database_server:
            ended = threading.Event()
            looking = threading.Thread(target=keep_closing_lost_runs, args=(settings, ended), name="lost runs")
            looking.daemon = True
            looking.start()
            stack.callback(ended.set)
        app = build_app(console, hosts={host})
        config = build_server_config(
            app,
            host,
            port,
            ssl_certfile=certificate.chain if certificate else None,
            ssl_keyfile=certificate.key if certificate else None,
        )
        try:
            config.load()
        except OSError as error:
            raise ConfigurationError(
                f"the certificate or its key cannot be used ({error.strerror or type(error).__name__}); expected two"
                " PEM files that belong together"
            ) from None
        run_server(config)
