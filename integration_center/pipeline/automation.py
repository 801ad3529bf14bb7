"""What starts an integration besides schedules: Dagster's automation conditions, and the sensor that looks at them."""

from collections.abc import Iterable, Mapping

import dagster as dg

from integration_center.integration.spec import IntegrationSpec
from integration_center.pipeline.names import CONDITION_SENSOR, push_key, put_before, update_set_key


def find_condition(spec: IntegrationSpec) -> "dg.AutomationCondition[dg.AssetKey | dg.AssetCheckKey] | None":
    """The condition that an integration names; None where its schedule starts it, or nothing does."""
    if not spec.enabled:
        return None
    match spec.automation:
        case "eager":
            return dg.AutomationCondition.eager()
        case "on_cron":
            return dg.AutomationCondition.on_cron(spec.schedule)
        case "on_missing":
            return dg.AutomationCondition.on_missing()
    return None


def build_automation(specs: Mapping[str, IntegrationSpec], prefix: str | None = None) -> dg.Definitions:
    """The sensor that starts the integrations with a condition, running by default: Dagster's own is off."""
    automated = [slug for slug, spec in sorted(specs.items()) if spec.enabled and spec.automation]
    if not automated:
        return dg.Definitions()
    sensor = dg.AutomationConditionSensorDefinition(
        name=put_before(CONDITION_SENSOR, prefix),
        target=dg.AssetSelection.assets(*list_keys(automated)),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts the integrations that name a condition in `automation`.",
    )
    return dg.Definitions(sensors=[sensor])


def list_keys(slugs: Iterable[str]) -> list[dg.AssetKey]:
    """The assets of integrations that have a condition."""
    return [key for slug in slugs for key in (update_set_key(slug), push_key(slug))]
