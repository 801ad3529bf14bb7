from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from integration_center.accounts.store import Account, Tokens
from integration_center.integration.spec import Environment
from integration_center_tests.accounts.fake_salesforce import INSTANCE_URL, LOGIN_URL, ORG_ID, USER_ID, USERNAME


def build_account(**changes: Any) -> Account:
    values: dict[str, Any] = {
        "environment": Environment.SANDBOX,
        "org_id": ORG_ID,
        "org_name": "Acme",
        "is_sandbox": True,
        "developer_edition": False,
        "user_id": USER_ID,
        "username": USERNAME,
        "instance_url": INSTANCE_URL,
        "login_url": LOGIN_URL,
        "flow": "web",
        "scopes": ("api", "refresh_token", "openid"),
        "connected_at": datetime(2026, 11, 1, 12, tzinfo=UTC),
        "connected_by": "ann",
    }
    return Account(**(values | changes))


def build_tokens(**changes: Any) -> Tokens:
    values: dict[str, Any] = {
        "access_token": SecretStr("00D000000000001!AQ.stored-access"),
        "refresh_token": SecretStr("5Aep861.stored-refresh"),
        "instance_url": INSTANCE_URL,
        "issued_at": datetime(2026, 11, 1, 12, tzinfo=UTC),
    }
    return Tokens(**(values | changes))
