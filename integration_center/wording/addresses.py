"""Check what is given as an address, and say what is wrong with it."""

from urllib.parse import urlsplit


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
