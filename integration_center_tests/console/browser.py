"""A browser without a window: opens pages, sends their forms, keeps cookies, follows redirects."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser

import httpx
from starlette.types import ASGIApp

AFTER_A_WORD = frozenset(".")
VOID = {"input", "meta", "link", "br", "img", "hr", "path", "rect", "circle", "line"}


class InProcess(httpx.BaseTransport):
    """Speaks to an application in this process, each request in an event loop of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def answer() -> httpx.Response:
            response = await self.transport.handle_async_request(request)
            content = await response.aread()
            headers = [(name, value) for name, value in response.headers.multi_items() if name != "content-encoding"]
            return httpx.Response(response.status_code, headers=headers, content=content)  # unpacked by now

        return asyncio.run(answer())


@dataclass
class Form:
    """A form of a page, as a browser would send it."""

    method: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)


class _Reader(HTMLParser):
    """Collects what a person sees and can use."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: dict[str, str] = {}
        self.forms: list[Form] = []
        self.buttons: list[Form] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self._form: Form | None = None
        self._link: tuple[str, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.tags.append((tag, said))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "form":
            self._form = Form(said.get("method") or "get", said.get("action") or "")
            self.forms.append(self._form)
        if tag == "button" and "form" in self._open and self._form and (other := said.get("formaction")):
            self.buttons.append(Form(self._form.method, other, self._form.fields))
        name = said.get("name")
        filled = said.get("type") not in {"checkbox", "radio"} or "checked" in said
        if "form" in self._open and self._form and tag == "input" and name and filled:
            self._form.fields[name] = said.get("value") or ""
        if tag == "a":
            self._link = (said.get("href") or "", [])

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass
        if tag == "a" and self._link:
            self.links[" ".join("".join(self._link[1]).split())] = self._link[0]
            self._link = None

    def handle_data(self, data: str) -> None:
        if not {"script", "style", "title"} & set(self._open):
            # What goes on after an element within a sentence, such as a time.
            if data[:1] in AFTER_A_WORD and self.words:
                self.words[-1] += data
            else:
                self.words.append(data)
        if self._link:
            self._link[1].append(data)


@dataclass(frozen=True)
class Seen:
    """A page as it came."""

    response: httpx.Response

    @cached_property
    def reader(self) -> _Reader:
        """What a person sees and can use, read when it is first asked for."""
        reader = _Reader()
        reader.feed(self.response.text)
        return reader

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def path(self) -> str:
        """Where it is, after redirects."""
        return self.response.url.raw_path.decode()

    @property
    def html(self) -> str:
        return self.response.text

    @property
    def text(self) -> str:
        """All that can be read on it, blanks made one."""
        return " ".join(" ".join(self.reader.words).split())

    @property
    def token(self) -> str:
        """The session's token, as our pages carry it."""
        return self.tags_with('name="csrf-token"')[0][1]["content"] or ""

    @property
    def links(self) -> dict[str, str]:
        """Where each link leads, by its text."""
        return self.reader.links

    @property
    def targets(self) -> set[str]:
        """All that links lead to."""
        return {said.get("href") or "" for tag, said in self.tags if tag == "a"}

    @property
    def tags(self) -> list[tuple[str, dict[str, str | None]]]:
        """All elements with their attributes."""
        return self.reader.tags

    def tags_with(self, text: str) -> list[tuple[str, dict[str, str | None]]]:
        """The elements with a text among their attributes. Only they are read: a page of the wizard has thousands."""
        reader = _Reader()
        reader.feed("".join(re.findall(rf"<[a-z][^<>]*{re.escape(text)}[^<>]*>", self.html)))
        return reader.tags

    def form(self, action: str) -> Form:
        """The form that goes to `action`, itself or by one of its buttons."""
        found = [form for form in [*self.reader.forms, *self.reader.buttons] if form.action == action]
        assert found, f"no form goes to {action}; there are {[form.action for form in self.reader.forms]}"
        return found[0]


@dataclass
class Browser:
    """Somebody at the console."""

    client: httpx.Client

    def open(self, path: str, status: int = 200) -> Seen:
        """Go to a page."""
        seen = Seen(self.client.get(path))
        assert seen.status == status, f"GET {path}: {seen.status} {seen.text}"
        return seen

    def submit(self, seen: Seen, action: str, values: Mapping[str, str] | None = None, status: int = 200) -> Seen:
        """Fill in a form of a page and send it; the page it leads to."""
        form = seen.form(action)
        assert form.method == "post"
        return self.post(action, {**form.fields, **(values or {})}, status=status)

    def post(self, path: str, fields: Mapping[str, str], status: int = 200) -> Seen:
        """Send fields as they are."""
        seen = Seen(self.client.post(path, data=dict(fields)))
        assert seen.status == status, f"POST {path}: {seen.status} {seen.text}"
        return seen

    def token(self) -> str:
        """The session's token, as our pages carry it."""
        return self.open("/").token
