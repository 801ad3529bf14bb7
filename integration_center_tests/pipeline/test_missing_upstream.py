"""An integration whose asset nobody defines: it says so in one sentence, and nothing else stops."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from integration_center import build_integration_defs
from integration_center.database.sync_records import SyncStatus
from integration_center.pipeline.assets import missing_upstream
from integration_center.pipeline.judging import read_folder
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import COUNT, EXAMPLE, LAST, PLAIN, Center, Ran, logins
from integration_center_tests.pipeline.test_source_assets import SPEC, USAGE, usage

MISTYPED: Mapping[str, Any] = {
    **SPEC,
    "name": "Seen to Leads",
    "source": {"asset": "marts/usge"},
    "fields": [{"column": "seen", "field": LAST}],
}
SAID = "asset 'marts/usge' is not defined in this code location; the nearest is 'marts/usage'"
ADVICE = "if another code location makes the asset, declare it here with dg.AssetSpec"


class Memory(dg.IOManager):
    """Hands on the same rows for whatever is asked for."""

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        pass

    def load_input(self, context: dg.InputContext) -> Any:
        return usage()


def build_project(center: Center, *assets: dg.AssetsDefinition | dg.AssetSpec, **specs: Any) -> dg.Definitions:
    """A team's project with some assets, and integrations that the log of syncs knows, too."""
    for slug, spec in specs.items():
        center.integrate(slug, **{**spec, "report": None})
    team = dg.Definitions(assets=assets, resources={"io_manager": Memory(), "elsewhere": Memory()})
    return dg.Definitions.merge(team, build_integration_defs(specs))


@dg.asset(key=USAGE)
def marts_usage() -> None:
    """The asset of the team."""


def run(center: Center, project: dg.Definitions, slug: str, job: str | None = None) -> Ran:
    """Run the job of an integration, or another one."""
    result = project.resolve_job_def(job or slug).execute_in_process(
        instance=center.instance,
        partition_key=YESTERDAY.isoformat(),
        asset_selection=[dg.AssetKey([slug, "update_set"]), dg.AssetKey([slug, "push"])],
        raise_on_error=False,
    )
    return Ran(result.run_id, result.success, center.failures(result.run_id, center.instance))


@pytest.fixture(autouse=True)
def nothing_said() -> Iterator[None]:
    """The process has not logged a sentence before."""
    missing_upstream.SAID.clear()
    yield
    missing_upstream.SAID.clear()


@pytest.mark.sampled
@pytest.mark.parametrize("job", ["mistyped", "__ASSET_JOB"])
def test_it_says_what_is_missing_and_the_others_push(
    center: Center, caplog: pytest.LogCaptureFixture, job: str
) -> None:
    with caplog.at_level(logging.WARNING, "integration_center"):
        project = build_project(center, marts_usage, usage=SPEC, mistyped=MISTYPED)
        project.get_repository_def().load_all_definitions()
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"mistyped: {SAID}")
    assert ADVICE in line
    node = project.resolve_asset_graph().get(dg.AssetKey(["mistyped", "update_set"]))
    assert node.description is not None
    assert node.description.startswith("Broken: ")
    assert "broken" in node.kinds
    assert run(center, project, "usage").success
    assert center.lead(PLAIN[0])[COUNT] == 7
    written = len(center.writes())

    failed = run(center, project, "mistyped", job)
    assert not failed.success
    sync = center.history()["mistyped"]
    assert (sync.status, sync.run_id) == (SyncStatus.FAILED, failed.run_id)
    assert (sync.error or "").startswith(SAID)
    assert len(center.writes()) == written


@pytest.mark.sampled
@pytest.mark.parametrize(
    "declared",
    [
        pytest.param(dg.AssetSpec("elsewhere").replace_attributes(key=USAGE), id="project's own IO manager"),
        pytest.param(dg.AssetSpec(USAGE, metadata={"dagster/io_manager_key": "elsewhere"}), id="named IO manager"),
        pytest.param(
            dg.AssetSpec(USAGE, partitions_def=dg.DailyPartitionsDefinition("2026-01-01")), id="partitioned by day"
        ),
    ],
)
def test_an_asset_of_another_code_location_is_declared_and_loaded(center: Center, declared: dg.AssetSpec) -> None:
    project = build_project(center, declared, usage=SPEC)
    ran = run(center, project, "usage")
    assert ran.success, ran.error
    assert center.lead(PLAIN[0])[COUNT] == 7


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Dagster, where it reads conditions
def test_reading_a_file_with_post_processing_says_nothing_of_the_assets_of_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "usage" / "defs.yaml"
    file.parent.mkdir()
    processed = {"assets": [{"target": "kind:polars", "attributes": {"tags": {"team": "crm"}}}]}
    document = {"type": "integration_center.Integration", "attributes": dict(SPEC), "post_processing": processed}
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    with caplog.at_level(logging.WARNING), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", dg.BetaWarning)
        warnings.simplefilter("always", dg.PreviewWarning)
        found = read_folder(tmp_path)
    assert (list(found.specs), dict(found.broken)) == (["usage"], {})
    assert [record.getMessage() for record in caplog.records] == []
    assert [str(each.message) for each in warned] == []


def test_dagster_still_refuses_what_is_wrong_elsewhere(center: Center) -> None:
    @dg.asset(ins={"nothing": dg.AssetIn(["not", "there"])})
    def of_the_team(nothing: object) -> None:
        pass

    project = build_project(center, of_the_team, usage=SPEC)
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=r"not.*there.*is not produced"):
        project.get_repository_def()


@pytest.mark.proof
def test_our_own_location_keeps_its_name_and_its_job(center: Center) -> None:
    center.integrate()
    center.integrate("mistyped", **{**MISTYPED, "report": None, "object": "Contact", "fields": [MISTYPED["fields"][0]]})
    center.drop(logins(PLAIN))
    assert center.run().success
    assert EXAMPLE["report"] == center.history()["logins_to_leads"].report
    ran = center.run("mistyped")
    assert not ran.success
    assert "asset 'marts/usge' is not defined in this code location" in (center.history()["mistyped"].error or "")
