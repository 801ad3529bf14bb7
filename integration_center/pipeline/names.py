"""The names that things have in Dagster: asset keys, groups, tags, pools. The single place that decides them."""

from dataclasses import dataclass
from datetime import date

import dagster as dg

from integration_center.insights.catalogue import report_slug
from integration_center.integration.spec import Environment, IntegrationSpec
from integration_center.pipeline.unended_runs import INTEGRATION_TAG
from integration_center.settings import read_paths

FIRST_DAY = read_paths().first_day
DAYS = dg.DailyPartitionsDefinition(start_date=FIRST_DAY.isoformat(), timezone="UTC")
"""Partition D is the report with data up to the end of the UTC day D."""

INSTALLATION = "integration_center"
FRAMES = "integration_center_frames"
"""Keys of our resources and of our IO manager. A project has its own `io_manager`, which we neither use nor replace."""

READS_ASSET = "integration_center/reads_asset"
"""Metadata of the input of an update set that reads an asset of the team."""
PROBLEM = "integration_center/problem"
"""Metadata of an asset: the sentence that says why it cannot be materialized or loaded."""

NO_DAY = "choose a day: a run of this job is for one partition, or for a range of them"

ONE_RUN = dg.BackfillPolicy.single_run()

ENVIRONMENT_TAG = "salesforce_environment"
REVISION_TAG = "integration_center/revision"
"""Which revision of an integration that is kept in the database a run executes."""
TRIGGER_TAG = "triggered_by"
BY_USER = "user"
"""What started a run, as far as the job of an integration knows by itself."""
AFTER = "after"
"""What started a run that follows another integration; its slug comes behind."""
BY_ARRIVAL, BY_CHANGE = "arrival of the report", "report dropped again"
"""What started a run that waited for its report, and one whose day was dropped again."""
CONTAINER_TAG = "dagster-k8s/config"
"""Says what the container of a run, or of a step, needs on Kubernetes."""
PROCESS_TAG = ".dagster/integration_center_process"
"""Hidden in the Dagster UI: it hides tags that begin with `.dagster/`."""
PARTITION_TAG = "dagster/partition"
RANGE_START_TAG = "dagster/asset_partition_range_start"
ALLOW_STALE, RUN_DISABLED = "allow_stale", "run_disabled"
"""Options of a push, in its run config."""
RANGE_END_TAG = "dagster/asset_partition_range_end"
BACKFILL_TAG = "dagster/backfill"
PARENT_RUN_TAG = "dagster/parent_run_id"


def put_before(name: str, prefix: str | None) -> str:
    """`name`, with the prefix of a project that shares a deployment with others."""
    return f"{prefix}_{name}" if prefix else name


def report_key(slug: str, prefix: str | None = None) -> dg.AssetKey:
    """The asset of a report, shared by all its integrations."""
    return dg.AssetKey([put_before("insights", prefix), slug])


def input_key(spec: IntegrationSpec) -> dg.AssetKey:
    """The asset that the integration reads: a report's, or one of the team's own."""
    if spec.source:
        return dg.AssetKey(spec.source.path)
    return report_key(report_slug(spec.report), spec.prefix)


def update_set_key(slug: str) -> dg.AssetKey:
    """The plan of an integration."""
    return dg.AssetKey([slug, "update_set"])


def push_key(slug: str) -> dg.AssetKey:
    """The sending of an integration's plan."""
    return dg.AssetKey([slug, "push"])


def object_key(environment: Environment, sobject: str, prefix: str | None = None) -> dg.AssetKey:
    """The external asset of a Salesforce object."""
    return dg.AssetKey([put_before("salesforce", prefix), environment.value, sobject])


def gainsight_key(sobject: str, prefix: str | None = None) -> dg.AssetKey:
    """The external asset of the Gainsight object that reads the Salesforce one."""
    return dg.AssetKey([put_before("gainsight", prefix), sobject])


def resource_key(environment: Environment) -> str:
    """One resource an environment, so that an unset Production never stops Sandbox."""
    # That of a further account has a form that no resource of ours has: an account may be called `frames`.
    return _name_for(INSTALLATION, environment)


def _name_for(verb: str, environment: Environment) -> str:
    """The job, op or resource of one account. Of further accounts it has a form of its own; see `slugs` for jobs."""
    return f"{verb}_{environment.value}" if environment.is_first else f"{verb}__{environment.identifier}"


@dataclass(frozen=True)
class LaterJob:
    """A job, one for each account, that goes on with what an earlier sync left.

    Attributes:
        verb: begins the names of the jobs.
        op_verb: begins the names of their one op: ops and jobs must not share a name.
        tag: names the run of the earlier sync.
    """

    verb: str
    op_verb: str
    tag: str

    def job(self, environment: Environment, prefix: str | None = None) -> str:
        """The name of the job in an environment."""
        return put_before(_name_for(self.verb, environment), prefix)

    def op(self, environment: Environment, prefix: str | None = None) -> str:
        """The name of its one op."""
        return put_before(_name_for(self.op_verb, environment), prefix)


UNDO = LaterJob("undo", "write_back", "undoes")
RELEASE = LaterJob("release", "send_released", "releases")
RETRY = LaterJob("retry", "send_failed", "retries")


def arrival_sensor(slug: str) -> str:
    """The sensor that starts an integration which waits for its report, or has quiet times."""
    return f"{slug}_arrival"


WEEKLY_RETENTION = "weekly_retention"
"""The schedule that deletes old files; every project has it."""
DAILY_SCHEDULE = "daily_sync"
"""The schedule of all integrations without times of their own."""


def own_schedule(slug: str) -> str:
    """The schedule of an integration with times of its own."""
    return f"{slug}_schedule"


CONDITION_SENSOR = "start_by_condition"
"""The sensor of all integrations that name a condition."""


def find_starter(slug: str, spec: IntegrationSpec) -> str:
    """The schedule or sensor that starts an integration."""
    if spec.automation:
        return put_before(CONDITION_SENSOR, spec.prefix)
    if spec.runs_daily:
        return put_before(DAILY_SCHEDULE, spec.prefix)
    return arrival_sensor(slug) if spec.waits else own_schedule(slug)


def push_config(slug: str, *, allow_stale: bool = False) -> dict[str, object]:
    """The run config of somebody's own run of one integration: it runs although it may be switched off."""
    options = {ALLOW_STALE: allow_stale, RUN_DISABLED: True}
    return {"ops": {push_key(slug).to_python_identifier(): {"config": options}}}


def pool(spec: IntegrationSpec) -> str:
    """Runs on one object of one account wait for each other in the queue."""
    if spec.environment.is_first:
        return f"salesforce_{spec.environment.value}_{spec.object.lower()}"
    return f"salesforce__{spec.environment.identifier}__{spec.object.lower()}"


def run_tags(slug: str, environment: Environment | None, triggered_by: str) -> dict[str, str]:
    """The tags of a run of one integration; for reading only, nothing depends on them."""
    tags = {INTEGRATION_TAG: slug, TRIGGER_TAG: triggered_by}
    return tags if environment is None else tags | {ENVIRONMENT_TAG: environment.value}


def range_tags(first: date, last: date) -> dict[str, str]:
    """The tags that make one run of several days."""
    return {RANGE_START_TAG: first.isoformat(), RANGE_END_TAG: last.isoformat()}


def owners(spec: IntegrationSpec) -> list[str]:
    """Owners as Dagster wants them: an e-mail address, or `team:name`."""
    return [owner if "@" in owner or owner.startswith("team:") else f"team:{owner}" for owner in spec.owners]


def asset_tags(spec: IntegrationSpec) -> dict[str, str]:
    """Tags that make the asset catalogue searchable."""
    return {**spec.tags, ENVIRONMENT_TAG: spec.environment.value, "salesforce_object": spec.object}


def asset_keys(slug: str, spec: IntegrationSpec | None, *, push: bool = True) -> list[dg.AssetKey]:
    """Everything one run of the integration materializes, without `push` a dry run; a broken one has only its stand-in.

    A report belongs to the run; an asset of the team has its own runs.
    """
    last = [push_key(slug)] if push else []
    if spec is None:
        return last
    own = [update_set_key(slug), *last]
    return own if spec.source else [input_key(spec), *own]
