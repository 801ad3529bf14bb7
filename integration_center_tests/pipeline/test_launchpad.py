"""The form in which a person starts a job in the Dagster UI: our options with their help, and no resource of ours."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from integration_center.pipeline.names import PARTITION_TAG
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.foreign_project import lay_out
from integration_center_tests.pipeline.center import EXAMPLE, PLAIN, Center, logins
from integration_center_tests.pipeline.graphql import GraphQL, open_graphql

FORM = """
query Form($selector: PipelineSelector!) {
  runConfigSchemaOrError(selector: $selector) {
    ... on RunConfigSchema {
      rootDefaultYaml
      rootConfigType { key }
      allConfigTypes { key ... on CompositeConfigType { fields { name description configTypeKey } } }
    }
  }
}
"""
JOBS = "{ repositoriesOrError { ... on RepositoryConnection { nodes { jobs { name } } } } }"
ALL_ASSETS = "__ASSET_JOB"
TEAM = """
import dagster as dg
import polars as pl

class Warehouse(dg.ConfigurableIOManager):
    folder: str

    def handle_output(self, context, obj):
        pass

    def load_input(self, context):
        return None

class Tokens(dg.ConfigurableResource):
    token: str

@dg.asset(key=["marts", "usage"])
def usage(tokens: Tokens) -> pl.DataFrame:
    return pl.DataFrame()

@dg.definitions
def team():
    resources = {"io_manager": Warehouse(folder="marts"), "tokens": Tokens(token="x")}
    return dg.Definitions(assets=[usage], resources=resources, executor=dg.multiprocess_executor)
"""
THEIRS = {"io_manager", "tokens"}


class Form:
    """The form of a job."""

    def __init__(self, graphql: GraphQL, job: str) -> None:
        selector = {
            "repositoryLocationName": graphql.location,
            "repositoryName": "__repository__",
            "pipelineName": job,
        }
        answer = graphql.execute(FORM, {"selector": selector})["runConfigSchemaOrError"]
        self.text: Mapping[str, Any] = yaml.safe_load(answer["rootDefaultYaml"]) or {}
        self._root = answer["rootConfigType"]["key"]
        self._types = {each["key"]: each.get("fields", []) for each in answer["allConfigTypes"]}

    def fields(self, *path: str) -> Mapping[str, str | None]:
        """The fields at a place of the form, with their help."""
        key = self._root
        for name in path:
            key = next(field["configTypeKey"] for field in self._types[key] if field["name"] == name)
        return {field["name"]: field["description"] for field in self._types[key]}


def list_jobs(graphql: GraphQL) -> set[str]:
    (repository,) = graphql.execute(JOBS)["repositoriesOrError"]["nodes"]
    return {job["name"] for job in repository["jobs"]}


@pytest.mark.proof
def test_our_location_lists_no_resource_and_explains_each_option(center: Center) -> None:
    center.integrate()
    with open_graphql(center) as graphql:
        forms = {job: Form(graphql, job) for job in list_jobs(graphql)}
        assert {"logins_to_leads", "sync", "undo_sandbox", "retention", ALL_ASSETS} <= forms.keys()
        assert {job for job, form in forms.items() if form.fields("resources")} == set()
        assert {job for job, form in forms.items() if form.text.get("resources")} == set()
        options = {
            (job, op): form.fields("ops", op, "config")
            for job, form in forms.items()
            for op in form.fields("ops")
            if "config" in form.fields("ops", op)
        }
    assert set(options["logins_to_leads", "logins_to_leads__push"]) == {"allow_stale", "run_disabled"}
    assert set(options["undo_sandbox", "write_back_sandbox"]) >= {"run_id", "slug"}
    assert [name for name, fields in options.items() if not all(fields.values())] == []


@pytest.mark.sampled
@pytest.mark.parametrize("job", ["logins_to_leads", ALL_ASSETS])
@pytest.mark.parametrize("key", ["integration_center", "integration_center_frames", "integration_center_sandbox"])
def test_config_of_a_resource_of_ours_is_refused(center: Center, job: str, key: str) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    assets = [["insights", "logins"], ["logins_to_leads", "update_set"], ["logins_to_leads", "push"]]
    hostile = {"resources": {key: {"config": {"environment": "production"}}}}
    with open_graphql(center) as graphql:
        answer = graphql.launch(job, hostile, {PARTITION_TAG: YESTERDAY.isoformat()}, assets)
        assert answer["__typename"] != "LaunchRunSuccess", answer
        assert not graphql.runs
    assert center.writes() == []


@pytest.mark.proof
def test_a_project_of_somebody_else_shows_only_what_a_job_reads_with(center: Center, tmp_path: Path) -> None:
    root = tmp_path / "acme"
    defs = lay_out(root, "acme_forms", TEAM)
    source = {**EXAMPLE, "source": {"asset": "marts/usage"}, "object": "Contact"}
    del source["report"]
    source["fields"] = [{"column": "# Logins Last 30 Days", "field": "WalkMe_NPS_Score__c"}]
    for slug, attributes in (("logins_to_leads", EXAMPLE), ("usage_to_contacts", source)):
        (defs / slug).mkdir()
        component = {"type": "integration_center.Integration", "attributes": attributes}
        (defs / slug / "defs.yaml").write_text(yaml.safe_dump(component), encoding="utf-8")
    target = LoadableTargetOrigin(module_name="acme_forms.definitions", working_directory=str(root / "src"))
    with open_graphql(center, target, "acme") as graphql:
        forms = {job: Form(graphql, job) for job in list_jobs(graphql)}
    assert {job: set(form.fields("resources")) for job, form in forms.items() if form.fields("resources")} == {
        ALL_ASSETS: THEIRS,  # of theirs, too
        "usage_to_contacts": {"io_manager"},  # which reads their asset
        "sync": {"io_manager"},
    }
    assert forms["logins_to_leads"].text == {
        "ops": {"logins_to_leads__push": {"config": {"allow_stale": False, "run_disabled": False}}}
    }
