"""Check what is given as an address, and say what is wrong with it."""

import re
from ipaddress import ip_network
from urllib.parse import urlsplit

HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
HOST = re.compile(r"([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.ASCII)


def check_url(value: str) -> str:
    """`value` without a closing slash. Tokens travel only over TLS, or to this machine.

    Raises:
        ValueError: it is no such address.
    """
    parts = urlsplit(value.strip())
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1", "::1"}):
        return value.strip().rstrip("/")
    raise ValueError(f"{value!r} must be an https:// address (http:// only for localhost)")


def check_address(value: str, example: str) -> str:
    """Return `value` if a browser or a client can be sent there, by http or https.

    Raises:
        ValueError: it is no address, or holds a name or password. The text shows `example`.
    """
    try:
        parts = urlsplit(value)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 0) >= 0
        sound = sound and "@" not in parts.netloc
    except ValueError:
        sound = False
    if not sound:
        raise ValueError(f"{value!r} is no address; expected an address such as {example}") from None
    return value


def check_salesforce_hosts(value: str) -> str:
    """Return whole host names, in lower case: no addresses with a scheme, and no patterns.

    Raises:
        ValueError: one of them is no such.
    """
    hosts = [part.strip().lower() for part in value.split(",") if part.strip()]
    if wrong := next((host for host in hosts if not HOST.fullmatch(host)), None):
        raise ValueError(f"{wrong!r} must be a host such as salesforce.acme.example, with a port if it is not 443")
    return ",".join(hosts)


def check_networks(value: str) -> str:
    """Return addresses and networks: a name, or everybody, is not to be trusted.

    Raises:
        ValueError: one of them is no such.
    """
    networks = [ip_network(part.strip()) for part in value.split(",") if part.strip()]
    if any(network.prefixlen == 0 for network in networks):
        raise ValueError("this network is everybody, who could then say any address; name the proxy")
    return ",".join(str(network) for network in networks)


def check_host_names(value: str) -> str:
    """Return whole names, without scheme, port or pattern.

    Raises:
        ValueError: one of them is no such.
    """
    names = [part.strip().lower() for part in value.split(",") if part.strip()]
    if wrong := [name for name in names if not HOST_NAME.fullmatch(name)]:
        raise ValueError(f"{wrong[0]!r} is not a host name; write one such as dagster.acme.example")
    return ",".join(names)
