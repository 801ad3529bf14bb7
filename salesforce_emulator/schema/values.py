"""One value into one field: what the org stores, or why it refuses.

Numbers are stored as sent, unrounded; datetimes lose their milliseconds; texts lose outer blanks, and a text of
blanks only is null; rich text is rewritten. Lengths count UTF-16 units. Message shapes: the error tables of the
REST and Bulk API guides.
"""

import math
import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from salesforce_emulator.clock import stamp
from salesforce_emulator.refusals import RowError
from salesforce_emulator.schema.fields import Field
from salesforce_emulator.schema.identifiers import normalize_id
from salesforce_emulator.schema.rich_text import write_rich_text

Converter = Callable[[Any], Any]
_EMAIL = re.compile(r"[^\s@,;:<>()\[\]\"\\]+@[^\s@,;:<>()\[\]\"\\.]+(?:\.[^\s@,;:<>()\[\]\"\\.]+)+")
_DATETIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:?\d{2})")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,3})?Z?")
_INT = re.compile(r"[+-]?\d+")
_XSD_TYPES = {"date": "xsd:date", "datetime": "xsd:dateTime", "time": "xsd:time"}


class Unfit(Exception):
    """A value does not fit its field."""

    def __init__(self, error: RowError) -> None:
        super().__init__(error.code)
        self.error = error


def build_converter(field: Field, *, column: int | None = None) -> Converter:
    """Return the function from a sent value (never null) to the stored one; it raises `Unfit`.

    Args:
        field: the target.
        column: the column's position in a Bulk upload, from 0; None for JSON.
    """
    convert = {
        "int": _to_int,
        "long": _to_int,
        "double": _to_double,
        "currency": _to_double,
        "percent": _to_double,
        "boolean": _to_boolean,
        "date": _to_date,
        "datetime": _to_datetime,
        "time": _to_time,
        "reference": _to_reference,
        "id": _to_reference,
        "picklist": _to_picklist,
        "multipicklist": _to_multipicklist,
        "email": _to_email,
    }.get(field.type, _to_text)
    return lambda value: convert(field, value, column)


def _unfit(field: Field, code: str, message: str) -> Unfit:
    return Unfit(RowError(code, f"{field.label}: {message}", (field.name,)))


def _not_parsed(field: Field, value: object, column: int | None) -> Unfit:
    """Return the refusal of a value that cannot even be read as the field's type."""
    if column is None:
        name = {"datetime": "datetime", "date": "date", "time": "time"}.get(field.type, field.type)
        message = (
            f"Cannot deserialize instance of {name} from VALUE_STRING value {value} or request may be missing a "
            "required field at [line:1, column:1]"
        )
        return Unfit(RowError("JSON_PARSER_ERROR", message))
    xsd = _XSD_TYPES.get(field.type, "xsd:double")
    message = f"Failed to deserialize field at col {column}. Due to, '{value}' is not a valid value for the type {xsd}"
    return Unfit(RowError("INVALID_FIELD", message, (field.name,)))


def _wrong_type(field: Field, value: object) -> Unfit:
    return _unfit(field, "INVALID_TYPE_ON_FIELD_IN_RECORD", f"value not of required type: {value}")


def _out_of_range(field: Field, value: object) -> Unfit:
    return _unfit(field, "NUMBER_OUTSIDE_VALID_RANGE", f"value outside of valid range on numeric field: {value}")


def _to_text(field: Field, value: object, column: int | None) -> str | None:
    if not isinstance(value, str):
        kind = "VALUE_NUMBER" if isinstance(value, int | float) else "START_OBJECT"
        message = f"Cannot deserialize instance of string from {kind} value {value} at [line:1, column:1]"
        raise Unfit(RowError("JSON_PARSER_ERROR", message))
    text = write_rich_text(value.strip()) if field.html else value.strip()
    if len(text.encode("utf-16-le")) // 2 > field.length:
        raise _unfit(field, "STRING_TOO_LONG", f"data value too large: {text} (max length={field.length})")
    return text or None


def _to_email(field: Field, value: object, column: int | None) -> str | None:
    text = _to_text(field, value, column)
    if text is not None and not _EMAIL.fullmatch(text):
        raise _unfit(field, "INVALID_EMAIL_ADDRESS", f"invalid email address: {text}")
    return text


def _to_picklist(field: Field, value: object, column: int | None) -> str | None:
    text = _to_text(field, value, column)
    if text is not None and field.restricted and not any(item.active and item.value == text for item in field.values):
        raise _unfit(
            field, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", f"bad value for restricted picklist field: {text}"
        )
    return text


def _to_multipicklist(field: Field, value: object, column: int | None) -> str | None:
    text = _to_text(field, value, column)
    if text is None:
        return None
    chosen = [_to_picklist(field, part, column) for part in text.split(";") if part.strip()]
    order = [item.value for item in field.values]
    unique = {item for item in chosen if item is not None}
    # The org stores the choices in the order of the picklist.
    return ";".join(sorted(unique, key=lambda item: order.index(item) if item in order else len(order))) or None


def _to_int(field: Field, value: object, column: int | None) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise _wrong_type(field, value)
    if isinstance(value, str) and not _INT.fullmatch(value):
        raise _wrong_type(field, value)
    number = int(value)
    if len(str(abs(number))) > field.digits if field.digits else abs(number) >= 2**63:
        raise _out_of_range(field, value)
    return number


def _to_double(field: Field, value: object, column: int | None) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _wrong_type(field, value)
    try:
        number = float(value)
    except ValueError as error:
        raise _wrong_type(field, value) from error
    # float() reads "nan", "1_000" and blanks, Java does not.
    if not math.isfinite(number) or (isinstance(value, str) and ("_" in value or value != value.strip())):
        raise _wrong_type(field, value)
    if abs(number) >= 10.0 ** (field.precision - field.scale):
        raise _out_of_range(field, value)
    return number


def _to_boolean(field: Field, value: object, column: int | None) -> int:
    if isinstance(value, bool):
        return int(value)
    known = {"true": 1, "1": 1, "false": 0, "0": 0}.get(value.lower()) if isinstance(value, str) else None
    if known is None:
        raise _wrong_type(field, value)
    return known


def _to_date(field: Field, value: object, column: int | None) -> str:
    text = value if isinstance(value, str) else ""
    if not (_DATE.fullmatch(text) or _DATETIME.fullmatch(text) or _DATE.fullmatch(text.removesuffix("Z"))):
        raise _not_parsed(field, value, column)
    try:
        day = date.fromisoformat(text[:10])
    except ValueError as error:
        raise _not_parsed(field, value, column) from error
    if not 1700 <= day.year <= 4000:
        raise _not_parsed(field, value, column)
    return text[:10]


def _to_datetime(field: Field, value: object, column: int | None) -> str:
    text = value if isinstance(value, str) else ""
    if not _DATETIME.fullmatch(text):
        raise _not_parsed(field, value, column)
    try:
        if text[-1] == "Z":
            # By far the commonest form: only checked, not converted.
            datetime.fromisoformat(text[:19])
            moment = text[:19]
        else:
            moment = stamp(datetime.fromisoformat(text))
    except (ValueError, OverflowError) as error:
        raise _not_parsed(field, value, column) from error
    if not 1700 <= int(moment[:4]) <= 4000:
        raise _not_parsed(field, value, column)
    return moment


def _to_time(field: Field, value: object, column: int | None) -> str:
    text = value if isinstance(value, str) else ""
    if not _TIME.fullmatch(text):
        raise _not_parsed(field, value, column)
    return text[:8]


def _to_reference(field: Field, value: object, column: int | None) -> str | None:
    if isinstance(value, str) and not value.strip():
        return None
    found = normalize_id(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise _unfit(field, "MALFORMED_ID", f"id value of incorrect type: {value}")
    return found
