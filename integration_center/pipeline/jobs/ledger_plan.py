"""A plan that is made of the ledger of an earlier run: what its undo writes back, or what its retry sends again."""

from dataclasses import dataclass
from datetime import datetime

from integration_center.database.journal import JobJournal
from integration_center.pipeline.steps.applying import Applied, send_lines
from integration_center.pipeline.steps.sync_step import SyncStep
from integration_center.planning.fingerprint import fingerprint
from integration_center.salesforce.org import Org
from integration_center.store.frames import FrameFile
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.tally import Tally


@dataclass(frozen=True)
class LedgerPlan:
    """What an undo or a retry would write.

    Attributes:
        file: the lines, with the plan's id in `plan_id`.
        tally: of the lines by outcome.
        read_at: when the org was read, UTC.
    """

    plan_id: str
    file: FrameFile
    tally: Tally
    schema: SObjectSchema
    read_at: datetime


def send_ledger_plan(step: SyncStep, org: Org, plan: LedgerPlan, journal: JobJournal) -> Applied:
    """Note the plan, and send its lines.

    Raises:
        PlanMissing: the plan was applied already.
    """
    step.installation.syncs.planned(
        step.run_id,
        step.slug,
        plan_id=plan.plan_id,
        counts=plan.tally.as_dict(),
        org_id=step.account.org_id,
        read_at=plan.read_at,
        describe_hash=fingerprint(step.spec, plan.schema),
        api_calls=org.session.usage.calls,
    )
    # The draft: what the next run on the object needs, should this one be killed.
    step.installation.ledgers.keep(step.run_id, step.slug, plan.file)
    return send_lines(step, org, plan.schema, plan.file.scan(), journal)
