"""Hostile names in everything that Dagster describes: its Markdown shows them as text."""

import dagster as dg
import pytest

from integration_center.wording.markdown import unescape_markdown
from integration_center_tests.pipeline.center import COUNT, EXAMPLE, PLAIN, Center, logins
from integration_center_tests.test_markdown import LITERAL_LINKS, render

NAME = "[a](javascript:alert(1)) ![x](https://evil.example/x.png) <img src=x> `b` www.evil.example | *c*"
ESCAPE = "\x1b[2J"
PLAIN_TOKENS = {"text", "text_special", "softbreak", "code_inline"}
"""`code_inline` is ours: the names of commands and settings."""


def find_markup(description: str | None) -> set[str]:
    """Kinds of markup in a description that a name may have brought in."""
    tokens = render(description or "")
    links = {"link" for token in tokens if LITERAL_LINKS.search(token.content)}
    return {token.type for token in tokens} - PLAIN_TOKENS | links


def test_no_description_of_the_definitions_holds_markup(center: Center) -> None:
    name = NAME + ESCAPE
    center.integrate(name=name, report=name, schedule="0 9 * * *", keys=[{"column": name, "field": "Email"}])
    center.write("broken", f"type: integration_center.Integration\nattributes: {{name: 'x', {NAME!r}: 1}}\n")
    center.write("bad" + name.replace("/", ""), "type: [")
    repository = center.definitions().get_repository_def()
    nodes = [repository.asset_graph.get(key) for key in repository.asset_graph.get_all_asset_keys()]
    described = [
        *(node.description for node in nodes),
        *(job.description for job in repository.get_all_jobs()),
        *(schedule.description for schedule in repository.schedule_defs),
    ]
    assert sum("javascript:alert(1)" in (text or "") for text in described) >= 5
    assert [text for text in described if find_markup(text)] == []
    assert [text for text in described if ESCAPE in (text or "")] == []


def test_no_check_result_holds_markup_and_the_log_shows_the_sentence(center: Center) -> None:
    center.integrate(fields=[*EXAMPLE["fields"][:2], {"column": NAME, "field": "Missing__c"}])
    center.drop(logins(PLAIN))
    run = center.run()
    assert not run.success
    records = center.instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    events = [record.event_log_entry.dagster_event for record in records.records]
    descriptions = [event.asset_check_evaluation_data.description for event in events if event]
    assert any("javascript" in (text or "") for text in descriptions)
    assert [text for text in descriptions if find_markup(text)] == []
    assert NAME in (center.sync(run).error or "")


@pytest.mark.proof
def test_a_push_that_wrote_nothing_shows_what_salesforce_calls_its_fields(center: Center) -> None:
    center.integrate()
    center.drop(logins(PLAIN[:2]))
    assert center.run().success
    assert center.run().success
    event = center.instance.get_latest_materialization_event(dg.AssetKey(["logins_to_leads", "push"]))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["records_written"].value == 0
    schema = event.asset_materialization.metadata["dagster/column_schema"].value
    assert isinstance(schema, dg.TableSchema)
    shown = {column.name: (column.type, column.description) for column in schema.columns}
    origin = f"from column '# Logins Last 30 Days' of {EXAMPLE['report']}"
    assert shown[COUNT] == ("double", f"WalkMe Logins Last 30 Days; {origin}")


def test_a_written_object_shows_labels_and_types_and_says_which_integration_writes_each_field(center: Center) -> None:
    center.integrate()
    center.drop(logins(PLAIN[:2]))
    assert center.run().success
    key = dg.AssetKey(["salesforce", "sandbox", "Lead"])
    event = center.instance.get_latest_materialization_event(key)
    assert event is not None
    assert event.asset_materialization is not None
    schema = event.asset_materialization.metadata["dagster/column_schema"].value
    assert isinstance(schema, dg.TableSchema)
    origin = f"from column '# Logins Last 30 Days' of {EXAMPLE['report']}"
    shown = {column.name: (column.type, column.description) for column in schema.columns}
    assert shown[COUNT] == ("double", f"WalkMe Logins Last 30 Days; {origin}")
    node = center.definitions().resolve_asset_graph().get(key)
    assert "dagster/column_schema" not in node.metadata  # Dagster's page would show its texts in place of the labels
    assert f"{origin}, by logins" in unescape_markdown(node.description or "")
