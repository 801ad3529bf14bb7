from datetime import UTC, date, datetime

import httpx
import pytest
from pydantic import SecretStr

from integration_center.accounts.connecting import (
    abandon_web,
    begin_web,
    connect_client_credentials,
    connect_jwt,
    connect_web,
    finish_web,
)
from integration_center.accounts.store import AccountStore
from integration_center.database.journal import JobJournal
from integration_center.database.sync_records import SyncStatus
from integration_center.database.syncs import SyncLog
from integration_center.errors import (
    AccessRefused,
    ConfigurationError,
    LimitExceeded,
    ServiceUnavailable,
)
from integration_center.integration.spec import Environment, OrgKind
from integration_center.settings import LOGIN_URLS, Settings, read_settings
from integration_center_tests.accounts.connections import Connect
from integration_center_tests.accounts.fake_salesforce import (
    ORG_ID,
    OTHER_ORG_ID,
    USER_ID,
    USERNAME,
    FakeSalesforce,
    asked_object,
    found,
    oauth_error,
    visit,
)
from integration_center_tests.sync.builders import SCORE

SANDBOX, PRODUCTION = Environment.SANDBOX, Environment.PRODUCTION


def test_client_credentials_make_an_account(connect: Connect, store: AccountStore) -> None:
    connection = connect(SANDBOX)

    account = connection.account
    assert store.get(SANDBOX) == account
    assert (account.org_id, account.username, account.flow) == (ORG_ID, USERNAME, "client-credentials")
    assert (account.is_sandbox, account.developer_edition, account.connected_by) == (True, False, "ann")
    assert store.tokens(SANDBOX).refresh_token is None
    assert not connection.org_changed
    assert connection.summary == f"Sandbox is connected to Acme <UAT> ({ORG_ID}, sandbox) as {USERNAME}."


def test_the_web_flow_makes_an_account(settings: Settings, store: AccountStore, salesforce: FakeSalesforce) -> None:
    pages: list[str] = []

    connection = connect_web(
        SANDBOX,
        settings,
        store,
        open_browser=lambda url: pages.append(salesforce.sign_in(url)),
        connected_by="ann",
        seconds=10,
    )

    assert store.get(SANDBOX) == connection.account
    assert connection.account.flow == "web"
    assert connection.account.scopes == ("refresh_token", "api", "openid")
    stored = store.tokens(SANDBOX).refresh_token
    assert stored is not None
    assert stored.get_secret_value() == salesforce.refresh_token
    assert "Sandbox is connected to Acme &lt;UAT&gt;" in pages[0]


def test_the_console_completes_a_sign_in_of_its_own(
    settings: Settings, store: AccountStore, salesforce: FakeSalesforce
) -> None:
    request = begin_web(SANDBOX, settings, store, callback_url="http://localhost:3001/oauth/callback")
    salesforce.code = ("code-1", challenge_of(request.url), "http://localhost:3001/oauth/callback")

    connection = finish_web(request.state, SecretStr("code-1"), settings, store, connected_by="ann")

    assert connection.account.org_id == ORG_ID
    with pytest.raises(AccessRefused, match="already used"):
        finish_web(request.state, SecretStr("code-1"), settings, store, connected_by="ann")


def test_the_console_ends_a_sign_in_that_was_denied(settings: Settings, store: AccountStore) -> None:
    request = begin_web(SANDBOX, settings, store)
    refusal = abandon_web(request.state, "access_denied", "end-user denied authorization", store)
    assert isinstance(refusal, AccessRefused)
    assert "integration-center connect sandbox" in str(refusal)
    with pytest.raises(AccessRefused, match="already used"):
        abandon_web(request.state, "access_denied", "", store)


def test_a_sign_in_without_refresh_token_is_refused(
    sign_in: Connect, store: AccountStore, salesforce: FakeSalesforce
) -> None:
    salesforce.changes = {"refresh_token": None}
    with pytest.raises(ConfigurationError, match="scope refresh_token"):
        sign_in(SANDBOX)
    assert store.list() == ()


def challenge_of(url: str) -> str:
    return httpx.URL(url).params["code_challenge"]


def test_a_denied_sign_in_leaves_nothing(settings: Settings, store: AccountStore, salesforce: FakeSalesforce) -> None:
    def deny(url: str) -> None:
        asked = httpx.URL(url).params
        visit(f"{asked['redirect_uri']}?error=access_denied&state={asked['state']}")

    with pytest.raises(AccessRefused, match="denied"):
        connect_web(SANDBOX, settings, store, open_browser=deny, connected_by="ann", seconds=10)
    assert store.list() == ()
    assert salesforce.requests == []


def test_jwt_needs_no_client_secret(
    settings: Settings, store: AccountStore, salesforce: FakeSalesforce, signing_key: SecretStr
) -> None:
    without = settings.model_copy(update={"sandbox_client_secret": SecretStr("")})
    salesforce.changes = {"issued_at": "", "signature": ""}
    connection = connect_jwt(SANDBOX, without, store, username=USERNAME, signing_key=signing_key, connected_by="ann")
    assert connection.account.flow == "jwt"
    assert store.tokens(SANDBOX).signing_key == signing_key


@pytest.mark.parametrize("environment", [SANDBOX, PRODUCTION])
def test_missing_settings_name_the_variables_of_that_environment_only(
    store: AccountStore, settings: Settings, environment: Environment
) -> None:
    other = PRODUCTION if environment is SANDBOX else SANDBOX
    bare = Settings(_env_file=None, dagster_home=settings.dagster_home, sandbox_login_url=LOGIN_URLS[OrgKind.SANDBOX])
    with pytest.raises(ConfigurationError) as caught:
        connect_client_credentials(environment, bare, store, connected_by="ann")
    said = str(caught.value)
    assert (
        f"SALESFORCE_{environment.name}_CLIENT_ID and SALESFORCE_{environment.name}_CLIENT_SECRET are not set" in said
    )
    assert other.name not in said


def test_one_missing_setting_is_named_alone(settings: Settings, store: AccountStore) -> None:
    partly = settings.model_copy(update={"sandbox_client_secret": SecretStr(" ")})
    with pytest.raises(ConfigurationError, match=r"SALESFORCE_SANDBOX_CLIENT_SECRET is not set"):
        connect_web(SANDBOX, partly, store, open_browser=lambda url: None, connected_by="ann")


@pytest.mark.parametrize(
    ("permissions", "match"),
    [
        (
            {"PermissionsModifyAllData": False, "PermissionsApiEnabled": True},
            "lacks Modify All Data and, to do with less, .*Score__c; ask the",
        ),
        ({"PermissionsModifyAllData": True, "PermissionsApiEnabled": False}, "lacks API Enabled; ask the"),
        ({}, "lacks API Enabled and Modify All Data"),
    ],
)
def test_a_user_who_may_not_do_enough_is_refused(
    sign_in: Connect, store: AccountStore, salesforce: FakeSalesforce, permissions: dict[str, bool], match: str
) -> None:
    salesforce.permissions = permissions
    with pytest.raises(AccessRefused, match=match):
        sign_in(SANDBOX)
    assert store.list() == ()
    assert salesforce.revoked == [salesforce.refresh_token]


@pytest.mark.parametrize(
    ("environment", "is_sandbox", "organization_type", "refusal"),
    [
        (SANDBOX, True, "Enterprise Edition", None),
        (SANDBOX, False, "Enterprise Edition", "is a production org"),
        (SANDBOX, False, "Developer Edition", None),
        (PRODUCTION, False, "Enterprise Edition", None),
        (PRODUCTION, True, "Enterprise Edition", "is a sandbox"),
        (PRODUCTION, True, "Developer Edition", "is a sandbox"),
        (PRODUCTION, False, "Developer Edition", None),
    ],
)
def test_each_slot_takes_its_kind_of_org(
    connect: Connect,
    store: AccountStore,
    salesforce: FakeSalesforce,
    environment: Environment,
    is_sandbox: bool,
    organization_type: str,
    refusal: str | None,
) -> None:
    salesforce.is_sandbox, salesforce.organization_type = is_sandbox, organization_type
    if refusal is not None:
        with pytest.raises(AccessRefused, match=refusal):
            connect(environment)
        assert store.list() == ()
        return
    account = connect(environment).account
    assert account.developer_edition is (organization_type == "Developer Edition")


def test_one_org_in_both_slots_is_refused(
    connect: Connect, sign_in: Connect, store: AccountStore, salesforce: FakeSalesforce
) -> None:
    salesforce.is_sandbox, salesforce.organization_type = False, "Developer Edition"
    connect(SANDBOX)
    with pytest.raises(AccessRefused, match="already connected as Sandbox"):
        sign_in(PRODUCTION)
    assert [account.environment for account in store.list()] == [SANDBOX]
    assert salesforce.revoked == [salesforce.refresh_token]


def test_a_refreshed_sandbox_is_reported(connect: Connect, store: AccountStore, salesforce: FakeSalesforce) -> None:
    connect(SANDBOX)
    log = SyncLog(store.engine)
    log.open(
        "run-1",
        "logins",
        name="Logins",
        environment=SANDBOX,
        org_id=ORG_ID,
        report="Logins",
        object="Lead",
        partition_start=date(2026, 11, 20),
        partition_end=date(2026, 11, 20),
        triggered_by="schedule",
    )
    log.close("run-1", "logins", status=SyncStatus.COMPLETED, counts={"lines": {"updated": 1}})
    JobJournal(store.engine, ORG_ID, "Lead", "run-1", "logins", "plan-1").job_opened("750", 1, "hash")
    assert not connect(SANDBOX).org_changed

    salesforce.org_id = OTHER_ORG_ID
    connection = connect(SANDBOX)

    assert connection.org_changed
    assert (connection.replaced_org_ids, connection.voided_syncs, connection.voided_jobs) == ((ORG_ID,), 1, 1)
    assert f"It held {ORG_ID} before: 1 sync and 1 unsettled job" in connection.summary
    assert log.newest_pushed_day("logins") is None


@pytest.mark.parametrize(
    ("response", "expected", "match"),
    [
        (
            httpx.Response(403, json=[{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests"}]),
            LimitExceeded,
            "daily API limit",
        ),
        (
            httpx.Response(403, json=[{"errorCode": "API_CURRENTLY_DISABLED", "message": "off"}]),
            AccessRefused,
            "API Enabled",
        ),
        (
            httpx.Response(400, json=[{"errorCode": "INVALID_TYPE", "message": "off"}]),
            AccessRefused,
            "lacks Modify All Data",
        ),
        (httpx.Response(200, json={"records": []}), AccessRefused, "lacks Modify All Data"),
        (
            httpx.Response(404, json=[{"errorCode": "NOT_FOUND", "message": "off"}]),
            ConfigurationError,
            r"API version 66\.0.*INTEGRATION_CENTER_API_VERSION",
        ),
        (httpx.Response(503, text="<html>"), ServiceUnavailable, "503"),
    ],
)
def test_an_org_that_does_not_say_is_not_connected(
    settings: Settings,
    store: AccountStore,
    salesforce: FakeSalesforce,
    monkeypatch: pytest.MonkeyPatch,
    response: httpx.Response,
    expected: type[Exception],
    match: str,
) -> None:
    monkeypatch.setattr(salesforce, "_query", lambda request: response)
    with pytest.raises(expected, match=match):
        connect_client_credentials(SANDBOX, settings, store, connected_by="ann", specs=[SCORE])
    assert store.list() == ()


def test_before_any_integration_a_user_needs_api_enabled_alone(
    settings: Settings, store: AccountStore, salesforce: FakeSalesforce
) -> None:
    salesforce.permissions = {"PermissionsModifyAllData": False, "PermissionsApiEnabled": True}
    done = connect_client_credentials(SANDBOX, settings, store, connected_by="ann")
    assert store.list() == (done.account,)
    assert "lacks Modify All Data. That is enough to connect." in done.summary
    salesforce.permissions["PermissionsApiEnabled"] = False
    with pytest.raises(AccessRefused, match="lacks API Enabled and Modify All Data"):
        connect_client_credentials(SANDBOX, settings, store, connected_by="ann")


def data_refusal(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json=[{"errorCode": code, "message": "off"}])


NOT_ANSWERED = [
    data_refusal(400, "INVALID_TYPE"),
    data_refusal(400, "INVALID_FIELD"),
    data_refusal(403, "INSUFFICIENT_ACCESS"),
    found(),
]


@pytest.mark.parametrize("silence", NOT_ANSWERED, ids=["type", "field", "access", "empty"])
@pytest.mark.parametrize("granting", ["PermissionSetAssignment", "User"])
def test_a_permission_set_or_profile_vouches_where_the_permissions_are_not_given(
    connect: Connect, salesforce: FakeSalesforce, silence: httpx.Response, granting: str
) -> None:
    salesforce.queries = {"UserPermissionAccess": silence, "PermissionSetAssignment": silence, "User": silence}
    salesforce.queries[granting] = found({"Id": "0Pa000000000001AAA"})
    assert connect(SANDBOX).account.username == USERNAME
    asked = [request.url.params["q"] for request in salesforce.requests if request.url.path.endswith("/query")]
    assert any(f"FROM {granting} WHERE " in soql and f"'{USER_ID}'" in soql for soql in asked)


@pytest.mark.parametrize("silence", NOT_ANSWERED, ids=["type", "field", "access", "empty"])
def test_a_user_for_whom_nothing_vouches_is_refused(
    connect: Connect, store: AccountStore, salesforce: FakeSalesforce, silence: httpx.Response
) -> None:
    salesforce.queries = {"UserPermissionAccess": silence, "PermissionSetAssignment": silence, "User": found()}
    with pytest.raises(AccessRefused, match="lacks Modify All Data"):
        connect(SANDBOX)
    assert store.list() == ()


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (data_refusal(403, "REQUEST_LIMIT_EXCEEDED"), LimitExceeded),
        (data_refusal(404, "NOT_FOUND"), ConfigurationError),
        (data_refusal(403, "API_DISABLED_FOR_ORG"), AccessRefused),
    ],
)
def test_what_every_query_would_meet_is_asked_once(
    connect: Connect, salesforce: FakeSalesforce, refusal: httpx.Response, expected: type[Exception]
) -> None:
    salesforce.queries = {"UserPermissionAccess": refusal}
    with pytest.raises(expected):
        connect(SANDBOX)
    assert [asked_object(r) for r in salesforce.requests if r.url.path.endswith("/query")] == ["UserPermissionAccess"]


@pytest.mark.parametrize("named", [{"username": USERNAME}, {"email": USERNAME}])
def test_userinfo_of_an_older_kind_is_enough(
    connect: Connect, salesforce: FakeSalesforce, named: dict[str, str]
) -> None:
    salesforce.userinfo = {"sub": f"https://test.salesforce.com/id/{ORG_ID}/{USER_ID}", **named}
    account = connect(SANDBOX).account
    assert (account.user_id, account.username) == (USER_ID, USERNAME)


def test_my_domain_is_asked_for(connect: Connect, salesforce: FakeSalesforce) -> None:
    salesforce.refuse(oauth_error("invalid_grant", "request not supported on this domain"))
    with pytest.raises(ConfigurationError, match="SALESFORCE_SANDBOX_LOGIN_URL"):
        connect(SANDBOX)


def test_the_time_of_connecting_is_utc(connect: Connect) -> None:
    before = datetime.now(UTC)
    assert before <= connect(SANDBOX).account.connected_at <= datetime.now(UTC)


def test_a_wrong_login_url_stops_its_own_environment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALESFORCE_PRODUCTION_LOGIN_URL", "http://salesforce.example")
    monkeypatch.setenv("SALESFORCE_SANDBOX_LOGIN_URL", " https://acme--dev.sandbox.my.salesforce.com/ ")
    settings = read_settings()
    assert settings.app(Environment.SANDBOX, OrgKind.SANDBOX).login_url == "https://acme--dev.sandbox.my.salesforce.com"
    with pytest.raises(ConfigurationError, match="SALESFORCE_PRODUCTION_LOGIN_URL"):
        settings.app(Environment.PRODUCTION, OrgKind.PRODUCTION)
