"""Values in WHERE: of the field's type, or refused."""

from datetime import datetime, timedelta

from salesforce_emulator.clock import stamp
from salesforce_emulator.refusals import Refusal
from salesforce_emulator.schema.fields import NUMBER_TYPES, Field
from salesforce_emulator.schema.identifiers import normalize_id
from salesforce_emulator.soql.tokens import Token, located, unescape

_UNQUOTED = NUMBER_TYPES | {"boolean", "date", "datetime", "time"}
_SOQL_TYPE_NAMES = {"datetime": "dateTime", "reference": "reference", "id": "ID"}


def _refuse_type(statement: str, field: Field, token: Token) -> Refusal:
    name = _SOQL_TYPE_NAMES.get(field.type, field.type)
    quoted = field.type not in _UNQUOTED
    manner = "should be enclosed in quotes" if quoted else "should not be enclosed in quotes"
    return located(
        statement,
        token.position,
        "INVALID_FIELD",
        f"value of filter criterion for field '{field.name}' must be of type {name} and {manner}",
    )


def _relative_day(token: Token, now: datetime) -> datetime:
    """Return the midnight (UTC) at which a date name begins."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    name, _, count = token.upper.partition(":")
    days = {"TODAY": 0, "YESTERDAY": -1, "TOMORROW": 1}.get(name)
    if days is None:
        days = int(count or 0) * (-1 if name == "LAST_N_DAYS" else 1)
    return midnight + timedelta(days=days)


def bind(statement: str, field: Field, token: Token, now: datetime, *, for_like: bool = False) -> object:
    """Return a literal as the store holds the field's values; null is None.

    Null matches FALSE in a checkbox (SOQL and SOSL Reference, "Use null in WHERE").

    Raises:
        Refusal: the literal is not of the field's type.
    """
    if token.upper == "NULL":
        return 0 if field.type == "boolean" else None
    value: object = None
    if field.type in NUMBER_TYPES and token.kind == "number":
        value = float(token.text)
    elif field.type == "boolean" and token.upper in ("TRUE", "FALSE"):
        value = int(token.upper == "TRUE")
    elif field.type == "date" and token.kind == "date":
        value = token.text
    elif field.type == "datetime" and token.kind == "datetime":
        text = token.text.replace("Z", "+00:00").replace("z", "+00:00")
        try:
            value = stamp(datetime.fromisoformat(text))
        except ValueError as error:
            raise _refuse_type(statement, field, token) from error
    elif field.type in ("date", "datetime") and token.kind == "name" and token.upper not in ("TRUE", "FALSE"):
        day = _relative_day(token, now)
        value = stamp(day) if field.type == "datetime" else day.date().isoformat()
    elif field.type == "time" and token.kind == "time":
        value = token.text.removesuffix("Z").split(".")[0]
    elif field.type in ("id", "reference") and token.kind == "string":
        text = unescape(statement, token)
        value = normalize_id(text)
        if value is None:
            raise located(statement, token.position, "INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {text}")
    elif token.kind == "string" and field.type not in _UNQUOTED:
        return unescape(statement, token, for_like=for_like)
    if value is None:
        raise _refuse_type(statement, field, token)
    return value
