"""Fixtures: an account connected by client credentials, or by a sign-in in the browser."""

from collections.abc import Callable

import pytest

from integration_center.accounts.connecting import (
    Connection,
    connect_client_credentials,
    connect_web,
)
from integration_center.accounts.store import AccountStore
from integration_center.integration.spec import Environment
from integration_center.settings import Settings
from integration_center_tests.accounts.fake_salesforce import (
    FakeSalesforce,
)
from integration_center_tests.sync.builders import SCORE

Connect = Callable[[Environment], Connection]


@pytest.fixture
def connect(settings: Settings, store: AccountStore, salesforce: FakeSalesforce) -> Connect:
    return lambda environment: connect_client_credentials(
        environment, settings, store, connected_by="ann", specs=[SCORE]
    )


@pytest.fixture
def sign_in(settings: Settings, store: AccountStore, salesforce: FakeSalesforce) -> Connect:
    def run(environment: Environment) -> Connection:
        return connect_web(
            environment, settings, store, open_browser=salesforce.sign_in, connected_by="ann", seconds=10, specs=[SCORE]
        )

    return run
