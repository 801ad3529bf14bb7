"""What a person does on Salesforce's own page, on the way to an account."""

from collections.abc import Callable
from html.parser import HTMLParser

import httpx

from integration_center_tests.console.browser import Browser, Seen


class _ConsentForm(HTMLParser):
    """Reads the hidden fields of the consent page."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        field = dict(attrs)
        if tag == "input" and field.get("type") == "hidden" and field.get("name"):
            self.fields[field["name"] or ""] = field.get("value") or ""


def decide(url: str, decision: str = "approve") -> str:
    """Press Allow or Deny on the consent page at `url`; the callback's path and query."""
    with httpx.Client(trust_env=False) as client:
        form = _ConsentForm()
        form.feed(client.get(url).raise_for_status().text)
        answer = client.post(str(httpx.URL(url).copy_with(query=None)), data={**form.fields, "decision": decision})
    assert answer.status_code == 302, answer.text
    return httpx.URL(answer.headers["location"]).raw_path.decode()


def leave(browser: Browser, environment: str = "sandbox") -> str:
    """Press + Add Account or Reconnect; where that leads."""
    seen = browser.submit(browser.open("/accounts"), f"/accounts/{environment}/connect")
    return seen.links["Continue to Salesforce"]


def come_back(browser: Browser, callback: str, status: int = 200) -> Seen:
    """Follow Salesforce's redirect to the console."""
    return browser.open(callback, status=status)


Connect = Callable[[Browser, str], Seen]


def connect(browser: Browser, environment: str = "sandbox") -> Seen:
    """The whole way, with Allow."""
    return come_back(browser, decide(leave(browser, environment)))
