"""Retries are in the log, without the arguments of the call."""

import logging
from collections.abc import Iterator

import pytest
import stamina
from stamina.instrumentation import set_on_retry_hooks

from integration_center.errors import ServiceUnavailable
from integration_center.remote import log_retries


@pytest.fixture(autouse=True)
def own_hook() -> Iterator[None]:
    log_retries()
    with stamina.set_testing(True, attempts=2):
        yield
    set_on_retry_hooks(None)


def test_our_errors_are_quoted_and_others_only_named(caplog: pytest.LogCaptureFixture) -> None:
    errors = iter([ServiceUnavailable("the org does not answer"), ValueError("ada@customer.example")])

    @stamina.retry(on=(ServiceUnavailable, ValueError), attempts=2)
    def sign_in(secret: str) -> str:
        for error in errors:
            raise error
        return secret

    with caplog.at_level(logging.INFO, "integration_center"), pytest.raises(ValueError, match="ada"):
        sign_in("hunter2")
    assert sign_in("hunter2") == "hunter2"
    assert "the org does not answer; trying again in 0.0 s" in caplog.text
    assert "hunter2" not in caplog.text
    assert "ada@" not in caplog.text
