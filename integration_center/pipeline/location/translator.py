"""How assets look in Dagster, and how a project changes that: subclass `IntegrationTranslator`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import dagster as dg

from integration_center.errors import ConfigurationError
from integration_center.integration.chain import find_earlier
from integration_center.integration.schedule import longest_wait
from integration_center.integration.spec import IntegrationSpec
from integration_center.pipeline.names import push_key

Role = Literal["report", "update_set", "push", "object", "gainsight"]
KEPT = ("key", "deps", "partitions_def")
"""What no translator changes: runs would miss their frames."""
LATE = timedelta(hours=6)
"""How long after its time an integration may still be called fresh."""


@dataclass(frozen=True)
class TranslatorData:
    """What a translator gets to know of an asset.

    Attributes:
        role: what the asset is.
        default: the spec that it has without a translator.
        slug: of the integration; None for what several integrations share.
        integration: the integration; None for what several share.
    """

    role: Role
    default: dg.AssetSpec
    slug: str | None = None
    integration: IntegrationSpec | None = None


class IntegrationTranslator:
    """Says how the assets of integrations look in Dagster. Subclass it, and override `get_asset_spec`."""

    def get_asset_spec(self, data: TranslatorData) -> dg.AssetSpec:
        """The spec of an asset: `data.default`, or one made of it. Key, dependencies and partitions must stay."""
        return data.default


@dataclass(frozen=True)
class Appearance:
    """How the assets of one integration, or of what several share, look.

    Attributes:
        translator: of the project.
        slug: see `TranslatorData`.
        integration: see `TranslatorData`.
        file: the integration's `defs.yaml`, which the asset's page links to.
    """

    translator: IntegrationTranslator
    slug: str | None = None
    integration: IntegrationSpec | None = None
    file: Path | None = None

    def apply(self, role: Role, asset: dg.AssetsDefinition) -> dg.AssetsDefinition:
        """Dress an asset that we run."""
        return asset.map_asset_specs(lambda spec: self.translate(role, self._complete(role, spec)))

    def translate(self, role: Role, spec: dg.AssetSpec) -> dg.AssetSpec:
        """Ask the translator.

        Raises:
            ConfigurationError: it changes what must stay.
        """
        found = self.translator.get_asset_spec(TranslatorData(role, spec, self.slug, self.integration))
        for name in KEPT:
            if getattr(found, name) != getattr(spec, name):
                raise ConfigurationError(
                    f"{type(self.translator).__name__} changes {name} of {spec.key.to_user_string()}; leave it as it is"
                )
        return found

    def _complete(self, role: Role, spec: dg.AssetSpec) -> dg.AssetSpec:
        metadata = dict(spec.metadata)
        if self.file is not None:
            reference = dg.LocalFileCodeReference(file_path=str(self.file), line_number=1)
            metadata["dagster/code_references"] = dg.CodeReferencesMetadataValue(code_references=[reference])
        if role == "push" and self.integration and self.integration.enabled and not self.integration.automation:
            return spec.replace_attributes(metadata=metadata, freshness_policy=expect_runs([self.integration]))
        return spec.replace_attributes(metadata=metadata)


def expect_runs(readers: Iterable[IntegrationSpec], *, late: timedelta = LATE) -> dg.FreshnessPolicy | None:
    """When an asset that the schedules of these integrations materialize is late; None where none has a schedule."""
    today = datetime.now(UTC)
    by_clock = [spec for spec in readers if spec.enabled and not spec.automation and not spec.after]
    schedules = {spec.schedule for spec in by_clock if not spec.times.is_paused(today)}
    if not schedules:
        return None
    expected = min(map(longest_wait, schedules))
    return dg.FreshnessPolicy.time_window(warn_window=expected + late / 2, fail_window=expected + late)


def expect_follower(definitions: dg.Definitions, slug: str, specs: Mapping[str, IntegrationSpec]) -> dg.Definitions:
    """Say when the push of an integration that starts after others is late: a bound after those at the beginning.

    Args:
        definitions: of the integration.
        slug: of the integration.
        specs: of all integrations that it may start after.

    Returns:
        `definitions`, unchanged where the integration has times of its own, is off or paused, or where the one at the
        beginning has no schedule just now.
    """
    spec, now = specs.get(slug), datetime.now(UTC)
    if spec is None or not spec.after or spec.automation or not spec.enabled or spec.times.is_paused(now):
        return definitions
    chain = [slug]
    while (earlier := find_earlier(specs, chain[-1])) and earlier not in chain:
        chain.append(earlier)
        if not specs[earlier].enabled or specs[earlier].times.is_paused(now):
            return definitions
    policy = expect_runs([specs[chain[-1]]], late=LATE * len(chain))
    if policy is None:
        return definitions
    push = push_key(slug)
    return definitions.map_asset_specs(
        func=lambda each: each.replace_attributes(freshness_policy=policy) if each.key == push else each
    )
