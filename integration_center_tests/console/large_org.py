"""Objects and fields beside those of the local org, as many as large orgs have."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from integration_center.salesforce.objects.describe import SObjectSummary
from integration_center.salesforce.org import Org
from integration_center.sync.schema import SObjectField, SObjectSchema


def build_text_field(number: int) -> SObjectField:
    """Build a custom field for text."""
    return SObjectField(f"Field_{number}__c", f"Field {number}", "string", length=80, custom=True)


def enlarge_org(
    monkeypatch: pytest.MonkeyPatch,
    *,
    objects: int,
    fields: int,
    build: Callable[[int], SObjectField] = build_text_field,
    more: tuple[SObjectField, ...] = (),
) -> None:
    """Let each org have so many further objects, and each object so many further fields.

    Args:
        monkeypatch: changes what the product reads of an org, for one test.
        objects: called `Thing_0__c` and so on.
        fields: what `build` makes of their numbers.
        build: makes a field.
        more: fields before these.
    """
    list_objects, describe = Org.list_objects, Org.describe

    def list_many(org: Org) -> tuple[SObjectSummary, ...]:
        further = (SObjectSummary(f"Thing_{n}__c", f"Thing {n}", True, True, True) for n in range(objects))
        return (*list_objects(org), *further)

    def describe_many(org: Org, name: str) -> SObjectSchema:
        schema = describe(org, name)
        return replace(schema, fields=(*schema.fields, *more, *map(build, range(fields))))

    monkeypatch.setattr(Org, "list_objects", list_many)
    monkeypatch.setattr(Org, "describe", describe_many)
