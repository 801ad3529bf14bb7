"""The argument ENV: the name of an account."""

from typing import Annotated

import typer

from integration_center.integration.environment import Environment


def read_environment(value: str) -> Environment:
    """The name of an account, as somebody wrote it. Whether there is one is asked where it is used."""
    try:
        return Environment(value)
    except ValueError as error:
        raise typer.BadParameter(f"{value!r}: {error}") from None


EnvironmentArgument = Annotated[
    Environment,
    typer.Argument(metavar="ENV", help="sandbox, production, or the name of another account", parser=read_environment),
]
