"""A viewer is offered no form on any page that would be refused: what may not be changed has no button."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from integration_center.access.users import Role
from integration_center.console.pages import PAGES
from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console
from integration_center.console.shell.users import User
from integration_center_tests.console.browser import Browser
from integration_center_tests.pipeline.center import PLAIN, Center, logins

MAY_SEND = ("/sign-out", "/sign-in", "/ledger", "/search")
VIEWED = sorted({route.path for page in PAGES for route in page.routes if "GET" in (route.methods or ())})


@pytest.mark.sampled
@pytest.mark.parametrize("path", VIEWED)
def test_a_viewer_is_offered_no_form_that_is_refused(
    path: str, center: Center, console: Console, open_browser: Callable[..., Browser]
) -> None:
    center.integrate()
    run_id = "r"
    if "{run_id}" in path:
        center.drop(logins(PLAIN))
        run_id = center.run().run_id
    viewer = User("vera", Role.VIEWER, signed_in=True)
    browser = open_browser(build_app(replace(console, identify=lambda request: viewer)))
    filled = path.format(slug="logins_to_leads", environment="sandbox", draft="x", run_id=run_id, step="report")
    answer = browser.client.get(filled, follow_redirects=False)
    if answer.status_code == 200 and "text/html" in answer.headers["content-type"]:
        reader = browser.open(filled).reader
        sent = {form.action for form in [*reader.forms, *reader.buttons] if form.method == "post"}
        assert [
            action for action in sent if not action.rstrip("?").endswith(MAY_SEND) and "/sessions/" not in action
        ] == []
