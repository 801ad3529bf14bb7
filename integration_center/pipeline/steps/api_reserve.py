"""The reserve of API calls that no push uses up, and how a push sends its records within it."""

from collections.abc import Sequence
from math import ceil

from integration_center.pipeline.steps.sync_step import SyncStep
from integration_center.salesforce.client.usage import Allowance
from integration_center.salesforce.org import Org
from integration_center.salesforce.write.forecast import Forecast
from integration_center.salesforce.write.options import ROWS_A_COLLECTION, WriteOptions
from integration_center.wording.sentences import count


def build_write_options(step: SyncStep, org: Org) -> WriteOptions:
    """How the step sends its records: as its integration says, and as the org took them lately."""
    installation, account, spec = step.installation, step.account, step.spec
    lately = installation.group_sizes.find(account.org_id, spec.object)

    def can_spare(calls: int) -> bool:
        return short_of_calls(org, Forecast(calls, 0), installation.settings.api_reserve) is None

    def note_group(size: int) -> None:
        installation.group_sizes.note(account.org_id, spec.object, size)

    group = spec.batch_size or lately or ROWS_A_COLLECTION
    if group < ROWS_A_COLLECTION:
        step.context.log.info(
            f"sending groups of {count(group, 'record')}: {'batch_size' if spec.batch_size else 'as lately'}"
        )
    return WriteOptions(group, spec.duplicate_rules == "allow", can_spare, note_group)


def short_of_calls(org: Org, forecast: Forecast, reserve: float) -> str | None:
    """Why a push would leave fewer API calls than the reserve; None when it would not.

    Args:
        org: whose answers tell what it has left (`Sforce-Limit-Info`); where they do not, it is asked: one call.
        forecast: of the push.
        reserve: percent of an allowance that stay with others. It holds for the org's and for our app's own.
    """
    for allowance in org.session.usage.allowances or read_allowances(org):
        kept = ceil(allowance.maximum * reserve / 100)
        if allowance.left - forecast.total < kept:
            return (
                f"the {allowance.of} has {allowance.left:,} API calls left today, this push needs about"
                f" {forecast.calls:,} and up to {forecast.spare:,} more if something goes wrong, and {kept:,}"
                f" ({reserve:g} %) are kept for others"
            )
    return None


def read_allowances(org: Org) -> Sequence[Allowance]:
    """What the org has left today, asked of it; empty when it does not say."""
    daily = org.daily_calls()
    return [] if daily is None else [Allowance("org", daily.maximum, daily.remaining)]
