"""Who may release or reject a held plan, and how that is noted. The console and the command line decide by this."""

from datetime import UTC, datetime
from functools import partial

from integration_center.access.audit import EDITS, Action
from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.errors import PlanHeld, PlanMissing
from integration_center.installation import Installation
from integration_center.integration.spec import Environment
from integration_center.pipeline.instance.run_request import RunRequest
from integration_center.pipeline.instance.webserver import find_prefix, find_webserver
from integration_center.pipeline.jobs.later_step import request_later
from integration_center.pipeline.jobs.release import name_plan, require_releasable
from integration_center.pipeline.judging import read_installed
from integration_center.pipeline.names import RELEASE
from integration_center.pipeline.steps.applying import require_writing

LONGEST_REASON = 300


def check_reason(reason: str) -> str:
    """The reason in one line.

    Raises:
        PlanHeld: there is none, or it is too long.
    """
    said = " ".join(reason.split())
    if not said:
        raise PlanHeld("say in a sentence why; it is kept in the audit log")
    if len(said) > LONGEST_REASON:
        raise PlanHeld(f"the reason has {len(said)} characters; say it in at most {LONGEST_REASON}")
    return said


def require_other_person(installation: Installation, sync: SyncRecord, who: str) -> None:
    """Check that `who` may approve a plan: not the one who changed the integration last.

    Raises:
        PlanHeld: it is the same person.
    """
    if sync.status is not SyncStatus.WAITING:
        return
    last = next(iter(installation.audit.list(slug=sync.slug, actions=EDITS, limit=1)), None)
    if last is not None and last.who.casefold() == who.casefold():
        raise PlanHeld(
            f"{who} changed the integration last ({last.at:%Y-%m-%d %H:%M} UTC); somebody else has to approve its plan"
        )


def decide_release(
    installation: Installation, sync: SyncRecord, *, who: str, where: str, reason: str
) -> tuple[RunRequest, Environment, str]:
    """Check that `who` may release a plan, and note the approval if it waits for one.

    Returns:
        The run to start, its environment, and what the audit log says of it.

    Raises:
        PlanError: the plan may not be released; says why.
        NotConnected: its environment has no account.
    """
    require_writing(installation.settings)
    said = check_reason(reason)
    environment = require_releasable(installation, sync, datetime.now(UTC))
    require_other_person(installation, sync, who)
    detail = f"{name_plan(sync)}: {said}"
    if sync.status is SyncStatus.WAITING:
        installation.audit.record(
            Action.APPROVED, who=who, where=where, environment=environment, slug=sync.slug, detail=detail
        )
    spec = read_installed(installation.settings).specs.get(sync.slug)
    prefix = find_prefix(partial(find_webserver, installation.settings), sync.slug, spec)
    request = request_later(RELEASE, sync, environment, prefix, where, reason=said)
    return request, environment, detail


def reject(installation: Installation, sync: SyncRecord, *, who: str, where: str, reason: str) -> None:
    """Reject a plan that is held or waits for approval: it can no longer be released.

    Raises:
        PlanError: it is neither, was applied already, or `who` may not decide.
    """
    said = check_reason(reason)
    what = f"run {sync.run_id} of {sync.slug!r}"
    if sync.plan_id is None or not (sync.held or sync.status is SyncStatus.WAITING):
        raise PlanMissing(f"{what} is not held: it ended as {sync.status.value}; there is nothing to reject")
    if released := installation.syncs.latest_push(sync.slug, sync.plan_id):
        raise PlanMissing(f"the plan of {what} was applied already, by run {released.run_id}")
    require_other_person(installation, sync, who)
    installation.syncs.reject(sync.run_id, sync.slug, f"rejected by {who}: {said}")
    installation.audit.record(
        Action.REJECTED,
        who=who,
        where=where,
        environment=sync.environment,
        slug=sync.slug,
        detail=f"{name_plan(sync)}: {said}",
    )
