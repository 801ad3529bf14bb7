"""Search: why a record says what it says, what is stored of a person, and its erasure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from integration_center.access.users import Role
from integration_center.console.labels import Labels, find_labels
from integration_center.console.lookups import Answer, wait_for
from integration_center.console.plain_words import say_error
from integration_center.console.searches import LONGEST_TOKEN
from integration_center.console.shared_answers import SharedAnswers
from integration_center.console.shell.context import Console, address_of, console_of, user_of
from integration_center.console.shell.links import record_url
from integration_center.console.shell.page import Link, Page, change, form_of, view
from integration_center.console.shell.rendering import redirect, render
from integration_center.errors import IntegrationCenterError
from integration_center.integration.spec import Environment
from integration_center.pipeline.administration.person_requests import Held, find_person, forget_person
from integration_center.pipeline.runs.record_history import MOST, History, find_history
from integration_center.store.ledger_search import read_question
from integration_center.sync.outcomes import Outcome

HERE = "/search"
KEPT = 300.0
FEW = 4
"""Answers about people that are kept at most."""
HELD, ERASED = "held", "erased"


@dataclass(frozen=True)
class Erasure:
    """What an erasure did, in numbers: nothing of the person is in it.

    Attributes:
        rows, files: what was erased.
        searched: files that the second search looked at.
        left_files, left_texts: what it found.
    """

    rows: int
    files: int
    searched: int
    left_files: int
    left_texts: int


FORM = TypeAdapter(Erasure)


def show_search(request: Request) -> Response:
    """What runs wrote to the record or person searched for, and what is stored."""
    console, token = console_of(request), request.query_params.get("find", "")[:LONGEST_TOKEN]
    text = console.searches.find(token) or ""
    may_erase = user_of(request).may_change
    asked = (request.query_params.get("ask") if text and may_erase else None) or ""
    history = find_history(console.installation, read_question(text)) if text and not asked else None
    answer = _ask(console, asked, token, text)
    waiting = answer is not None and not wait_for([answer])
    held: Held | None = None
    erased: Erasure | None = None
    problem = ""
    if answer is not None and not waiting:
        try:
            found = answer.get()
            held, erased = (found, None) if isinstance(found, Held) else (None, found)
        except IntegrationCenterError as error:
            problem = say_error(error)
    values = {
        "text": text,
        "token": token,
        "forgotten": bool(token) and not text,
        "history": history,
        "most": MOST,
        "asked": asked,
        "waiting": waiting,
        "held": held,
        "erased": erased,
        "problem": problem,
        "may_erase": may_erase,
        "as_outcome": Outcome,
        "labels": _find_labels(console, history) if history else {},
        "org_of": lambda sync: record_url(console, sync, ""),
        "names": {file.slug: file.spec.name for file in console.defs.list() if file.spec} if history else {},
    }
    return render(request, "search.html", values)


def _find_labels(console: Console, history: History) -> Mapping[tuple[Environment | None, str], Labels]:
    """Find the labels of the objects that runs wrote to."""
    objects = {(entry.sync.environment, entry.sync.object) for entry in history.entries}
    return {(environment, name): find_labels(console, environment, name) for environment, name in objects}


def _share_erasures(console: Console) -> SharedAnswers[Erasure]:
    return SharedAnswers(ERASED, FORM, console.lookups, console.notes, console.cipher, kept=KEPT, most=FEW)


def _ask(console: Console, asked: str, token: str, text: str) -> Answer[Held] | Answer[Erasure] | None:
    """Ask for what is stored, or for the result of an erasure, in any console. No erasure is begun."""
    if asked == ERASED and (begun := _share_erasures(console).find(token)) is not None:
        return begun
    if asked not in (HELD, ERASED):
        return None

    def work(tell: Callable[[str], None]) -> Held:
        return find_person(console.installation, read_question(text))

    return console.lookups.ask((HELD, token), work, kept=KEPT, most=FEW)


def search(request: Request) -> Response:
    """Remember what is searched for, and show the result under an address without it."""
    token = console_of(request).searches.keep(form_of(request).get("text", "").strip())
    return redirect(request, f"{HERE}?find={token}" if token else HERE)


def erase(request: Request) -> Response:
    """Begin to erase a person. The page shows what came of it."""
    console, form = console_of(request), form_of(request)
    token = form.get("find", "")[:LONGEST_TOKEN]
    text = console.searches.find(token)
    if not text:
        raise HTTPException(400, "The search was some time ago, and is no longer remembered. Search again.")
    if not form.get("sure"):
        return redirect(request, f"{HERE}?find={token}&ask={HELD}", "Tick the box to say that you are sure.", "warning")
    who, where = user_of(request).name, address_of(request)

    def work(tell: Callable[[str], None]) -> Erasure:
        try:
            done = forget_person(console.installation, read_question(text), who=who, where=where)
        finally:
            console.lookups.forget(HELD)
        left = done.left
        return Erasure(done.before.rows, len(done.before.files), left.searched, len(left.files), left.texts)

    _share_erasures(console).ask(token, work)
    return redirect(request, f"{HERE}?find={token}&ask={ERASED}")


PAGE = Page(
    nav=(Link("Search", HERE),),
    routes=(
        view(HERE, show_search),
        change(HERE, search, role=Role.VIEWER),
        change("/search/erase", erase),
    ),
)
