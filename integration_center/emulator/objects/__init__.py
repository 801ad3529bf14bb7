"""The objects of the local org, one module each."""

from integration_center.emulator.objects.account import ACCOUNT
from integration_center.emulator.objects.contact import CONTACT
from integration_center.emulator.objects.definitions import ENTITY_DEFINITION, FIELD_DEFINITION
from integration_center.emulator.objects.engagement import ENGAGEMENT
from integration_center.emulator.objects.lead import LEAD
from integration_center.emulator.objects.organization import ORGANIZATION, USER_PERMISSION_ACCESS
from integration_center.emulator.objects.user import USER
from integration_center.emulator.schema import SObject

OBJECTS: tuple[SObject, ...] = (
    *(ACCOUNT, CONTACT, LEAD, ORGANIZATION, USER, USER_PERMISSION_ACCESS, ENGAGEMENT),
    *(ENTITY_DEFINITION, FIELD_DEFINITION),
)

__all__ = ["OBJECTS"]
