"""Check a new token before it becomes an account: who the user is, what they may do, and which kind of org it is."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import httpx

from integration_center.errors import (
    AccessRefused,
    ConfigurationError,
    LimitExceeded,
    OrgError,
    PermissionMissing,
    RateLimited,
    ServiceUnavailable,
    WrongOrg,
)
from integration_center.integration.spec import Environment, IntegrationSpec, OrgKind
from integration_center.remote import read_retry_after
from integration_center.salesforce.auth.grants import Grant
from integration_center.salesforce.auth.oauth import SIGN_IN_POLICY, UserInfo, fetch_userinfo
from integration_center.salesforce.client.address import name_host
from integration_center.salesforce.client.faults import API_DISABLED, build_moved, names_concurrency, read_errors
from integration_center.salesforce.client.soql import quote
from integration_center.salesforce.objects.describe import parse_describe
from integration_center.salesforce.objects.rights import find_missing, remember
from integration_center.sync.needs import Describe, list_needs
from integration_center.sync.schema import SObjectSchema
from integration_center.wording.answers import Redactor, clean_answer

logger = logging.getLogger(__name__)

PERMISSIONS = "SELECT PermissionsModifyAllData, PermissionsApiEnabled FROM UserPermissionAccess LIMIT 1"
GRANTS = (
    "SELECT Id FROM PermissionSetAssignment"
    " WHERE AssigneeId = {user} AND PermissionSet.PermissionsModifyAllData = true LIMIT 1",
    "SELECT Id FROM User WHERE Id = {user} AND Profile.PermissionsModifyAllData = true LIMIT 1",
)
"""Queries for what grants Modify All Data to a user, for orgs that refuse to read UserPermissionAccess."""
ORGANIZATION = "SELECT Id, Name, OrganizationType, IsSandbox FROM Organization LIMIT 1"
DEVELOPER_EDITION = "Developer Edition"
MODIFY_ALL = "Modify All Data"
NARROW = (
    "{} lacks Modify All Data. That is enough to connect. Integrations need a user with their rights: a permission set"
    " of exactly these is on the page Accounts, under Rights, as soon as there is an integration."
)
"""What is said of a user without Modify All Data while no integration needs any rights."""

Query = Callable[[str], Sequence[Mapping[str, Any]]]


class _QueryRefused(OrgError):
    """The org refused one query. It may answer another."""


@dataclass(frozen=True)
class Organization:
    """The org that a token belongs to.

    Attributes:
        developer_edition: whether it is a Developer Edition org, which is allowed in either environment.
    """

    org_id: str
    name: str
    is_sandbox: bool
    developer_edition: bool


def verify_account(
    client: httpx.Client,
    environment: Environment,
    kind: OrgKind,
    grant: Grant,
    api_version: str,
    specs: Sequence[IntegrationSpec] = (),
) -> tuple[UserInfo, Organization, str | None]:
    """Check the user and the org of `grant`, and return them, and what is to be known of the user's rights.

    A user with Modify All Data may do everything. A user without it is enough for integrations whose rights the user
    has one by one, as the generated permission set gives them. While there is no integration, API Enabled is enough.

    Args:
        client: for the requests.
        environment: the environment to connect.
        kind: what its org is for.
        grant: the new token.
        api_version: the API version, such as `66.0`.
        specs: the integrations of the environment.

    Raises:
        AccessRefused: the user may not do enough, or the org is of the wrong kind for `environment`.
        ConfigurationError: the org does not offer the API version.
        OrgError: Salesforce refused to answer, or the daily API limit is reached.
        TransientError: Salesforce did not answer.
    """
    user = fetch_userinfo(client, grant)
    query = partial(_query, client, grant, api_version)
    describe = remember(partial(_describe, client, grant, api_version))
    advice = _check_permissions(query, describe, user, environment, specs)
    rows = query(ORGANIZATION)
    if not rows:
        raise OrgError(f"Salesforce's answer to {ORGANIZATION!r} has no record")
    row = rows[0]
    try:
        org = Organization(
            org_id=row["Id"],
            name=row["Name"],
            is_sandbox=row["IsSandbox"],
            developer_edition=row["OrganizationType"] == DEVELOPER_EDITION,
        )
    except KeyError as error:
        raise ServiceUnavailable(f"Salesforce's answer about the org lacks {error}") from None
    _check_kind(org, environment, kind)
    return user, org, advice


def _check_permissions(
    query: Query, describe: Describe, user: UserInfo, environment: Environment, specs: Sequence[IntegrationSpec]
) -> str | None:
    missing = _find_missing(query, user)
    if not missing:
        return None
    narrow = ""
    if missing == [MODIFY_ALL]:
        if not specs:
            return NARROW.format(user.username)
        lacking = [find_missing(list_needs([spec], describe), describe) for spec in specs]
        if not all(lacking):
            return None
        narrow = f" and, to do with less, {', '.join(dict.fromkeys(chain.from_iterable(lacking)))}"
    raise PermissionMissing(
        f"user {user.username} lacks {' and '.join(missing)}{narrow}; ask the Salesforce admin for a permission set"
        " with it",
        command=f"then run: integration-center connect {environment.value}",
        username=user.username,
        missing=missing,
    )


def _find_missing(query: Query, user: UserInfo) -> list[str]:
    """Find the permissions that the user lacks, from UserPermissionAccess, or else from what grants permissions.

    An org hides what grants permissions from a user with few of them.
    """
    try:
        rows = query(PERMISSIONS)
    except _QueryRefused as error:
        logger.info("%s; looking for what grants the permissions instead", error)
        rows = ()
    if rows:
        labels = {"PermissionsApiEnabled": "API Enabled", "PermissionsModifyAllData": MODIFY_ALL}
        return [label for name, label in labels.items() if rows[0].get(name) is not True]
    # The org answers queries, so the user has API Enabled.
    return [] if _may_modify_all_data(query, user) else [MODIFY_ALL]


def _may_modify_all_data(query: Query, user: UserInfo) -> bool:
    """Return whether a permission set or the profile grants Modify All Data, as far as they can be read."""
    for soql in GRANTS:
        try:
            if query(soql.format(user=quote(user.user_id))):
                return True
        except _QueryRefused as error:
            logger.info("%s", error)
    return False


def _check_kind(org: Organization, environment: Environment, kind: OrgKind) -> None:
    if kind is OrgKind.PRODUCTION and org.is_sandbox:
        fact = f"{org.name} ({org.org_id}) is a sandbox"
        raise WrongOrg(fact, command=_say_connect(environment, OrgKind.SANDBOX))
    if kind is OrgKind.SANDBOX and not org.is_sandbox and not org.developer_edition:
        fact = (
            f"{org.name} ({org.org_id}) is a production org, so tests in the {environment.title} slot would change live"
            " data"
        )
        raise WrongOrg(fact, command=_say_connect(environment, OrgKind.PRODUCTION))


def _say_connect(environment: Environment, kind: OrgKind) -> str:
    if environment.is_first:
        return f"run: integration-center connect {kind.value}"
    return f"choose a name of the kind {kind.value}, and run: integration-center connect NAME --kind {kind.value}"


def _query(client: httpx.Client, grant: Grant, api_version: str, soql: str) -> Sequence[Mapping[str, Any]]:
    table = soql.split(" FROM ")[1].split()[0]
    content = _get(client, grant, api_version, "query", {"q": soql}, table)
    records: Sequence[Mapping[str, Any]] = content.get("records") or ()
    return records


def _describe(client: httpx.Client, grant: Grant, api_version: str, name: str) -> SObjectSchema | None:
    """Describe an object; None when the org does not show it to the user."""
    try:
        return parse_describe(_get(client, grant, api_version, f"sobjects/{name}/describe", {}, name))
    except _QueryRefused as error:
        logger.info("%s", error)
        return None


@SIGN_IN_POLICY.retry
def _get(
    client: httpx.Client, grant: Grant, api_version: str, path: str, params: Mapping[str, str], what: str
) -> dict[str, Any]:
    headers = {
        "Authorization": f"Bearer {grant.access_token.get_secret_value()}",
        "Sforce-Call-Options": "client=IntegrationCenter",
    }
    url = f"{grant.instance_url}/services/data/v{api_version}/{path}"
    try:
        answer = client.get(url, params=params, headers=headers)
    except httpx.TransportError as error:
        host = name_host(grant.instance_url)
        raise ServiceUnavailable(f"Salesforce does not answer at {host} ({type(error).__name__})") from None
    response = clean_answer(answer, Redactor([grant.access_token.get_secret_value()]))
    status = response.status_code
    if httpx.codes.is_redirect(status):
        raise build_moved(status, name_host(grant.instance_url))
    if status in {420, httpx.codes.TOO_MANY_REQUESTS}:
        raise RateLimited(
            f"Salesforce asks to try again later (HTTP {status})",
            retry_after=read_retry_after(response.headers),
        )
    if status == httpx.codes.GONE:
        raise _build_retired(api_version, status)
    try:
        content = response.json()
    except ValueError:
        content = None
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or content is None:
        raise ServiceUnavailable(f"Salesforce's answer cannot be read (HTTP {status})")
    if status != httpx.codes.OK:
        errors = read_errors(response.content)
        code = errors[0].code if errors else None
        if code in API_DISABLED:
            raise AccessRefused("the org or the user has no API access; ask the Salesforce admin for API Enabled")
        if code == "REQUEST_LIMIT_EXCEEDED":
            if names_concurrency(errors[0]):
                raise RateLimited("too many long requests run at once in this org; connect again in a while")
            raise LimitExceeded("the org's daily API limit is reached; connect again later", code=code, status=status)
        if status == httpx.codes.UNAUTHORIZED:
            raise AccessRefused(
                f"Salesforce refuses the access token that it has just given ({code}); have the Salesforce admin check"
                " that the user has API Enabled, and that API Access Control permits the External Client App"
            )
        if code == "UNSUPPORTED_API_VERSION" or (status == httpx.codes.NOT_FOUND and path == "query"):
            raise _build_retired(api_version, status)
        raise _QueryRefused(f"Salesforce refused to read {what}: {code} (HTTP {status})", code=code, status=status)
    return content if isinstance(content, dict) else {}


def _build_retired(api_version: str, status: int) -> ConfigurationError:
    return ConfigurationError(
        f"the org does not offer API version {api_version} (HTTP {status})",
        setting="set INTEGRATION_CENTER_API_VERSION to one that it offers",
    )
