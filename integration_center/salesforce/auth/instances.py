"""Decide where an access token may be sent: Salesforce's own hosts, this machine, and hosts listed in a setting.

A token answer names the instance for all later calls, so an attacker who can change that answer could collect tokens.
The whole address must match a strict form, because URL parsers disagree about user info, backslashes and unusual
characters.
"""

import ipaddress
import re
from collections.abc import Collection
from urllib.parse import urlsplit

from integration_center.errors import AccessRefused

SALESFORCE_DOMAINS = (
    ".salesforce.com",
    ".force.com",
    ".cloudforce.com",
    ".salesforce.mil",
    ".force.mil",
    ".cloudforce.mil",
    ".sfcrmproducts.cn",  # Salesforce on Alibaba Cloud
)
"""The domains under which Salesforce serves the APIs of an org (help page "My Domain URL Formats")."""
ADDRESS = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/[a-z0-9._~-]+)*)/?",
    re.IGNORECASE | re.ASCII,
)
DEFAULT_PORT = {"https": "443", "http": "80"}
LONGEST_SHOWN = 100


def check_instance(url: str, login_url: str, listed: Collection[str]) -> str:
    """Return `url` in a normal form when an access token may be sent there.

    Args:
        url: the instance that a token answer, or a stored account, names.
        login_url: where the tokens come from. Only a login on this machine may lead to an instance on this machine.
        listed: `host` or `host:port` entries of the setting, in lowercase.

    Raises:
        AccessRefused: the address is not allowed. The message names the host and the setting.
    """
    found = ADDRESS.fullmatch(url)
    if found is None:
        raise _refuse(url)
    scheme, host, path = found["scheme"].lower(), found["host"].lower(), found["path"]
    port = None if found["port"] in (None, DEFAULT_PORT[scheme]) else found["port"]
    place = host if port is None else f"{host}:{port}"
    on_this_machine = is_loopback(host.strip("[]"))
    secure = scheme == "https" or on_this_machine
    allowed = (
        (host.endswith(SALESFORCE_DOMAINS) and port is None and not path)
        or (on_this_machine and is_loopback(urlsplit(login_url).hostname))
        or place in listed
    )
    if not (secure and allowed):
        raise _refuse(url)
    return f"{scheme}://{place}{path}"


def is_loopback(host: str | None) -> bool:
    """Return whether `host` is this machine: an address in 127.0.0.0/8, ::1, or a name under localhost (RFC 6761)."""
    if not host:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse(url: str) -> AccessRefused:
    return AccessRefused(
        f"the sign-in names {_name_host(url)} as the org's address, and no access token was sent there. Tokens go only"
        " to Salesforce's own hosts, by https and without a user name, port or path. If the host is your company's own,"
        " it has to be named in the settings here",
        setting="add it to INTEGRATION_CENTER_SALESFORCE_HOSTS and connect again",
    )


def _name_host(url: str) -> str:
    """Return the host of an address that may be malformed, short enough for a message."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "an unreadable address"
    if not host:
        return "an unreadable address"
    place = host if port is None else f"{host}:{port}"
    return ascii(place if len(place) <= LONGEST_SHOWN else f"{place[:LONGEST_SHOWN]}…")
