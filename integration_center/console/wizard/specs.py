"""A draft made an integration, and an integration made a draft."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from integration_center.console.wizard.drafts import Draft, FieldRow, KeyRow, base_of
from integration_center.integration.condition import check_condition
from integration_center.integration.schedule import DEFAULT_SCHEDULE
from integration_center.integration.spec import IntegrationSpec, Limits
from integration_center.integration_files.reading import DefsFile

LIMITS = ("min_match_rate", "max_cleared", "max_changed", "max_failed")
CHECKBOXES = ("enabled", "allow_empty", "ignore_invalid")
OPTIONS = (
    *("name", "schedule", "when_null", "when_many_match", "max_matches", "latest_by", "where", "owners", "gainsight"),
    *LIMITS,
    *CHECKBOXES,
)
"""The options that the mapping screen shows, by the names of its inputs."""
DEFAULTS: Mapping[str, str] = {
    "schedule": DEFAULT_SCHEDULE,
    "when_null": "keep",
    "when_many_match": "update_all",
    "max_matches": "10",
    **{name: "" if (value := getattr(Limits(), name)) is None else f"{value:g}" for name in LIMITS},
    "enabled": "on",
}
GENERAL = "general"
"""Where a problem is shown that belongs to no single input."""


def draft_of_file(file: DefsFile, spec: IntegrationSpec) -> Draft:
    """The draft that edits an integration."""
    return draft_of(spec).change(base=base_of(file))


def draft_of(spec: IntegrationSpec) -> Draft:
    """A draft that says what an integration says."""
    options = {
        "name": spec.name,
        "schedule": spec.schedule,
        "when_null": spec.when_null,
        "when_many_match": spec.when_many_match,
        "max_matches": str(spec.max_matches),
        "latest_by": spec.latest_by or "",
        "where": spec.where or "",
        "owners": ", ".join(spec.owners),
        "gainsight": spec.gainsight or "",
        **{name: "" if (value := getattr(spec.limits, name)) is None else f"{value:g}" for name in LIMITS},
        "enabled": "on" if spec.enabled else "",
        "allow_empty": "on" if spec.limits.allow_empty else "",
        "ignore_invalid": "on" if spec.ignore_invalid else "",
    }
    return Draft(
        attributes=spec.model_dump(mode="json"),
        environment=spec.environment.value,
        report=spec.report,
        object=spec.object,
        keys=tuple(KeyRow(column=pair.column, field=pair.field) for pair in spec.keys),
        rows=tuple(
            FieldRow(
                column=mapping.column or "",
                value=mapping.value or "",
                absent=mapping.absent or "",
                field=mapping.field,
                when_null=mapping.when_null or "",
                truncate=mapping.truncate,
                leave_unfit=mapping.on_unfit == "empty",
                factor="" if mapping.factor is None else repr(mapping.factor),
            )
            for mapping in spec.fields
        ),
        options=options,
        suggested=True,
    )


def read_option(draft: Draft, name: str) -> str:
    """An option as typed, else its default."""
    return draft.options.get(name, DEFAULTS.get(name, ""))


def read_condition(draft: Draft) -> str | None:
    """The draft's SOQL condition; None when there is none, or it is none that could be sent."""
    given = read_option(draft, "where").strip()
    try:
        return check_condition(given) if given else None
    except ValueError:
        return None


def build_spec(draft: Draft) -> tuple[IntegrationSpec | None, dict[str, str]]:
    """The integration that a draft says, or what is wrong with it, by the names of its inputs.

    Rows of which a side is empty do not count. Attributes that no screen shows are those the draft began with.
    """
    given = {name: read_option(draft, name).strip() for name in OPTIONS}
    before = {str(mapping["field"]).lower(): mapping for mapping in draft.attributes.get("fields") or ()}
    limits = {
        **{name: value for name, value in (draft.attributes.get("limits") or {}).items() if name not in LIMITS},
        **{name: given[name] for name in LIMITS if given[name]},
        "allow_empty": bool(given["allow_empty"]),
    }
    attributes: dict[str, Any] = {
        **draft.attributes,
        "name": given["name"],
        "environment": draft.environment,
        "report": draft.report,
        "object": draft.object,
        "keys": [{"column": column, "field": field} for column, field in draft.pairs],
        "fields": [_mapping(row, before.get(row.field.lower(), {})) for row in draft.complete_rows],
        "enabled": bool(given["enabled"]),
        "schedule": given["schedule"],
        "when_null": given["when_null"],
        "when_many_match": given["when_many_match"],
        "max_matches": given["max_matches"],
        "ignore_invalid": bool(given["ignore_invalid"]),
        "latest_by": given["latest_by"] or None,
        "where": given["where"] or None,
        "owners": [owner.strip() for owner in given["owners"].split(",") if owner.strip()],
        "gainsight": given["gainsight"] or None,
        "limits": limits,
    }
    try:
        return IntegrationSpec.model_validate(attributes), {}
    except ValidationError as error:
        return None, _name_problems(error, draft)


def _mapping(row: FieldRow, before: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **before,
        "column": None if row.value.strip() else row.column,
        "value": row.value.strip() or None,
        "absent": row.absent.strip() or None,
        "field": row.field,
        "when_null": row.when_null or None,
        "truncate": row.truncate,
        "on_unfit": "empty" if row.leave_unfit else "reject",
        "factor": row.factor.strip() or None,
    }


def _name_problems(error: ValidationError, draft: Draft) -> dict[str, str]:
    """What the model refuses, by input."""
    places = [place for place, row in enumerate(draft.rows) if row.complete]
    problems: dict[str, str] = {}
    for fault in error.errors():
        where, said = fault["loc"], fault["msg"].removeprefix("Value error, ")
        match where:
            case ("fields", int(number), str(name)):
                problems[f"row-{places[number]}-{name}"] = said
            case ("fields",):
                problems[GENERAL] = "Choose at least one report column and the object field it is written to."
            case ("keys",):
                problems[GENERAL] = "Choose at least one key pair on the screen before this one."
            case ("name",) if not read_option(draft, "name").strip():
                problems["name"] = "Give the integration a name."
            case ("limits", str(name)) | (str(name),) if name in OPTIONS:
                problems[name] = said
            case _:
                problems[GENERAL] = ": ".join([".".join(map(str, where)), said]) if where else said
    return problems
