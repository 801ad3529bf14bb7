"""An org whose address moves while its token is good: the sign-in is asked for the new one, and nobody else."""

from collections.abc import Callable
from functools import partial
from io import BytesIO

import httpx
import pytest

from integration_center.errors import AccessRefused, IntegrationCenterError
from integration_center.salesforce.client.session import Session
from integration_center_tests.salesforce.scripted import Tokens, build_session

OLD, NEW = "https://old.example", "https://new.example"
LEADS_TO = {"Location": "https://evil.example/services/data"}
GONE: dict[str, Callable[[], httpx.Response]] = {
    **{str(status): partial(httpx.Response, status, headers=LEADS_TO) for status in (301, 302, 303, 307, 308)},
    "404 page": lambda: httpx.Response(404, html="<html>No such site</html>"),
    "404 empty": lambda: httpx.Response(404),
    "421": lambda: httpx.Response(421),
    "420": lambda: httpx.Response(420),
    "406": lambda: httpx.Response(406),
}


def raise_connect_error() -> httpx.Response:
    raise httpx.ConnectError("[Errno -2] Name or service not known")


def raise_connect_timeout() -> httpx.Response:
    raise httpx.ConnectTimeout("timed out")


NOWHERE = {**GONE, "no such name": raise_connect_error, "no answer": raise_connect_timeout}
LOST: dict[str, Callable[[], httpx.Response]] = {
    "502": lambda: httpx.Response(502, html="<html>Bad gateway</html>"),
    "parked": lambda: httpx.Response(200, html="<html>This domain is for sale</html>"),
}


class MovedOrg:
    """The org at its new address; something else answers at the old one."""

    def __init__(self, old: Callable[[], httpx.Response], answer: httpx.Response | None = None) -> None:
        self.old = old
        self.answer = answer or httpx.Response(200, json={"ok": True})
        self.tokens = Tokens(dead_url=OLD, live_url=NEW)
        self.hosts: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.hosts.append(request.url.host)
        if request.url.host == "old.example":
            return self.old()
        assert request.url.host == "new.example", "a token went to a host that the sign-in did not name"
        assert request.headers["authorization"] == "Bearer token-1"
        return self.answer

    def connect(self) -> Session:
        return build_session(self, self.tokens)


@pytest.mark.parametrize("name", [*NOWHERE, *LOST])
def test_a_read_goes_on_at_the_new_address(name: str) -> None:
    org = MovedOrg({**NOWHERE, **LOST}[name])
    with org.connect() as session:
        assert session.get_json("limits") == {"ok": True}
        assert session.get_json("limits") == {"ok": True}
        assert session.instance_url == NEW
    assert org.tokens.renewals == 1
    assert org.hosts[-2:] == ["new.example", "new.example"]


@pytest.mark.parametrize("name", NOWHERE)
def test_a_write_goes_on_at_the_new_address_and_arrives_once(name: str) -> None:
    org = MovedOrg(NOWHERE[name], httpx.Response(200, json=[]))
    with org.connect() as session:
        session.request("PATCH", "composite/sobjects", json={"records": []}, idempotent=False)
    assert org.hosts.count("new.example") == 1
    assert org.tokens.renewals == 1


@pytest.mark.parametrize("path", ["/services/data/v66.0/query/01gD-2000", "services/data/v66.0/jobs/ingest/7/batches"])
def test_addresses_that_the_old_host_gave_are_asked_of_the_new_one(path: str) -> None:
    org = MovedOrg(GONE["301"])
    with org.connect() as session:
        session.get_json("limits")
        absolute = f"{OLD}/{path.lstrip('/')}"  # as the org gave it before it moved
        for url in (path, absolute):
            assert session.get_json(url) == {"ok": True}
        org.answer = httpx.Response(200, content=b"Id\n1\n")
        sink = BytesIO()
        session.download(f"{OLD}/services/data/v66.0/jobs/query/7/results", sink)
        with pytest.raises(IntegrationCenterError, match="another host"):
            session.get_json("https://old.example.evil.example/services/data")
    assert sink.read() == b"Id\n1\n"
    assert set(org.hosts) == {"old.example", "new.example"}


@pytest.mark.parametrize("name", NOWHERE)
def test_a_sign_in_that_names_no_other_address_is_asked_once_and_the_host_is_named(name: str) -> None:
    tokens = Tokens(OLD, OLD)
    with build_session(lambda request: NOWHERE[name](), tokens) as session:
        for _ in range(2):
            with pytest.raises(IntegrationCenterError, match=r"old\.example.*connect the account again"):
                session.get_json("limits")
    assert tokens.renewals == 1


def test_an_org_that_answers_again_may_move_again() -> None:
    tokens = Tokens(OLD, OLD)
    answers = [httpx.Response(421), httpx.Response(200, json={})] * 2
    with build_session(lambda request: answers.pop(0), tokens) as session:
        for _ in range(2):
            session.get_json("limits")
    assert tokens.renewals == 2


def test_two_redirects_in_a_row_end_the_call() -> None:
    with build_session(lambda request: GONE["302"](), Tokens(OLD, NEW)) as session:
        with pytest.raises(AccessRefused, match=r"new\.example redirects"):
            session.get_json("limits")
        assert session.usage.calls == 2


def test_a_session_that_ended_meanwhile_is_renewed_at_the_new_address() -> None:
    tokens = Tokens(OLD, NEW)

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.host == "old.example":
            return httpx.Response(301, headers=LEADS_TO)
        dead = request.headers["authorization"] == "Bearer token-1"
        return httpx.Response(401, json=[{"errorCode": "INVALID_SESSION_ID"}]) if dead else httpx.Response(200, json={})

    with build_session(handle, tokens) as session:
        session.get_json("limits")
    assert tokens.renewals == 2
