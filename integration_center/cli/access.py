"""`password` and `audit`: who may use the console, and what was done."""

import sys
from typing import Annotated

import typer

from integration_center.access.passwords import hash_password
from integration_center.access.users import NAME, ROLES, VARIABLE, User
from integration_center.cli.arguments import require
from integration_center.cli.output import MOST_LINES, AsJson, Column, errors, print_rows
from integration_center.errors import ConfigurationError
from integration_center.installation import open_installation
from integration_center.pipeline.judging import read_installed

COLUMNS = (
    Column("at", "When (UTC)"),
    Column("who", "Who"),
    Column("where", "From"),
    Column("action", "What"),
    Column("environment", "Account"),
    Column("org_id", "Org id"),
    Column("integration", "Integration"),
    Column("detail", "Detail"),
    Column("times", "Times", right=True),
)


def make_password(
    name: Annotated[str, typer.Argument(help="The user's name.")],
    role: Annotated[
        str,
        typer.Option(
            help="viewer (looks), operator (connects, changes, runs), approver (approves, too), or admin (stops"
            " everything, gives roles)."
        ),
    ] = "viewer",
) -> None:
    """Ask for a password, and print the line for the file of users."""
    if not NAME.fullmatch(name):
        raise ConfigurationError("a user name has 1 to 64 letters, digits and . _ @ + -; choose another")
    if role not in ROLES:
        raise typer.BadParameter(f"expected {' or '.join(ROLES)}", param_hint="--role")
    if sys.stdin.isatty():
        password = typer.prompt(f"New password of {name}", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    typer.echo(User(name, ROLES[role], hash_password(password, name)).line)
    errors.print(f"Put this line into the file that {VARIABLE} names.", markup=False)


def list_audit(
    slug: Annotated[str | None, typer.Argument(help="Only this integration.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_LINES, help="How many, the newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Who connected, changed, ran, signed in or was refused."""
    loaded = read_installed() if slug is not None else None
    with open_installation() as installation:
        rows = [
            {
                "at": entry.at,
                "who": entry.who,
                "where": entry.where,
                "action": entry.action.value,
                "environment": entry.environment.value if entry.environment else None,
                "org_id": entry.org_id,
                "integration": entry.slug,
                "run_id": entry.run_id,
                "detail": entry.detail,
                "times": entry.times,
            }
            for entry in installation.audit.list(limit=limit, slug=slug)
        ]
    if slug is not None and loaded is not None and not rows:  # one that was deleted has its lines still
        require(loaded, slug)
    print_rows(rows, COLUMNS, as_json=as_json, empty="Nothing was done yet.")
