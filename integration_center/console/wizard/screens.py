"""What the three screens share: the draft of the address, the headers, and waiting for calls that take their time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from integration_center.console.lookups import Answer
from integration_center.console.naming import mark_names
from integration_center.console.plain_words import say_error
from integration_center.console.shell.context import Console, console_of, user_of
from integration_center.console.shell.faults import find_signpost
from integration_center.console.shell.page import form_of
from integration_center.console.shell.rendering import redirect, render
from integration_center.console.shell.security import Form
from integration_center.console.wizard.calls import Calls
from integration_center.console.wizard.drafts import Draft, DraftStore
from integration_center.errors import AccountError, IntegrationCenterError
from integration_center.wording.sentences import capitalize_first

REFRESH = "refresh"
"""In the address of a page that the browser asks for again by itself."""
STEPS: Mapping[str, str] = {
    "environment": "1. Environment",
    "report": "2. Report and object",
    "mapping": "3. Mapping",
}


@dataclass(frozen=True)
class Screen:
    """One request to one screen.

    Attributes:
        draft_id: names the draft in the address.
        draft: as it is kept.
    """

    request: Request
    draft_id: str
    draft: Draft

    @classmethod
    def open(cls, request: Request) -> "Screen":
        """The draft that the address names.

        Raises:
            ConfigurationError: there is none, or it is somebody else's.
        """
        draft_id = request.path_params["draft"]
        return cls(request, draft_id, store_of(request).get(draft_id, user_of(request).name))

    @property
    def console(self) -> Console:
        """The running console."""
        return console_of(self.request)

    @cached_property
    def calls(self) -> Calls:
        """The calls to orgs and report sources."""
        return Calls(self.console)

    @property
    def slug(self) -> str:
        """The integration that is edited; empty for a new one."""
        return self.draft.base.slug if self.draft.base else ""

    @property
    def form(self) -> Form:
        """What was typed."""
        return form_of(self.request)

    @property
    def path(self) -> str:
        """The address of the draft's screens."""
        return f"/wizard/{self.draft_id}"

    @property
    def refreshing(self) -> bool:
        """Whether the browser asked by itself, for a part of the page."""
        return REFRESH in self.request.query_params

    @property
    def kept_lists(self) -> frozenset[str]:
        """The long lists that the page of our script has already."""
        return frozenset(self.request.headers.get("x-lists", "").split())

    @property
    def asked_list(self) -> str:
        """The long list that our script asks for by its name, because somebody opens it."""
        return self.request.query_params.get("list", "")

    @property
    def asked_row(self) -> str:
        """The number of the row whose lists somebody without a script wants to see whole."""
        return self.request.query_params.get("row", "")

    @property
    def hides_values(self) -> bool:
        """Whether somebody set that values are not shown. Without the setting, the wizard shows them."""
        settings = self.console.installation.settings
        return "previews" in settings.model_fields_set and not settings.previews

    @property
    def checking(self) -> bool:
        """Whether somebody tried to go on, so that what is missing is marked."""
        return "check" in self.request.query_params

    def keep(self, draft: Draft) -> "Screen":
        """Keep a changed draft."""
        draft = draft.number_rows()
        if draft != self.draft:
            store_of(self.request).save(self.draft_id, user_of(self.request).name, draft)
        return Screen(self.request, self.draft_id, draft)

    def go(self, step: str, message: str | None = None, *, check: bool = False, row: str = "") -> Response:
        """To a screen of this draft; `row` is the number of the row whose lists are shown whole."""
        asked = "?check=1" if check else f"?row={row}#row-{row}" if row else ""
        to = f"{self.path}/{step}{asked}"
        return redirect(self.request, to, message, "warning")

    def show(self, step: str, template: str, values: Mapping[str, Any], *, status: int = 200) -> Response:
        """A screen."""
        shared = {
            "draft": self.draft,
            "path": self.path,
            "here": f"{self.path}/{step}",
            "step": step,
            "steps": STEPS,
            "title": self.title,
            "checking": self.checking,
            "hides_values": self.hides_values,
            "refresh": f"{self.path}/{step}?{urlencode(self._keep_asked())}",
        }
        return render(self.request, template, {**shared, **values}, status=status)

    def _keep_asked(self) -> Mapping[str, str]:
        """What a page that comes in parts asks for again with each part."""
        check, row = {"check": "1"} if self.checking else {}, {"row": self.asked_row} if self.asked_row else {}
        return {REFRESH: "1", **check, **row}

    @property
    def title(self) -> str:
        """What is being made or changed."""
        name = self.draft.attributes.get("name")
        if self.draft.base:
            return f"Edit {name or self.draft.base.slug}"
        return f"Copy of {self.draft.source}" if self.draft.source else "New integration"

    def show_waiting(self, step: str, answers: Sequence[Answer[Any]]) -> Response:
        """Progress, until the calls have answered."""
        says = [answer.step for answer in answers if not answer.ready and answer.step]
        return self.show(step, "wizard/waiting.html", {"says": says})

    def show_fault(self, step: str, error: IntegrationCenterError) -> Response:
        """What is wrong and what to do, with the headers in place: the draft is not lost."""
        status, headline, link, says = find_signpost(error)
        account = self.draft.slot if isinstance(error, AccountError) and user_of(self.request).may_change else None
        said = mark_names(self.console, capitalize_first(say_error(error)))
        values = {
            "connects": account,
            "headline": headline,
            "said": said,
            "link": link,
            "says": says,
        }
        # A page that the browser asked for by itself has to be taken over into the one that is shown.
        return self.show(step, "wizard/fault.html", values, status=200 if self.refreshing else status)


def store_of(request: Request) -> DraftStore:
    """The drafts."""
    return DraftStore(console_of(request).installation.engine)
