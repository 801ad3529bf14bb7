"""Resolve an integration's key pairs and field mappings against describe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import polars as pl

from integration_center.integration.spec import IntegrationSpec
from integration_center.sync.columns import AFTER, BEFORE, CHANGED, COLUMN
from integration_center.sync.schema import SObjectField, SObjectSchema
from integration_center.sync.values.fit import fit_values
from integration_center.sync.values.plain import has_plain_form, read_plain
from integration_center.sync.values.rules import FittedValue


@dataclass(frozen=True)
class Key:
    """A report column and the described field that it is matched with.

    Attributes:
        ignore_invalid: whether an address that Salesforce altered in a sandbox is compared in its original form, see
            `restore_address`.
    """

    column: str
    field: SObjectField
    ignore_invalid: bool = False

    @property
    def given(self) -> str:
        """The column's name inside the plan."""
        return COLUMN + self.column


@dataclass(frozen=True)
class Target:
    """A report column and the described field that it is written to.

    Attributes:
        dtype: the dtype of the report column.
        clears: whether an empty report value clears the field.
        leaves_unfit: whether a value that does not fit leaves the field as it is, instead of rejecting the line.
        likely_type: the type that all texts of the column look like, such as `datetime`, if it is known.
    """

    column: str
    field: SObjectField
    dtype: pl.DataType
    clears: bool
    truncate: bool
    factor: float | None
    leaves_unfit: bool = False
    likely_type: str | None = None

    @property
    def given(self) -> str:
        """The column's name inside the plan."""
        return COLUMN + self.column

    @property
    def source(self) -> str:
        """The working column with the report's value."""
        return f"source.{self.field.name}"

    @property
    def before(self) -> str:
        """The ledger column with the org's raw value."""
        return f"{BEFORE}{self.field.name}"

    @property
    def after(self) -> str:
        """The ledger column with the value that the org should hold after the push."""
        return f"{AFTER}{self.field.name}"

    @property
    def changed(self) -> str:
        """The ledger column that says whether the field is sent."""
        return f"{CHANGED}{self.field.name}"

    @property
    def code(self) -> str:
        """The working column with the short code of why the value is unfit."""
        return f"code.{self.field.name}"

    def fit(self) -> FittedValue:
        """Convert the values of the source column to what the org stores."""
        return _fit(self)


@lru_cache(maxsize=256)  # for all slices: to build these expressions takes as long as to fit 10,000 rows
def _fit(target: Target) -> FittedValue:
    source = pl.col(target.source)
    return fit_values(source, target.dtype, target.field, truncate=target.truncate, factor=target.factor)


def resolve_keys(spec: IntegrationSpec, schema: SObjectSchema) -> tuple[Key, ...]:
    """Return the key pairs with their described fields.

    Raises:
        SchemaMismatch: a key field is missing or hidden.
    """
    return tuple(Key(pair.column, schema.require(pair.field), spec.ignore_invalid) for pair in spec.keys)


def resolve_targets(
    spec: IntegrationSpec,
    schema: SObjectSchema,
    dtypes: Mapping[str, pl.DataType],
    likely_types: Mapping[str, str] | None = None,
) -> tuple[Target, ...]:
    """Return the field mappings with their described fields and the dtypes of their report columns.

    Args:
        spec: the integration.
        schema: the object as describe reports it.
        dtypes: the report's columns.
        likely_types: for text columns whose values all look like another type, that type by column.

    Raises:
        SchemaMismatch: a target field is missing or hidden.
    """
    return tuple(
        Target(
            column=mapping.source,
            field=schema.require(mapping.field),
            dtype=dtypes[mapping.source],
            clears=spec.when_null_of(mapping) == "clear",
            truncate=mapping.truncate,
            factor=mapping.factor,
            leaves_unfit=mapping.on_unfit == "empty",
            likely_type=(likely_types or {}).get(mapping.source),
        )
        for mapping in spec.fields
    )


def fit_sources(lines: pl.DataFrame, targets: Sequence[Target]) -> pl.DataFrame:
    """Fit the source column of each target, and return `after.F` and `code.F` with one row per line."""
    return pl.DataFrame([column for target in targets for column in _fit_source(lines[target.source], target)])


def _fit_source(source: pl.Series, target: Target) -> pl.DataFrame:
    """Fit the values of one column: those in a plain form as what they are, and only the others as text.

    To take text apart takes eighty times as long, also where there is none.
    """
    if source.dtype != pl.String or not has_plain_form(target.field):
        return _fit_column(source, target)
    plain = read_plain(source, target.field, target.likely_type)
    typed = None if plain is None else _fit_column(plain, replace(target, dtype=plain.dtype))
    is_odd = source.is_not_null() if plain is None else source.is_not_null() & plain.is_null()
    if typed is not None and not is_odd.any():
        return typed
    if typed is None and not is_odd.any():
        return pl.DataFrame(schema={target.after: target.field.dtype, target.code: pl.String}).clear(len(source))
    odd = _fit_column(source.filter(is_odd), target)
    if odd.height == len(source):
        return odd
    place = pl.select(pl.when(is_odd).then(is_odd.cum_sum() - 1)).to_series()
    laid = odd.select(pl.all().gather(place))
    return laid if typed is None else pl.select(pl.coalesce(*pair) for pair in zip(typed, laid, strict=True))


def _fit_column(source: pl.Series, target: Target) -> pl.DataFrame:
    fitted = target.fit()
    frame = source.alias(target.source).to_frame()
    return frame.select(fitted.value.alias(target.after), fitted.code.alias(target.code))
