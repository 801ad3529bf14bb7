"""Serves the console."""

import threading

import uvicorn

from integration_center.access.binding import check_bind_address
from integration_center.console.app import build_app
from integration_center.console.context import Console
from integration_center.installation import open_installation
from integration_center.settings import Settings


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve in the foreground until SIGINT or SIGTERM.

    Raises:
        ConfigurationError: the address is refused, or the installation cannot be opened.
    """
    check_bind_address(host, settings)
    with open_installation(settings) as installation:
        console = Console(installation)
        app = build_app(console, hosts={host})
        # Hundreds of integrations take seconds to load for the first time; the first page need not wait for all.
        threading.Thread(target=console.defs.list, daemon=True).start()
        # Its access log would hold the addresses of pages, and those the codes of sign-ins.
        uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False, server_header=False)
