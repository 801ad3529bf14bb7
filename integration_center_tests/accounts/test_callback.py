import socket
import threading
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from pydantic import SecretStr

from integration_center.errors import AccessRefused, AppBlocked, ConfigurationError, IntegrationCenterError
from integration_center.integration.spec import Environment
from integration_center.salesforce.auth.callback import Answer, CallbackServer
from integration_center_tests.accounts.fake_salesforce import visit

URL = "http://127.0.0.1:0/oauth/callback"
SANDBOX = Environment.SANDBOX


def accept(code: SecretStr) -> Answer[str]:
    return Answer(code.get_secret_value(), "Sandbox is connected to Acme <UAT>.")


def refuse(code: SecretStr) -> Answer[str]:
    raise AccessRefused("user <script>alert(1)</script> lacks Modify All Data")


def come_back(
    *queries: dict[str, str], finish: Callable[[SecretStr], Answer[str]] = accept
) -> tuple[str | IntegrationCenterError, list[tuple[int, str]]]:
    """What the wait ends with, and the pages that the browser saw."""
    server = CallbackServer(URL, SANDBOX, finish)
    with server.listening("good-state"):
        pages = [visit(f"{server.url}?{urlencode(query)}") for query in queries]
        try:
            return server.wait(5), pages
        except IntegrationCenterError as error:
            return error, pages


def test_the_code_reaches_its_exchange() -> None:
    result, [(status, page)] = come_back({"code": "abc", "state": "good-state"})
    assert (result, status) == ("abc", 200)
    assert "Connected" in page
    assert "Acme &lt;UAT&gt;" in page


def test_a_wrong_state_is_turned_away_and_the_wait_goes_on() -> None:
    result, pages = come_back(
        {"code": "evil", "state": "bad-state"},
        {"code": "evil"},
        {"code": "evil", "state": "späte"},
        {"error": "access_denied", "state": "bad"},
        {"code": "abc", "state": "good-state"},
    )
    assert result == "abc"
    assert [status for status, _ in pages] == [400, 400, 400, 400, 200]
    assert "does not belong" in pages[0][1]
    assert "bad-state" not in pages[0][1]


def test_an_answer_is_used_once() -> None:
    calls: list[str] = []

    def count(code: SecretStr) -> Answer[str]:
        calls.append(code.get_secret_value())
        return accept(code)

    result, pages = come_back(
        {"code": "abc", "state": "good-state"}, {"code": "abc", "state": "good-state"}, finish=count
    )
    assert (result, calls) == ("abc", ["abc"])
    assert pages[1][0] == 409


def test_a_denial_ends_the_wait() -> None:
    result, [(status, page)] = come_back({"error": "access_denied", "state": "good-state"})
    assert isinstance(result, AccessRefused)
    assert "denied" in str(result)
    assert status == 400
    assert "Not connected" in page


def test_a_blocked_app_is_reported_on_the_page_and_in_the_terminal() -> None:
    """The terminal shows the error, the browser its page."""
    answer = {"error": "OAUTH_APP_BLOCKED", "error_description": "this app is blocked by admin", "state": "good-state"}
    result, [(status, page)] = come_back(answer)
    assert isinstance(result, AppBlocked)
    assert status == 400
    for said in (str(result), page):
        assert "have the Salesforce admin unblock it" in said
        assert "again in a while" not in said


def test_nothing_from_outside_is_echoed_unescaped() -> None:
    script = "<script>alert(1)</script>"
    result, [(_, page)] = come_back({"error": script, "error_description": script, "state": "good-state"})
    assert isinstance(result, IntegrationCenterError)
    assert "<script>" not in page
    result, [(_, page)] = come_back({"code": "abc", "state": "good-state"}, finish=refuse)
    assert isinstance(result, AccessRefused)
    assert "<script>" not in page
    assert "lacks Modify All Data" in page


def test_an_answer_without_code_is_refused() -> None:
    result, _ = come_back({"state": "good-state"})
    assert isinstance(result, AccessRefused)
    assert "no code" in str(result)


def test_other_paths_are_not_found() -> None:
    server = CallbackServer(URL, SANDBOX, accept)
    with server.listening("good-state"):
        status, _ = visit(server.url.replace("/oauth/callback", "/favicon.ico?state=good-state&code=abc"))
        assert status == 404
        assert visit(f"{server.url}?state=good-state&code=abc")[0] == 200
        assert server.wait(5) == "abc"


def test_an_idle_connection_does_not_block_the_browser() -> None:
    server = CallbackServer(URL, SANDBOX, accept)
    with server.listening("good-state"):
        port = int(server.url.split(":")[2].split("/")[0])
        with socket.create_connection(("127.0.0.1", port)):
            assert visit(f"{server.url}?state=good-state&code=abc")[0] == 200


def test_nobody_coming_back_ends_with_a_sentence() -> None:
    server = CallbackServer(URL, SANDBOX, accept)
    with server.listening("good-state"), pytest.raises(AccessRefused, match="integration-center connect sandbox"):
        server.wait(0.01)


def test_a_mistake_of_ours_reaches_the_caller() -> None:
    def fail(code: SecretStr) -> Answer[str]:
        raise LookupError("a bug")

    server = CallbackServer(URL, SANDBOX, fail)
    with server.listening("good-state"):
        with pytest.raises(OSError, match="closed connection"):
            visit(f"{server.url}?state=good-state&code=abc")
        with pytest.raises(LookupError):
            server.wait(5)


def test_a_port_in_use_points_to_the_console() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match="console"):
            CallbackServer(f"http://127.0.0.1:{port}/oauth/callback", SANDBOX, accept)


@pytest.mark.parametrize("url", ["https://center.acme.example/oauth/callback", "http://0.0.0.0:3001/oauth/callback"])
def test_only_this_machine_may_be_the_callback(url: str) -> None:
    with pytest.raises(ConfigurationError, match="console"):
        CallbackServer(url, SANDBOX, accept)


def test_a_name_under_localhost_is_this_machine() -> None:
    server = CallbackServer("http://center.localhost:0/oauth/callback", SANDBOX, accept)
    with server.listening("good-state"):
        port = server.url.removeprefix("http://center.localhost:").split("/")[0]
        status, _ = visit(f"http://127.0.0.1:{port}/oauth/callback?state=good-state&code=abc")
        assert (status, server.wait(5)) == (200, "abc")


def test_the_code_is_not_printed(capfd: pytest.CaptureFixture[str]) -> None:
    before = set(threading.enumerate())
    come_back({"code": "secret-code", "state": "good-state"})
    captured = capfd.readouterr()
    assert "secret-code" not in captured.out + captured.err
    assert set(threading.enumerate()) <= before
