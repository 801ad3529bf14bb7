"""The records an org begins with: invented, always the same, different in each org.

Lead `i` is person `i` of `people.build_person`, except for a few that are worth testing: in only one org, in the
recycle bin, converted, with the e-mail address of the person before, or with capitals in it. Half of the Leads hold
values from an earlier sync.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from salesforce_emulator.oauth.identity import FIRST_NAME, LAST_NAME
from salesforce_emulator.org.org import Org
from salesforce_emulator.people import Person, build_person
from salesforce_emulator.schema.identifiers import IdSequence, extend_id, normalize_id

LEADS_PER_CONTACT, LEADS_PER_ACCOUNT, LEADS_PER_ENGAGEMENT = 4, 10, 10
FEATURES = ("Dashboards", "Exports", "API")
_DAYS = [f"{year}-{month:02d}-{day:02d}" for year in (2025, 2026) for month in range(1, 10) for day in range(1, 29)]
_TIMES = [f"T{minute // 60:02d}:{minute % 60:02d}:07" for minute in range(1440)]
_LEAD_COLUMNS = (
    *("Id", "IsDeleted", "LastName", "FirstName", "Company", "Email", "Status", "LeadSource", "OwnerId"),
    *("IsConverted", "ConvertedDate", "IsUnreadByOwner", "City", "Country", "NumberOfEmployees", "AnnualRevenue"),
    *("CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp"),
    *("WalkMe_First_Login__c", "WalkMe_Last_Login__c", "WalkMe_Logins_Last_30_Days__c", "WalkMe_NPS_Score__c"),
    *("WalkMe_Onboarding__c", "WalkMe_Champion_Score__c", "WalkMe_Top_Feature__c"),
)
_CONTACT_COLUMNS = (
    *("Id", "IsDeleted", "AccountId", "LastName", "FirstName", "Email", "OwnerId", "IsEmailBounced"),
    *("CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp"),
    *("WalkMe_Logins_Last_30_Days__c", "WalkMe_NPS_Score__c"),
)
_ACCOUNT_COLUMNS = (
    *("Id", "IsDeleted", "Name", "Industry", "OwnerId", "CreatedDate", "CreatedById", "LastModifiedDate"),
    *("LastModifiedById", "SystemModstamp"),
)
_ENGAGEMENT_COLUMNS = (
    *("Id", "IsDeleted", "OwnerId", "Name", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById"),
    *("SystemModstamp", "Customer_Key__c", "User_Email__c", "Account__c", "Sessions__c", "Minutes__c", "Adoption__c"),
    *("Is_Champion__c", "Top_Feature__c"),
)
_FIELD_DEFINITION_COLUMNS = ("Id", "QualifiedApiName", "Label", "EntityDefinitionId", "DataType", "IsCalculated")


def is_only_in_production(number: int) -> bool:
    """Tell a generated person who has a Lead in production alone."""
    return number % 211 == 5


def is_only_in_sandbox(number: int) -> bool:
    """Tell a generated person who has a Lead in the sandbox alone."""
    return number % 223 == 7


def is_deleted(number: int) -> bool:
    """Tell a generated person whose Lead lies in the recycle bin."""
    return number % 67 == 30


def is_converted(number: int) -> bool:
    """Tell a generated person whose Lead is converted."""
    return number % 50 == 20


def takes_email_of_previous(number: int) -> bool:
    """Tell a Lead that holds the e-mail address of the person before: two Leads, one address."""
    return number % 101 == 10


def seed_org(org: Org, records: int, people: Sequence[Person]) -> None:
    """Fill a new store.

    Args:
        org: an org whose store is new.
        records: how many Leads to invent; Contacts, Accounts and engagements come in proportion.
        people: further people, each of whom gets a Lead (with `record_id` when given) and a Contact.
    """
    seeder = _Seeder(org)
    with org.store.writing():
        seeder.insert_singletons()
        seeder.insert_definitions()
        accounts = seeder.insert_accounts(max(1, records // LEADS_PER_ACCOUNT) if records else 0)
        seeder.insert_leads(records, people)
        seeder.insert_contacts(range(0, records, LEADS_PER_CONTACT), people, accounts)
        seeder.insert_engagements(records // LEADS_PER_ENGAGEMENT, accounts)
    org.store.create_indexes(org.schema.objects)


def _mixed_case(number: int, email: str) -> str:
    if number % 97 == 0:
        return email.upper()
    return email.title() if number % 13 == 3 else email


class _Seeder:
    def __init__(self, org: Org) -> None:
        self._org = org
        self._user = org.profile.user_id
        self._sandbox = org.profile.is_sandbox
        self._seller = extend_id(f"005{org.profile.instance}000009Sale")
        # What differs between the orgs hangs on this.
        self._salt = 3 if self._sandbox else 11

    def _ids(self, prefix: str) -> IdSequence:
        return IdSequence(prefix, self._org.profile.instance, 1 if self._sandbox else 250_000_001)

    def _audit(self, number: int) -> tuple[str, str, str, str, str]:
        created = _DAYS[number % 150] + _TIMES[number % 1440]
        modified = _DAYS[350 + number % 150] + _TIMES[(number * self._salt) % 1440]
        return created, self._user, modified, self._user, modified

    def insert_singletons(self) -> None:
        """Insert the org itself, its users and the calling user's permissions."""
        org, profile, store = self._org, self._org.profile, self._org.store
        created, user, modified, _, _ = self._audit(0)
        audit = {
            "CreatedDate": created,
            "CreatedById": user,
            "LastModifiedDate": modified,
            "LastModifiedById": user,
            "SystemModstamp": modified,
        }
        locale = {"LanguageLocaleKey": "en_US", "TimeZoneSidKey": "Europe/Berlin"}
        organization = {
            "Id": profile.org_id,
            "Name": profile.company,
            "OrganizationType": "Enterprise Edition",
            "IsSandbox": int(profile.is_sandbox),
            "InstanceName": profile.instance_name,
            "PrimaryContact": f"{FIRST_NAME} {LAST_NAME}",
        }
        store.insert_many("Organization", *_as_row(organization | locale | audit))
        caller = {
            "Id": profile.user_id,
            "Username": profile.username,
            "FirstName": FIRST_NAME,
            "LastName": LAST_NAME,
            "Email": profile.email,
            "Alias": "iuser",
            "IsActive": 1,
            "UserType": "Standard",
        }
        store.insert_many("User", *_as_row(caller | locale | audit))
        seller = {
            "Id": self._seller,
            "Username": f"sales@{profile.username.partition('@')[2]}",
            "FirstName": "Sam",
            "LastName": "Sales",
            "Email": "sales@acme.example",
            "Alias": "ssale",
            "IsActive": 1,
            "UserType": "Standard",
        }
        store.insert_many("User", *_as_row(seller | locale | audit))
        access_id = extend_id(f"0PA{profile.instance}0000000001")
        granted = {name: int(value) for name, value in org.permissions.items()}
        store.insert_many("UserPermissionAccess", *_as_row({"Id": access_id} | granted))

    def insert_definitions(self) -> None:
        """Insert the org's list of its own objects and fields."""
        entities, fields = self._ids("4ie"), self._ids("4fe")
        for sobject in self._org.schema.objects:
            entity = entities.take()
            described = {"Id": entity, "QualifiedApiName": sobject.name, "Label": sobject.label}
            self._org.store.insert_many("EntityDefinition", *_as_row(described))
            rows = [
                (fields.take(), item.name, item.label, entity, item.type, int(item.formula is not None))
                for item in sobject.fields
            ]
            self._org.store.insert_many("FieldDefinition", _FIELD_DEFINITION_COLUMNS, rows)

    def _owner(self, number: int) -> str:
        return self._user if number % 2 else self._seller

    def insert_accounts(self, count: int) -> list[str]:
        """Insert one Account a company and return their ids by company number."""
        ids = self._ids("001")
        made = [ids.take() for _ in range(count)]
        industries = ("Technology", "Retail", "Banking", None)
        rows = ((made[i], 0, f"Customer {i}", industries[i % 4], self._owner(i), *self._audit(i)) for i in range(count))
        self._org.store.insert_many("Account", _ACCOUNT_COLUMNS, rows)
        return made

    def insert_leads(self, records: int, people: Sequence[Person]) -> None:
        """Insert the invented Leads, then one for each given person who has none yet."""
        self._org.store.insert_many("Lead", _LEAD_COLUMNS, self._lead_rows(records, people))

    def _lead_rows(self, records: int, people: Sequence[Person]) -> Iterator[tuple[Any, ...]]:
        ids = self._ids("00Q")
        missing = is_only_in_production if self._sandbox else is_only_in_sandbox
        emails: set[str] = set()
        for number in range(records):
            record_id = ids.take()
            if missing(number):
                continue
            person = build_person(number)
            email = build_person(number - 1).email if takes_email_of_previous(number) else person.email
            if people:
                emails.add(email)
            yield self._lead(number, record_id, person, _mixed_case(number, email), special=True)
        for offset, person in enumerate(people):
            fixed = normalize_id(person.record_id) if person.record_id else None
            if person.record_id and fixed is None:
                raise ValueError(f"Not a record id: {person.record_id!r}")
            if fixed is None and person.email.lower() in emails:
                continue
            emails.add(person.email.lower())
            yield self._lead(records + offset, fixed or ids.take(), person, person.email, special=False)

    def _lead(self, number: int, record_id: str, person: Person, email: str, *, special: bool) -> tuple[Any, ...]:
        salted = number * self._salt
        converted = special and is_converted(number)
        synced: tuple[Any, ...] = (None,) * 7
        if number % 2:
            synced = (
                _DAYS[salted % 150] + _TIMES[salted % 1440],
                _DAYS[300 + salted % 200] + _TIMES[number % 1440],
                float(salted % 60),
                float(salted % 11),
                salted % 1000 / 10,
                salted % 9000 / 100,
                FEATURES[salted % 3],
            )
        return (
            record_id,
            int(special and is_deleted(number)),
            person.last,
            person.first,
            person.company,
            email,
            "Closed - Converted" if converted else "Open - Not Contacted",
            "Web" if number % 3 else None,
            self._owner(number),
            int(converted),
            "2026-05-04" if converted else None,
            0,
            "Berlin" if number % 5 else None,
            "Germany" if number % 5 else None,
            number % 900 + 1 if number % 7 else None,
            float(number % 500 * 100_000) if number % 9 else None,
            *self._audit(number),
            *synced,
        )

    def insert_contacts(self, numbers: range, people: Sequence[Person], accounts: Sequence[str]) -> None:
        """Insert Contacts for some invented people and for all given ones."""
        self._org.store.insert_many("Contact", _CONTACT_COLUMNS, self._contact_rows(numbers, people, accounts))

    def _contact_rows(
        self, numbers: range, people: Sequence[Person], accounts: Sequence[str]
    ) -> Iterator[tuple[Any, ...]]:
        ids = self._ids("003")
        emails: set[str] = set()
        invented = ((number, build_person(number)) for number in numbers)
        given = ((numbers.stop + offset, person) for offset, person in enumerate(people))
        for group, source in enumerate((invented, given)):
            for number, person in source:
                if group and person.email.lower() in emails:
                    continue
                if people:
                    emails.add(person.email.lower())
                account = accounts[number % len(accounts)] if accounts else None
                score = float(number * self._salt % 11) if number % 3 else None
                yield (
                    ids.take(),
                    int(not group and number % 404 == 400),
                    account,
                    person.last,
                    person.first,
                    _mixed_case(number, person.email),
                    self._owner(number),
                    0,
                    *self._audit(number),
                    float(number % 40) if number % 3 else None,
                    score,
                )

    def insert_engagements(self, count: int, accounts: Sequence[str]) -> None:
        """Insert records of the custom object."""
        ids = self._ids("a0E")
        rows = (
            (
                ids.take(),
                0,
                self._owner(i),
                f"ENG-{i + 1:06d}",
                *self._audit(i),
                f"CUST-{i:06d}",
                build_person(i).email,
                accounts[i % len(accounts)] if accounts else None,
                i % 300,
                i * self._salt % 10_000 / 4,
                float(i % 101),
                i % 2,
                FEATURES[i % 3],
            )
            for i in range(count)
        )
        self._org.store.insert_many("WalkMe_Engagement__c", _ENGAGEMENT_COLUMNS, rows)


def _as_row(values: dict[str, Any]) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    return tuple(values), [tuple(values.values())]
