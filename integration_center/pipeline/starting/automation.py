"""What starts an integration besides schedules: Dagster's automation conditions, and the sensor that looks at them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import dagster as dg

from integration_center.integration.spec import IntegrationSpec
from integration_center.pipeline.names import CONDITION_SENSOR, push_key, put_before, update_set_key
from integration_center.pipeline.starting.schedules import find_stop

Entity = dg.AssetKey | dg.AssetCheckKey


def find_condition(spec: IntegrationSpec) -> dg.AutomationCondition[Entity] | None:
    """The condition that an integration names; None where its schedule starts it, or nothing does."""
    if not spec.enabled:
        return None
    match spec.automation:
        case "eager":
            return dg.AutomationCondition.eager() & NothingStopped()
        case "on_cron":
            return dg.AutomationCondition.on_cron(spec.schedule) & NothingStopped()
        case "on_missing":
            return dg.AutomationCondition.on_missing() & NothingStopped()
    return None


@dataclass(frozen=True)
class NothingStopped(dg.AutomationCondition[Entity]):
    """True while no admin has stopped everything. What a stop keeps from starting is started once it is lifted."""

    def evaluate(self, context: dg.AutomationContext[Entity]) -> dg.AutomationResult[Entity]:
        """Compare the partitions that may be requested with the stop."""
        subset = context.get_empty_subset() if find_stop() else context.candidate_subset
        return dg.AutomationResult(context, true_subset=subset)


def build_automation(specs: Mapping[str, IntegrationSpec], prefix: str | None = None) -> dg.Definitions:
    """The sensor that starts the integrations with a condition, running by default: Dagster's own is off."""
    automated = [slug for slug, spec in sorted(specs.items()) if spec.enabled and spec.automation]
    if not automated:
        return dg.Definitions()
    sensor = dg.AutomationConditionSensorDefinition(
        name=put_before(CONDITION_SENSOR, prefix),
        target=dg.AssetSelection.assets(*list_keys(automated)),
        default_status=dg.DefaultSensorStatus.RUNNING,
        use_user_code_server=True,  # Dagster's daemon knows no condition of ours
        description="Starts the integrations that name a condition in `automation`.",
    )
    return dg.Definitions(sensors=[sensor])


def list_keys(slugs: Iterable[str]) -> list[dg.AssetKey]:
    """The assets of integrations that have a condition."""
    return [key for slug in slugs for key in (update_set_key(slug), push_key(slug))]
