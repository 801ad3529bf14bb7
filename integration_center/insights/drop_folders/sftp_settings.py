"""Read the settings for report drops on an SFTP server."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from integration_center.errors import ConfigurationError
from integration_center.settings import Settings

EXPECTED = "expected is sftp://user@host/folder, or sftp://user@host:port/folder, with nothing else in it"
HOST = re.compile(r"[A-Za-z0-9._:-]{1,253}")


@dataclass(frozen=True)
class SignIn:
    """How a user signs in to an SFTP server, and which servers are known.

    Attributes:
        password: the password; None where a key signs in.
        key_file: the private key; None where a password signs in.
        passphrase: what the key is encrypted with.
        known_hosts: the file with the host keys of known servers.
    """

    password: SecretStr | None
    key_file: Path | None
    passphrase: SecretStr | None
    known_hosts: Path


@dataclass(frozen=True)
class SftpAddress:
    """The address of a folder on an SFTP server.

    Attributes:
        host: the name of the server.
        port: its port.
        user: the name of the user.
        folder: the folder, absolute.
    """

    host: str
    port: int
    user: str
    folder: str

    @property
    def place(self) -> str:
        """The address, without secrets."""
        port = "" if self.port == 22 else f":{self.port}"
        return f"sftp://{self.user}@{self.host}{port}{self.folder}".rstrip("/")


def parse_address(root: str) -> SftpAddress:
    """Parse an address such as `sftp://user@host:22/folder`.

    Raises:
        ConfigurationError: it is not such an address, or holds a password. The message does not quote it, because
            people paste addresses with secrets.
    """
    try:
        parts = urlsplit(root)
        port = parts.port or 22
    except ValueError:
        raise _not_an_address() from None
    if parts.password is not None:
        raise ConfigurationError(
            "the address of the SFTP server holds a password",
            setting="WALKME_FILES_ROOT holds a password; set WALKME_SFTP_PASSWORD instead",
        )
    user, host = unquote(parts.username or ""), parts.hostname or ""
    if not user or not HOST.fullmatch(host) or parts.query or parts.fragment:
        raise _not_an_address()
    return SftpAddress(host, port, user, unquote(parts.path).rstrip("/") or "/")


def _not_an_address() -> ConfigurationError:
    return ConfigurationError(
        "the address of the SFTP server is not one", setting=f"WALKME_FILES_ROOT is not an address of SFTP; {EXPECTED}"
    )


def build_sign_in(settings: Settings) -> SignIn:
    """Build what the settings say. Without a password or a key, the session says so."""
    return SignIn(
        password=settings.sftp_password if settings.sftp_password.get_secret_value() else None,
        key_file=Path(settings.sftp_key_file) if settings.sftp_key_file else None,
        passphrase=settings.sftp_key_passphrase if settings.sftp_key_passphrase.get_secret_value() else None,
        known_hosts=Path(settings.sftp_known_hosts),
    )
