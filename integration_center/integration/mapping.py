"""The pairs of an integration: which report column, or value made of columns, belongs to which object field."""

import inspect
from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from integration_center.integration.expression import LAST_SEEN, RUN_DATE, Expression, parse_expression
from integration_center.wording.docstrings import read_attributes

WhenNull = Literal["keep", "clear"]
WhenUnfit = Literal["reject", "empty"]
VALUE_OF = "value of {}"
"""The name of the column that holds the results of a mapping's `value`."""


def read_sql(value: object) -> object:
    """YAML reads `value: 0` as a number and `value: true` as a boolean; both are SQL, too."""
    if isinstance(value, bool):
        return str(value).upper()
    return str(value) if isinstance(value, int | float) else value


Name = Annotated[str, Field(min_length=1, max_length=255)]
ApiName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=255)]
if TYPE_CHECKING:
    Sql = str
else:
    # Not text alone, so that `absent: 0` needs no quotes; see `check_yaml`.
    Sql = Annotated[str | int | float | bool, BeforeValidator(read_sql)]


def describe_properties(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Add to a JSON schema what the docstring of its model says of each attribute: editors and Dagster show it."""
    texts = read_attributes(model.__doc__)
    schema["description"] = inspect.cleandoc(model.__doc__ or "").partition("\n\n")[0]
    for name, attribute in schema.get("properties", {}).items():
        if name in texts:
            attribute.setdefault("description", texts[name])


class Model(BaseModel):
    """Frozen, and strict about unknown attributes: a misspelt option is an error, not silence."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=describe_properties)


class KeyPair(Model):
    """A report column and the object field it is matched to.

    Attributes:
        column: the report column that holds the key.
        field: the API name of the field that holds the same key.
    """

    column: Name
    field: ApiName


class FieldMapping(Model):
    """What is written to an object field: a report column, or a value made of columns.

    Attributes:
        column: the report column that holds the value.
        value: an SQL expression over the report's columns, in place of `column`: `UPPER("Name")`, or with `rows: all`
            an aggregate such as `COUNT("Score")`. `RUN_DATE` is the day of the run.
        field: the API name of the field to write.
        absent: an SQL expression for the records of people who dropped out of the report, such as `0`. It can use
            `RUN_DATE` and `LAST_SEEN`, the last day in the report. See `when_absent`.
        when_null: overrides the integration's own `when_null` for this field.
        truncate: cut text that is too long instead of rejecting the line.
        on_unfit: what happens where the field cannot hold a value: `reject` leaves the whole record as it is, `empty`
            leaves this field alone and writes the others.
        factor: multiplies a number before it is written, such as 0.01 for a percentage kept as a fraction.
    """

    column: Name | None = None
    value: Sql | None = None
    field: ApiName
    absent: Sql | None = None
    when_null: WhenNull | None = None
    truncate: bool = False
    on_unfit: WhenUnfit = "reject"
    factor: Annotated[float, Field(allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def check_source(self) -> Self:
        """Either a column or a value; both expressions are allowed ones."""
        if (self.column is None) == (self.value is None):
            raise ValueError(f"{self.field} needs either a column or a value")
        for name, text, days in (("value", self.value, (RUN_DATE,)), ("absent", self.absent, (RUN_DATE, LAST_SEEN))):
            found = read_expression(f"{name} of {self.field}", text, days)
            if found and name == "absent" and (found.columns or found.aggregates):
                raise ValueError(
                    f"absent of {self.field}: the person has no row, so only {RUN_DATE}, {LAST_SEEN} and constants can"
                    " be used; write texts in single quotes"
                )
        return self

    @property
    def source(self) -> str:
        """The column that holds what is written, as people and plans name it."""
        return self.column if self.column is not None else VALUE_OF.format(self.field)

    @property
    def expression(self) -> Expression | None:
        """The expression of `value`, if there is one."""
        return None if self.value is None else parse_expression(self.value)

    @property
    def columns(self) -> tuple[str, ...]:
        """The report columns that the mapping reads."""
        if self.column is not None:
            return (self.column,)
        return self.expression.columns if self.expression else ()


def read_expression(what: str, text: str | None, days: Collection[str] = (RUN_DATE,)) -> Expression | None:
    """Read an expression of an integration, if there is one.

    Args:
        what: what the expression is, for errors.
        text: the expression.
        days: see `parse_expression`.

    Raises:
        ValueError: the expression is not allowed.
    """
    try:
        return None if text is None else parse_expression(text, days=days)
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None
