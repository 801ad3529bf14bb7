"""Account: standard fields with a real org's attributes, and the fields a WalkMe customer adds."""

from dataclasses import replace

from salesforce_emulator.schema.field_kinds import (
    address,
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
from salesforce_emulator.schema.objects.choices import CLEAN_STATUSES, INDUSTRIES, RATINGS, SOURCES
from salesforce_emulator.schema.schema import SObject

_TYPES = choices(
    *("Prospect", "Customer - Direct", "Customer - Channel", "Channel Partner / Reseller"),
    *("Installation Partner", "Technology Partner", "Other"),
)

_STANDARD = (
    *identity("Account"),
    read_only(reference("MasterRecordId", "Master Record ID", ("Account",), "MasterRecord")),
    replace(
        text("Name", "Account Name", 255, required=True, compound="Name"),
        name_field=True,
        extra="switchablepersonname",
    ),
    picklist("Type", "Account Type", _TYPES),
    reference("ParentId", "Parent Account ID", ("Account",), "Parent"),
    *address("Billing", "Billing ", "BillingAddress"),
    *address("Shipping", "Shipping ", "ShippingAddress"),
    Field("Phone", "Account Phone", "phone", length=40),
    Field("Fax", "Account Fax", "phone", length=40),
    text("AccountNumber", "Account Number", 40),
    Field("Website", "Website", "url", length=255),
    read_only(Field("PhotoUrl", "Photo URL", "url", length=255, extra="imageurl")),
    text("Sic", "SIC Code", 20),
    picklist("Industry", "Industry", INDUSTRIES),
    number("AnnualRevenue", "Annual Revenue", 18, 0, "currency"),
    integer("NumberOfEmployees", "Employees", 8),
    picklist("Ownership", "Ownership", choices("Public", "Private", "Subsidiary", "Other")),
    text("TickerSymbol", "Ticker Symbol", 20),
    text_area("Description", "Account Description", 32000),
    picklist("Rating", "Account Rating", RATINGS),
    text("Site", "Account Site", 80),
    replace(reference("OwnerId", "Owner ID", ("User",), "Owner"), nillable=False, defaulted=True),
    *system_fields(),
    read_only(day("LastActivityDate", "Last Activity")),
    read_only(moment("LastViewedDate", "Last Viewed Date")),
    read_only(moment("LastReferencedDate", "Last Referenced Date")),
    text("Jigsaw", "Data.com Key", 20),
    read_only(replace(text("JigsawCompanyId", "Jigsaw Company ID", 20), relationship="JigsawCompany")),
    picklist("CleanStatus", "Clean Status", CLEAN_STATUSES, length=40, restricted=True),
    picklist("AccountSource", "Account Source", SOURCES),
    text("DunsNumber", "D-U-N-S Number", 9),
    text("Tradestyle", "Tradestyle", 255),
    text("NaicsCode", "NAICS Code", 8),
    text("NaicsDesc", "NAICS Description", 120),
    text("YearStarted", "Year Started", 4),
    text("SicDesc", "SIC Description", 80),
)

_CUSTOM = (
    number("WalkMe_Active_Users__c", "WalkMe Active Users", 18, 0),
    number("WalkMe_NPS_Score__c", "WalkMe NPS Score", 3, 0),
)

ACCOUNT = SObject("Account", "Account", "Accounts", "001", _STANDARD + _CUSTOM)
