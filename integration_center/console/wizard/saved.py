"""What is saved already: the other integrations, and the last runs of the one that is edited."""

from collections.abc import Sequence

from integration_center.console.wizard.screens import Screen
from integration_center.database.sync_records import SyncRecord
from integration_center.database.touched import LOOKED_AT
from integration_center.integration.spec import Environment
from integration_center.integration_files.reading import DefsFile
from integration_center.sync.schema import SObjectSchema


def list_earlier(screen: Screen) -> list[tuple[str, str]]:
    """List the integrations after which this one may run: slug and name of all but itself."""
    files = screen.console.defs.list()
    return [(file.slug, file.spec.name) for file in files if file.spec and file.slug != screen.slug]


def find_writers(screen: Screen, environment: Environment, schema: SObjectSchema) -> dict[str, DefsFile]:
    """Find the other enabled integrations that write fields of the object, by the field's API name in lowercase."""
    return {
        mapping.field.lower(): file
        for file in screen.console.defs.list()
        if file.spec and file.spec.enabled and file.slug != screen.slug
        if file.spec.environment is environment and file.spec.object.lower() == schema.name.lower()
        for mapping in file.spec.fields
    }


def list_last_runs(screen: Screen) -> Sequence[SyncRecord]:
    """List the last runs of the integration, the newest first; none for a new one."""
    return screen.console.installation.syncs.history(screen.slug, limit=LOOKED_AT) if screen.slug else ()
