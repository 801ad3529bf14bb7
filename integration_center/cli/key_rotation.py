"""`rotate-key`: replace the key that encrypts the accounts."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from integration_center.access.audit import Action
from integration_center.accounts.encryption import VARIABLE, refuse_shared
from integration_center.accounts.key_rotation import rotate_key
from integration_center.cli.only_up import only_up
from integration_center.cli.output import console, errors
from integration_center.errors import ConfigurationError
from integration_center.files.regular_files import read_regular
from integration_center.installation import open_installation
from integration_center.settings import read_settings
from integration_center.store.home import prepare_home
from integration_center.wording.sentences import count


def change_key(
    key_file: Annotated[
        Path | None, typer.Option(help="The file with the new key, which only you may read.", dir_okay=False)
    ] = None,
) -> None:
    """Encrypt the accounts with a new key. It is asked for, or read from a file or standard input."""
    settings = read_settings()
    prepare_home(settings.dagster_home, on_server=settings.has_database_server)
    with (
        # A process with the old key could neither read the accounts afterwards, nor store tokens that others can read.
        only_up(settings.dagster_home, lambda sentence: errors.print(sentence, markup=False, soft_wrap=True)),
        open_installation(settings) as installation,
    ):
        done = rotate_key(settings, installation.engine, read_new_key(key_file))
        installation.audit.record_command(Action.ROTATED_KEY, detail=count(done.accounts, "account"))
    console.print(f"Accounts encrypted with the new key: {done.accounts}.")
    if done.file is None:
        console.print(f"Set {VARIABLE} to the new key alone, before the next command.", markup=False)
    else:
        console.print(f"The new key is in {done.file}. The old one is deleted there.", markup=False, soft_wrap=True)
    if not done.erased:
        errors.print(
            "The accounts as the old key encrypted them are still in the write-ahead log of the database, because"
            " another process reads it. They are gone once all processes have ended.",
            soft_wrap=True,
        )


def read_new_key(path: Path | None) -> SecretStr:
    """Read the new key from a file, a prompt, or standard input.

    Raises:
        ConfigurationError: the file cannot be read, or others may read it.
    """
    if path is not None:
        try:
            refuse_shared(path)
            return SecretStr(read_regular(path).decode(errors="replace").strip())
        except OSError as error:
            raise ConfigurationError(f"--key-file {path} cannot be read: {error.strerror}") from None
    if sys.stdin.isatty():
        return SecretStr(typer.prompt("New key", hide_input=True, confirmation_prompt=True, err=True).strip())
    return SecretStr(sys.stdin.readline().strip())
