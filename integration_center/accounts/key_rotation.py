"""Replace the key that encrypts the accounts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Engine

from integration_center.accounts.encryption import Cipher, Keys, read_keys
from integration_center.accounts.store import AccountStore
from integration_center.database.engine import erase_deleted
from integration_center.errors import ConfigurationError
from integration_center.files.text_files import write_atomically
from integration_center.settings import Settings


@dataclass(frozen=True)
class Rotation:
    """The result of a key rotation.

    Attributes:
        accounts: the number of accounts that were encrypted again.
        file: the key file, which now has only the new key; None when the keys are in an environment variable, which the
            user has to change.
        erased: whether the old ciphertexts are gone from all files of the database; see `erase_deleted`.
    """

    accounts: int
    file: Path | None
    erased: bool


def rotate_key(settings: Settings, engine: Engine, new_key: SecretStr) -> Rotation:
    """Encrypt all accounts with `new_key`, and replace the old key in the key file.

    If the rotation is interrupted, the key file has both keys. Running it again with the same key completes it.

    Args:
        settings: the settings, which say where the keys are.
        engine: our database.
        new_key: a Fernet key.

    Raises:
        ConfigurationError: the new key is malformed or already the only key, an account cannot be decrypted with the
            old keys, or the key file cannot be written. No account is changed then.
    """
    Cipher([new_key.get_secret_value()], "the new key")
    old = read_keys(settings)
    if old.texts == (new_key,):
        raise ConfigurationError(f"{old.origin} already has this key; nothing was changed. Give a new key")
    both = Keys((new_key, *(key for key in old.texts if key != new_key)), old.file)
    # While both keys are in the file, every process can decrypt the accounts, before and after the commit.
    accounts = AccountStore(engine, both.build_cipher()).rotate(lambda: write_keys(old.file, both.texts))
    write_keys(old.file, [new_key])
    return Rotation(accounts, old.file, erase_deleted(engine))


def write_keys(path: Path | None, keys: Sequence[SecretStr]) -> None:
    """Write a key file, which keeps its mode. Do nothing when the keys are in an environment variable."""
    if path is not None:
        write_atomically(path, "".join(f"{key.get_secret_value()}\n" for key in keys))
