"""`connect` and `disconnect`."""

import getpass
import sys
import webbrowser
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from integration_center.access.audit import Action
from integration_center.accounts.connecting import connect_client_credentials, connect_jwt, connect_web, disconnect
from integration_center.accounts.connections import Connection
from integration_center.accounts.names import require_unused
from integration_center.cli.arguments import EnvironmentArgument
from integration_center.cli.output import console
from integration_center.console.refusals import explain
from integration_center.errors import ConfigurationError, IntegrationCenterError
from integration_center.files.regular_files import read_regular
from integration_center.installation import Installation, open_installation
from integration_center.integration.environment import Environment, OrgKind
from integration_center.pipeline.judging import read_installed

REMOVED = "Account {} is removed."
LONGEST_KEY = 64_000
"""Bytes of a private key's file."""


class Flow(StrEnum):
    """How to sign in."""

    WEB = "web"
    JWT = "jwt"
    CLIENT_CREDENTIALS = "client-credentials"


def open_page(url: str) -> None:
    """Print the address of the sign-in page, and open it where somebody sits at a terminal."""
    console.print("Sign in to Salesforce and allow access on this page:", markup=False)
    console.print(url, markup=False, soft_wrap=True)
    if sys.stdout.isatty():
        webbrowser.open(url)


def connect_account(
    environment: EnvironmentArgument,
    kind: Annotated[
        OrgKind | None, typer.Option(help="Adds the account ENV, of this kind, where there is none of this name.")
    ] = None,
    flow: Annotated[Flow, typer.Option(help="How to sign in.")] = Flow.WEB,
    username: Annotated[str, typer.Option(help="JWT only: the user to act as.")] = "",
    key_file: Annotated[
        Path | None, typer.Option(help="JWT only: the PEM private key.", exists=True, dir_okay=False, readable=True)
    ] = None,
) -> None:
    """Connect an org to an account. Besides sandbox and production, any number of accounts can be added."""
    me = getpass.getuser()
    with open_installation() as installation:
        settings, store = installation.settings, installation.accounts
        if kind is not None:
            add_account(installation, environment, kind)
        specs = [spec for spec in read_installed(settings).specs.values() if spec.environment is environment]
        try:
            match flow:
                case Flow.WEB:
                    connection = connect_web(
                        environment, settings, store, open_browser=open_page, connected_by=me, specs=specs
                    )
                case Flow.CLIENT_CREDENTIALS:
                    connection = connect_client_credentials(environment, settings, store, connected_by=me, specs=specs)
                case Flow.JWT:
                    if not username or key_file is None:
                        raise ConfigurationError("the jwt flow needs --username and --key-file")
                    key = SecretStr(read_key(key_file))
                    connection = connect_jwt(
                        environment,
                        settings,
                        store,
                        username=username,
                        signing_key=key,
                        connected_by=me,
                        specs=specs,
                    )
        except IntegrationCenterError as error:
            # Not its text, which may quote what the org or a gateway answered.
            said = explain(error, environment).headline
            installation.audit.record_command(Action.CONNECTION_REFUSED, environment=environment, detail=said)
            raise
        note_connection(installation, connection)
    console.print(connection.summary, markup=False)


def add_account(installation: Installation, environment: Environment, kind: OrgKind) -> None:
    """Add the name of an account, unless it is there already.

    Raises:
        ConfigurationError: it is there with the other kind.
    """
    names = installation.accounts.names
    if environment.is_first and names.kind_of(environment) is kind:
        return
    me = getpass.getuser()
    if names.add(environment, kind, added_by=me):
        installation.audit.record_command(Action.ADDED_ACCOUNT, environment=environment, detail=kind.value)


def remove_account(installation: Installation, environment: Environment) -> None:
    """Remove the name of an account that no integration uses.

    Raises:
        ConfigurationError: an integration uses it, it is always there, or an org is connected.
    """
    names = installation.accounts.names
    require_unused(environment, read_installed(installation.settings).specs)
    names.remove(environment)
    installation.audit.record_command(Action.REMOVED_ACCOUNT, environment=environment)


def read_key(path: Path) -> str:
    """The text of a private key's file; what is no PEM is refused as such later.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        return read_regular(path, most=LONGEST_KEY).decode(errors="replace")
    except OSError as error:
        raise ConfigurationError(f"--key-file {path} cannot be read: {error.strerror}") from None


def note_connection(installation: Installation, connection: Connection) -> None:
    """Note in the audit log that the operating-system user connected an account."""
    installation.audit.record_command(
        Action.CONNECTED,
        environment=connection.account.environment,
        detail=connection.summary,
    )


def disconnect_account(
    environment: EnvironmentArgument,
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove the account's name as well, where no integration uses it.")
    ] = False,
) -> None:
    """Revoke an account's tokens and forget them."""
    with open_installation() as installation:
        if remove:
            installation.accounts.names.kind_of(environment)
            require_unused(environment, read_installed(installation.settings).specs)
            if installation.accounts.find(environment) is None:
                remove_account(installation, environment)
                console.print(REMOVED.format(environment.value), markup=False)
                return
        done = disconnect(environment, installation.settings, installation.accounts)
        installation.audit.record_command(
            Action.DISCONNECTED,
            environment=environment,
            detail=done.summary,
            org_id=done.org_id,
        )
        console.print(done.summary, markup=False)
        if remove:
            remove_account(installation, environment)
            console.print(REMOVED.format(environment.value), markup=False)
    if not done.revoked:
        raise typer.Exit(1)
