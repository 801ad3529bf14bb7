"""The name fields of people, which Lead and Contact share."""

from dataclasses import replace

from salesforce_emulator.schema.field_kinds import picklist, read_only, text
from salesforce_emulator.schema.fields import Field
from salesforce_emulator.schema.objects.choices import SALUTATIONS


def person_name() -> tuple[Field, ...]:
    """Return last name, first name, salutation and the full name that the org composes of them."""
    return (
        replace(text("LastName", "Last Name", 80, required=True, compound="Name"), extra="personname"),
        replace(text("FirstName", "First Name", 40, compound="Name"), extra="personname"),
        replace(
            picklist("Salutation", "Salutation", SALUTATIONS, length=40),
            compound="Name",
            extra="personname",
        ),
        replace(
            read_only(text("Name", "Full Name", 121, required=True)),
            name_field=True,
            extra="personname",
            sql="TRIM(COALESCE({row}.FirstName || ' ', '') || {row}.LastName)",
        ),
    )
