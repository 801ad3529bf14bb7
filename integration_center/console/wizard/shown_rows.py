"""The rows of the mapping screen, with what they offer, what they would write, and what is wrong with them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from integration_center.console.lookups import Answer
from integration_center.console.shell.values import name_type
from integration_center.console.wizard.choices import (
    Group,
    group_targets,
    offer_targets,
    select_option,
)
from integration_center.console.wizard.drafts import Draft, FieldRow
from integration_center.console.wizard.samples import NO_SAMPLES, Samples
from integration_center.console.wizard.values import (
    JudgedRow,
    list_presets,
)
from integration_center.integration_files.reading import DefsFile
from integration_center.planning.presets import OWN_SQL, PRESETS, Preset
from integration_center.sync.mapping.fitness import why_not_target, why_not_target_of
from integration_center.sync.mapping.type_names import name_field_type
from integration_center.sync.schema import SObjectSchema
from integration_center.wording.near_names import find_nearest, find_twin

MOST_OPTIONS = 800
"""How many options the lists of a page have together, at most. Longer ones come when they are opened."""


@dataclass(frozen=True)
class ShownRow:
    """One mapping on the screen.

    Attributes:
        groups: the fields it offers.
        type: what the column or value holds.
        problem: what is wrong with it.
        rolls_up: whether the problem goes away when all rows of a key make one record.
        preset: how its value is made; None for a plain column, and for SQL that no preset wrote.
        makes: the ways to make a value that it offers.
        field_type: what the field holds; empty while none is chosen.
        list_name: of the fields it offers, for a page that has them already.
        kept: whether the page has them.
        samples: some values of the column, as they are and as they would be written.
        clash: another integration that writes the field already.
    """

    row: FieldRow
    groups: Sequence[Group]
    type: str
    problem: str | None
    field_type: str = ""
    list_name: str = ""
    kept: bool = False
    samples: Samples = NO_SAMPLES
    clash: DefsFile | None = None
    rolls_up: bool = False
    preset: Preset | None = None
    makes: Sequence[Group] = ()


def show_rows(
    draft: Draft,
    judged: Sequence[JudgedRow],
    schema: SObjectSchema,
    problems: Mapping[str, str],
    writers: Mapping[str, DefsFile],
    samples: Sequence[Answer[Samples]],
    kept_lists: Collection[str] = (),
    asked_row: str = "",
) -> list[ShownRow]:
    """The rows with what they offer, what they would write, and what is wrong with them.

    Args:
        draft: with the rows.
        judged: what each row gives.
        schema: the object.
        problems: what saving found, by the names of inputs.
        writers: see `find_writers`.
        samples: of each row, as far as they are there.
        kept_lists: the lists of fields that the page has already.
        asked_row: the number of the row whose list is whole, however long it is.
    """
    are_short = len(schema.fields) * len(draft.rows) <= MOST_OPTIONS
    keys = frozenset(field.lower() for _, field in draft.pairs)
    presets = list_presets()
    shown = []
    for place, (row, found) in enumerate(zip(draft.rows, judged, strict=True)):
        dtype = found.dtype
        list_name, shared = offer_targets(schema, dtype, keys)
        kept = list_name in kept_lists or not (are_short or asked_row == str(row.number))
        used = {other.field.lower() for number, other in enumerate(draft.rows) if number != place and other.field}
        said = next((said for name, said in problems.items() if name.startswith(f"row-{place}-")), None)
        field = schema.get(row.field) if row.field else None
        wished = "" if row.make == OWN_SQL else row.column
        problem = found.problem or find_row_problem(row, found, schema, used, keys)
        shown.append(
            ShownRow(
                row=row,
                groups=group_targets(shared, schema, row.field, wished, used, own_only=kept),
                list_name=list_name,
                kept=kept,
                type=name_type(dtype) if row.column or (row.is_value and dtype) else "",
                problem=problem if found.problem or not said else said,
                field_type=name_field_type(field) if field else "",
                samples=samples[place].get() if samples[place].ready else NO_SAMPLES,
                clash=writers.get(row.field.lower()),
                rolls_up=found.rolls_up,
                preset=PRESETS.get(row.make),
                makes=select_option(presets, row.make or OWN_SQL),
            )
        )
    return shown


def find_asked(name: str, draft: Draft, schema: SObjectSchema, dtypes: Mapping[str, pl.DataType]) -> Sequence[Group]:
    """Find a list of fields by its name; nothing where no list is asked for, or no type of column has it.

    Values have types that no column has, so the types of all fields are tried, too.
    """
    if not name:
        return ()
    keys = frozenset(field.lower() for _, field in draft.pairs)
    kinds = dict.fromkeys([None, *dtypes.values(), *(field.dtype for field in schema.fields)])
    found = (offer_targets(schema, dtype, keys) for dtype in kinds)
    return next((groups for its_name, groups in found if its_name == name), ())


def find_row_problem(
    row: FieldRow, found: JudgedRow, schema: SObjectSchema, used: set[str], keys: frozenset[str]
) -> str | None:
    """What is wrong with a complete row, besides its value."""
    if not row.complete:
        return None
    if row.field.lower() in keys:
        return f"{schema.name}.{row.field} is a key field, and a key field is never written."
    if row.field.lower() in used:
        return f"{schema.name}.{row.field} is written twice; remove one of the two rows."
    field = schema.get(row.field)
    if field is None:
        names = [field.name for field in schema.fields]
        if twin := find_twin(row.field, names):
            return f"{schema.name} has no field {row.field}, but {twin}. Choose that one."
        nearest = find_nearest(row.field, names)
        like = f" The nearest is {nearest}." if nearest else ""
        return f"{schema.name} has no field {row.field} yet, or the connected user may not see it.{like}"
    reason = why_not_target(field) or (why_not_target_of(field, found.dtype) if found.dtype is not None else None)
    return f"{schema.name}.{field.name} {reason}." if reason else None
