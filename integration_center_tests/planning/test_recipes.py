"""The recipes of the documentation, on report drops as in real life, against plain Python."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
import yaml

from integration_center.insights.build import build_source
from integration_center.integration.spec import IntegrationSpec
from integration_center.planning.newest_report import NewestReport, read_newest
from integration_center.planning.proposals import propose_values
from integration_center.planning.shaping import plan_shape, shape_rows
from integration_center.settings import Settings
from integration_center.store.reports import ReportFolder
from integration_center.sync.columns import ASIDE
from integration_center.sync.schema import SObjectField, SObjectSchema
from integration_center.sync.targets import resolve_keys
from integration_center_tests.documents import read_blocks
from integration_center_tests.frame_stores import open_store

SAMPLES = Path(__file__).parents[1] / "samples"
DAY = date(2026, 11, 22)
SCHEMA = SObjectSchema(
    "Any",
    "Any",
    queryable=True,
    updateable=True,
    fields=(SObjectField("Email", "Email", "email", length=80), SObjectField("Name", "Name", "string", length=80)),
)
Row = Mapping[str, str | None]
RECIPES = {
    spec.name: spec
    for _, text in read_blocks("docs/how-to/data-engineer.md", "yaml")
    if text.startswith("name:") and "value:" in text
    for spec in [IntegrationSpec.model_validate(yaml.safe_load(text))]
}


@pytest.fixture
def newest(tmp_path: Path) -> Callable[[str], NewestReport]:
    """Reads a sample as an integration would."""
    settings = Settings(_env_file=None, WALKME_FILES_ROOT=str(SAMPLES), DAGSTER_HOME=tmp_path)
    source = build_source(settings)
    return lambda name: read_newest(source, ReportFolder(open_store(tmp_path)), name, ())


def shaped(spec: IntegrationSpec, report: NewestReport) -> dict[str, tuple[object, ...]]:
    """The values by key, of the rows that are matched."""
    shape = plan_shape(spec, report.rows.lazy(), DAY, report.likely_types)
    assert shape is not None
    assert not shape.faults, shape.faults
    rows = shape_rows(shape, report.rows, resolve_keys(spec, SCHEMA), newest=None, by_day=False)
    key = spec.keys[0].column
    used = rows.filter(pl.col(ASIDE).is_null(), pl.col(key).is_not_null())
    return {
        row[0].strip().lower(): row[1:] for row in used.select(key, *(each.source for each in spec.fields)).iter_rows()
    }


def group(rows: Sequence[Row], key: str) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if (row[key] or "").strip():
            groups[(row[key] or "").strip().lower()].append(row)
    return groups


def test_nps_of_accounts(newest: Callable[[str], NewestReport]) -> None:
    report = newest("NPS")
    found = shaped(RECIPES["NPS to Accounts"], report)
    expected = {}
    for key, rows in group(report.frame.to_dicts(), "Account Name").items():
        answers = [int(row["Answer"]) for row in rows if row["Answer"]]
        if not answers:
            continue
        score = 100 * (sum(a >= 9 for a in answers) - sum(a <= 6 for a in answers)) / len(answers)
        last = max(row["Question Date & Time (UTC)"] or "" for row in rows if row["Answer"])
        expected[key] = (pytest.approx(score), len(answers), datetime.fromisoformat(last).replace(tzinfo=UTC))
    assert found == expected
    assert len(expected) > 20


def test_courses_of_leads(newest: Callable[[str], NewestReport]) -> None:
    report = newest("TeachMe")
    found = shaped(RECIPES["Courses to Leads"], report)
    expected = {}
    for key, rows in group(report.frame.to_dicts(), "User ID").items():
        progress = [float(row["Course Progress"] or 0) for row in rows]
        done = sum(row["Course Status"] == "Completed" for row in rows)
        expected[key] = (done, pytest.approx(sum(progress) / len(progress)))
    assert found == expected
    assert any(len(rows) > 1 for rows in group(report.frame.to_dicts(), "User ID").values())


def test_activity_of_leads(newest: Callable[[str], NewestReport]) -> None:
    report = newest("Logins")
    found = shaped(RECIPES["Activity of Leads"], report)
    for row in report.frame.to_dicts():
        key = (row["User ID"] or "").strip().lower()
        if len(group(report.frame.to_dicts(), "User ID").get(key, [])) == 1 and row["Last Login"]:
            days = (DAY - datetime.fromisoformat(row["Last Login"]).date()).days
            assert found[key] == (days, "Gone" if days > 30 else "Fading" if days > 14 else "Active")


def test_stalled_onboarding(newest: Callable[[str], NewestReport]) -> None:
    report = newest("Onboarding Completion Rate")
    found = shaped(RECIPES["Stalled onboarding"], report)
    seen = set()
    for key, rows in group(report.frame.to_dicts(), "User ID").items():
        if len(rows) == 1:
            rate = float((rows[0]["Onboarding Completion Rate"] or "0").rstrip("%"))
            last = rows[0]["Last Task Completed"]
            idle = bool(last) and (DAY - datetime.fromisoformat(last or "").date()).days >= 14
            assert found[key] == (rate < 100 and idle,)
            seen.add(found[key])
    assert seen == {(True,), (False,)}


@pytest.mark.parametrize(
    ("report", "target"),
    [
        ("NPS", "Account"),
        ("NPS", "Lead"),
        ("TeachMe", "Contact"),
        ("Logins", "Lead"),
        ("Onboarding Completion Rate", "Lead"),
    ],
)
def test_proposed_values_fit_the_samples(newest: Callable[[str], NewestReport], report: str, target: str) -> None:
    there = newest(report)
    proposal = propose_values(there.info.slug, target, there.frame.columns)
    assert proposal is not None
    spec = IntegrationSpec.model_validate(
        {
            "name": "x",
            "environment": "sandbox",
            "report": report,
            "object": target,
            "keys": [{"column": there.info.key_column, "field": "Email"}],
            "rows": proposal.rows,
            "fields": [{"value": each.value, "field": f"F{n}__c"} for n, each in enumerate(proposal.values)],
        }
    )
    assert shaped(spec, there)
