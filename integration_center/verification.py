"""What a fresh token must prove before it becomes an account: who it is, what it may do, which kind of org it is in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import stamina

from integration_center.errors import AccessRefused, LimitExceeded, OrgError, RateLimited, ServiceUnavailable
from integration_center.integration import Environment
from integration_center.salesforce.grants import Grant
from integration_center.salesforce.oauth import ATTEMPTS, RETRY_SECONDS, UserInfo, decide_retry, fetch_userinfo

PERMISSIONS = "SELECT PermissionsModifyAllData, PermissionsApiEnabled FROM UserPermissionAccess LIMIT 1"
ORGANIZATION = "SELECT Id, Name, OrganizationType, IsSandbox, InstanceName FROM Organization LIMIT 1"
DEVELOPER_EDITION = "Developer Edition"


@dataclass(frozen=True)
class Organization:
    """The org a token belongs to.

    Attributes:
        developer_edition: a Developer Edition org, allowed in either slot.
    """

    org_id: str
    name: str
    is_sandbox: bool
    developer_edition: bool
    instance_name: str


def verify_account(
    client: httpx.Client, environment: Environment, grant: Grant, api_version: str
) -> tuple[UserInfo, Organization]:
    """Who `grant` acts as, and in which org.

    Raises:
        AccessRefused: the user lacks Modify All Data, or the org is of the wrong kind for `environment`.
        OrgError: Salesforce refused to say.
        TransientError: Salesforce did not answer.
    """
    user = fetch_userinfo(client, grant.instance_url, grant.access_token)
    _check_permissions(_query_one(client, grant, api_version, PERMISSIONS), user, environment)
    row = _query_one(client, grant, api_version, ORGANIZATION)
    try:
        org = Organization(
            org_id=row["Id"],
            name=row["Name"],
            is_sandbox=row["IsSandbox"],
            developer_edition=row["OrganizationType"] == DEVELOPER_EDITION,
            instance_name=row["InstanceName"] or "",
        )
    except KeyError as error:
        raise ServiceUnavailable(f"Salesforce's answer about the org lacks {error}") from None
    _check_kind(org, environment)
    return user, org


def _check_permissions(granted: Mapping[str, Any], user: UserInfo, environment: Environment) -> None:
    missing = [
        label
        for name, label in (("PermissionsApiEnabled", "API Enabled"), ("PermissionsModifyAllData", "Modify All Data"))
        if granted.get(name) is not True
    ]
    if missing:
        raise AccessRefused(
            f"user {user.username} lacks {' and '.join(missing)}; ask the Salesforce admin for a permission set with"
            f" it, then run: integration-center connect {environment.value}"
        )


def _check_kind(org: Organization, environment: Environment) -> None:
    if environment is Environment.PRODUCTION and org.is_sandbox:
        raise AccessRefused(
            f"{org.name} ({org.org_id}) is a sandbox; connect it with: integration-center connect sandbox"
        )
    if environment is Environment.SANDBOX and not org.is_sandbox and not org.developer_edition:
        raise AccessRefused(
            f"{org.name} ({org.org_id}) is a production org, so tests in the Sandbox slot would change live data;"
            " connect it with: integration-center connect production"
        )


@stamina.retry(on=decide_retry, attempts=ATTEMPTS, timeout=RETRY_SECONDS)
def _query_one(client: httpx.Client, grant: Grant, api_version: str, soql: str) -> Mapping[str, Any]:
    headers = {
        "Authorization": f"Bearer {grant.access_token.get_secret_value()}",
        "Sforce-Call-Options": "client=IntegrationCenter",
    }
    url = f"{grant.instance_url}/services/data/v{api_version}/query"
    try:
        response = client.get(url, params={"q": soql}, headers=headers)
    except httpx.TransportError as error:
        raise ServiceUnavailable(f"Salesforce does not answer ({type(error).__name__})") from None
    status = response.status_code
    if status in {420, httpx.codes.TOO_MANY_REQUESTS}:
        raise RateLimited(f"Salesforce asks to come back later (HTTP {status})")
    try:
        content = response.json()
    except ValueError:
        content = None
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or content is None:
        raise ServiceUnavailable(f"Salesforce answered nothing readable (HTTP {status})")
    if status != httpx.codes.OK:
        code = content[0].get("errorCode") if isinstance(content, list) and content else None
        if code in {"API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED"}:
            raise AccessRefused("the org or the user has no API access; ask the Salesforce admin for API Enabled")
        if code == "REQUEST_LIMIT_EXCEEDED":
            raise LimitExceeded("the org's daily API limit is reached; connect again later", code=code, status=status)
        table = soql.split(" FROM ")[1].split()[0]
        raise OrgError(f"Salesforce refused to read {table}: {code} (HTTP {status})", code=code, status=status)
    records = content.get("records") if isinstance(content, dict) else None
    if not records:
        raise OrgError(f"Salesforce's answer to {soql!r} has no record", status=status)
    row: Mapping[str, Any] = records[0]
    return row
