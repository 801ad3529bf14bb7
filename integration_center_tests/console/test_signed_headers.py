"""Single sign-on by a header that a proxy signs."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from integration_center_tests.console.browser import Browser
from integration_center_tests.console.identity_provider import CLIENT, IdentityProvider
from integration_center_tests.passwords import CHEAP, PASSWORD, accept_cheap_hashes

HEADER = "X-Signed-Person"


@pytest.fixture
def by_proxy(settings: dict[str, Any], provider: IdentityProvider) -> dict[str, Any]:
    return settings | {
        "oidc_issuer": "",
        "proxy_header": HEADER,
        "proxy_issuer": provider.issuer,
        "proxy_audience": CLIENT,
        "proxy_keys": f"{provider.issuer}/certs",
    }


def test_a_signed_header_signs_in_once(
    serve: Callable[..., Callable[[], Browser]], by_proxy: dict[str, Any], provider: IdentityProvider
) -> None:
    visit = serve(**by_proxy)
    header = provider.sign()
    browser, thief = visit(), visit()
    for each in (browser, thief):
        each.client.headers[HEADER] = header
    assert browser.client.get("/sign-in?next=/audit").headers["location"] == "/audit"
    assert "olga" in browser.open("/audit").text
    assert "used already" in thief.open("/sign-in", status=403).text
    thief.client.headers[HEADER] = header.rpartition(".")[0] + "."
    assert thief.open("/sign-in", status=403)
    signed_out = browser.client.post("/sign-out", data=browser.open("/").form("/sign-out").fields)
    browser.client.headers[HEADER] = provider.sign(jti="next")
    assert "You are signed out" in browser.open(signed_out.headers["location"]).text


@pytest.mark.parametrize(
    "header",
    [
        lambda provider: "olga",
        lambda provider: "",
        lambda provider: provider.sign(iat=int(time.time()) - 1_000),
        lambda provider: provider.sign(iat=None),
        lambda provider: provider.sign(aud="other"),
        lambda provider: provider.sign(iss="other"),
        lambda provider: "x" * 40_000,
        lambda provider: provider.sign()[:-6] + "aaaaaa",
    ],
)
def test_an_unsigned_or_stale_header_opens_nothing(
    serve: Callable[..., Callable[[], Browser]],
    by_proxy: dict[str, Any],
    provider: IdentityProvider,
    header: Callable[[IdentityProvider], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    accept_cheap_hashes(monkeypatch)
    browser = serve(**by_proxy)()
    browser.client.headers[HEADER] = header(provider)
    assert browser.open("/sign-in", status=403)
    assert browser.client.get("/audit").status_code == 303
    unasked = serve(**(by_proxy | {"proxy_header": "", "users": SecretStr(f"a:viewer:{CHEAP.hash(PASSWORD)}")}))()
    unasked.client.headers[HEADER] = provider.sign()
    assert "Password" in unasked.open("/sign-in").text
