"""What the token endpoint says of a refused app and user, and what the admin can do about it."""

import httpx
import pytest

from integration_center.errors import (
    AccessRefused,
    AppBlocked,
    AppNotInstalled,
    IntegrationCenterError,
    ServiceUnavailable,
)
from integration_center.integration.spec import Environment
from integration_center.salesforce.auth import oauth
from integration_center_tests.accounts.fake_salesforce import APP, FakeSalesforce, RefusedRefresh


@pytest.mark.parametrize(
    ("error", "description", "expected", "match"),
    [
        (
            "invalid_app_access",
            "user is not admin approved to access this app",
            AppBlocked,
            "profile or permission set to the policies",
        ),
        ("invalid_grant", "External client app is not installed in this org", AppNotInstalled, "admin install it"),
        ("invalid_grant", "this app is blocked by admin", AppBlocked, "admin unblock it"),
        ("invalid_grant", "ip restricted or invalid login hours", AccessRefused, "login IP ranges"),
        ("invalid_grant", "IP restricted", AccessRefused, "login IP ranges"),
    ],
)
def test_a_refused_app_says_who_has_to_do_what(
    refused_refresh: RefusedRefresh,
    salesforce: FakeSalesforce,
    error: str,
    description: str,
    expected: type[IntegrationCenterError],
    match: str,
) -> None:
    assert description in refused_refresh(error, description, expected, match)
    assert len(salesforce.requests) == 1


def test_a_web_page_in_place_of_a_token_names_the_host(client: httpx.Client, salesforce: FakeSalesforce) -> None:
    salesforce.refuse(*[httpx.Response(200, text="<html>Log in</html>")] * 3)
    with pytest.raises(ServiceUnavailable, match=rf"^{httpx.URL(APP.login_url).host} does not.*check the login URL"):
        oauth.request_client_credentials(client, Environment.SANDBOX, APP)
