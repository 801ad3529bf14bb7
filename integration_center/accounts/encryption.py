"""Encrypt stored secrets with Fernet. The first key encrypts, and all keys decrypt."""

import contextlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from integration_center.errors import ConfigurationError
from integration_center.files.regular_files import read_regular
from integration_center.files.system_errors import explain
from integration_center.settings import Settings

KEY_FILE = "secret.key"
VARIABLE = "INTEGRATION_CENTER_SECRET_KEY"
HOW_TO_MAKE_ONE = (
    "make one with: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
)


class Cipher:
    """A cipher for short texts. Its repr shows no key.

    Args:
        keys: Fernet keys. The first one encrypts.
        origin: where the keys come from, for error messages.

    Raises:
        ConfigurationError: a key is not a Fernet key. The message gives its position, not the key.
    """

    def __init__(self, keys: Sequence[str], origin: str) -> None:
        self._origin = origin
        fernets = []
        for number, key in enumerate(keys, start=1):
            try:
                fernets.append(Fernet(key))
            except ValueError:
                raise ConfigurationError(
                    f"{origin}: key {number} of {len(keys)} is not a Fernet key (32 bytes in url-safe base64);"
                    f" {HOW_TO_MAKE_ONE}"
                ) from None
        if not fernets:
            raise ConfigurationError(f"{origin} holds no key; {HOW_TO_MAKE_ONE}")
        self._fernet = MultiFernet(fernets)

    def encrypt(self, plain: str) -> str:
        """Encrypt `plain` with the first key."""
        return self._fernet.encrypt(plain.encode()).decode()

    def decrypt(self, ciphertext: str) -> str:
        """Decrypt `ciphertext`.

        Raises:
            ConfigurationError: no key fits, or the ciphertext was changed.
        """
        try:
            return self._fernet.decrypt(ciphertext.encode()).decode()
        except InvalidToken:
            raise self._no_key_fits() from None

    def rotate(self, ciphertext: str) -> str:
        """Encrypt the text of `ciphertext` again, with the first key.

        Raises:
            ConfigurationError: no key fits, or the ciphertext was changed.
        """
        try:
            return self._fernet.rotate(ciphertext.encode()).decode()
        except InvalidToken:
            raise self._no_key_fits() from None

    def _no_key_fits(self) -> ConfigurationError:
        return ConfigurationError(
            "the stored tokens were encrypted with another key",
            setting=f"than that of {self._origin}; restore the old key (INTEGRATION_CENTER_SECRET_KEY takes several,"
            " comma-separated), or connect the accounts again: integration-center connect sandbox",
        )


@dataclass(frozen=True)
class Keys:
    """The keys of this installation. Their repr is masked.

    Attributes:
        texts: Fernet keys. The first one encrypts, all decrypt.
        file: the key file; None when the keys are in `INTEGRATION_CENTER_SECRET_KEY`.
    """

    texts: tuple[SecretStr, ...]
    file: Path | None

    @property
    def origin(self) -> str:
        """Where the keys come from, for error messages."""
        return VARIABLE if self.file is None else f"key file {self.file}"

    def build_cipher(self) -> Cipher:
        """Build the cipher of these keys.

        Raises:
            ConfigurationError: a key is malformed.
        """
        return Cipher([key.get_secret_value() for key in self.texts], self.origin)


def build_cipher(settings: Settings) -> Cipher:
    """Build the cipher of this installation; see `read_keys`."""
    return read_keys(settings).build_cipher()


def read_keys(settings: Settings) -> Keys:
    """Read the keys of this installation.

    The keys come from `INTEGRATION_CENTER_SECRET_KEY` (comma-separated, the first encrypts), else from the file
    `secret.key` in `DAGSTER_HOME`, which is created on first use with mode 0600. If two processes create it at the same
    time, both get the same key.

    Raises:
        ConfigurationError: the file is readable by other users, or cannot be used or created; or there is no key, and
            the database is on a server.
    """
    given = [key.strip() for key in settings.secret_key.get_secret_value().split(",") if key.strip()]
    if given:
        return Keys(tuple(map(SecretStr, given)), None)
    path = settings.dagster_home / KEY_FILE
    if settings.has_database_server and not path.exists():
        # Each host would make a key of its own, and none could read what another one stored.
        raise ConfigurationError(
            "accounts are kept on a database server that hosts can share, and no key for all of them is set",
            setting=f"{VARIABLE} is not set. Set it to one key for all of them; {HOW_TO_MAKE_ONE}",
        )
    try:
        if not path.exists():
            _make_key_file(path)
        refuse_shared(path)
        return Keys(tuple(map(SecretStr, read_regular(path).decode("ascii").split())), path)
    except OSError as error:
        raise ConfigurationError(
            "the key that encrypts the accounts cannot be read or made",
            setting=f"{path}: {explain(error.errno)}, or set {VARIABLE} instead",
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            "the key that encrypts the accounts cannot be read",
            setting=f"{path} ({type(error).__name__}) must be a text file that this user alone can read, or set"
            " INTEGRATION_CENTER_SECRET_KEY instead",
        ) from error


def _make_key_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, never replaces the key that another process made a moment earlier.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()


def refuse_shared(path: Path) -> None:
    """Check that no other user may read a file with a key.

    Raises:
        ConfigurationError: another user may read the file. The message says how to change that.
    """
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise ConfigurationError(f"key file {path} may be read by other users (mode {mode:04o}); run: chmod 600 {path}")
