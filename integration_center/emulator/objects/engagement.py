"""A custom object of a WalkMe customer, with every kind of field a mapping may meet."""

from dataclasses import replace

from integration_center.emulator.field_kinds import (
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
from integration_center.emulator.fields import Field
from integration_center.emulator.objects.choices import TOP_FEATURES
from integration_center.emulator.schema import SObject

ENGAGEMENT = SObject(
    "WalkMe_Engagement__c",
    "WalkMe Engagement",
    "WalkMe Engagements",
    "a0E",
    (
        *identity("Record"),
        replace(reference("OwnerId", "Owner ID", ("Group", "User"), "Owner"), nillable=False, defaulted=True),
        replace(
            read_only(text("Name", "Engagement Number", 80, required=True)),
            name_field=True,
            auto_number="ENG-{000000}",
            defaulted=True,
        ),
        *system_fields(),
        replace(text("Customer_Key__c", "Customer Key", 50), external_id=True, unique=True, id_lookup=True),
        replace(
            text("License_Code__c", "License Code", 20),
            external_id=True,
            unique=True,
            id_lookup=True,
            case_sensitive=True,
        ),
        Field("User_Email__c", "User Email", "email", length=80),
        Field("Profile_Page__c", "Profile Page", "url", length=255),
        Field("Hotline__c", "Hotline", "phone", length=40),
        reference("Contact__c", "Contact", ("Contact",), "Contact__r"),
        reference("Account__c", "Account", ("Account",), "Account__r"),
        integer("Sessions__c", "Sessions", 8),
        number("Minutes__c", "Minutes", 18, 2),
        number("Contract_Value__c", "Contract Value", 16, 2, "currency"),
        number("Adoption__c", "Adoption", 5, 2, "percent"),
        checkbox("Is_Champion__c", "Is Champion"),
        day("Since__c", "Since"),
        moment("Last_Seen__c", "Last Seen"),
        Field("Usual_Start__c", "Usual Start", "time"),
        picklist("Top_Feature__c", "Top Feature", TOP_FEATURES, restricted=True),
        picklist("Segment__c", "Segment", choices("Enterprise", "Mid-Market", "Small Business")),
        Field(
            "Used_Features__c",
            "Used Features",
            "multipicklist",
            length=4099,
            values=TOP_FEATURES,
            restricted=True,
        ),
        text_area("Summary__c", "Summary", 255),
        replace(text_area("Notes__c", "Notes", 32768), aggregatable=False),
        replace(text_area("History__c", "History", 131072), aggregatable=False),
        replace(
            read_only(text("Health__c", "Health", 1300)),
            permissionable=True,
            formula='IF(Adoption__c >= 50, "Healthy", "At risk")',
            sql="CASE WHEN {row}.Adoption__c >= 50 THEN 'Healthy' ELSE 'At risk' END",
        ),
        replace(
            read_only(number("Minutes_Per_Session__c", "Minutes per Session", 18, 2)),
            permissionable=True,
            formula="Minutes__c / Sessions__c",
            sql="{row}.Minutes__c / NULLIF({row}.Sessions__c, 0)",
        ),
    ),
)
