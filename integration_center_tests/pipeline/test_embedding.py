"""The component in a project of somebody else: its own IO manager, executor and resources stay as they are."""

import logging
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from integration_center import (
    Integration,
    IntegrationTranslator,
    TranslatorData,
    build_integration_defs,
    load_integration_defs,
)
from integration_center.errors import ConfigurationError
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.foreign_project import lay_out
from integration_center_tests.pipeline.center import COUNT, EXAMPLE, PLAIN, Center, logins

SCORE = {"column": "# Logins Last 30 Days", "field": "WalkMe_NPS_Score__c"}
TEAM = """
import dagster as dg

@dg.definitions
def team():
    return dg.Definitions(
        resources={"io_manager": dg.mem_io_manager, "installation": dg.ResourceDefinition.hardcoded_resource("theirs")},
        executor=dg.multiprocess_executor,
    )
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project as `create-dagster` lays it out, under another name, with an IO manager and an executor of its own."""
    root = tmp_path / "acme"
    lay_out(root, "acme_analytics", TEAM)
    monkeypatch.syspath_prepend(str(root / "src"))
    yield root
    for name in [name for name in sys.modules if name.startswith("acme_analytics")]:
        del sys.modules[name]


def add(
    project: Path,
    slug: str,
    kind: str = "integration_center.Integration",
    post_processing: Mapping[str, Any] | None = None,
    **changes: Any,
) -> None:
    """Put an integration into the project, as `dg scaffold defs` does."""
    folder = project / "src" / "acme_analytics" / "defs" / slug
    folder.mkdir()
    attributes = {name: value for name, value in {**EXAMPLE, **changes}.items() if value is not None}
    document: dict[str, Any] = {"type": kind, "attributes": attributes}
    if post_processing:
        document["post_processing"] = {"assets": [{"target": "kind:salesforce", "attributes": post_processing}]}
    (folder / "defs.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")


def load(project: Path) -> dg.Definitions:
    """Load the project as `dg check defs` does."""
    definitions = dg.load_from_defs_folder(path_within_project=project)
    definitions.get_repository_def().load_all_definitions()
    return definitions


def test_a_foreign_project_keeps_its_own_and_pushes(center: Center, project: Path) -> None:
    add(project, "logins_to_leads")
    add(project, "to_contacts", object="Contact", fields=[SCORE])
    center.drop(logins(PLAIN))
    definitions = load(project)
    repository = definitions.get_repository_def()
    resources = repository.get_top_level_resources()
    assert resources["io_manager"] is dg.mem_io_manager
    job = definitions.resolve_job_def("logins_to_leads")
    assert job.executor_def is dg.multiprocess_executor
    result = job.execute_in_process(instance=center.instance, partition_key=YESTERDAY.isoformat(), raise_on_error=False)
    assert result.success, center.failures(result.run_id, center.instance)
    assert center.lead(PLAIN[0])[COUNT] == 7 + PLAIN[0]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Dagster, where it reads conditions
def test_post_processing_changes_assets_and_says_nothing_of_those_of_others(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    usage = {"asset": "marts/usage"}
    add(project, "usage_to_leads", report=None, source=usage, post_processing={"tags": {"team": "crm"}})
    team = "import dagster as dg\n\n@dg.asset(key=['marts', 'usage'])\ndef usage() -> None:\n    pass\n"
    (project / "src" / "acme_analytics" / "defs" / "usage.py").write_text(team, encoding="utf-8")
    with caplog.at_level(logging.WARNING, "integration_center"):
        definitions = load(project)
    assert [record.getMessage() for record in caplog.records] == []
    node = definitions.resolve_asset_graph().get(dg.AssetKey(["usage_to_leads", "push"]))
    assert node.tags["team"] == "crm"


def test_what_integrations_share_comes_once(project: Path, home: Path) -> None:
    add(project, "logins_to_leads")
    add(project, "to_contacts", object="Contact", fields=[SCORE], gainsight="Company")
    keys = {key.to_user_string() for key in load(project).resolve_all_asset_keys()}
    assert keys == {
        "insights/logins",
        *(f"{slug}/{asset}" for slug in ("logins_to_leads", "to_contacts") for asset in ("update_set", "push")),
        "salesforce/sandbox/Lead",
        "salesforce/sandbox/Contact",
        "gainsight/Company",
    }


def test_two_that_write_one_field_are_refused_with_a_sentence(project: Path, home: Path) -> None:
    add(project, "logins_to_leads")
    add(project, "again")
    with pytest.raises(Exception, match="Error while building definitions") as error:
        load(project)
    assert "are already written by integration 'again'; disable one of the two" in str(error.value.__cause__)


@pytest.mark.proof
def test_prefixes_keep_two_sets_apart(center: Center, project: Path) -> None:
    add(project, "logins_to_leads", prefix="east")
    add(project, "west_logins", prefix="west", environment="production")
    center.drop(logins(PLAIN[:2]))
    repository = load(project).get_repository_def()
    keys = {key.to_user_string() for key in repository.asset_graph.get_all_asset_keys()}
    assert {
        "east_insights/logins",
        "west_insights/logins",
        "east_logins_to_leads/push",
        "west_west_logins/push",
    } <= keys
    assert {"east_salesforce/sandbox/Lead", "west_salesforce/production/Lead"} <= keys
    assert {"east_daily_sync", "west_daily_sync"} <= {each.name for each in repository.schedule_defs}
    job = repository.get_job("east_logins_to_leads")
    result = job.execute_in_process(instance=center.instance, partition_key=YESTERDAY.isoformat(), raise_on_error=False)
    assert result.success, center.failures(result.run_id, center.instance)
    assert [*(center.home / "storage" / "insights" / "logins").glob(f"{YESTERDAY}.*.parquet")] != []


def test_from_python_with_prefixes_and_a_translator(home: Path) -> None:
    class Ours(IntegrationTranslator):
        def get_asset_spec(self, data: TranslatorData) -> dg.AssetSpec:
            team = data.default.replace_attributes(owners=["team:success"], group_name="reverse_etl")
            return team.merge_attributes(tags={"role": data.role})

    both = dg.Definitions.merge(
        build_integration_defs({"logins_to_leads": EXAMPLE}, prefix="a", translator=Ours()),
        build_integration_defs({"logins_to_leads": EXAMPLE}, prefix="b"),
    )
    both.get_repository_def().load_all_definitions()
    graph = both.resolve_asset_graph()
    for name in ("insights/logins", "logins_to_leads/update_set", "logins_to_leads/push", "salesforce/sandbox/Lead"):
        node = graph.get(dg.AssetKey(f"a_{name}".split("/")))
        assert (node.group_name, node.owners) == ("reverse_etl", ["team:success"])
        assert graph.get(dg.AssetKey(f"b_{name}".split("/"))).group_name != "reverse_etl"


def test_a_translator_must_keep_what_runs_need(home: Path) -> None:
    class Loose(IntegrationTranslator):
        def get_asset_spec(self, data: TranslatorData) -> dg.AssetSpec:
            return data.default.replace_attributes(deps=[])

    with pytest.raises(ConfigurationError, match=r"Loose changes deps of logins_to_leads/update_set"):
        build_integration_defs({"logins_to_leads": EXAMPLE}, translator=Loose())


def test_a_subclass_of_the_component_changes_how_assets_look(project: Path, home: Path) -> None:
    module = "import dagster as dg\nfrom integration_center import Integration\n\n"
    module += "class Ours(Integration):\n    def get_asset_spec(self, data):\n"
    module += "        return data.default.replace_attributes(group_name='reverse_etl')\n"
    (project / "src" / "acme_analytics" / "ours.py").write_text(module, encoding="utf-8")
    add(project, "logins_to_leads", kind="acme_analytics.ours.Ours")
    graph = load(project).resolve_asset_graph()
    assert {graph.get(key).group_name for key in graph.materializable_asset_keys} == {"reverse_etl"}


def test_options_for_dagster_reach_the_assets(home: Path) -> None:
    options: Mapping[str, Any] = {
        "group": "success",
        "tags": {"domain": "crm"},
        "kinds": ["walkme"],
        "op_tags": {"dagster-k8s/config": {"container_config": {}}},
        "plan_retries": 2,
    }
    definitions = build_integration_defs({"logins_to_leads": {**EXAMPLE, **options}})
    for asset in definitions.resolve_asset_graph().assets_defs:
        if asset.key.path[0] == "logins_to_leads":
            (spec,) = asset.specs
            assert (spec.group_name, spec.tags["domain"], "walkme" in spec.kinds) == ("success", "crm", True)
    update_set = definitions.resolve_assets_def(["logins_to_leads", "update_set"])
    assert "dagster-k8s/config" in update_set.op.tags
    assert update_set.op.retry_policy is not None
    assert update_set.op.retry_policy.max_retries == 2


def test_definitions_of_a_folder_merge_with_others(center: Center) -> None:
    center.integrate()

    @dg.asset
    def alert() -> None:
        pass

    merged = dg.Definitions.merge(load_integration_defs(), dg.Definitions(assets=[alert]))
    keys = {key.to_user_string() for key in merged.resolve_all_asset_keys()}
    assert {"alert", "logins_to_leads/push", "insights/logins"} <= keys


def test_what_is_no_integration_is_said_with_its_name(home: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"integration 'bad': environment: 'staging' is neither"):
        build_integration_defs({"bad": {**EXAMPLE, "environment": "staging"}})
    assert issubclass(Integration, dg.Component)
