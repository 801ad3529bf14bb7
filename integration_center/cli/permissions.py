"""`permissions`: the permission set that gives exactly what the integrations of an environment need."""

import getpass
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from integration_center.access.audit import COMMAND_LINE
from integration_center.accounts.granting import Granting
from integration_center.cli.arguments import EnvironmentArgument
from integration_center.cli.output import AsJson, console, print_json
from integration_center.errors import ConfigurationError
from integration_center.installation import Installation, open_installation
from integration_center.integration.spec import Environment
from integration_center.pipeline.judging import read_installed
from integration_center.salesforce.objects.permission_set import (
    PermissionSet,
    build_permission_package,
    leave_out,
    name_permission_set,
)
from integration_center.salesforce.objects.permission_writing import Applied
from integration_center.salesforce.objects.rights import Rights, look_at_rights
from integration_center.salesforce.org import Org
from integration_center.sync.needs import list_needs


def show_permissions(
    environment: EnvironmentArgument,
    package: Annotated[
        Path | None,
        typer.Option(help="Write a metadata package of the permission set to this zip file.", dir_okay=False),
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Create or update the permission set in the org, and assign it.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --apply.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the rights that the integrations need, and make a permission set of exactly these."""
    with open_installation() as installation:
        installation.accounts.names.kind_of(environment)
    specs = [spec for spec in read_installed().specs.values() if spec.environment is environment]
    if not specs:
        raise ConfigurationError(f"there is no integration for {environment.title} yet, so no right is needed")
    with open_installation() as installation, ExitStack() as connections:
        account = installation.accounts.find(environment)
        if account is None and apply:
            installation.accounts.get(environment)  # says how to connect
        org = connections.enter_context(installation.connect(environment)) if account else None
        rights = look_at_rights(org.session, specs, other_objects=True) if org else None
        needs = rights.needs if rights else list_needs(specs, lambda name: None)
        permission_set = name_permission_set(environment, leave_out(needs, rights.absent if rights else ()))
        if package is not None:
            write_package(package, build_permission_package(permission_set, installation.settings.api_version))
        if not as_json:
            print_rights(permission_set, rights, account.username if account else None)
            if package is not None:
                console.print_lines(f"\nThe package is in {package}.")
        applied = None
        if apply and org is not None and account is not None:
            if not yes:
                what = f"Create or update {permission_set.name} in {environment.title}"
                typer.confirm(f"{what}, and assign it to {account.username}?", abort=True)
            applied = apply_here(installation, environment, org, permission_set, account.user_id)
        if as_json:
            print_json(describe_rights(permission_set, rights, applied))
        elif applied is not None:
            print_applied(permission_set, applied)
    if applied is not None and (applied.refused or not applied.assigned):
        raise typer.Exit(1)


def apply_here(
    installation: Installation, environment: Environment, org: Org, permission_set: PermissionSet, user_id: str
) -> Applied:
    """Create or update the permission set, and note it in the audit log."""
    granting = Granting(installation.audit, environment, getpass.getuser(), COMMAND_LINE)
    return granting.apply(org.session, permission_set, user_id)


def write_package(path: Path, content: bytes) -> None:
    """Write the zip file.

    Raises:
        ConfigurationError: it cannot be written.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ConfigurationError(f"--package {path} cannot be written: {error.strerror}") from None


def describe_rights(permission_set: PermissionSet, rights: Rights | None, applied: Applied | None) -> dict[str, Any]:
    """Return the rights as values for JSON. Values that only the org knows are null without an account."""
    found: dict[str, Any] = {"permission_set": permission_set.name, "needed": [*permission_set.list_rights()]}
    for name in ("held", "missing", "surplus", "absent", "unknown"):
        found[name] = [*getattr(rights, name)] if rights else None
    if applied:
        found["applied"] = {
            "created": applied.created,
            "granted": applied.granted,
            "removed": applied.removed,
            "refused": applied.refused,
            "assigned": applied.assigned,
            "assignment": applied.assignment,
        }
    return found


def print_rights(permission_set: PermissionSet, rights: Rights | None, username: str | None) -> None:
    """Print the rights that are needed, and how those of the connected user differ."""
    print_list(f"{permission_set.label} needs", [*permission_set.list_rights()])
    if rights is None:
        console.print_lines("\nNo account is connected, so nothing was compared with an org.")
        return
    print_list(f"{username} lacks", rights.missing, none="No needed right is missing.")
    print_list(f"{username} has more than is needed", rights.surplus, none="There are no surplus rights.")
    if rights.absent:
        print_list("These fields do not exist yet", rights.absent)
    if rights.unknown:
        print_list("Not known", rights.unknown)


def print_list(title: str, entries: Sequence[str], *, none: str = "") -> None:
    """Print a title and one line per entry, or the sentence for an empty list."""
    console.print_lines(f"\n{title}:" if entries else f"\n{none}")
    for entry in entries:
        console.print(f"- {entry}", markup=False, soft_wrap=True)


def print_applied(permission_set: PermissionSet, applied: Applied) -> None:
    """Print whether the permission set was created or updated."""
    console.print_lines(f"\n{applied.summarize(permission_set)}")
    if applied.refused:
        print_list("The org did not accept", applied.refused)
