"""One conversation with an SFTP server, whose host key must be known."""

import base64
import hashlib
import threading
from collections.abc import Callable
from typing import TypeVar

import paramiko
from paramiko.pkey import UnknownKeyType
from pydantic import SecretStr

from integration_center.errors import AccessRefused, ConfigurationError, IntegrationCenterError, ServiceUnavailable
from integration_center.insights.drop_folders.sftp_settings import SftpAddress, SignIn
from integration_center.remote import SERVICE_POLICY

SECONDS = 20.0
"""How long connecting, signing in, and each answer may take."""
LOST = (paramiko.SSHException, EOFError, ConnectionError, TimeoutError)
Answer = TypeVar("Answer")


class UnknownHostKey(paramiko.SSHException):
    """The server's host key is not known. The text is the key's fingerprint."""


class RefuseUnknown(paramiko.MissingHostKeyPolicy):
    """Refuse a server whose key is in no file of known hosts."""

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        """See `paramiko.MissingHostKeyPolicy`."""
        raise UnknownHostKey(fingerprint(key))


class SftpSession:
    """A connection to an SFTP server, opened when it is needed and opened again after it was lost.

    Args:
        address: the server and the user.
        sign_in: how the user signs in, and which servers are known.
    """

    def __init__(self, address: SftpAddress, sign_in: SignIn) -> None:
        self._address = address
        self._sign_in = sign_in
        self._client: paramiko.SSHClient | None = None
        self._sftp: paramiko.SFTPClient | None = None
        self._lock = threading.RLock()

    def ask(self, request: Callable[[paramiko.SFTPClient], Answer]) -> Answer:
        """Return the answer to a request.

        Raises:
            AccessRefused: the server does not accept the user.
            ConfigurationError: the server's host key is not known or another one, or a setting is missing.
            ServiceUnavailable: the server does not answer.
            OSError: the server refuses the request.
        """

        def ask_once() -> Answer:
            with self._lock:
                sftp = self._sftp or self._open()
                try:
                    return request(sftp)
                except (*LOST, OSError) as error:
                    if isinstance(error, OSError) and not isinstance(error, LOST) and self._is_open():
                        raise  # the server's answer to this request
                    self.close()
                    raise ServiceUnavailable(
                        f"{self._address.place}: the connection was lost ({type(error).__name__})"
                    ) from None

        return SERVICE_POLICY.retry(ask_once)()

    def close(self) -> None:
        """Close the connection. The next request opens it again."""
        with self._lock:
            if self._client:
                self._client.close()
            self._client = self._sftp = None

    def _is_open(self) -> bool:
        transport = self._client and self._client.get_transport()
        return bool(transport and transport.is_active())

    def _open(self) -> paramiko.SFTPClient:
        sign_in = self._sign_in
        key = self._read_key()
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(RefuseUnknown())
        known = sign_in.known_hosts
        try:
            if known.is_file():
                client.load_host_keys(str(known))
        except (OSError, paramiko.SSHException) as error:
            raise ConfigurationError(f"{known} cannot be read as known hosts ({type(error).__name__})") from None
        try:
            client.connect(
                self._address.host,
                self._address.port,
                self._address.user,
                password=reveal(sign_in.password),
                pkey=key,
                allow_agent=False,
                look_for_keys=False,
                timeout=SECONDS,
                banner_timeout=SECONDS,
                auth_timeout=SECONDS,
                channel_timeout=SECONDS,
            )
            sftp = client.open_sftp()
            if channel := sftp.get_channel():
                channel.settimeout(SECONDS)
        except (paramiko.SSHException, EOFError, OSError) as error:
            client.close()
            raise self._explain(error) from None
        self._client, self._sftp = client, sftp
        return sftp

    def _explain(self, error: Exception) -> IntegrationCenterError:
        """Return our error for one that connecting raised."""
        place, known = self._address.place, self._sign_in.known_hosts
        match error:
            case UnknownHostKey():
                port = f"-p {self._address.port} " if self._address.port != 22 else ""
                return ConfigurationError(
                    f"{place}: the server's host key ({error}) is not known here",
                    setting=f"It is not in {known}. Compare it with what the server's admin says, and add it:"
                    f" ssh-keyscan {port}{self._address.host} >> {known}",
                )
            case paramiko.BadHostKeyException():
                return ConfigurationError(
                    f"{place}: the server shows another host key ({fingerprint(error.key)}) than the one known here."
                    " It may be another server",
                    setting=f"Ask its admin, and only then replace the key in {known}",
                )
            case paramiko.AuthenticationException():
                return AccessRefused(
                    f"{place}: the server does not accept the user with this key or password",
                    setting="correct WALKME_SFTP_KEY_FILE or WALKME_SFTP_PASSWORD, or ask the server's admin",
                )
            case _:
                return ServiceUnavailable(f"{place}: the server does not answer ({type(error).__name__})")

    def _read_key(self) -> paramiko.PKey | None:
        """Read the private key; None where the user signs in with a password alone.

        Raises:
            ConfigurationError: there is neither a key nor a password, or the key cannot be read.
        """
        sign_in = self._sign_in
        if sign_in.key_file is None:
            if sign_in.password:
                return None
            raise ConfigurationError(
                f"{self._address.place}: there is no key or password to sign in with",
                setting="set WALKME_SFTP_KEY_FILE or WALKME_SFTP_PASSWORD",
            )
        path, passphrase = sign_in.key_file, reveal(sign_in.passphrase)
        try:
            # The stubs say that it is text, but the library takes bytes.
            return paramiko.PKey.from_path(path, passphrase.encode() if passphrase else None)  # type: ignore[arg-type]
        except OSError as error:
            raise ConfigurationError(
                "the key for the SFTP server cannot be read",
                setting=f"WALKME_SFTP_KEY_FILE: {path} cannot be read ({error.strerror})",
            ) from None
        except (paramiko.SSHException, UnknownKeyType, ValueError, TypeError) as error:
            if isinstance(error, TypeError) and passphrase is None:  # as it says of an encrypted key
                raise ConfigurationError(
                    "the key for the SFTP server is encrypted, and no passphrase is set",
                    setting="WALKME_SFTP_KEY_FILE is encrypted; set WALKME_SFTP_KEY_PASSPHRASE",
                ) from None
            raise ConfigurationError(
                "the key for the SFTP server cannot be read as a private key",
                setting="WALKME_SFTP_KEY_FILE: name a key in the form of OpenSSH, and correct"
                " WALKME_SFTP_KEY_PASSPHRASE",
            ) from None


def reveal(secret: SecretStr | None) -> str | None:
    """Return the value of a secret, or None."""
    return secret.get_secret_value() if secret else None


def fingerprint(key: paramiko.PKey) -> str:
    """Return the fingerprint of a host key, as `ssh-keygen -l` shows it."""
    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    return f"{key.get_name()} SHA256:{digest}"
