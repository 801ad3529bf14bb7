"""User: the few fields that records point at."""

from dataclasses import replace

from salesforce_emulator.schema.field_kinds import checkbox, identity, read_only, system_fields, text
from salesforce_emulator.schema.fields import Field
from salesforce_emulator.schema.objects.person_name import person_name
from salesforce_emulator.schema.schema import SObject

_ID, _IS_DELETED = identity("User")

USER = SObject(
    "User",
    "User",
    "Users",
    "005",
    (
        _ID,
        replace(text("Username", "Username", 80, required=True), unique=True, id_lookup=True),
        *person_name(),
        Field("Email", "Email", "email", length=80, nillable=False, id_lookup=True),
        text("Alias", "Alias", 8, required=True),
        checkbox("IsActive", "Active"),
        read_only(text("UserType", "User Type", 40)),
        text("TimeZoneSidKey", "Time Zone", 40, required=True),
        text("LanguageLocaleKey", "Language", 40, required=True),
        *system_fields(),
    ),
    writable=False,
)
