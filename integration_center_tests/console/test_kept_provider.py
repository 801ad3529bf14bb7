"""Sign-in by an OpenID Connect provider that nobody here wrote: oidc-provider-mock, which is built on Authlib."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from integration_center.access.audit import Action
from integration_center.access.refused_attempts import NOBODY
from integration_center.installation import Installation
from integration_center_tests.console.browser import Browser, Seen
from integration_center_tests.console.guarded import HOME, ROLES


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    from oidc_provider_mock import User, run_server_in_thread  # slow to import, so not in each worker

    people = [
        User(sub="f1d2", claims={"preferred_username": "olga", "groups": ["cs-ops"]}),
        User(sub="e0c3", claims={"preferred_username": "ida", "groups": ["it", "cs-ops"]}),
        User(sub="a9b8", claims={"preferred_username": "rolf", "groups": ["sales"]}),
    ]
    with run_server_in_thread(require_client_registration=True, require_nonce=True, user_claims=people) as server:
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.fixture
def registered(issuer: str) -> dict[str, Any]:
    """The settings of a console that the provider knows."""
    client = {"redirect_uris": [f"{HOME}/sign-in/callback"], "token_endpoint_auth_method": "client_secret_post"}
    answer = httpx.post(f"{issuer}/oauth2/clients", json=client).raise_for_status().json()
    return {
        "oidc_issuer": issuer,
        "oidc_client_id": answer["client_id"],
        "oidc_client_secret": SecretStr(answer["client_secret"]),
        "group_roles": ROLES,
        "trusted_proxies": "127.0.0.1",
        "callback_url": f"{HOME}/oauth/callback",
    }


def go_to_provider(browser: Browser, **chosen: str) -> str:
    """Begin a sign-in, and choose at the provider; the address to come back to."""
    asked = browser.client.get("/sign-in/provider?next=/audit").headers["location"]
    back: str = httpx.post(asked, data=chosen).headers["location"]
    assert back.startswith(f"{HOME}/sign-in/callback?")
    return back


@pytest.mark.parametrize(("sub", "name", "may_administer"), [("f1d2", "olga", False), ("e0c3", "ida", True)])
def test_groups_give_the_role(
    serve: Callable[..., Callable[[], Browser]],
    registered: dict[str, Any],
    installation: Installation,
    sub: str,
    name: str,
    may_administer: bool,
) -> None:
    browser = serve(**registered)()
    done = browser.client.get(go_to_provider(browser, sub=sub))
    assert (done.status_code, done.headers["location"]) == (303, "/audit")
    assert name in browser.open("/audit").text
    browser.open("/admin", status=200 if may_administer else 403)
    assert installation.audit.list(actions=[Action.SIGNED_IN])[0].who == name
    out = browser.client.post("/sign-out", data=browser.open("/audit").form("/sign-out").fields)
    assert f"{registered['oidc_issuer']}/oauth2/end_session?client_id=" in out.text
    assert browser.client.get("/audit").status_code == 303


def test_nobody_comes_in_without_a_group_or_with_a_refusal(
    serve: Callable[..., Callable[[], Browser]], registered: dict[str, Any], installation: Installation
) -> None:
    browser = serve(**registered)()
    for chosen in ({"sub": "a9b8"}, {"action": "deny"}):
        assert browser.client.get(go_to_provider(browser, **chosen)).status_code == 403
        assert browser.client.get("/audit").headers["location"].startswith("/sign-in")
    refused = installation.audit.list(actions=[Action.SIGN_IN_REFUSED])
    assert [entry.who for entry in refused] == [NOBODY, "rolf"]


def test_a_code_opens_one_session(serve: Callable[..., Callable[[], Browser]], registered: dict[str, Any]) -> None:
    visit = serve(**registered)
    browser, other = visit(), visit()
    back = go_to_provider(browser, sub="f1d2")
    assert browser.client.get(back).headers["location"] == "/audit"
    theirs = parse_qs(urlsplit(go_to_provider(other, sub="e0c3")).query)["state"][0]
    code = parse_qs(urlsplit(back).query)["code"][0]
    again = other.client.get(f"/sign-in/callback?code={code}&state={theirs}")
    assert again.status_code == 403
    assert "The sign-in took too long, or was used already; begin again" in Seen(again).text
    assert other.client.get("/audit").headers["location"].startswith("/sign-in")


def test_a_wrong_secret_opens_nothing(serve: Callable[..., Callable[[], Browser]], registered: dict[str, Any]) -> None:
    browser = serve(**registered | {"oidc_client_secret": SecretStr("another")})()
    refused = browser.client.get(go_to_provider(browser, sub="e0c3"))
    assert refused.status_code >= 400
    assert "The sign-in service does not know this console" in Seen(refused).text
    assert browser.client.get("/audit").headers["location"].startswith("/sign-in")
