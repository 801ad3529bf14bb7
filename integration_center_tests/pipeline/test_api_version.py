"""An API version that the org does not offer is called so, and not a missing object."""

import pytest

from integration_center_tests.pipeline.center import PLAIN, Center, logins
from integration_center_tests.pipeline.commands import Command


def test_a_version_that_the_org_does_not_offer_is_named(
    center: Center, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    monkeypatch.setenv("INTEGRATION_CENTER_API_VERSION", "99.0")
    for arguments in (["objects", "sandbox"], ["fields", "sandbox", "Lead"], ["plan", "logins_to_leads"]):
        code, out, error = command(*arguments)
        assert code == 1
        assert "the org does not offer API version 99.0; it offers 31.0 to 68.0" in out + error


def test_a_version_of_another_form_says_how_to_write_it(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEGRATION_CENTER_API_VERSION", "v66")
    code, out, error = command("accounts")
    assert code == 1
    assert "INTEGRATION_CENTER_API_VERSION: it is no API version of Salesforce; write it as 66.0" in out + error
