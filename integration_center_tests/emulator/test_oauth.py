import base64
import hashlib
import secrets
import time
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from integration_center_tests.emulator.conftest import API, fetch_token, http_get, http_post
from salesforce_emulator.server import OrgHandle

REDIRECT_URI = "http://localhost:3001/oauth/callback"
USER_INFO_KEYS = [
    *("sub", "user_id", "organization_id", "preferred_username", "nickname", "name", "email", "email_verified"),
    *("given_name", "family_name", "zoneinfo", "photos", "profile", "picture", "address"),
    *("is_salesforce_integration_user", "urls", "active", "user_type", "language", "locale", "utcOffset", "updated_at"),
]


def challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


class Browser:
    """A user who answers the consent page."""

    def __init__(self, handle: OrgHandle, **changes: str | None) -> None:
        self.handle = handle
        self.verifier = secrets.token_urlsafe(48)
        parameters: dict[str, str | None] = {
            "response_type": "code",
            "client_id": handle.client_id,
            "redirect_uri": REDIRECT_URI,
            "scope": "api refresh_token openid",
            "state": "st&ate=1",
            "code_challenge": challenge(self.verifier),
            "code_challenge_method": "S256",
        }
        self.parameters = {name: value for name, value in {**parameters, **changes}.items() if value is not None}
        self.url = f"{handle.url}/services/oauth2/authorize"

    def look(self) -> httpx.Response:
        return http_get(self.url, params=self.parameters)

    def decide(self, decision: str) -> dict[str, str]:
        answer = http_post(self.url, data={**self.parameters, "decision": decision})
        assert answer.status_code == 302, answer.text
        return read_redirect(answer)

    def exchange(self, code: str, **changes: str | None) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT_URI,
            "client_id": self.handle.client_id,
            "client_secret": self.handle.client_secret,
            "code_verifier": self.verifier,
            **changes,
        }
        return post_token(self.handle, {name: value for name, value in form.items() if value is not None})

    def sign_in(self) -> dict[str, str]:
        answer = self.exchange(self.decide("approve")["code"])
        assert answer.status_code == 200, answer.text
        tokens: dict[str, str] = answer.json()
        return tokens


def read_redirect(answer: httpx.Response) -> dict[str, str]:
    location = answer.headers["location"]
    assert location.startswith(REDIRECT_URI)
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def post_token(handle: OrgHandle, form: dict[str, str]) -> httpx.Response:
    return http_post(f"{handle.url}/services/oauth2/token", data=form)


def refresh(handle: OrgHandle, refresh_token: str) -> httpx.Response:
    return post_token(
        handle,
        {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_id": handle.client_id,
            "client_secret": handle.client_secret,
        },
    )


def call_api(handle: OrgHandle, token: str, scheme: str = "Bearer") -> httpx.Response:
    return http_get(f"{handle.url}{API}/limits", headers={"Authorization": f"{scheme} {token}"})


def test_web_flow_gives_tokens_of_the_documented_shape(handle: OrgHandle) -> None:
    browser = Browser(handle)
    page = browser.look()
    assert page.status_code == 200
    assert "Allow" in page.text
    answer = browser.decide("approve")
    assert answer["state"] == "st&ate=1"
    tokens = browser.exchange(answer["code"]).json()
    assert set(tokens) == {
        *("access_token", "scope", "instance_url", "id", "token_type", "issued_at", "signature"),
        *("refresh_token", "id_token"),
    }
    assert "expires_in" not in tokens
    assert tokens["instance_url"] == handle.url
    assert len(tokens["issued_at"]) == 13
    assert tokens["access_token"].startswith(handle.org.profile.org_id[:15] + "!")
    assert call_api(handle, tokens["access_token"]).status_code == 200
    assert call_api(handle, tokens["access_token"], "OAuth").status_code == 200


def test_denied_consent_comes_back_with_state(handle: OrgHandle) -> None:
    answer = Browser(handle).decide("deny")
    assert answer["error"] == "access_denied"
    assert answer["state"] == "st&ate=1"


def test_missing_challenge_is_refused_by_redirect(handle: OrgHandle) -> None:
    answer = read_redirect(Browser(handle, code_challenge=None).look())
    assert answer["error"] == "invalid_request"
    assert answer["error_description"] == "missing required code challenge"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_id": "unknown"}, "invalid_client_id"),
        ({"redirect_uri": REDIRECT_URI + "/"}, "redirect_uri_mismatch"),
    ],
)
def test_request_that_cannot_be_answered_by_redirect_shows_a_page(
    handle: OrgHandle, changes: dict[str, str], error: str
) -> None:
    page = Browser(handle, **changes).look()
    assert page.status_code == 400
    assert error in page.text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "wrong" * 12}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_grant"),
        ({"redirect_uri": "http://localhost:3001/other"}, "redirect_uri_mismatch"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": "wrong"}, "invalid_client_id"),
        ({"code": "wrong"}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_bad_exchange_is_refused_with_an_object(handle: OrgHandle, changes: dict[str, str | None], error: str) -> None:
    browser = Browser(handle)
    code = browser.decide("approve")["code"]
    answer = browser.exchange(changes.get("code") or code, **{key: changes[key] for key in changes if key != "code"})
    assert answer.status_code == 400
    assert answer.json()["error"] == error


def test_code_works_once(handle: OrgHandle) -> None:
    browser = Browser(handle)
    code = browser.decide("approve")["code"]
    assert browser.exchange(code).status_code == 200
    again = browser.exchange(code)
    assert again.json() == {"error": "invalid_grant", "error_description": "expired authorization code"}


def test_code_expires(handle: OrgHandle) -> None:
    browser = Browser(handle)
    code = browser.decide("approve")["code"]
    handle.clock.advance(901)
    assert browser.exchange(code).json()["error_description"] == "expired authorization code"


def test_client_may_sign_in_by_basic_header(handle: OrgHandle) -> None:
    answer = http_post(
        f"{handle.url}/services/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(handle.client_id, handle.client_secret),
    )
    assert answer.status_code == 200
    assert "refresh_token" not in answer.json()


def test_no_refresh_token_without_its_scope(handle: OrgHandle) -> None:
    assert "refresh_token" not in Browser(handle, scope="api").sign_in()


def test_session_times_out_after_its_last_use(handle: OrgHandle) -> None:
    token = fetch_token(handle)
    handle.clock.advance(7_000)
    assert call_api(handle, token).status_code == 200
    handle.clock.advance(7_000)
    assert call_api(handle, token).status_code == 200
    handle.clock.advance(7_201)
    answer = call_api(handle, token)
    assert answer.status_code == 401
    assert answer.json() == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]


def test_wrong_scheme_has_its_own_code(handle: OrgHandle) -> None:
    answer = call_api(handle, fetch_token(handle), "Token")
    assert answer.status_code == 401
    assert answer.json() == [{"message": "INVALID_HEADER_TYPE", "errorCode": "INVALID_AUTH_HEADER"}]


def test_refresh_without_rotation_keeps_the_refresh_token(handle: OrgHandle) -> None:
    tokens = Browser(handle).sign_in()
    renewed = refresh(handle, tokens["refresh_token"]).json()
    assert "refresh_token" not in renewed
    assert renewed["access_token"] != tokens["access_token"]
    assert refresh(handle, tokens["refresh_token"]).status_code == 200


def test_replay_of_a_rotated_token_ends_everything(handle: OrgHandle) -> None:
    tokens = Browser(handle).sign_in()
    handle.org.sessions.rotation = True
    renewed = refresh(handle, tokens["refresh_token"]).json()
    assert renewed["refresh_token"] != tokens["refresh_token"]
    replay = refresh(handle, tokens["refresh_token"])
    assert replay.status_code == 400
    assert replay.json() == {"error": "invalid_grant", "error_description": "expired access/refresh token"}
    assert refresh(handle, renewed["refresh_token"]).status_code == 400
    assert call_api(handle, renewed["access_token"]).status_code == 401


def test_revoking_the_refresh_token_ends_its_sessions(handle: OrgHandle) -> None:
    tokens = Browser(handle).sign_in()
    url = f"{handle.url}/services/oauth2/revoke"
    answer = http_post(url, data={"token": tokens["refresh_token"]})
    assert (answer.status_code, answer.content) == (200, b"")
    assert call_api(handle, tokens["access_token"]).status_code == 401
    again = http_post(url, data={"token": tokens["refresh_token"]})
    assert again.status_code == 400
    assert again.json()["error"] == "invalid_token"


def test_revoking_an_access_token_leaves_the_refresh_token(handle: OrgHandle) -> None:
    tokens = Browser(handle).sign_in()
    http_post(f"{handle.url}/services/oauth2/revoke", data={"token": tokens["access_token"]})
    assert call_api(handle, tokens["access_token"]).status_code == 401
    assert refresh(handle, tokens["refresh_token"]).status_code == 200


def test_sixth_approval_ends_the_oldest(handle: OrgHandle) -> None:
    approvals = [Browser(handle).sign_in()["refresh_token"] for _ in range(6)]
    assert [refresh(handle, token).status_code for token in approvals] == [400, 200, 200, 200, 200, 200]


def test_user_info_has_the_recorded_keys(handle: OrgHandle) -> None:
    headers = {"Authorization": f"Bearer {fetch_token(handle)}"}
    answer = http_get(f"{handle.url}/services/oauth2/userinfo", headers=headers)
    assert list(answer.json()) == USER_INFO_KEYS
    assert answer.json()["organization_id"] == handle.org.profile.org_id
    assert "sforce-limit-info" not in answer.headers


def test_user_info_refuses_a_dead_token_with_plain_text(handle: OrgHandle) -> None:
    answer = http_get(f"{handle.url}/services/oauth2/userinfo", headers={"Authorization": "Bearer dead"})
    assert (answer.status_code, answer.text) == (403, "Bad_OAuth_Token")


def test_introspection_tells_the_expiry(handle: OrgHandle) -> None:
    token = fetch_token(handle)
    form = {"token": token, "client_id": handle.client_id, "client_secret": handle.client_secret}
    url = f"{handle.url}/services/oauth2/introspect"
    body = http_post(url, data=form).json()
    assert body["active"] is True
    assert body["exp"] == pytest.approx(handle.clock.now().timestamp() + 7200, abs=5)
    assert http_post(url, data={**form, "token": "dead"}).json() == {"active": False}


def test_connections_survive_in_the_store_and_revocation_too(handle: OrgHandle) -> None:
    tokens = Browser(handle).sign_in()
    handle.org.sessions.expire_access()
    assert call_api(handle, tokens["access_token"]).status_code == 401
    assert refresh(handle, tokens["refresh_token"]).status_code == 200
    handle.org.sessions.revoke_all()
    assert refresh(handle, tokens["refresh_token"]).status_code == 400


def test_jwt_bearer_checks_signature_and_audience(handle: OrgHandle) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    handle.org.app.jwt_certificate = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def post(signing: rsa.RSAPrivateKey, **changes: object) -> httpx.Response:
        pem = signing.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        claims = {
            "iss": handle.client_id,
            "sub": handle.org.profile.username,
            "aud": "https://test.salesforce.com",
            "exp": int(time.time()) + 180,
            **changes,
        }
        assertion = jwt.encode(claims, pem, algorithm="RS256")
        grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
        return post_token(handle, {"grant_type": grant, "assertion": assertion})

    tokens = post(key).json()
    assert set(tokens) == {"access_token", "scope", "instance_url", "id", "token_type"}
    assert call_api(handle, tokens["access_token"]).status_code == 200
    assert post(other).json()["error"] == "invalid_grant"
    assert post(key, aud="https://login.salesforce.com").json()["error_description"] == "Audience validation failed"
    assert post(key, sub="nobody").json()["error_description"] == "user hasn't approved this consumer"
