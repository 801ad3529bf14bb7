"""Jobs of which there is one for each account, so that an account that is not connected stops none of another."""

from collections.abc import Callable, Sequence

import dagster as dg

from integration_center.integration.environment import Environment
from integration_center.pipeline.steps.resources import build_job_resources

BuildOp = Callable[[Environment, str | None], dg.OpDefinition]
"""Builds the one op of the job of an account, in the project of a prefix."""


def build_account_jobs(
    build_op: BuildOp,
    name_job: Callable[[Environment, str | None], str],
    description: str,
    prefix: str | None,
    environments: Sequence[Environment],
) -> dg.Definitions:
    """Build a job with one op for each account.

    Args:
        build_op: builds the op.
        name_job: names the job.
        description: what the job does; `{account}` is the account as people call it.
        prefix: of the project, see `IntegrationSpec`.
        environments: the accounts.
    """
    jobs = []
    for environment in environments:
        graph = dg.GraphDefinition(name=name_job(environment, prefix), node_defs=[build_op(environment, prefix)])
        jobs.append(
            graph.to_job(
                name=graph.name,
                description=description.format(account=environment.title),
                resource_defs=build_job_resources([environment]),
            )
        )
    return dg.Definitions(jobs=jobs)
