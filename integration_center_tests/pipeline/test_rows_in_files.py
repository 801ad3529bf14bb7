"""A line of a ledger names the row that a person finds when the report's file is opened."""

import csv
import io
from collections.abc import Sequence

import pytest

from integration_center.console.ledger import LedgerLine, read_page, scan, stream_csv
from integration_center.console.ledger_query import LedgerQuery
from integration_center.installation import open_installation
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import COUNT, HEADER, PLAIN, Center, Ran, days_before, email, logins
from integration_center_tests.pipeline.commands import Command, as_json

SLUG = "logins_to_leads"


def drop_text(center: Center, rows: list[str], name: str = f"{YESTERDAY}.csv", about: str = "") -> list[str]:
    """Drop a file of these lines, and return the lines, the first of which is row 1."""
    folder = center.home / "drops" / "logins"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join(rows) + "\n", encoding="utf-8")
    if about:
        (folder / "report.yaml").write_text(about, encoding="utf-8")
    return rows


def write_rows(people: Sequence[int], count: int = 7) -> list[str]:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(logins(people, count))
    return text.getvalue().splitlines()


def read_console(
    center: Center, ran: Ran, query: LedgerQuery | None = None
) -> tuple[list[LedgerLine], list[dict[str, str]]]:
    """The lines of the console's page and of its CSV."""
    query = query or LedgerQuery()
    with open_installation() as installation:
        sync = center.sync(ran)
        page = read_page(installation, sync, query, 1)
        text = "".join(stream_csv(scan(installation, sync), query))
    return list(page.lines), list(csv.DictReader(io.StringIO(text)))


def test_title_lines_and_empty_lines_count_everywhere(center: Center, command: Command) -> None:
    center.integrate()
    first, second, *_ = PLAIN
    own = write_rows([first, second, first, 9999])
    lines = ["Logins of November", "", ",".join(HEADER), own[0], "", own[1], "", "", own[2], own[3], "4 rows"]
    drop_text(center, lines, about="header_row: 2\nfooter: 1\n")
    ran = center.run()
    expected = {number: line.split(",")[0] for number, line in enumerate(lines, 1) if "@" in line}
    assert center.ledger(ran)["row"].to_list() == [0, 1, 2, 3]
    shown, downloaded = read_console(center, ran)
    assert {line.row: line.key for line in shown} == expected
    assert {int(line["row"]): line["key"] for line in downloaded} == expected
    assert "file_row" not in downloaded[0]
    listed = as_json(command("ledger", ran.run_id, "--json"))
    assert {line["row"]: line["key"] for line in listed} == expected
    twice, used = 9, 4
    for reasons in (
        {line.row: line.reason for line in shown},
        {int(line["row"]): line["reason"] for line in downloaded},
        {line["row"]: line["reason"] for line in listed},
    ):
        assert reasons[twice] == f"row {used} has the same key and is used"
    (entry,) = as_json(command("why", email(second), "--json"))["entries"]
    assert (entry["row"], expected[entry["row"]]) == (6, email(second))

    undone = as_json(command("undo", ran.run_id, "--yes", "--json"))
    written = as_json(command("ledger", undone["run_id"], "--json"))
    assert {line["row"]: line["key"] for line in written} == {4: email(first), 6: email(second)}


@pytest.mark.proof
def test_nothing_is_kept_where_nothing_is_passed_over(center: Center, command: Command) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    ran = center.run()
    assert not {"file_row", "file"} & set(center.ledger(ran).columns)
    shown, _ = read_console(center, ran)
    assert [line.row for line in shown] == [*range(2, len(PLAIN) + 2)]
    undone = as_json(command("undo", ran.run_id, "--yes", "--json"))
    written = as_json(command("ledger", undone["run_id"], "--json"))
    assert [line["row"] for line in written] == [*range(2, len(PLAIN) + 2)]


def test_files_of_one_day_are_named(center: Center, command: Command) -> None:
    center.integrate()
    header, people = ",".join(HEADER), PLAIN[:3]
    drop_text(center, [header, *write_rows(people[:2])], f"{YESTERDAY}_1.csv", "parts: concat\n")
    drop_text(center, [header, "", *write_rows([people[2], people[0]])], f"{YESTERDAY}_2.csv")
    ran = center.run()
    place = {2: f"logins/{YESTERDAY}_1.csv", 3: f"logins/{YESTERDAY}_1.csv"}
    shown, downloaded = read_console(center, ran)
    numbers = [(line.row, line.file) for line in shown]
    assert numbers == [(2, place[2]), (3, place[3]), (3, f"logins/{YESTERDAY}_2.csv"), (4, f"logins/{YESTERDAY}_2.csv")]
    assert [(int(line["row"]), line["file"]) for line in downloaded] == numbers
    assert shown[3].reason == f"row 2 of logins/{YESTERDAY}_1.csv has the same key and is used"
    assert f"row 3 of logins/{YESTERDAY}_2.csv, {YESTERDAY}" in command("why", email(people[2]))[1]
    grouped = {line.reason for line in read_console(center, ran, LedgerQuery(reason="another row has the same key"))[0]}
    assert grouped == {shown[3].reason}


@pytest.mark.proof
def test_days_of_one_run_are_counted_each_by_itself(center: Center) -> None:
    center.integrate()
    drop_text(center, ["Title", ",".join(HEADER), *write_rows(PLAIN[:2])], f"{days_before(1)}.csv", "skip_lines: 1\n")
    drop_text(center, ["Title", ",".join(HEADER), *write_rows(PLAIN[1:3], 9)])
    ran = center.run(day=days_before(1), last=YESTERDAY)
    lines = center.ledger(ran).select("day", "file_row").rows()
    assert lines == [(days_before(1), 3), (days_before(1), 4), (YESTERDAY, 3), (YESTERDAY, 4)]


@pytest.mark.proof
def test_a_person_who_is_no_longer_in_the_report_has_no_row(center: Center, command: Command) -> None:
    fields = [{"column": HEADER[-1], "field": COUNT, "absent": "0"}]
    center.integrate(fields=fields, when_absent={"after": 3})
    center.drop(logins(PLAIN), days_before(1))
    center.run(day=days_before(1))
    center.let_time_pass()
    center.drop(logins(PLAIN[1:]))
    ran = center.run()
    gone = [line for line in as_json(command("ledger", ran.run_id, "--json")) if line["last_seen"]]
    assert [(line["key"], line["row"]) for line in gone] == [(email(PLAIN[0]), None)]
    shown, downloaded = read_console(center, ran)
    assert {line.key for line in shown if line.row is None} == {email(PLAIN[0])}
    assert [line["key"] for line in downloaded if not line["row"]] == [email(PLAIN[0])]
