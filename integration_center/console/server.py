"""Serves the console."""

import ipaddress

import uvicorn

from integration_center.console.app import build_app
from integration_center.console.context import Console
from integration_center.errors import ConfigurationError
from integration_center.installation import open_installation
from integration_center.settings import Settings


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve in the foreground until SIGINT or SIGTERM.

    Raises:
        ConfigurationError: the address is refused, or the installation cannot be opened.
    """
    check_address(host)
    with open_installation(settings) as installation:
        app = build_app(Console(installation), hosts={host})
        # Its access log would hold the addresses of pages, and those the codes of sign-ins.
        uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False, server_header=False)


def check_address(host: str) -> None:
    """Refuse an address that others on the network can reach, because there is no sign-in.

    Raises:
        ConfigurationError: says which addresses are accepted.
    """
    if host == "localhost":
        return
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise ConfigurationError(
            f"--host {host}: without sign-in the console answers only on this machine; use 127.0.0.1"
        )
