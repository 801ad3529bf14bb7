"""The other integrations: after which of them a draft may run, and which fields they write."""

from integration_center.console.wizard.screens import Screen
from integration_center.integration.spec import Environment
from integration_center.integration_files.reading import DefsFile
from integration_center.sync.schema import SObjectSchema


def list_earlier(screen: Screen) -> list[tuple[str, str]]:
    """List the integrations after which this one may run: slug and name of all but itself."""
    base = screen.draft.base
    ours = base.slug if base else ""
    return [(file.slug, file.spec.name) for file in screen.console.defs.list() if file.spec and file.slug != ours]


def find_writers(screen: Screen, environment: Environment, schema: SObjectSchema) -> dict[str, DefsFile]:
    """The enabled integrations that write fields of the object, by the field's API name in lowercase."""
    base = screen.draft.base
    return {
        mapping.field.lower(): file
        for file in screen.console.defs.list()
        if file.spec and file.spec.enabled and file.slug != (base.slug if base else "")
        if file.spec.environment is environment and file.spec.object.lower() == schema.name.lower()
        for mapping in file.spec.fields
    }
