"""A draft made an integration, and an integration made a draft."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from integration_center.console.wizard.drafts import Draft, FieldRow, KeyRow, base_of
from integration_center.integration.condition import check_condition
from integration_center.integration.mapping import FieldMapping
from integration_center.integration.schedule import DEFAULT_SCHEDULE, DEFAULT_ZONE
from integration_center.integration.spec import IntegrationSpec, Limits, Rows
from integration_center.integration_files.reading import DefsFile
from integration_center.planning.presets import OWN_SQL, recognise
from integration_center.wording.model_refusals import say_refusal
from integration_center.wording.sentences import capitalize_first

LIMITS = ("min_match_rate", "max_cleared", "max_changed", "max_failed", "max_absent")
CHECKBOXES = ("enabled", "allow_empty", "ignore_invalid")
SAID = ("schedule", "when_null", "when_many_match", "max_matches", "rows")
"""The options that always say something."""
OPTIONAL = ("arrive_by", "after", "paused_until", "latest_by", "where", "window", "filter", "gainsight")
"""The options that may be empty."""
LISTS = ("not_between", "owners")
"""The options that hold several texts, typed with commas."""
OPTIONS = ("name", "timezone", "absent_after", "absent_then", *SAID, *OPTIONAL, *LISTS, *LIMITS, *CHECKBOXES)
"""The options that the mapping screen shows, by the names of its inputs."""


def _write_limits(limits: Limits) -> dict[str, str]:
    return {name: "" if (value := getattr(limits, name)) is None else f"{value:g}" for name in LIMITS}


DEFAULTS: Mapping[str, str] = {
    "schedule": DEFAULT_SCHEDULE,
    "timezone": DEFAULT_ZONE,
    "when_null": "keep",
    "when_many_match": "update_all",
    "max_matches": "10",
    "rows": "newest",
    "absent_then": "keep",
    **_write_limits(Limits()),
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
        "timezone": spec.timezone,
        "absent_after": str(spec.when_absent.after) if spec.when_absent else "",
        "absent_then": spec.when_absent.then if spec.when_absent else "keep",
        **{name: str(getattr(spec, name)) for name in SAID},
        **{name: str(getattr(spec, name) or "") for name in OPTIONAL},
        **{name: ", ".join(getattr(spec, name)) for name in LISTS},
        **_write_limits(spec.limits),
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
                **_draft_source(mapping, spec.rows),
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


def _draft_source(mapping: FieldMapping, rows: Rows) -> dict[str, str]:
    if mapping.value is None:
        return {"column": mapping.column or ""}
    make, column = recognise(mapping.value, rows) or (OWN_SQL, "")
    return {"make": make, "column": column, "value": mapping.value}


def read_option(draft: Draft, name: str) -> str:
    """An option as typed, else its default."""
    return draft.options.get(name, DEFAULTS.get(name, ""))


def read_limits(draft: Draft) -> dict[str, float | None]:
    """The percent of each limit, as far as it is typed; None for one that is not set, or is no number yet."""
    return {limit: _read_percent(read_option(draft, limit)) for limit in LIMITS}


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
        "environment": draft.slot,
        "account": None,
        "report": draft.report,
        "object": draft.object,
        "keys": [{"column": column, "field": field} for column, field in draft.pairs],
        "fields": [_mapping(row, before.get(row.field.lower(), {})) for row in draft.complete_rows],
        "enabled": bool(given["enabled"]),
        "ignore_invalid": bool(given["ignore_invalid"]),
        "timezone": given["timezone"] or DEFAULT_ZONE,
        "when_absent": _read_absence(given),
        **{name: given[name] for name in SAID},
        **{name: given[name] or None for name in OPTIONAL},
        **{name: [text.strip() for text in given[name].split(",") if text.strip()] for name in LISTS},
        "limits": limits,
    }
    try:
        return IntegrationSpec.model_validate(attributes), {}
    except ValidationError as error:
        return None, _name_problems(error, draft)


def _read_absence(given: Mapping[str, str]) -> dict[str, str] | None:
    if not given["absent_after"] and given["absent_then"] == "keep":
        return None
    return {"then": given["absent_then"], **({"after": given["absent_after"]} if given["absent_after"] else {})}


def _mapping(row: FieldRow, before: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **before,
        "column": None if row.is_value else row.column,
        "value": row.value.strip() if row.is_value else None,
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
        where, said = fault["loc"], say_refusal(fault)
        match where:
            case ("fields", int(number), str(name)):
                problems[f"row-{places[number]}-{name}"] = said
            case ("fields", int(number)):
                problems[f"row-{places[number]}-value"] = said
            case ("when_absent", str(name)):
                problems[f"absent_{name}"] = said
            case () if place := _find_row(said, draft):
                problems[place] = said
            case ("fields",):
                problems[GENERAL] = "Choose at least one report column and the object field it is written to."
            case ("keys",):
                problems[GENERAL] = "Choose at least one key pair on the screen before this one."
            case ("name",) if not read_option(draft, "name").strip():
                problems["name"] = "Give the integration a name."
            case () if (option := said.partition(" ")[0]) in ("after", "arrive_by", "automation"):
                problems[option if option in OPTIONS else GENERAL] = said
            case ("not_between", int()):
                problems["not_between"] = said
            case ("limits", str(name)) | (str(name),) if name in OPTIONS:
                problems[name] = said
            case _:
                problems[GENERAL] = ": ".join([".".join(map(str, where)), said]) if where else said
    return {place: capitalize_first(said) if said.startswith("it ") else said for place, said in problems.items()}


def _find_row(said: str, draft: Draft) -> str | None:
    """Return the input that a sentence about the whole integration means; None when it is none."""
    if said.startswith("filter:"):
        return "filter"
    about = ("value of {}:", "fields: {} takes ")
    for place, row in enumerate(draft.rows):
        if row.complete and any(said.startswith(begin.format(row.field)) for begin in about):
            return f"row-{place}-value"
    return None


def _read_percent(text: str) -> float | None:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None
