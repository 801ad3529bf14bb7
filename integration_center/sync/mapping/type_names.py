"""What types are called for people: `date and time`, `whole number`; never `datetime` or `double`."""

from collections.abc import Mapping

import polars as pl

from integration_center.sync.schema import SObjectField
from integration_center.sync.values.fit import kind_of

KINDS: Mapping[str, str] = {
    "text": "text",
    "number": "number",
    "boolean": "yes or no",
    "date": "date",
    "datetime": "date and time",
    "time": "time",
}
FIELD_TYPES: Mapping[str, str] = {
    "string": "text",
    "textarea": "long text",
    "encryptedstring": "encrypted text",
    "combobox": "text with proposals",
    "email": "e-mail address",
    "phone": "phone number",
    "url": "web address",
    "picklist": "one of a list",
    "multipicklist": "several of a list",
    "id": "record Id",
    "reference": "link to a record",
    "int": "whole number",
    "long": "whole number",
    "double": "number",
    "currency": "amount of money",
    "percent": "percent",
    "date": "date",
    "datetime": "date and time",
    "time": "time",
    "boolean": "yes or no",
}
"""The types of Salesforce fields. Another one is called as Salesforce calls it."""


def name_dtype(dtype: pl.DataType) -> str:
    """Name what a report column holds."""
    if dtype.is_integer():
        return "whole number"
    kind = kind_of(dtype)
    return KINDS[kind] if kind else str(dtype)


def name_field_type(field: SObjectField) -> str:
    """Name the type of a field. A number without decimals is a whole number."""
    if field.type == "double" and field.scale == 0 and field.precision:
        return "whole number"
    return FIELD_TYPES.get(field.type, field.type)
