"""Create or update a permission set through the data API, and assign it to a user.

Each step can be repeated: rows that are there already stay, so a call whose answer was lost does no harm.

Source: Object Reference, "PermissionSet", "ObjectPermissions", "FieldPermissions" and "PermissionSetAssignment". A row
of FieldPermissions needs the row of its object. Writing takes Manage Profiles and Permission Sets; assigning takes
Assign Permission Sets. An org hides these objects from a user without View Setup and Configuration.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from integration_center.errors import ConfigurationError, OrgError
from integration_center.salesforce.client.session import Session
from integration_center.salesforce.client.soql import build_select, quote
from integration_center.salesforce.client.usage import parse_moment
from integration_center.salesforce.objects.permission_set import (
    ACTIVITIES,
    API_ENABLED,
    DESCRIPTION,
    PermissionSet,
    say_right,
)
from integration_center.salesforce.read.rest import read_pages
from integration_center.wording.plain_text import make_printable

ROWS_A_CALL = 200
LONGEST_QUOTE = 200
OBJECT_FLAGS = ("Read", "Create", "Edit", "Delete", "ViewAllRecords", "ModifyAllRecords")
FIELD_FLAGS = ("Read", "Edit")
USER_PERMISSIONS = {API_ENABLED: "API Enabled", **dict(ACTIVITIES.values())}
"""The user permissions that the permission set may hold, with their labels."""
REFUSED = frozenset(
    {
        "INVALID_TYPE",
        "INSUFFICIENT_ACCESS",
        "INSUFFICIENT_ACCESS_OR_READONLY",
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
        "NOT_FOUND",
    }
)
"""Codes of an org whose user may not see or write permission sets."""
MAY_NOT = (
    "the connected user may not change permission sets: that takes View Setup and Configuration, and Manage Profiles"
    " and Permission Sets; give the package to the Salesforce admin instead"
)

EXPIRED = "its assignment to the connected user has expired; the Salesforce admin has to renew it"

Row = dict[str, Any]


@dataclass
class Applied:
    """What became of a permission set.

    Attributes:
        created: whether the permission set is new.
        granted: the rights that were added, in words.
        removed: how many rights were taken away, because no integration needs them.
        refused: sentences about the rights that the org did not accept.
        assignment: why the user does not have it; None when the user does.
    """

    created: bool
    granted: list[str] = field(default_factory=list)
    removed: int = 0
    refused: list[str] = field(default_factory=list)
    assignment: str | None = None

    @property
    def assigned(self) -> bool:
        """Whether the user has the permission set now."""
        return self.assignment is None

    def summarize(self, permission_set: PermissionSet) -> str:
        """Say in one sentence what became of the permission set."""
        changes = f"{len(self.granted):,} rights added, {self.removed:,} taken away, {len(self.refused):,} refused"
        assigned = "assigned to the connected user" if self.assigned else f"not assigned: {self.assignment}"
        made = "created" if self.created else "updated"
        return f"The permission set {permission_set.name} was {made} ({changes}) and is {assigned}."


def apply_permission_set(
    session: Session, permission_set: PermissionSet, user_id: str, *, adding: bool = False
) -> Applied:
    """Create or update the permission set, and assign it to a user.

    Args:
        session: the session of the connected user.
        permission_set: what it is to grant.
        user_id: the user who gets it.
        adding: whether rights that the set has besides are kept.

    Raises:
        ConfigurationError: the connected user may not change permission sets.
        OrgError: the org refused for another reason.
        TransientError: the org did not answer. It is safe to try again.
    """
    try:
        done = Applied(created=False)
        set_id = _find_or_create(session, permission_set, done, adding=adding)
        wanted = [
            (
                "ObjectPermissions",
                OBJECT_FLAGS,
                {each.object: {"Read": True, "Edit": each.edit} for each in permission_set.list_objects()},
            ),
            (
                "FieldPermissions",
                FIELD_FLAGS,
                {
                    f"{each.object}.{name}": {"Read": True, "Edit": edit}
                    for each in permission_set.needs
                    for name, edit in each.fields.items()
                },
            ),
        ]
        surplus = [_settle(session, set_id, table, flags, rows, done, adding=adding) for table, flags, rows in wanted]
        if not adding:
            for rows in reversed(surplus):  # a right on a field depends on the one on its object
                _delete(session, rows, done)
    except OrgError as error:
        if error.code in REFUSED:
            raise ConfigurationError(MAY_NOT) from None
        raise
    done.assignment = _assign(session, set_id, user_id)
    return done


def _find_or_create(session: Session, permission_set: PermissionSet, done: Applied, *, adding: bool) -> str:
    """Return the id of the permission set, which holds the user permissions that are wanted."""
    given = {*permission_set.list_user_permissions()}
    wanted = {name: name in given for name in USER_PERMISSIONS}
    columns = [f"Permissions{name}" for name in USER_PERMISSIONS]
    where = f"Name = {quote(permission_set.name)} AND IsOwnedByProfile = false"
    for row in _read(session, build_select(["Id", *columns], "PermissionSet", where)):
        held = {name: row[f"Permissions{name}"] is True for name in USER_PERMISSIONS}
        if adding:
            wanted = {name: given or held[name] for name, given in wanted.items()}
        changed = {name: value for name, value in wanted.items() if value != held[name]}
        if changed:
            body = {f"Permissions{name}": value for name, value in changed.items()}
            session.request("PATCH", f"sobjects/PermissionSet/{row['Id']}", idempotent=True, json=body)
        done.granted += [USER_PERMISSIONS[name] for name, value in changed.items() if value]
        done.removed += sum(not value for value in changed.values())
        return str(row["Id"])
    new: Row = {
        "Name": permission_set.name,
        "Label": permission_set.label,
        "Description": DESCRIPTION,
        **{f"Permissions{name}": True for name in given},
    }
    answer = session.request("POST", "sobjects/PermissionSet", idempotent=False, json=new, members={"id": str})
    done.created = True
    # API Enabled belongs to every set, so it is not counted.
    done.granted += [USER_PERMISSIONS[name] for name in USER_PERMISSIONS if name in given and name != API_ENABLED]
    return str(answer.json()["id"])


def _settle(
    session: Session,
    set_id: str,
    table: str,
    flags: Sequence[str],
    wanted: Mapping[str, Mapping[str, bool]],
    done: Applied,
    *,
    adding: bool,
) -> list[Row]:
    """Add and change rows of the permission set in `table`, and return those that nobody wants."""
    place = "Field" if table == "FieldPermissions" else "SobjectType"
    columns = [f"Permissions{flag}" for flag in flags]
    soql = build_select(["Id", place, *columns], table, f"ParentId = {quote(set_id)}")
    there = {row[place].lower(): row for row in _read(session, soql)}
    new, changed = [], []
    for name, given in wanted.items():
        row = there.pop(name.lower(), None)
        kept = row if adding and row else {}
        values = {
            f"Permissions{flag}": given.get(flag, False) or kept.get(f"Permissions{flag}", False) for flag in flags
        }
        if row is None:
            owner = {"SobjectType": name.partition(".")[0], place: name}
            new.append({"ParentId": set_id, **owner, **values})
        elif {column: row[column] for column in columns} != values:
            changed.append({"Id": row["Id"], place: name, **values})
    for method, rows in (("POST", new), ("PATCH", changed)):
        for row, refusal in _save(session, method, table, rows, place):
            if refusal:
                done.refused.append(f"{row[place]}: {refusal}")
            else:
                done.granted.append(say_right(row[place], edit=row["PermissionsEdit"]))
    return [{"Id": row["Id"], "place": row[place]} for row in there.values()]


def _save(
    session: Session, method: str, table: str, rows: Sequence[Row], place: str
) -> Iterator[tuple[Row, str | None]]:
    """Save rows, 200 a call, and yield each with the org's refusal or None."""
    for start in range(0, len(rows), ROWS_A_CALL):
        part = rows[start : start + ROWS_A_CALL]
        sent = [
            # The place of a row cannot be changed, so an update does not name it.
            {"attributes": {"type": table}, **{k: v for k, v in row.items() if method == "POST" or k != place}}
            for row in part
        ]
        body = {"allOrNone": False, "records": sent}
        answer = session.request(
            method, "composite/sobjects", idempotent=method != "POST", json=body, rows_may_fail=True
        )
        for row, result in zip(part, answer.json(), strict=True):
            errors = result.get("errors") or ()
            yield row, None if result.get("success") else "; ".join(_say_error(error) for error in errors)


def _delete(session: Session, rows: Sequence[Row], done: Applied) -> None:
    """Delete rows, each with its `place` for people."""
    for start in range(0, len(rows), ROWS_A_CALL):
        part = rows[start : start + ROWS_A_CALL]
        params = {"ids": ",".join(row["Id"] for row in part), "allOrNone": "false"}
        answer = session.request("DELETE", "composite/sobjects", idempotent=True, params=params, rows_may_fail=True)
        for row, result in zip(part, answer.json(), strict=True):
            if result.get("success"):
                done.removed += 1
            else:
                said = "; ".join(_say_error(error) for error in result.get("errors") or ())
                done.refused.append(f"{row['place']} stays granted: {said}")


def _assign(session: Session, set_id: str, user_id: str) -> str | None:
    """Assign the permission set; return why the org did not, or None."""
    body = {"AssigneeId": user_id, "PermissionSetId": set_id}
    where = f"AssigneeId = {quote(user_id)} AND PermissionSetId = {quote(set_id)}"
    try:
        there = _read(session, build_select(["Id", "ExpirationDate"], "PermissionSetAssignment", where))
        if any((end := parse_moment(row["ExpirationDate"])) and end <= datetime.now(UTC) for row in there):
            return EXPIRED
        if not there:
            session.request("POST", "sobjects/PermissionSetAssignment", idempotent=False, json=body)
    except OrgError as error:
        if error.code == "DUPLICATE_VALUE":  # somebody else assigned it meanwhile
            return None
        if error.code in REFUSED:
            return "the connected user may not assign it: that takes Assign Permission Sets"
        return f"the org did not assign it: {quote_org(error)}"
    return None


def quote_org(error: OrgError) -> str:
    """Return the error with Salesforce's own words, for a request that holds no value of a record."""
    words = make_printable(error.org_words or "")[:LONGEST_QUOTE]
    return f"{error}: {words}" if words else str(error)


def _say_error(error: Mapping[str, Any]) -> str:
    return f"{error.get('statusCode')}: {error.get('message')}"


def _read(session: Session, soql: str) -> list[Row]:
    return [row for page in read_pages(session, soql) for row in page]
