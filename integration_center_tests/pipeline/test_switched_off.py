"""An integration that is switched off runs only when its own run asks for it."""

import pytest

from integration_center.database.sync_records import SyncStatus
from integration_center.pipeline.instance.run_request import RunRequest
from integration_center.pipeline.location.launching import run_here
from integration_center.pipeline.names import push_config
from integration_center.settings import read_settings
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import PLAIN, Center, logins
from integration_center_tests.pipeline.commands import Command, as_json

SLUG = "logins_to_leads"


@pytest.fixture
def off(center: Center) -> Center:
    center.integrate(enabled=False)
    center.drop(logins(PLAIN))
    return center


def test_a_launch_that_does_not_ask_for_it_writes_nothing_and_reads_nothing(off: Center) -> None:
    for ran in (off.run(), off.materialize_all()):
        assert not ran.success
        assert "Logins to Leads is switched off" in ran.error
        assert off.sync(ran).status is SyncStatus.FAILED
    assert len(off.emulator.sandbox.calls) == 0


@pytest.mark.proof
def test_a_push_alone_is_refused_too(off: Center) -> None:
    planned = off.run(assets=["insights/logins", f"{SLUG}/update_set"])
    assert planned.success, planned.error  # a plan writes nothing
    pushed = off.run(assets=[f"{SLUG}/push"], tags={"dagster/parent_run_id": planned.run_id})
    assert "is switched off" in pushed.error
    assert off.writes() == []


def test_the_option_and_the_command_run_it(off: Center, command: Command) -> None:
    request = RunRequest(SLUG, (YESTERDAY, YESTERDAY), {}, run_config=push_config(SLUG))
    _, success = run_here(request, read_settings(), off.instance)
    assert success
    assert as_json(command("run", SLUG, "--json"))["lines"] == {"unchanged": len(PLAIN)}


@pytest.mark.proof
def test_an_option_of_another_integration_does_not_count(off: Center) -> None:
    off.integrate("other", enabled=False, name="Other")
    config = push_config("other")
    job = off.definitions().resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=off.instance, partition_key=YESTERDAY.isoformat(), run_config=config, raise_on_error=False
    )
    assert "Logins to Leads is switched off" in str(off.failures(result.run_id, off.instance))
