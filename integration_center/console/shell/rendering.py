"""Pages from templates. Everything that a template shows is escaped."""

import gzip
import hashlib
import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import cache, lru_cache, partial
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from integration_center.console.naming import mark_names
from integration_center.console.plain_words import list_options, make_plain
from integration_center.console.results import say_retry, say_status, tone_of
from integration_center.console.shell.moments import (
    mark_moment,
    mark_stamps,
    say_left,
    say_moment,
    show_moment,
    show_span,
)
from integration_center.console.shell.sessions import Tone
from integration_center.console.shell.values import show_value, split_change
from integration_center.sync.outcome_words import (
    OUTCOME_WORDS,
    TROUBLED,
    order_counts,
    say_counts,
    say_records,
    title_outcome,
)
from integration_center.wording.sentences import count

PARTS = "x-parts"
"""The header in which our script names the parts of a page that it takes over."""
WHOLE = "wizard"
"""The part that is all of a screen."""
LEVEL = 5
INDENTATION: Final = re.compile(r"^[ \t]+", re.MULTILINE)


class UnindentedLoader(PackageLoader):
    """Reads templates without the indentation of their lines, which is a sixth of a page with many rows."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool] | None]:
        """Read a template. The text in `<pre>` comes from values, which stay as they are."""
        source, path, is_current = super().get_source(environment, template)
        return INDENTATION.sub("", source), path, is_current


@lru_cache(maxsize=1)
def build_templates(now: Callable[[], datetime]) -> Environment:
    """The templates, with our filters. An unknown name in a template is an error, not an empty place.

    Always the same ones for a clock: they keep what they have compiled, which takes longer than most pages.

    Args:
        now: the clock, UTC.
    """
    environment = Environment(
        loader=UnindentedLoader("integration_center.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "when": show_moment,
        "ago": lambda moment: mark_moment(moment, now()),
        "near": lambda moment: say_moment(moment, now()),
        "span": show_span,
        "left": say_left,
        "count": show_count,
        "counted": count,
        "value": show_value,
        "stamps": lambda text: mark_stamps(text, now()),
        "titled": title_outcome,
        "plain": make_plain,
        "options": list_options,
    }
    environment.globals |= {
        "asset": asset_url,
        "tone_of": tone_of,
        "say_retry": say_retry,
        "say_status": say_status,
        "TROUBLED": TROUBLED,
        "WORDS": OUTCOME_WORDS,
        "order_counts": order_counts,
        "say_counts": say_counts,
        "say_records": say_records,
        "split_change": split_change,
    }
    return environment


def show_count(number: int) -> str:
    """`12,345`."""
    return f"{number:,}"


@cache
def asset_url(name: str) -> str:
    """The address of a static file; it changes with the content, so browsers may keep the file."""
    content = files("integration_center.console").joinpath("static", name).read_bytes()
    return f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"


def render(request: Request, template: str, values: Mapping[str, Any] | None = None, *, status: int = 200) -> Response:
    """A page.

    Args:
        request: what it answers.
        template: its file in `templates/`.
        values: what the template names, besides `request`, `user`, `stop`, `nav`, `csrf`, `messages`, `read_only`
            and `in_database`, where the integrations are, and `named`, which writes labels into a sentence.
        status: of HTTP.
    """
    state, settings = request.state, request.app.state.console.installation.settings
    content = request.app.state.templates.get_template(template).render(
        request=request,
        user=getattr(state, "user", None),
        stop=getattr(state, "stop", None),
        nav=request.app.state.nav,
        csrf=state.session.csrf,
        messages=state.session.take_messages(),
        read_only=settings.defs_read_only,
        in_database=settings.defs_in_database,
        wants=partial(wants_part, parts := request.headers.get(PARTS, "").split()),
        named=partial(mark_names, request.app.state.console, schema=(values or {}).get("schema")),
        **(values or {}),
    )
    if not parts or "gzip" not in request.headers.get("accept-encoding", ""):
        return HTMLResponse(content, status_code=status)
    # Only for our script: no other site can ask with this header, so none learns of a token by the length of an answer.
    packed = gzip.compress(content.encode(), compresslevel=LEVEL, mtime=0)
    return HTMLResponse(packed, status_code=status, headers={"content-encoding": "gzip"})


def wants_part(parts: Collection[str], *names: str) -> bool:
    """Whether an answer needs a part of a page: one of these ids is among those asked for, or none was asked for."""
    return not parts or WHOLE in parts or not set(parts).isdisjoint(names)


def redirect(request: Request, to: str, message: str | None = None, tone: Tone = "success") -> Response:
    """Go on to another of our pages after a change, with a message there."""
    if message is not None:
        request.state.session.flash(make_plain(message), tone)
    return RedirectResponse(to, status_code=303)


def attach(name: str) -> Mapping[str, str]:
    """Return the headers of an answer that browsers save as a file."""
    return {"content-disposition": f'attachment; filename="{name}"'}


def leave_for(request: Request, url: str, name: str) -> Response:
    """Go on to a page elsewhere, such as an org's login page.

    Not by a redirect: after a form, our policy (`form-action 'self'`) forbids those, all along their chain.

    Args:
        request: what it answers.
        url: where to.
        name: what is there.
    """
    return render(request, "leave.html", {"url": url, "name": name})
