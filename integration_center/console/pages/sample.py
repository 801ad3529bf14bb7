"""A button for those who have no report yet: a report of made-up logins about the sandbox's own Leads."""

from datetime import UTC, datetime
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from integration_center.access.audit import Action
from integration_center.console.shell.context import Console, console_of, note
from integration_center.console.shell.page import Page, change
from integration_center.console.shell.rendering import redirect
from integration_center.console.wizard.drafts import Draft
from integration_center.console.wizard.page import begin_with
from integration_center.insights.sample_report import FOLDER, SAMPLE, write_sample_report
from integration_center.insights.source import last_full_day
from integration_center.integration.spec import Environment

LEADS = "SELECT Email FROM Lead WHERE Email != null ORDER BY Email LIMIT 50"
NO_PLACE = "A sample report needs a connected Sandbox, and reports in a folder of this machine."
NO_LEADS = "Sandbox has no Lead with an e-mail address, so there is nobody to make a sample report about."


def find_place(console: Console) -> Path | None:
    """Find the folder that takes the sample report; None where there is none, or it has the report already.

    The values are made up, so it is offered with a sandbox only.
    """
    settings = console.installation.settings
    root = Path(settings.walkme_files_root)
    if settings.walkme_source != "files" or not settings.walkme_files_root or "://" in settings.walkme_files_root:
        return None
    connected = {account.environment for account in console.installation.accounts.list()}
    return root if Environment.SANDBOX in connected and not (root / FOLDER).exists() else None


def add_sample(request: Request) -> Response:
    """Write the report, and begin an integration of it."""
    console = console_of(request)
    root = find_place(console)
    if root is None:
        raise HTTPException(409, NO_PLACE)
    with console.interactive.connect(Environment.SANDBOX) as org:
        people = sorted({str(lead["Email"]).lower() for page in org.query(LEADS) for lead in page})
    if not people:
        return redirect(request, "/reports", NO_LEADS, "warning")
    write_sample_report(root, people, last_full_day(datetime.now(UTC)))
    note(request, Action.CREATED, detail=f"the report {SAMPLE}, with made-up logins of {len(people)} Leads")
    console.forget_reports()
    message = f"{SAMPLE} is there: made-up logins of {len(people)} Leads of Sandbox. Nothing is written before a run."
    draft = Draft(environment=Environment.SANDBOX.value, report=SAMPLE, object="Lead")
    return begin_with(request, draft, "report", message)


PAGE = Page(routes=(change("/sample", add_sample),))
