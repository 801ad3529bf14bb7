"""Checks a draft against the live report and object, and writes it as the integration's file."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from integration_center.access.audit import Action
from integration_center.console.dagster import reload_code
from integration_center.console.differences import describe_changes
from integration_center.console.labels import find_labels
from integration_center.console.shell.context import note, user_of
from integration_center.console.wizard.calls import require_environment
from integration_center.console.wizard.drafts import Draft, FieldRow
from integration_center.console.wizard.saved import find_writers
from integration_center.console.wizard.schedules import say_next
from integration_center.console.wizard.screens import Screen, store_of
from integration_center.console.wizard.specs import GENERAL, build_spec
from integration_center.errors import ConfigurationError
from integration_center.integration.mapping import FieldMapping, KeyPair
from integration_center.integration.spec import IntegrationSpec
from integration_center.integration_files.reading import DefsFile
from integration_center.integration_files.yaml_edit import edit
from integration_center.planning.validation import validate
from integration_center.sync.mapping.missing_fields import (
    MissingField,
    admin_message,
    find_existing,
    suggest_field,
    tell_labels_apart,
)
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.values.texts import measure_texts


@dataclass(frozen=True)
class Saved:
    """What saving did.

    Attributes:
        text: for the person who saved.
        whole: whether Dagster knows of it, too.
    """

    slug: str
    text: str
    whole: bool


@dataclass(frozen=True)
class Refused:
    """Why a draft cannot be saved or planned, in sentences by the names of inputs."""

    problems: Mapping[str, str]

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(self.problems.values())


def check_draft(screen: Screen) -> IntegrationSpec | Refused:
    """The draft as an integration that fits the live report and object, its names as describe spells them.

    Raises:
        IntegrationCenterError: the report or the org cannot be asked.
    """
    draft = screen.draft
    spec, problems = build_spec(draft)
    if spec is None or problems:
        return Refused(problems)
    environment = require_environment(draft)
    screen.calls.forget(environment, "schema")
    rows, schema = screen.calls.newest(draft).get(), screen.calls.schema(environment, spec.object).get()
    with screen.console.interactive.connect(environment) as org:
        verdict = validate(spec, schema, rows, org)
    if verdict.problems:
        return Refused({f"{GENERAL}-{number}": problem for number, problem in enumerate(verdict.problems)})
    return spell(spec, schema)


def spell(spec: IntegrationSpec, schema: SObjectSchema) -> IntegrationSpec:
    """The integration with the object and its fields spelt as describe does."""
    return spec.model_copy(
        update={
            "object": schema.name,
            "keys": tuple(KeyPair(column=p.column, field=schema.require(p.field).name) for p in spec.keys),
            "fields": tuple(m.model_copy(update={"field": schema.require(m.field).name}) for m in spec.fields),
        }
    )


def save(screen: Screen) -> Saved | Refused:
    """Write the draft's file, let Dagster read it, and drop the draft.

    Raises:
        EditedMeanwhile: somebody else changed the file.
        IntegrationCenterError: the report or org cannot be asked, or the file cannot be written.
    """
    spec = check_draft(screen)
    if isinstance(spec, Refused):
        return spec
    if clash := find_clash(screen, spec):
        return Refused({GENERAL: clash})
    defs, draft, request = screen.console.defs, screen.draft, screen.request
    if draft.base:
        base = DefsFile(
            draft.base.slug,
            defs.path(draft.base.slug),
            draft.base.text,
            draft.base.modified_at,
            IntegrationSpec.model_validate(draft.attributes),
        )
        file = defs.save(base, spec, by=user_of(request).name)
        labels = find_labels(screen.console, spec.environment, spec.object)
        changed = describe_changes(base.spec, spec, labels) if base.spec else ""
        note(request, Action.CHANGED, slug=file.slug, environment=spec.environment, detail=changed or None)
    else:
        file = defs.create(spec, text=_copy_text(screen, spec), by=user_of(request).name)
        note(request, Action.CREATED, slug=file.slug, environment=spec.environment)
    store_of(request).delete(screen.draft_id, user_of(request).name)
    reloaded = reload_code(screen.console)
    when = say_next(spec, screen.console.now())
    return Saved(file.slug, f"{spec.name} is saved. {when} {reloaded.text}".strip(), reloaded.done)


def find_clash(screen: Screen, spec: IntegrationSpec) -> str | None:
    """Say which fields another enabled integration writes; None where there is none, or this one is switched off."""
    if not spec.enabled:
        return None
    schema = screen.calls.schema(spec.environment, spec.object).get()
    writers = find_writers(screen, spec.environment, schema)
    taken: dict[str, list[str]] = {}
    for mapping in spec.fields:
        file = writers.get(mapping.field.lower())
        if file and file.spec:
            taken.setdefault(file.spec.name, []).append(schema.require(mapping.field).label)
    said = (
        f"{', '.join(labels)} {'is' if len(labels) == 1 else 'are'} already written by {name}"
        for name, labels in taken.items()
    )
    return f"{'; '.join(said)}. Choose another field, or save this integration switched off." if taken else None


def _copy_text(screen: Screen, spec: IntegrationSpec) -> str | None:
    """The text of the copied file, changed to say `spec`, with its comments; None to build it from the integration."""
    if not screen.draft.source:
        return None
    try:
        source = screen.console.defs.read(screen.draft.source)
        if source.spec is None:
            return None
        text = edit(source.text, source.spec, spec)
    except ConfigurationError:  # deleted or broken since: the copy does without its comments
        return None
    return text if screen.console.defs.judge_text("copy", text) == spec else None


def find_missing(
    draft: Draft,
    schema: SObjectSchema,
    rows: pl.DataFrame,
    dtypes: Sequence[pl.DataType | None],
    org_fields: Collection[str] = (),
) -> list[MissingField]:
    """The fields that the draft maps to and the admin has to create or to show, each with a type that suits its column.

    Args:
        draft: with the rows.
        schema: the object as the connected user sees it.
        rows: the newest rows of the report.
        dtypes: what each row's column or value holds; None where that is not known.
        org_fields: names of all fields that the object has, hidden ones included, as far as the org says.
    """
    keys = {field.lower() for _, field in draft.pairs}
    lacking = [
        (row, dtype or pl.String())
        for row, dtype in zip(draft.rows, dtypes, strict=True)
        if row.complete and schema.get(row.field) is None and row.field.lower() not in keys and _is_name(row)
        if not (row.is_value and dtype is None)  # a value that cannot be calculated has no type
    ]
    longest = measure_texts(rows.lazy(), [row.column for row, _ in lacking if not row.is_value])
    wanted = (
        suggest_field("", row.field, dtype)
        if row.is_value
        else suggest_field(row.column, row.field, dtype, longest=longest.get(row.column, 0))
        for row, dtype in lacking
    )
    return tell_labels_apart(missing for field in wanted if (missing := find_existing(field, schema, org_fields)))


def write_admin_message(draft: Draft, missing: list[MissingField], *, user: str) -> str:
    """The message to the Salesforce admin; empty when nothing is missing."""
    first = missing[0] if missing else None
    if first is None:
        return ""
    # What is not filled in yet does not change the message.
    spec = IntegrationSpec(
        name=draft.options.get("name", "").strip()[:255] or "New integration",
        environment=require_environment(draft),
        report=draft.report,
        object=draft.object,
        keys=tuple(KeyPair(column=column, field=field) for column, field in draft.pairs[:1]),
        fields=(FieldMapping(column=first.label or "-", field=first.name),),
    )
    return admin_message(missing, spec, user=user)


def _is_name(row: FieldRow) -> bool:
    try:
        FieldMapping(column=row.column or "-", field=row.field)
    except ValueError:
        return False
    return True
