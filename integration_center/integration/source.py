"""An asset of the team that an integration reads instead of a report."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, field_validator, model_validator

from integration_center.integration.account_name import describe_account
from integration_center.integration.mapping import Model, Name, describe_properties


class AssetSource(Model):
    """An asset of the team that is read instead of a report.

    Attributes:
        asset: the asset's key, with slashes between its parts: `marts/product_usage`.
        kind: `snapshot` holds the state as of a day, `events` the rows that happened.
        key_column: the column that identifies a row, for the proposals of the console. Key columns stay text.
        latest_by: the column that says which of several rows of one key is the newest.
        load_as: what the asset's IO manager is asked for: `polars`, `lazy`, `pandas`, `arrow` or `path`. With `any`,
            whatever it hands on is read.
        partitions: `day` reads the partition of the run's day, or its hours. `date` reads the partition of the same
            date, of an asset whose days are those of another time zone. `all` reads all partitions of an asset that
            is partitioned otherwise, such as by country.
        database: a DuckDB file to read with `query`, where the asset (a dbt model, a table) has no IO manager.
        query: the SELECT that reads the asset from `database`.
    """

    asset: Name
    kind: Literal["snapshot", "events"] = "snapshot"
    key_column: Name | None = None
    latest_by: Name | None = None
    load_as: Literal["any", "polars", "lazy", "pandas", "arrow", "path"] = "any"
    partitions: Literal["day", "date", "all"] = "day"
    database: Name | None = None
    query: Annotated[str, Field(min_length=1)] | None = None

    @field_validator("asset")
    @classmethod
    def check_asset(cls, value: str) -> str:
        """A key whose parts are not empty."""
        if not all(value.split("/")):
            raise ValueError(f"{value!r} is no asset key; write it with slashes, such as marts/product_usage")
        return value

    @model_validator(mode="after")
    def check_query(self) -> Self:
        """A query needs a database, and the other way round."""
        if (self.database is None) != (self.query is None):
            raise ValueError("database and query go together; give both, or neither")
        return self

    @property
    def path(self) -> list[str]:
        """The parts of the asset's key."""
        return self.asset.split("/")


def name_asset(data: Any) -> Any:
    """Use the asset that an integration reads as the name of its report, in logs and messages.

    Args:
        data: the attributes of an integration, as they are given.

    Raises:
        ValueError: both a report and an asset are given.
    """
    source = data.get("source") if isinstance(data, Mapping) else None
    given = source.model_dump() if isinstance(source, AssetSource) else source
    asset = given.get("asset") if isinstance(given, Mapping) else None
    if asset is None:
        return data
    if data.get("report", asset) != asset:
        raise ValueError("report and source: give one of them; an integration reads a report or an asset")
    return {**data, "report": asset}


def describe_integration(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Say in the JSON schema that `source` may replace `report`, and `account` may replace `environment`."""
    describe_properties(schema, model)
    schema["required"] = [name for name in schema["required"] if name != "report"]
    describe_account(schema)
    schema["allOf"] = [
        {"anyOf": [{"required": ["report"]}, {"required": ["source"]}]},
        {"anyOf": [{"required": ["environment"]}, {"required": ["account"]}]},
    ]
