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
    if all(ipaddress.ip_address(address).is_loopback for address in find_addresses(host)):
        return
    raise ConfigurationError(
        f"the console does not listen on {host!r} without sign-in, because everybody who reaches it could write to"
        f" Salesforce; set {VARIABLE} ({HOW_TO_MAKE_ONE}) or INTEGRATION_CENTER_OIDC_ISSUER, or use --host 127.0.0.1"
    )


def find_addresses(host: str) -> set[str]:
    """Look up the addresses to listen on: a name may mean any, and no name means every one.

    Raises:
        ConfigurationError: the name cannot be found.
    """
    try:
        found = socket.getaddrinfo(host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise ConfigurationError(
            f"the console cannot listen on {host!r}: this name cannot be found; check its spelling"
        ) from None
    return {str(address[0]) for *_, address in found}
