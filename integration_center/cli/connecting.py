"""`connect` and `disconnect`."""

import getpass
import sys
import webbrowser
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from integration_center.access.audit import COMMAND_LINE, Action
from integration_center.accounts.connecting import connect_client_credentials, connect_jwt, connect_web, disconnect
from integration_center.accounts.connections import Connection
from integration_center.cli.output import console
from integration_center.console.refusals import explain
from integration_center.errors import ConfigurationError, IntegrationCenterError
from integration_center.files.regular_files import read_regular
from integration_center.installation import Installation, open_installation
from integration_center.integration.spec import Environment
from integration_center.pipeline.judging import read_folder

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
    environment: Annotated[Environment, typer.Argument(metavar="ENV", help="sandbox or production")],
    flow: Annotated[Flow, typer.Option(help="How to sign in.")] = Flow.WEB,
    username: Annotated[str, typer.Option(help="JWT only: the user to act as.")] = "",
    key_file: Annotated[
        Path | None, typer.Option(help="JWT only: the PEM private key.", exists=True, dir_okay=False, readable=True)
    ] = None,
) -> None:
    """Connect an org to an environment."""
    me = getpass.getuser()
    with open_installation() as installation:
        settings, store = installation.settings, installation.accounts
        specs = [spec for spec in read_folder(settings.defs).specs.values() if spec.environment is environment]
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
            installation.audit.record(
                Action.CONNECTION_REFUSED, who=me, where=COMMAND_LINE, environment=environment, detail=said
            )
            raise
        note_connection(installation, connection)
    console.print(connection.summary, markup=False)


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
    installation.audit.record(
        Action.CONNECTED,
        who=getpass.getuser(),
        where=COMMAND_LINE,
        environment=connection.account.environment,
        detail=connection.summary,
    )


def disconnect_account(
    environment: Annotated[Environment, typer.Argument(metavar="ENV", help="sandbox or production")],
) -> None:
    """Revoke an environment's tokens and forget them."""
    with open_installation() as installation:
        done = disconnect(environment, installation.settings, installation.accounts)
        installation.audit.record(
            Action.DISCONNECTED,
            who=getpass.getuser(),
            where=COMMAND_LINE,
            environment=environment,
            detail=done.summary,
            org_id=done.org_id,
        )
    console.print(done.summary, markup=False)
    if not done.revoked:
        raise typer.Exit(1)
