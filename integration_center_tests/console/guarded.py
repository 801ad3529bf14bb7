"""Fixtures: an identity provider, and consoles that people enter by it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette

from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console
from integration_center.console.shell.users import build_identify
from integration_center.installation import Installation
from integration_center_tests.console.browser import Browser
from integration_center_tests.console.identity_provider import CLIENT, SECRET, IdentityProvider, serve_provider

HOME = "https://center.example"
ROLES = "admin=it; operator=cs-ops"


@pytest.fixture(scope="module")
def running() -> Iterator[IdentityProvider]:
    with serve_provider() as provider:
        yield provider


@pytest.fixture
def provider(running: IdentityProvider) -> IdentityProvider:
    running.claims, running.unsigned, running.published = {}, False, []
    return running


@pytest.fixture
def settings(provider: IdentityProvider) -> dict[str, Any]:
    return {
        "oidc_issuer": provider.issuer,
        "oidc_client_id": CLIENT,
        "oidc_client_secret": SecretStr(SECRET),
        "group_roles": ROLES,
        "trusted_proxies": "127.0.0.1",
        "callback_url": f"{HOME}/oauth/callback",
    }


@pytest.fixture
def serve(installation: Installation, open_browser: Callable[..., Browser]) -> Callable[..., Callable[[], Browser]]:
    """Builds a console with some settings; opens browsers on it that follow no redirect."""

    def serve(**changes: Any) -> Callable[[], Browser]:
        guarded = Installation(installation.settings.model_copy(update=changes), installation.engine)
        app: Starlette = build_app(Console(guarded, build_identify(guarded)))

        def visit() -> Browser:
            browser = open_browser(app, HOME)
            browser.client.headers.update({"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https"})
            browser.client.follow_redirects = False
            return browser

        return visit

    return serve
