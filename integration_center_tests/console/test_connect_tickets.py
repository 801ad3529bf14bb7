"""Connecting an account from another address of the console than the one Salesforce answers to."""

import threading
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from starlette.requests import Request

from integration_center.access.users import Role
from integration_center.accounts.tickets import ConnectTickets
from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console
from integration_center.console.shell.users import User
from integration_center.installation import Installation
from integration_center.integration.spec import Environment
from integration_center_tests.console.browser import Browser
from integration_center_tests.console.salesforce_page import come_back, decide

SANDBOX, PRODUCTION = Environment.SANDBOX, Environment.PRODUCTION


@pytest.mark.usefixtures("nobody")
def test_under_another_name_of_this_machine_one_is_taken_to_the_callbacks(
    open_browser: Callable[..., Browser], console: Console, installation: Installation
) -> None:
    app = build_app(console)
    by_number, by_name = open_browser(app, "http://127.0.0.1:3001"), open_browser(app)
    seen = by_number.submit(by_number.open("/accounts"), "/accounts/sandbox/connect")
    onward = seen.links["Continue to Salesforce"]
    assert onward.startswith("http://localhost:3001/accounts/connect?ticket=")
    salesforce = by_name.open(httpx.URL(onward).raw_path.decode()).links["Continue to Salesforce"]
    come_back(by_name, decide(salesforce))
    assert installation.accounts.get(SANDBOX)
    again = by_name.open(httpx.URL(onward).raw_path.decode())
    assert again.path == "/accounts"
    assert "That sign-in was used already" in again.text


@pytest.mark.usefixtures("nobody")
def test_a_ticket_is_its_users_alone(open_browser: Callable[..., Browser], installation: Installation) -> None:
    users = {"127.0.0.1:3001": "ann", "localhost:3001": "bob"}

    def identify(request: Request) -> User:
        return User(users[request.headers["host"]], Role.OPERATOR)

    app = build_app(Console(installation, identify))
    ann, other = open_browser(app, "http://127.0.0.1:3001"), open_browser(app)
    seen = ann.submit(ann.open("/accounts"), "/accounts/sandbox/connect")
    onward = httpx.URL(seen.links["Continue to Salesforce"]).raw_path.decode()
    assert other.open(onward).path == "/accounts"
    users["localhost:3001"] = "ann"
    assert other.open(onward).path == "/accounts", "who brings a ticket that is not theirs has taken it"


def test_a_ticket_is_taken_by_one_of_many(installation: Installation) -> None:
    tickets, taken = ConnectTickets(installation.engine), []
    ticket, barrier = tickets.issue("ann", SANDBOX), threading.Barrier(8)

    def take() -> None:
        barrier.wait()
        taken.append(tickets.take(ticket, "ann"))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, taken)) == sorted(["None"] * 7 + ["sandbox"])


def test_a_ticket_ends_soon(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integration_center.accounts.tickets.LIFETIME", timedelta(0))
    tickets = ConnectTickets(installation.engine)
    assert tickets.take(tickets.issue("ann", SANDBOX), "ann") is None


def test_a_ticket_that_nobody_made_begins_nothing(browser: Browser) -> None:
    for ticket in ("", "guess"):
        assert browser.open(f"/accounts/connect?ticket={ticket}").path == "/accounts"


@pytest.mark.usefixtures("nobody")
def test_on_another_port_than_the_callbacks_one_is_reported(
    open_browser: Callable[..., Browser], console: Console
) -> None:
    browser = open_browser(build_app(console), "http://localhost:4001")
    seen = browser.submit(browser.open("/accounts"), "/accounts/sandbox/connect", status=409)
    assert "A setting has to be corrected" in seen.text
    assert "open the console at http://localhost:3001" in seen.text
    assert "Ask the server admin" in seen.text
