"""Replaces the key that encrypts the accounts."""

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
    """What a rotation did.

    Attributes:
        accounts: how many accounts were encrypted again.
        file: the key file, which holds the new key alone; None where the environment holds the keys, which the user
            has to change.
        erased: whether the old ciphertexts are gone from all files of the database; see `erase_deleted`.
    """

    accounts: int
    file: Path | None
    erased: bool


def rotate_key(settings: Settings, engine: Engine, new_key: SecretStr) -> Rotation:
    """Encrypt all accounts with `new_key`, and put it into the key file in place of the old one.

    When it is cut off, the key file holds both keys, and doing it again with the same key completes it.

    Args:
        settings: say where the keys are.
        engine: our database.
        new_key: a Fernet key.

    Raises:
        ConfigurationError: the new key is malformed or the only one already, an account does not open with the old
            keys, or the key file cannot be written. No account is changed then.
    """
    Cipher([new_key.get_secret_value()], "the new key")
    old = read_keys(settings)
    if old.texts == (new_key,):
        raise ConfigurationError(f"this key is the one of {old.origin} already; nothing was changed. Give a new one")
    both = Keys((new_key, *(key for key in old.texts if key != new_key)), old.file)
    # While both keys are in the file, every process can open what the database holds before or after the commit.
    accounts = AccountStore(engine, both.build_cipher()).rotate(lambda: write_keys(old.file, both.texts))
    write_keys(old.file, [new_key])
    return Rotation(accounts, old.file, erase_deleted(engine))


def write_keys(path: Path | None, keys: Sequence[SecretStr]) -> None:
    """Write a key file, which keeps its mode; nothing where the environment holds the keys."""
    if path is not None:
        write_atomically(path, "".join(f"{key.get_secret_value()}\n" for key in keys))
