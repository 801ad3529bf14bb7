"""What the token endpoint says of a refused app and user, and what the admin can do about it."""

from collections.abc import Iterator

import httpx
import pytest
from pydantic import SecretStr

from integration_center.errors import (
    AccessRefused,
    AppBlocked,
    AppNotInstalled,
    IntegrationCenterError,
    ServiceUnavailable,
)
from integration_center.salesforce.auth import oauth
from integration_center_tests.accounts.fake_salesforce import FakeSalesforce, oauth_error
from integration_center_tests.accounts.test_oauth import APP, SANDBOX


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with oauth.build_client() as client:
        yield client


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
    client: httpx.Client,
    salesforce: FakeSalesforce,
    error: str,
    description: str,
    expected: type[IntegrationCenterError],
    match: str,
) -> None:
    salesforce.refuse(oauth_error(error, description))
    with pytest.raises(expected, match=match) as caught:
        oauth.refresh(client, SANDBOX, APP, SecretStr("5Aep861.refresh"))
    assert type(caught.value) is expected
    assert description in str(caught.value)
    assert len(salesforce.requests) == 1


def test_a_web_page_in_place_of_a_token_names_the_host(client: httpx.Client, salesforce: FakeSalesforce) -> None:
    salesforce.refuse(*[httpx.Response(200, text="<html>Log in</html>")] * 3)
    with pytest.raises(ServiceUnavailable, match=rf"^{httpx.URL(APP.login_url).host} does not.*check the login URL"):
        oauth.request_client_credentials(client, SANDBOX, APP)
