"""Which addresses the console may listen on."""

import ipaddress
import socket

from integration_center.access.users import HOW_TO_MAKE_ONE, VARIABLE, read_users
from integration_center.errors import ConfigurationError
from integration_center.settings import Settings


def check_bind_address(host: str, settings: Settings) -> None:
    """Without sign-in the console listens to this machine alone.

    Args:
        host: an address or name to listen on.
        settings: for the users who may sign in.

    Raises:
        ConfigurationError: sign-in is not set up and others could reach `host`; or it is set up wrongly.
    """
    if read_users(settings):
        return
    try:
        if _is_loopback(host):
            return
    except (OSError, UnicodeError):
        raise ConfigurationError(
            f"the console cannot listen on {host!r}: no such name can be found; check how it is written"
        ) from None
    raise ConfigurationError(
        f"the console does not listen on {host!r} without sign-in, because everybody who reaches it could write to"
        f" Salesforce; set {VARIABLE} ({HOW_TO_MAKE_ONE}), or use --host 127.0.0.1"
    )


def _is_loopback(host: str) -> bool:
    """Whether all that `host` stands for is this machine; a name is looked up, since its files may say anything."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        pass
    if not host:  # every address
        return False
    found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    return bool(found) and all(ipaddress.ip_address(address).is_loopback for address in found)
