"""Create missing custom fields in the org, and open them by the generated permission set alone.

Sources: Tooling API guide and Metadata API Developer Guide, "CustomField". A field that is made through the API has no
field-level security for anyone, its maker included, so it is invisible until a permission set grants it. A create
cannot be repeated blindly: after a lost answer, or when the name is taken, the org is asked what is there.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from integration_center.errors import (
    ConfigurationError,
    IntegrationCenterError,
    OrgError,
    TransientError,
)
from integration_center.integration.spec import Environment
from integration_center.salesforce.client.session import Session
from integration_center.salesforce.client.soql import build_select, quote
from integration_center.salesforce.objects.describe import read_schema
from integration_center.salesforce.objects.field_package import SHARED_FIELDS, build_metadata, is_creatable
from integration_center.salesforce.objects.permission_set import name_permission_set
from integration_center.salesforce.objects.permission_writing import REFUSED, Applied, apply_permission_set, quote_org
from integration_center.sync.mapping.missing_fields import CUSTOM_SUFFIX, MissingField, tell_labels_apart
from integration_center.sync.needs import ObjectNeeds

logger = logging.getLogger(__name__)

LOOKS = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Waits, in seconds, between looks whether new fields are visible: no page says how soon that is."""
HELP_LENGTH = 255
TAKEN = frozenset({"DUPLICATE_DEVELOPER_NAME", "DUPLICATE_VALUE"})
DAILY_LIMIT = "REQUEST_LIMIT_EXCEEDED"
MAY_NOT = (
    "the connected user may not create fields: that takes Customize Application; send the request or the package to the"
    " Salesforce admin instead"
)


@dataclass
class CreatedFields:
    """What became of missing fields.

    Attributes:
        created: names of the fields that are new.
        existing: names of fields that were there already.
        refused: a sentence for each field that the org did not accept, and for what was not done at all.
        applied: what became of the permission set; None when there was no field to open.
        invisible: names of fields that the connected user still does not see.
    """

    created: list[str] = field(default_factory=list)
    existing: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    applied: Applied | None = None
    invisible: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether all fields are there and can be written."""
        return not (self.refused or self.invisible or (self.applied and self.applied.refused))

    def summarize(self, object_name: str) -> str:
        """Say in a few sentences what was done and what is left to do."""
        parts = []
        if self.created:
            parts.append(f"Created on {object_name}: {', '.join(self.created)}.")
        if self.existing:
            parts.append(f"Already there: {', '.join(self.existing)}.")
        parts += [f"Refused: {each}." for each in self.refused]
        if self.applied:
            parts += [f"Not granted: {each}." for each in self.applied.refused]
            if self.applied.assignment:
                parts.append(f"The permission set is not assigned: {self.applied.assignment}.")
        if self.invisible:
            parts.append(f"Not visible yet: {', '.join(self.invisible)}. Look again in a minute.")
        return " ".join(parts) or "No field was missing."


def create_fields(
    session: Session,
    environment: Environment,
    object_name: str,
    fields: Sequence[MissingField],
    user_id: str,
    *,
    help_text: str,
    sleep: Callable[[float], object],
) -> CreatedFields:
    """Create the fields, grant Read and Edit on them by the environment's permission set, and wait to see them.

    Hidden fields are only granted. The permission set keeps what it grants already. Each step can be repeated. An error
    after a field was created is part of the result: an auditor of the org has to know of the field.

    Args:
        session: the session of the connected user.
        environment: names the permission set.
        object_name: the API name of the object.
        fields: the missing fields.
        user_id: the connected user, who gets the permission set.
        help_text: says in Salesforce what fills the fields.
        sleep: waits some seconds.

    Raises:
        ConfigurationError: the connected user may not create fields or change permission sets.
        OrgError: the org refused to say what is there.
        TransientError: the org did not answer.
    """
    done = CreatedFields()
    try:
        _create_and_open(session, environment, object_name, fields, user_id, help_text, sleep, done)
    except IntegrationCenterError as error:
        if not done.created:
            raise
        done.refused.append(f"what was left to do: {error}")
    return done


def _create_and_open(
    session: Session,
    environment: Environment,
    object_name: str,
    fields: Sequence[MissingField],
    user_id: str,
    help_text: str,
    sleep: Callable[[float], object],
    done: CreatedFields,
) -> None:
    wanted = [each for each in tell_labels_apart(fields) if is_creatable(each)]
    for each in wanted:
        if each.hidden:
            done.existing.append(each.name)
        else:
            _create(session, SHARED_FIELDS.get(object_name, object_name), each, help_text, done)
    opened = [*done.created, *done.existing]
    if opened:
        needs = ObjectNeeds(object_name, dict.fromkeys(opened, True), edit=True)
        permission_set = name_permission_set(environment, [needs])
        done.applied = apply_permission_set(session, permission_set, user_id, adding=True)
        done.invisible = _wait_until_visible(session, object_name, opened, sleep)


def write_help_text(integration: str, report: str) -> str:
    """Write what Salesforce shows beside the field, in at most 255 characters."""
    return f"Filled by the Integration Center from the WalkMe report {report} ({integration})."[:HELP_LENGTH]


def _create(session: Session, owner: str, missing: MissingField, help_text: str, done: CreatedFields) -> None:
    body = {"FullName": f"{owner}.{missing.name}", "Metadata": build_metadata(missing, help_text)}
    try:
        session.request("POST", "tooling/sobjects/CustomField", idempotent=False, json=body)
    except TransientError as error:
        if not _exists(session, owner, missing.name):
            raise
        logger.info("%s.%s was created although the answer was lost (%s)", owner, missing.name, error)
    except OrgError as error:
        if error.code == DAILY_LIMIT:
            raise
        if error.code in REFUSED:
            raise ConfigurationError(MAY_NOT) from None
        if error.code not in TAKEN:
            done.refused.append(f"{missing.name}: {quote_org(error)}")
        elif _exists(session, owner, missing.name):
            done.existing.append(missing.name)
        else:
            done.refused.append(
                f"{missing.name}: its name is taken by a deleted field, which an admin has to erase first (Setup →"
                " Object Manager → Fields & Relationships → Deleted Fields)"
            )
        return
    done.created.append(missing.name)


def _exists(session: Session, owner: str, name: str) -> bool:
    """Ask the Tooling API, which lists fields without regard to field-level security."""
    developer_name = name[: -len(CUSTOM_SUFFIX)]
    where = f"EntityDefinition.QualifiedApiName = {quote(owner)} AND DeveloperName = {quote(developer_name)}"
    soql = build_select(["Id"], "CustomField", where)
    return bool(session.get_json("tooling/query", params={"q": soql}, members={"records": list})["records"])


def _wait_until_visible(
    session: Session, object_name: str, names: Sequence[str], sleep: Callable[[float], object]
) -> list[str]:
    """Describe the object until the fields are there and may be edited; return those that are not after some looks."""
    for seconds in (*LOOKS, None):
        schema = read_schema(session, object_name)
        unseen = [name for name in names if not ((found := schema.get(name)) and found.updateable)]
        if not unseen or seconds is None:
            return unseen
        sleep(seconds)
    raise AssertionError("the last look returns")
