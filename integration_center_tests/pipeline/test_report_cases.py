"""Report files that people had trouble with elsewhere: each is right, or refused with the line that reads it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration_center.errors import UnreadableReport
from integration_center.insights.declared.report_yaml import ReportFile
from integration_center.insights.drop_folders.drops import LocalDrops
from integration_center.insights.files import FilesSource
from integration_center.insights.inspecting.inspection import inspect_file
from integration_center.insights.sizes import SizeLimit
from integration_center.insights.source import Report
from integration_center.installation import open_installation
from integration_center.sync.columns import AFTER
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import PLAIN, Center
from integration_center_tests.pipeline.commands import Command, as_json
from salesforce_emulator.schema.field_kinds import moment, text
from salesforce_emulator.schema.field_kinds import number as number_field
from salesforce_emulator.schema.fields import Field

CASES = Path(__file__).parent.parent / "report_cases"
ANN, BO = "ann.lee@customer1.example", "bo.diaz@customer2.example"
FIRST_LOGIN, LAST_LOGIN = "2026-01-02 03:04:05", "2026-11-20 10:00:00"
PLAIN_ROWS = [(ANN, FIRST_LOGIN, LAST_LOGIN, "7"), (BO, FIRST_LOGIN, LAST_LOGIN, "8")]


@dataclass(frozen=True)
class Case:
    """A file, and what is right for it.

    Attributes:
        rows: its first rows, or all of them, when it is read with `declared`.
        declared: what `report.yaml` has to say.
        says: part of the refusal or of a note without that; None where nothing has to be said.
        proposed: whether `inspect` proposes just that, which it does not where a human has to decide.
    """

    rows: list[tuple[str | None, ...]]
    declared: str = ""
    says: str | None = None
    proposed: bool = True


def with_last(*cells: str) -> list[tuple[str | None, ...]]:
    return [(*row[:3], cell) for row, cell in zip(PLAIN_ROWS, cells, strict=True)]


PERCENT = [(ANN, "50%"), (BO, "1.234"), ("cy.ito@customer3.example", "1234.5")]
GUARDED = [(ANN, "00123"), (BO, "00123"), ("cy.ito@customer3.example", "=1+1")]
DATES = ["2026-11-22 03:58 AM", "2026-11-22T07:00:00Z", "2026-11-22 07:00:00 GMT", "2026-11-22T07:00:00+02"]
WHO = [ANN, BO, "cy.ito@customer3.example", "di@customer4.example"]
RIGHT = {
    "semicolon/plain": Case([*PLAIN_ROWS], says="separated by semicolons"),
    "semicolon/quoted": Case([*PLAIN_ROWS]),
    "semicolon/tab": Case([*PLAIN_ROWS], says="separated by tabs"),
    "semicolon/sep-line": Case([*PLAIN_ROWS], says="a line says sep=;"),
    "semicolon/sep-comma": Case([*PLAIN_ROWS]),
    "semicolon/decimal-comma": Case(with_last("7.5", "8"), "decimal: ','\nthousands: .\n"),
    "utf16/plain": Case([*PLAIN_ROWS], says="the text is utf-16-le"),
    "utf16/no-mark": Case([*PLAIN_ROWS], says="the text is utf-16-le"),
    "utf16/double-bom": Case([*PLAIN_ROWS]),
    "utf16/cp1252": Case([(*PLAIN_ROWS[0], "Müller")], "encoding: cp1252\n", "such as `encoding: cp1252`"),
    "footer/plain": Case([*PLAIN_ROWS], "footer: 1\n", "line 5: 1 cell, the header has 4"),
    "footer/row-count": Case([*PLAIN_ROWS], "footer: 1\n", "such as `footer: 1`"),
    "footer/totals": Case([*PLAIN_ROWS], "footer: ^\\W*Total\n"),
    "footer/blanks": Case([*PLAIN_ROWS]),
    "footer/ctrl-z": Case([*PLAIN_ROWS]),
    "doubled-header/plain": Case([(*PLAIN_ROWS[0], "a", "b"), (*PLAIN_ROWS[1], "c", "d")], says="'Comment' more than"),
    **{f"header-blanks/{name}": Case([*PLAIN_ROWS]) for name in ("plain", "case", "outer-blank", "zero-width")},
    "header-blanks/quoted-twice": Case([*PLAIN_ROWS]),
    "placeholders/plain": Case(
        [(ANN, None, LAST_LOGIN), (BO, None, None), (WHO[2], "gold", None)], "empty: ['-', N/A, 'NULL', Never]\n",
        "say `empty: ['-', 'Never']` in report.yaml",
    ),
    "backslash-quotes/plain": Case(
        [(ANN, 'sean,"Jeff', "9"), (BO, '"Chill"', "8")], "escape: \\\n", "such as `escape: '\\'`"
    ),
    "date-forms/plain": Case(
        list(zip(WHO, DATES, strict=True)), "columns: {Last Login: {dates: ['%d/%m/%Y %H:%M', epoch_ms]}}\n"
    ),
    "apostrophes/plain": Case([*GUARDED], "strip: true\n", "`strip: true` in report.yaml", proposed=False),
    "dotted-i/plain": Case([("İDİL@customer1.example", "1"), ("jose\u0301@customer2.example", "2")]),
    "percent-thousands/plain": Case([*PERCENT], "decimal: ','\nthousands: .\n"),
    "blank-rows/plain": Case([(ANN, "5"), (None, None)]),
    "blank-rows/cr": Case([(ANN, "5"), (BO, "6")]),
    "text-altered/plain": Case(
        [(ANN, "50%", "1.10", "7.00", "TRUE", "2026-11-22 07:00:00"),
         (BO, "87.5%", "1.20", "8.50", "False", "2026-11-23 08:30:00")]
    ),
}  # fmt: skip


def read(root: Path, content: bytes, declared: str) -> Report:
    folder = root / "logins"
    folder.mkdir(exist_ok=True)
    (folder / f"{YESTERDAY}.csv").write_bytes(content)
    (folder / "report.yaml").write_text(declared, encoding="utf-8")
    source = FilesSource(LocalDrops(root))
    return source.read(source.find("Logins"), YESTERDAY)


def test_each_case_has_its_answer() -> None:
    assert {str(path.relative_to(CASES).with_suffix("")) for path in CASES.rglob("*.csv")} == set(RIGHT)


@pytest.mark.sampled
@pytest.mark.parametrize("name", RIGHT)
def test_a_file_is_right_or_says_the_line_that_reads_it(name: str, tmp_path: Path) -> None:
    case, content = RIGHT[name], (CASES / f"{name}.csv").read_bytes()
    try:
        said = " ".join(read(tmp_path, content, "").notes)
    except UnreadableReport as error:
        said = str(error)
    assert (case.says or "") in said
    rows = read(tmp_path, content, case.declared).frame.rows()
    assert [(row[0] and row[0].strip(), *row[1:]) for row in rows[: len(case.rows)]] == case.rows
    found = inspect_file(content, "x.csv", "csv", ReportFile(), limit=SizeLimit())
    assert found.problem is None
    if case.proposed:
        assert found.proposal == (yaml.safe_load(case.declared) or {})


NUMBERS = {
    "semicolon/decimal-comma": (7.5, 8.0),
    "percent-thousands/plain": (50.0, 1.23, 1234.5),
    "footer/totals": (7.0, 8.0),
    "blank-rows/plain": (5.0,),
    "dotted-i/plain": (1.0, 2.0),
}
"""What the org gets in number fields, of the first rows."""
TIMES = {
    "date-forms/plain": ("2026-11-22 03:58", "2026-11-22 07:00", "2026-11-22 07:00", "2026-11-22 05:00"),
    "placeholders/plain": ("2026-11-20 10:00",),
}
"""What the org gets in fields of date and time."""


def build_field(number: int, name: str) -> Field:
    """A field of Lead for a case, of the type that a team would choose."""
    if name in NUMBERS:
        return number_field(f"Case_{number:02}__c", name, 18, 2)
    return moment(f"Case_{number:02}__c", name) if name in TIMES else text(f"Case_{number:02}__c", name, 255)


@pytest.fixture
def fields(center: Center) -> Iterator[list[Field]]:
    """A field of Lead for each case, as long as the test lasts."""
    org = center.emulator.sandbox.org
    made = [build_field(number, name) for number, name in enumerate(RIGHT)]
    for field in made:
        org.store.add_column("Lead", field)
        org.schema.add("Lead", field, hidden=False)
    yield made
    for field in made:
        org.schema.remove("Lead", field.name)
    with org.store.writing() as connection:
        for field in made:
            connection.execute(f'ALTER TABLE "Lead" DROP COLUMN "{field.name}"')


def find_right(name: str, case: Case) -> list[object]:
    """What the org gets of a case's first rows."""
    if name in NUMBERS:
        return [*NUMBERS[name]]
    if name in TIMES:
        return [datetime.fromisoformat(each).replace(tzinfo=UTC) for each in TIMES[name]]
    return [row[-1] for row in case.rows if row[-1] is not None]


def read_planned(center: Center, planned: Mapping[str, Any], field: str) -> list[object]:
    """The values that a plan would write, in the order of the report."""
    with open_installation() as installation:
        lines = installation.ledgers.read(planned["run_id"], planned["slug"])
    return [value for value in lines.sort("row")[f"{AFTER}{field}"] if value is not None]


@pytest.mark.proof
@pytest.mark.timeout(300)  # some thirty plans, on whatever machine
def test_check_and_plan_say_what_helps_and_then_read_each_file(
    center: Center, command: Command, fields: list[Field]
) -> None:
    people = list(dict.fromkeys(str(row[0]) for case in RIGHT.values() for row in case.rows if row[0]))
    for person, address in zip(PLAIN[: len(people)], people, strict=True):
        center.change_lead(person, "Email", address)
    for number, (name, case) in enumerate(RIGHT.items()):
        slug, content = f"case_{number:02}", (CASES / f"{name}.csv").read_bytes()
        folder = center.home / "drops" / slug.replace("_", "-")
        folder.mkdir()
        (folder / f"{YESTERDAY}.csv").write_bytes(content)
        (folder / "report.yaml").write_text("tags: [integrations_salesforce]\n", encoding="utf-8")
        column = read(center.home, content, case.declared).frame.columns[len(case.rows[0]) - 1]
        center.integrate(slug, report=folder.name, fields=[{"column": column, "field": fields[number].name}])
    found = {each["slug"]: " ".join(each["problems"] + each["notes"]) for each in as_json(command("check", "--json"))}
    says = {slug: case.says or "" for slug, case in zip(sorted(found), RIGHT.values(), strict=True)}
    assert {slug: found[slug] for slug, said in says.items() if said not in found[slug]} == {}
    for number, case in enumerate(RIGHT.values()):
        with (center.home / "drops" / f"case-{number:02}" / "report.yaml").open("a", encoding="utf-8") as file:
            file.write(case.declared)
    checked = as_json(command("check", "--json"))
    assert {each["slug"]: each["verdict"] for each in checked if each["verdict"] != "sound"} == {}, checked
    planned = as_json(command("plan", "--all", "--json"))
    assert [each["problem"] for each in planned] == [None] * len(RIGHT)
    values = {
        name: read_planned(center, each, field.name) for name, each, field in zip(RIGHT, planned, fields, strict=True)
    }
    assert values == {name: find_right(name, case) for name, case in RIGHT.items()}
