"""Nothing is written to another org than the connected one: not by run config, and not when another org answers."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from integration_center.database.sync_records import SyncStatus
from integration_center.installation import open_installation
from integration_center.integration.spec import Environment
from integration_center.pipeline.instance.run_request import RunRequest
from integration_center.pipeline.location.launching import run_here
from integration_center.pipeline.names import PARENT_RUN_TAG, UNDO
from integration_center.settings import read_settings
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import PLAIN, Center, Ran, logins
from integration_center_tests.pipeline.graphql import open_graphql
from salesforce_emulator.faults import HttpFault
from salesforce_emulator.org.org import PRODUCTION, SANDBOX

Connect = Callable[[Environment], None]

HOSTILE: Mapping[str, Mapping[str, Any]] = {
    "environment": {"resources": {"integration_center_sandbox": {"config": {"environment": "production"}}}},
    "a folder": {"resources": {"io_manager": {"config": {"base_dir": "/tmp/elsewhere"}}}},
    "a column": {"resources": {"io_manager": {"config": {"partition_column": "plan_id"}}}},
    "frames": {"resources": {"integration_center_frames": {"config": {"base_dir": "/tmp/elsewhere"}}}},
    "a database": {"resources": {"integration_center": {"config": {"database": "sqlite:///elsewhere.db"}}}},
    "settings": {"resources": {"integration_center": {"config": {"settings": {"dagster_home": "/tmp/elsewhere"}}}}},
    "an input": {"ops": {"logins_to_leads__update_set": {"inputs": {"report": {"path": "/tmp/elsewhere"}}}}},
    "an unknown option": {"ops": {"logins_to_leads__push": {"config": {"environment": "production"}}}},
}
DAY = {"dagster/partition": YESTERDAY.isoformat()}


@pytest.mark.proof
def test_no_run_config_and_no_tag_chooses_org_folder_or_database(center: Center) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    with open_graphql(center) as graphql:
        for name, run_config in HOSTILE.items():
            answer = graphql.launch("logins_to_leads", run_config, DAY)
            assert answer["__typename"] == "RunConfigValidationInvalid", (name, answer)
        assert not graphql.runs
        tags = {"salesforce_environment": "production", "integration": "other", "triggered_by": "schedule"}
        answer = graphql.launch("logins_to_leads", {}, DAY | tags)
        assert answer["__typename"] == "LaunchRunSuccess"
        (run,) = graphql.runs
    assert run.status is dg.DagsterRunStatus.SUCCESS
    assert center.writes(Environment.PRODUCTION) == []
    assert len(center.writes(Environment.SANDBOX)) == 1


NOT_FOUND = '[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]'
"""What an org says of a resource it does not have. Any other 404 is not the org's."""


def let_production_answer(center: Center, connect: Connect) -> None:
    """Let the address and token of the sandbox's account lead to the production org, whatever brought that about."""
    connect(Environment.PRODUCTION)
    with open_installation() as installation:
        tokens = installation.accounts.tokens(Environment.PRODUCTION)
        assert installation.accounts.save_tokens(Environment.SANDBOX, tokens)


def names_both_orgs(text: str) -> bool:
    return all(profile.org_id in text for profile in (SANDBOX, PRODUCTION))


def test_a_push_stops_where_another_org_answers(center: Center, connect: Connect) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    let_production_answer(center, connect)
    ran = center.run()
    assert not ran.success
    assert names_both_orgs(ran.error), ran.error
    assert "nothing was written" in ran.error
    assert center.sync(ran).status is SyncStatus.FAILED
    assert center.sync(ran).error == ran.error
    assert center.writes(Environment.PRODUCTION) == []


def test_an_org_without_composite_calls_is_asked_on_its_own(center: Center, connect: Connect) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    let_production_answer(center, connect)
    center.emulator.production.faults.add(HttpFault("respond", "*/composite", status=404, body=NOT_FOUND))
    ran = center.run()
    assert names_both_orgs(ran.error), ran.error
    assert center.writes(Environment.PRODUCTION) == []


def test_a_plan_for_another_org_than_the_connected_one_is_refused(center: Center) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    planned = center.run(assets=["insights/logins", "logins_to_leads/update_set"])
    sync = center.sync(planned)
    assert (sync.org_id, sync.plan_id is None, sync.read_at is None) == (SANDBOX.org_id, False, False)
    with open_installation() as installation:
        installation.syncs.planned(
            planned.run_id,
            "logins_to_leads",
            plan_id=sync.plan_id or "",
            counts=sync.counts,
            org_id=PRODUCTION.org_id,
            read_at=sync.read_at or datetime.now(UTC),
            describe_hash=sync.describe_hash or "",
            api_calls=0,
        )
    pushed = center.run(assets=["logins_to_leads/push"], tags={PARENT_RUN_TAG: planned.run_id})
    assert names_both_orgs(pushed.error), pushed.error
    assert center.writes() == []


@pytest.mark.proof
def test_an_undo_stops_where_another_org_answers(center: Center, connect: Connect) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    pushed = center.run()
    let_production_answer(center, connect)
    job, op = UNDO.job(Environment.SANDBOX), UNDO.op(Environment.SANDBOX)
    config = {"ops": {op: {"config": {"run_id": pushed.run_id, "slug": "logins_to_leads"}}}}
    run_id, success = run_here(RunRequest(job, None, {}, run_config=config), read_settings(), center.instance)
    assert not success
    error = Ran(run_id, success, center.failures(run_id, center.instance)).error
    assert names_both_orgs(error), error
    assert center.writes(Environment.PRODUCTION) == []


def test_the_undo_of_one_environment_does_not_undo_a_run_of_the_other(center: Center) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    pushed = center.run()
    job, op = UNDO.job(Environment.PRODUCTION), UNDO.op(Environment.PRODUCTION)
    config = {"ops": {op: {"config": {"run_id": pushed.run_id, "slug": "logins_to_leads"}}}}
    run_id, success = run_here(RunRequest(job, None, {}, run_config=config), read_settings(), center.instance)
    assert not success
    error = Ran(run_id, success, center.failures(run_id, center.instance)).error
    assert "wrote to Sandbox" in error
    assert "undo_sandbox" in error
