"""Somebody in the wizard without script: fills in forms, presses buttons, waits for progress to end."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html.parser import HTMLParser

import httpx

from integration_center.console.shell.security import TOKEN_FIELD
from integration_center_tests.console.browser import Browser, Seen

WAITS = 60
MESSAGE = re.compile(r'<p class="notice \w+" role="(?:alert|status)">.*?</p>', re.DOTALL)
FOLLOWED_FOR_EVER = {"grid", "state"}
"""The live parts of the front page and of an integration's page."""


class Inputs(HTMLParser):
    """What a form would send, the wizard's unless another is named, and what its lists offer."""

    def __init__(self, form: str = "wizard-form") -> None:
        super().__init__()
        self._form = form
        self.sent: list[tuple[str, str]] = []
        self.offers: dict[str, dict[str, tuple[str, bool]]] = {}
        self.buttons: dict[str, bool] = {}
        self._inside = False
        self._select: str | None = None
        self._option: tuple[str, bool] | None = None
        self._first: str | None = None
        self._text: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "form":
            self._inside = said.get("id") == self._form
        if not self._inside:
            return
        name, value = said.get("name"), said.get("value") or ""
        if tag == "input" and name and "disabled" not in said:
            if said.get("type") not in {"checkbox", "radio"} or "checked" in said:
                self.sent.append((name, value))
        elif tag == "textarea":
            self._text = name
            self.sent.append((name or "", ""))
        elif tag == "select":
            self._select = name
            self.offers[said["id"] or ""] = {}
            self._first = said["id"]
            self.sent.append((name or "", ""))
        elif tag == "option" and self._select:
            if "selected" in said:
                self.sent[-1] = (self._select, value)
            self._option = (value, "disabled" in said)
            self.offers[self._first or ""][value] = ("", "disabled" in said)
        elif tag == "button":
            self.buttons[value] = "disabled" not in said

    def handle_data(self, data: str) -> None:
        if self._text:
            self.sent[-1] = (self._text, self.sent[-1][1] + data)
        if self._option:
            value, disabled = self._option
            self.offers[self._first or ""][value] = (data.strip(), disabled)
            self._option = None

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = None
        elif tag == "textarea":
            self._text = None
        elif tag == "form":
            self._inside = False


@lru_cache(maxsize=4)
def read_inputs(html: str) -> Inputs:
    """Read the wizard's form of a page once: its lists are long."""
    reader = Inputs()
    reader.feed(html)
    return reader


def keep_messages(answer: httpx.Response, messages: Sequence[str]) -> httpx.Response:
    """Keep on the page what it said before a part of it was made new: the script leaves that where it is."""
    lost = "".join(message for message in messages if message not in answer.text)
    content = answer.text.replace("</main>", f"{lost}</main>", 1)
    return httpx.Response(answer.status_code, html=content, request=answer.request)


@dataclass
class WizardUser:
    """One draft in one browser.

    Attributes:
        seen: the page in front.
    """

    browser: Browser
    seen: Seen

    @classmethod
    def begin(cls, browser: Browser, path: str = "/integrations/new") -> "WizardUser":
        """A new draft, or that of an integration."""
        user = cls(browser, Seen(browser.client.get(path)))
        user.wait()
        return user

    @property
    def root(self) -> str:
        """The address of the draft's screens."""
        return "/".join(self.seen.path.split("/")[:3])

    @property
    def step(self) -> str:
        """The screen in front."""
        return self.seen.path.split("/")[3].partition("?")[0]

    @property
    def inputs(self) -> Inputs:
        """The form of the screen."""
        return read_inputs(self.seen.html)

    @property
    def values(self) -> dict[str, list[str]]:
        """What the form would send now."""
        values: dict[str, list[str]] = {}
        for name, value in self.inputs.sent:
            values.setdefault(name, []).append(value)
        return values

    def open(self, step: str, status: int = 200) -> Seen:
        """Go to a screen by its address."""
        self.seen = self.browser.open(f"{self.root}/{step}", status)
        return self.wait()

    def press(self, go: str, values: Mapping[str, str | Sequence[str] | None] | None = None) -> Seen:
        """Fill in some inputs (None: unchecked), press a button of the screen, and wait."""
        fields = {**self.values, **{n: [v] if isinstance(v, str) else list(v or ()) for n, v in (values or {}).items()}}
        path = self.seen.path.partition("?")[0]
        return self.send(path, {**fields, "go": [go]})

    def send(self, path: str, fields: Mapping[str, Sequence[str]]) -> Seen:
        """Send fields as they are, with the session's token."""
        sent = {**{n: list(v) for n, v in fields.items()}, TOKEN_FIELD: self.seen.token}
        answer = self.browser.client.post(path, data=sent)
        self.seen = Seen(answer)
        return self.wait()

    def wait(self) -> Seen:
        """Ask again while progress, or a match rate under way, is shown; the server waits a moment each time.

        The grid has no end: it is followed for as long as it is open.
        """
        messages = MESSAGE.findall(self.seen.html)
        for _ in range(WAITS):
            live = [tag for _, tag in self.seen.tags_with("data-refresh=") if tag.get("id") not in FOLLOWED_FOR_EVER]
            if not live:
                return self.seen
            self.seen = Seen(keep_messages(self.browser.client.get(live[0]["data-refresh"] or ""), messages))
        raise AssertionError(f"still in progress: {self.seen.text}")

    def to_report(self, report: str = "Logins", sobject: str = "Lead") -> Seen:
        """From the first screen to the second, with report and object chosen."""
        self.press("next", {"environment": "sandbox"})
        return self.press("stay", {"report": report, "object": sobject})

    def to_mapping(self, report: str = "Logins", sobject: str = "Lead") -> Seen:
        """From the first screen to the third, with everything as proposed."""
        self.to_report(report, sobject)
        return self.press("next")
