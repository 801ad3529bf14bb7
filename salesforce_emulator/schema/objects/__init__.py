"""The objects of the local org, one module each."""

from salesforce_emulator.schema.objects.account import ACCOUNT
from salesforce_emulator.schema.objects.activity import EVENT, TASK
from salesforce_emulator.schema.objects.automation import AUTOMATION_OBJECTS, CUSTOM_FIELD
from salesforce_emulator.schema.objects.contact import CONTACT
from salesforce_emulator.schema.objects.definitions import ENTITY_DEFINITION, FIELD_DEFINITION
from salesforce_emulator.schema.objects.engagement import ENGAGEMENT
from salesforce_emulator.schema.objects.lead import LEAD
from salesforce_emulator.schema.objects.organization import ORGANIZATION, USER_PERMISSION_ACCESS
from salesforce_emulator.schema.objects.permission_sets import PERMISSION_OBJECTS
from salesforce_emulator.schema.objects.user import USER
from salesforce_emulator.schema.schema import SObject

OBJECTS: tuple[SObject, ...] = (
    *(ACCOUNT, CONTACT, LEAD, ORGANIZATION, USER, USER_PERMISSION_ACCESS, ENGAGEMENT, TASK, EVENT),
    *(ENTITY_DEFINITION, FIELD_DEFINITION),
    *PERMISSION_OBJECTS,
    *AUTOMATION_OBJECTS,
    CUSTOM_FIELD,
)

__all__ = ["OBJECTS"]
