"""Lead: standard fields with a real org's attributes, and the fields a WalkMe customer adds."""

from dataclasses import replace

from salesforce_emulator.schema.field_kinds import (
    address,
    checkbox,
    choices,
    day,
    identity,
    integer,
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
from salesforce_emulator.schema.objects.choices import (
    CLEAN_STATUSES,
    INDUSTRIES,
    RATINGS,
    SOURCES,
    TOP_FEATURES,
)
from salesforce_emulator.schema.objects.person_name import person_name
from salesforce_emulator.schema.schema import SObject

_STATUSES = choices(
    "Open - Not Contacted",
    "Working - Contacted",
    "Closed - Converted",
    "Closed - Not Converted",
    default="Open - Not Contacted",
)

_STANDARD = (
    *identity("Lead"),
    read_only(reference("MasterRecordId", "Master Record ID", ("Lead",), "MasterRecord")),
    *person_name(),
    text("Title", "Title", 128),
    text("Company", "Company", 255, required=True),
    *address("", "", "Address"),
    Field("Phone", "Phone", "phone", length=40),
    Field("MobilePhone", "Mobile Phone", "phone", length=40),
    Field("Fax", "Fax", "phone", length=40),
    Field("Email", "Email", "email", length=80, id_lookup=True),
    Field("Website", "Website", "url", length=255),
    read_only(Field("PhotoUrl", "Photo URL", "url", length=255, extra="imageurl")),
    text_area("Description", "Description", 32000),
    picklist("LeadSource", "Lead Source", SOURCES),
    replace(
        picklist("Status", "Status", _STATUSES),
        nillable=False,
        defaulted=True,
        default="Open - Not Contacted",
    ),
    picklist("Industry", "Industry", INDUSTRIES),
    picklist("Rating", "Rating", RATINGS),
    number("AnnualRevenue", "Annual Revenue", 18, 0, "currency"),
    integer("NumberOfEmployees", "Employees", 8),
    replace(reference("OwnerId", "Owner ID", ("Group", "User"), "Owner"), nillable=False, defaulted=True),
    replace(checkbox("IsConverted", "Converted"), updateable=False),
    read_only(day("ConvertedDate", "Converted Date")),
    read_only(reference("ConvertedAccountId", "Converted Account ID", ("Account",), "ConvertedAccount")),
    read_only(reference("ConvertedContactId", "Converted Contact ID", ("Contact",), "ConvertedContact")),
    read_only(
        reference("ConvertedOpportunityId", "Converted Opportunity ID", ("Opportunity",), "ConvertedOpportunity")
    ),
    checkbox("IsUnreadByOwner", "Unread By Owner"),
    *system_fields(),
    read_only(day("LastActivityDate", "Last Activity")),
    read_only(moment("LastViewedDate", "Last Viewed Date")),
    read_only(moment("LastReferencedDate", "Last Referenced Date")),
    text("Jigsaw", "Data.com Key", 20),
    read_only(replace(text("JigsawContactId", "Jigsaw Contact ID", 20), relationship="JigsawContact")),
    picklist("CleanStatus", "Clean Status", CLEAN_STATUSES, length=40, restricted=True),
    text("CompanyDunsNumber", "Company D-U-N-S Number", 9),
    reference("DandbCompanyId", "D&B Company ID", ("DandBCompany",), "DandbCompany"),
    replace(
        text("EmailBouncedReason", "Email Bounced Reason", 255),
        createable=False,
        permissionable=False,
    ),
    replace(moment("EmailBouncedDate", "Email Bounced Date"), createable=False, permissionable=False),
    replace(reference("IndividualId", "Individual ID", ("Individual",), "Individual"), permissionable=False),
)

_CUSTOM = (
    moment("WalkMe_First_Login__c", "WalkMe First Login"),
    moment("WalkMe_Last_Login__c", "WalkMe Last Login"),
    number("WalkMe_Logins_Last_30_Days__c", "WalkMe Logins Last 30 Days", 18, 0),
    number("WalkMe_NPS_Score__c", "WalkMe NPS Score", 3, 0),
    text("WalkMe_NPS_Comment__c", "WalkMe NPS Comment", 255),
    number("WalkMe_Onboarding__c", "WalkMe Onboarding", 5, 2, "percent"),
    number("WalkMe_Champion_Score__c", "WalkMe Champion Score", 6, 2),
    picklist("WalkMe_Top_Feature__c", "WalkMe Top Feature", TOP_FEATURES, restricted=True),
    day("WalkMe_Champion_Since__c", "WalkMe Champion Since"),
)

LEAD = SObject("Lead", "Lead", "Leads", "00Q", _STANDARD + _CUSTOM)
