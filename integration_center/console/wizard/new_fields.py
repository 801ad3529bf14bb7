"""Fields that a draft lacks: as a package for the Salesforce admin, or created in the org on consent."""

from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from integration_center.access.audit import Action
from integration_center.console.plain_words import say_error_sentence
from integration_center.console.shell.context import note
from integration_center.console.shell.rendering import attach, redirect
from integration_center.console.wizard.calls import Calls, require_environment
from integration_center.console.wizard.saving import find_missing
from integration_center.console.wizard.screens import Screen
from integration_center.console.wizard.values import judge_rows
from integration_center.errors import IntegrationCenterError
from integration_center.integration.spec import Environment
from integration_center.salesforce.objects.field_creation import CreatedFields, create_fields, write_help_text
from integration_center.salesforce.objects.field_package import build_package, can_deploy, is_creatable
from integration_center.sync.mapping.missing_fields import MissingField


def download_missing(request: Request) -> Response:
    """The metadata package with the fields that the draft lacks.

    Raises:
        HTTPException: 404, none is missing that a package could create.
    """
    screen = Screen.open(request)
    name, listed = list_missing(screen)
    missing = [field for field in listed if can_deploy(field)]
    if not missing:
        raise HTTPException(404, "No field is missing that a metadata file could create.")
    version = screen.console.installation.settings.api_version
    content = build_package(name, missing, api_version=version)
    return Response(content, media_type="application/zip", headers=attach("missing-fields.zip"))


def create_missing(screen: Screen) -> Response:
    """Create the missing fields in the org, grant access to them, and show the mapping screen again."""
    environment, there = require_environment(screen.draft), f"{screen.path}/mapping"
    try:
        name, listed = list_missing(screen)
        about = write_help_text(screen.draft.options.get("name") or "New integration", screen.draft.report)
        done = create_in(screen.calls, environment, name, listed, about)
    except IntegrationCenterError as error:
        return redirect(screen.request, there, say_error_sentence(error), "danger")
    said = done.summarize(name)
    note(screen.request, Action.CREATED_FIELDS, environment=environment, detail=said)
    return redirect(screen.request, there, said, "success" if done.whole else "warning")


def create_in(
    calls: Calls, environment: Environment, name: str, fields: Sequence[MissingField], help_text: str
) -> CreatedFields:
    """Create those of the missing fields of an object that we can, and grant access to them.

    Raises:
        IntegrationCenterError: nothing was created.
    """
    creatable = [field for field in fields if is_creatable(field)]
    try:
        user_id = calls.account(environment).user_id
        with calls.console.interactive.connect(environment) as org:
            sleep = org.polling.sleep
            return create_fields(org.session, environment, name, creatable, user_id, help_text=help_text, sleep=sleep)
    finally:
        calls.forget(environment)  # also when only some of them were created


def list_missing(screen: Screen) -> tuple[str, list[MissingField]]:
    """The object's API name, and the fields that the draft maps to and that the org lacks or hides.

    Raises:
        IntegrationCenterError: the report or the org cannot be asked.
    """
    environment = require_environment(screen.draft)
    rows = screen.calls.newest(screen.draft).get()
    schema = screen.calls.schema(environment, screen.draft.object).get()
    names = screen.calls.field_names(environment, schema.name).get() or ()
    judged = judge_rows(screen.draft, rows, screen.calls.values(screen.draft, rows))
    return schema.name, find_missing(screen.draft, schema, rows.frame, [each.dtype for each in judged], names)
