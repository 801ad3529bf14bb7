"""Judges what `post_processing` made of the assets of one integration, which may be anything."""

import dagster as dg
from dagster._core.remote_representation.external_data import asset_node_snaps_from_repo  # not public
from dagster_shared.serdes import serialize_value

from integration_center.errors import ConfigurationError
from integration_center.insights.catalogue import report_slug
from integration_center.integration.spec import IntegrationSpec
from integration_center.integration_files.parsing import POST_PROCESSING
from integration_center.pipeline.assets.push import build_push
from integration_center.pipeline.assets.report import build_report_asset
from integration_center.pipeline.assets.update_set import build_update_set
from integration_center.pipeline.names import input_key
from integration_center.pipeline.steps.resources import build_resources


def check_post_processing(slug: str, spec: IntegrationSpec, definitions: dg.Definitions) -> None:
    """Check that runs still find their frames, and that Dagster can show the assets.

    Raises:
        ConfigurationError: an asset has other days or depends on others than it must; runs would miss their frames, or
            write what other integrations write.
        Exception: Dagster does not take what came of it, or cannot send it to its web server.
    """
    ours = {asset.key: asset for asset in (build_update_set(slug, spec), build_push(slug, spec))}
    for asset in definitions.assets or ():
        if not isinstance(asset, dg.AssetsDefinition):
            continue
        name = asset.key.to_user_string()
        if asset.partitions_def != ours[asset.key].partitions_def:
            raise ConfigurationError(f"{POST_PROCESSING} changes partitions_def of {name}; take that out")
        if asset.asset_deps != ours[asset.key].asset_deps:
            raise ConfigurationError(f"{POST_PROCESSING} changes deps of {name}; take that out")
    source = report_slug(spec.report)
    report = (
        dg.AssetSpec(input_key(spec))
        if spec.source
        else build_report_asset(source, spec.report, keys=frozenset(), allow_empty=False, prefix=spec.prefix)
    )
    shared = dg.Definitions(assets=[report], resources=build_resources([spec.environment]))
    repository = dg.Definitions.merge(definitions, shared).get_repository_def()
    repository.get_all_jobs()
    serialize_value(asset_node_snaps_from_repo(repository))  # as a code server sends them
