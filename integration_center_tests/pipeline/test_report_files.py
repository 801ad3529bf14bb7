"""Report files that are written otherwise than usual, carried to the org."""

from datetime import date

import pytest

from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import COUNT, EXAMPLE, FIRST, PLAIN, Center, days_before, email
from integration_center_tests.pipeline.commands import Command, as_json

REPORT = "logins"


def drop_text(center: Center, text: str, declared: str = "", day: date = YESTERDAY) -> None:
    folder = center.home / "drops" / REPORT
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{day}.csv").write_bytes(text.encode("cp1252" if "cp1252" in declared else "utf-8"))
    (folder / "report.yaml").write_text(declared, encoding="utf-8")


def test_a_german_export_with_title_and_totals_reaches_the_org(center: Center) -> None:
    center.integrate(fields=[field for field in EXAMPLE["fields"] if field["column"] != "Last Login"])
    rows = "".join(f'"{email(number)}";"0{number % 9 + 1}.11.2026";"1.23{number % 10}"\n' for number in PLAIN)
    drop_text(
        center,
        f'Auswertung für März\n"USER ID ";"First Login";"# Logins Last 30 Days"\n{rows}Summe;;{len(PLAIN)}\n',
        "encoding: cp1252\nskip_lines: 1\nfooter: ^Summe\ndates: '%d.%m.%Y'\nthousands: .\n",
    )
    ran = center.run()
    assert ran.success, ran.failures
    assert center.sync(ran).counts["lines"] == {"updated": len(PLAIN)}
    assert center.lead(PLAIN[0])[COUNT] == 1230 + PLAIN[0] % 10


def test_a_name_that_occurs_twice_stops_only_the_integration_that_maps_it(center: Center) -> None:
    center.integrate(fields=[{"column": "# logins last 30 days", "field": COUNT}])
    center.integrate("other", object="WalkMe_Engagement__c", fields=[{"column": "Comment", "field": "Score__c"}])
    rows = "".join(f"{email(number)},{number},a,b\n" for number in PLAIN)
    drop_text(center, f"User ID,# Logins Last 30 Days,Comment,Comment\n{rows}")
    ran = center.run()
    assert ran.success, ran.failures
    assert center.lead(PLAIN[0])[COUNT] == PLAIN[0]
    assert not center.run("other").success


def test_numbers_that_may_mean_thousands_are_not_pushed_to_a_field_for_whole_numbers(center: Center) -> None:
    center.integrate(fields=[{"column": "# logins last 30 days", "field": COUNT}])
    center.integrate("other", fields=[{"column": "First Login", "field": FIRST}])
    header, declared = "User ID;First Login;# Logins Last 30 Days\n", "thousands: .\n"

    def write(thousands: int) -> str:
        rows = (f"{email(number)};2026-11-{number:02d};{thousands}.{100 + number}\n" for number in PLAIN)
        return header + "".join(rows)

    drop_text(center, write(1), declared, days_before(2))
    assert center.run(day=days_before(2)).success
    drop_text(center, write(2).replace(f"2.{100 + PLAIN[1]}", "siehe unten"), declared, days_before(1))
    ran = center.run(day=days_before(1))
    assert not ran.success
    assert center.lead(PLAIN[0])[COUNT] == 1100 + PLAIN[0]
    said = center.sync(ran).error or ""
    assert f"logins/{days_before(1)}.csv: column '# Logins Last 30 Days': 1 of 8 values (first in row 3)" in said
    assert "`columns: {'# Logins Last 30 Days': {thousands: .}}`; until then" in said
    assert center.run("other", day=days_before(1)).success
    drop_text(center, write(3), declared)
    assert center.run().success
    assert center.lead(PLAIN[0])[COUNT] == 3100 + PLAIN[0]


def test_a_day_without_the_title_above_the_header_shows_nobody(center: Center) -> None:
    center.integrate(fields=[{"column": "# logins last 30 days", "field": COUNT}])
    table = "User ID;# Logins Last 30 Days\n" + "".join(f"{email(number)};{number}\n" for number in PLAIN)
    drop_text(center, f"Bericht vom 22.11.\n{table}", "header_row: 2\n", days_before(1))
    assert center.run(day=days_before(1)).success
    drop_text(center, table, "header_row: 2\n")
    ran = center.run()
    assert not ran.success
    said = f"logins/{YESTERDAY}.csv: row 2, which is read as the header, has an e-mail address, and row 1 seems to be"
    assert said in ran.error
    records = center.instance.get_records_for_run(ran.run_id).records
    assert email(PLAIN[0]) not in "".join(str(record.event_log_entry) for record in records)


@pytest.mark.proof
def test_plan_and_run_say_what_is_in_doubt_about_the_report(center: Center, command: Command) -> None:
    center.integrate(fields=[{"column": "# logins last 30 days", "field": COUNT}])
    rows = "".join(f'"{email(number)}";"1.23{number % 10}"\n' for number in PLAIN)
    drop_text(center, f'"User ID";"# Logins Last 30 Days"\n{rows}')
    doubt = "column '# Logins Last 30 Days' holds numbers such as 1.234 (first in row 2), which are read as decimals"
    _, said, _ = command("plan", "logins_to_leads")
    assert f"note: logins/{YESTERDAY}.csv: {doubt}" in said
    assert "note: " in command("plan", "--all")[1]
    assert any(doubt in note for note in as_json(command("plan", "logins_to_leads", "--json"))["notes"])
    assert f"note: logins/{YESTERDAY}.csv: {doubt}" in command("run", "logins_to_leads")[1]
