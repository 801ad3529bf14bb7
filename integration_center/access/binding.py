"""Check the addresses that the console may listen on."""

import ipaddress
import socket

from integration_center.access.users import HOW_TO_MAKE_ONE, VARIABLE, read_users
from integration_center.errors import ConfigurationError
from integration_center.settings import Settings


def check_bind_address(host: str, settings: Settings) -> None:
    """Check that, without sign-in, the console listens only to this machine.

    Args:
        host: the address or name to listen on.
        settings: the settings, for the users who may sign in.

    Raises:
        ConfigurationError: sign-in is not set up, and others could reach `host`; or sign-in is set up wrongly.
    """
    if read_users(settings) or settings.has_sign_in:
        return
    try:
        if _is_loopback(host):
            return
    except (OSError, UnicodeError):
        raise ConfigurationError(
            f"the console cannot listen on {host!r}: this name cannot be found; check its spelling"
        ) from None
    raise ConfigurationError(
        f"the console does not listen on {host!r} without sign-in, because everybody who reaches it could write to"
        f" Salesforce; set {VARIABLE} ({HOW_TO_MAKE_ONE}) or INTEGRATION_CENTER_OIDC_ISSUER, or use --host 127.0.0.1"
    )


def _is_loopback(host: str) -> bool:
    """Return whether every address of `host` is this machine. A name is looked up, because it may mean any address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        pass
    if not host:  # every address
        return False
    found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    return bool(found) and all(ipaddress.ip_address(address).is_loopback for address in found)
