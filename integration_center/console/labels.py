"""What people call an object and its fields: the org's labels, looked up in the background; else readable names."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from integration_center.console.lookups import wait_for
from integration_center.console.shell.context import Console
from integration_center.database.sync_records import SyncRecord
from integration_center.errors import IntegrationCenterError
from integration_center.integration.spec import Environment, IntegrationSpec
from integration_center.integration_files.reading import DefsFile
from integration_center.sync.reason_groups import Called
from integration_center.sync.schema import SObjectSchema

KEPT = 3_600.0
MOST = 200
PATIENCE = 0.4
"""Seconds for which a page waits; without an answer it shows readable forms of the API names."""
SUFFIX = re.compile(r"__[a-z]+$")


@dataclass(frozen=True)
class Labels:
    """The labels of one object.

    Attributes:
        object: the object's label.
        fields: the labels of its fields, by API name in lowercase.
    """

    object: str
    fields: Mapping[str, str] = field(default_factory=dict)

    def of(self, name: str) -> str:
        """Return the label of a field; a readable form of its API name where the label is not known."""
        return self.fields.get(name.lower()) or make_readable(name)

    def call(self, spec: IntegrationSpec | None) -> Called:
        """Return what the object and the key fields of an integration are called; a key is a key where it is None."""
        key = " and this ".join(self.of(pair.field) for pair in spec.keys) if spec else "key"
        return Called(self.object, key)


def find_labels(
    console: Console, environment: Environment | None, object_name: str, *, patience: float = PATIENCE
) -> Labels:
    """Find the labels of an object in the org connected now. Takes a moment once, and asks the org once an hour."""
    plain = Labels(make_readable(object_name))
    account = console.installation.accounts.find(environment) if environment else None
    if environment is None or account is None or not object_name:
        return plain

    def work(tell: Callable[[str], None]) -> Labels:
        try:
            with console.interactive.connect(environment) as org:
                schema = org.describe(object_name)
        except IntegrationCenterError:  # the pages that need the org say why it does not answer
            return plain
        return name_all(schema)

    key = ("labels", account.org_id, account.connected_at.isoformat(), object_name.lower())
    answer = console.lookups.ask(key, work, kept=KEPT, most=MOST)
    return answer.get() if wait_for([answer], patience) else plain


def name_all(schema: SObjectSchema) -> Labels:
    """Return the labels of an object that is known already."""
    return Labels(schema.label, {each.name.lower(): each.label for each in schema.fields})


def spec_of_run(file: DefsFile | None, sync: SyncRecord) -> IntegrationSpec | None:
    """Return what an integration says if it said so when the run began; None where it was changed since."""
    return file.spec if file and file.modified_at <= sync.started_at else None


def make_readable(name: str) -> str:
    """Write an API name as words: `WalkMe_First_Login__c` becomes `WalkMe First Login`."""
    return SUFFIX.sub("", name).replace("_", " ").strip() or name
