"""The rights of a connected account: held, missing and surplus, and the permission set of exactly the needed ones."""

from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import Response

from integration_center.access.users import Role
from integration_center.accounts.granting import Granting
from integration_center.accounts.store import Account
from integration_center.console.labels import Labels
from integration_center.console.naming import Names, find_names
from integration_center.console.pages.accounts import environment_of, list_specs
from integration_center.console.plain_words import say_error, say_error_sentence
from integration_center.console.shell.context import address_of, console_of, user_of
from integration_center.console.shell.page import Page, change, view
from integration_center.console.shell.rendering import attach, redirect, render
from integration_center.errors import ConfigurationError, IntegrationCenterError
from integration_center.installation import Installation
from integration_center.integration.spec import Environment, IntegrationSpec
from integration_center.remote import IMPATIENT
from integration_center.salesforce.objects.permission_set import (
    PermissionSet,
    build_permission_package,
    leave_out,
    name_permission_set,
)
from integration_center.salesforce.objects.rights import Rights, look_at_rights
from integration_center.sync.needs import list_needs

MOST_SAID = 3
"""Refused rights that a message tells one by one."""


@dataclass(frozen=True)
class Seen:
    """What is known of the rights of an environment.

    Attributes:
        rights: None when no org was asked.
        refusal: why the org was not asked, or did not answer.
    """

    account: Account | None
    permission_set: PermissionSet
    rights: Rights | None
    refusal: str | None


def show_rights(request: Request) -> Response:
    """The rights of the connected user beside those that the integrations need; asks the org."""
    environment = environment_of(request)
    specs = list_specs(request, environment)
    seen = _look(console_of(request).installation, environment, specs)
    names = find_names(console_of(request), specs)
    others = {name.lower(): Labels(label) for name, label in seen.rights.labels.items()} if seen.rights else {}
    names = Names({**others, **names.labels})
    return render(request, "rights.html", {"environment": environment, "specs": specs, "seen": seen, "names": names})


def download_package(request: Request) -> Response:
    """The permission set as a package that a Salesforce admin deploys."""
    environment = environment_of(request)
    installation = console_of(request).installation
    seen = _look(installation, environment, list_specs(request, environment))
    content = build_permission_package(seen.permission_set, installation.settings.api_version)
    return Response(content, media_type="application/zip", headers=attach(f"{seen.permission_set.name}.zip"))


def apply_rights(request: Request) -> Response:
    """Create or update the permission set in the org, and assign it to the connected user."""
    environment = environment_of(request)
    installation = console_of(request).installation
    here = f"/accounts/{environment.value}/rights"
    account = installation.accounts.get(environment)
    try:
        seen = _look(installation, environment, list_specs(request, environment))
        if seen.refusal or not seen.permission_set.needs:
            raise ConfigurationError(seen.refusal or "no integration needs a right yet")
        with replace(installation, retries=IMPATIENT).connect(environment) as org:
            granting = Granting(installation.audit, environment, user_of(request).name, address_of(request))
            applied = granting.apply(org.session, seen.permission_set, account.user_id)
    except IntegrationCenterError as error:
        return redirect(request, here, say_error_sentence(error), "danger")
    said = applied.summarize(seen.permission_set)
    whole = applied.assigned and not applied.refused
    return redirect(request, here, " ".join([said, *applied.refused[:MOST_SAID]]), "success" if whole else "warning")


def _look(installation: Installation, environment: Environment, specs: list[IntegrationSpec]) -> Seen:
    account = installation.accounts.find(environment)
    rights, refusal = None, None
    if account is None:
        refusal = f"{environment.title} is not connected, so nothing was compared with an org"
    else:
        try:
            with replace(installation, retries=IMPATIENT).connect(environment) as org:
                rights = look_at_rights(org.session, specs, other_objects=True)
        except IntegrationCenterError as error:
            refusal = say_error(error)
    needs = rights.needs if rights else list_needs(specs, lambda name: None)
    permission_set = name_permission_set(environment, leave_out(needs, rights.absent if rights else ()))
    return Seen(account, permission_set, rights, refusal)


PAGE = Page(
    routes=(
        view("/accounts/{environment}/rights", show_rights, role=Role.OPERATOR),
        view("/accounts/{environment}/rights/package.zip", download_package, role=Role.OPERATOR),
        change("/accounts/{environment}/rights", apply_rights),
    ),
)
