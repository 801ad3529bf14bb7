"""Contact: standard fields with a real org's attributes, and the fields a WalkMe customer adds."""

from dataclasses import replace

from salesforce_emulator.schema.field_kinds import (
    address,
    checkbox,
    day,
    identity,
    moment,
    number,
    picklist,
    read_only,
    reference,
    system_fields,
    text,
    text_area,
)
from salesforce_emulator.schema.fields import Field
from salesforce_emulator.schema.objects.choices import CLEAN_STATUSES, SOURCES
from salesforce_emulator.schema.objects.person_name import person_name
from salesforce_emulator.schema.schema import SObject

_STANDARD = (
    *identity("Contact"),
    read_only(reference("MasterRecordId", "Master Record ID", ("Contact",), "MasterRecord")),
    reference("AccountId", "Account ID", ("Account",), "Account"),
    *person_name(),
    *address("Other", "Other ", "OtherAddress"),
    *address("Mailing", "Mailing ", "MailingAddress"),
    Field("Phone", "Business Phone", "phone", length=40),
    Field("Fax", "Business Fax", "phone", length=40),
    Field("MobilePhone", "Mobile Phone", "phone", length=40),
    Field("HomePhone", "Home Phone", "phone", length=40),
    Field("OtherPhone", "Other Phone", "phone", length=40),
    Field("AssistantPhone", "Asst. Phone", "phone", length=40),
    reference("ReportsToId", "Reports To ID", ("Contact",), "ReportsTo"),
    Field("Email", "Email", "email", length=80, id_lookup=True),
    text("Title", "Title", 128),
    text("Department", "Department", 80),
    text("AssistantName", "Assistant's Name", 40),
    picklist("LeadSource", "Lead Source", SOURCES),
    day("Birthdate", "Birthdate"),
    text_area("Description", "Contact Description", 32000),
    replace(
        reference("OwnerId", "Owner ID", ("User",), "Owner"),
        nillable=False,
        defaulted=True,
    ),
    *system_fields(),
    read_only(day("LastActivityDate", "Last Activity")),
    read_only(moment("LastCURequestDate", "Last Stay-in-Touch Request Date")),
    read_only(moment("LastCUUpdateDate", "Last Stay-in-Touch Save Date")),
    read_only(moment("LastViewedDate", "Last Viewed Date")),
    read_only(moment("LastReferencedDate", "Last Referenced Date")),
    replace(text("EmailBouncedReason", "Email Bounced Reason", 255), permissionable=False),
    replace(moment("EmailBouncedDate", "Email Bounced Date"), permissionable=False),
    replace(checkbox("IsEmailBounced", "Is Email Bounced"), createable=False, updateable=False),
    read_only(Field("PhotoUrl", "Photo URL", "url", length=255, extra="imageurl")),
    text("Jigsaw", "Data.com Key", 20),
    read_only(replace(text("JigsawContactId", "Jigsaw Contact ID", 20), relationship="JigsawContact")),
    picklist("CleanStatus", "Clean Status", CLEAN_STATUSES, length=40, restricted=True),
    replace(reference("IndividualId", "Individual ID", ("Individual",), "Individual"), permissionable=False),
)

_CUSTOM = (
    moment("WalkMe_First_Login__c", "WalkMe First Login"),
    moment("WalkMe_Last_Login__c", "WalkMe Last Login"),
    number("WalkMe_Logins_Last_30_Days__c", "WalkMe Logins Last 30 Days", 18, 0),
    number("WalkMe_NPS_Score__c", "WalkMe NPS Score", 3, 0),
    text("WalkMe_NPS_Comment__c", "WalkMe NPS Comment", 255),
    number("WalkMe_Onboarding__c", "WalkMe Onboarding", 5, 2, "percent"),
)

CONTACT = SObject("Contact", "Contact", "Contacts", "003", _STANDARD + _CUSTOM)
