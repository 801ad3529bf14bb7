"""`type: integration_center.Integration`: a folder's `defs.yaml` becomes an update set, a push and a job."""

from typing import Self

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from pydantic import BaseModel

from integration_center.integration.slugs import check_slug
from integration_center.integration.spec import IntegrationSpec
from integration_center.pipeline.names import BY_USER, run_tags, selection
from integration_center.pipeline.push import build_push
from integration_center.pipeline.update_set import build_update_set
from integration_center.wording.markdown import escape_markdown


class Integration(dg.Component):
    """One integration: environment + report + object + key pairs + field mappings + options.

    Its attributes are those of `IntegrationSpec`. The folder's name is the slug.
    """

    def __init__(self, spec: IntegrationSpec) -> None:
        self.spec = spec

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """The model that checks `attributes`."""
        return IntegrationSpec

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """Take the attributes as they stand.

        Dagster's templates are not resolved: they would read a column called `2024` or `{{x}}` as something else, and
        could carry a variable's secret into names that everybody sees.
        """
        return cls(IntegrationSpec.model_validate(attributes.model_dump(exclude_unset=True) if attributes else {}))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The integration's own assets and job; the report and the external assets are shared, see `definitions`."""
        slug = check_slug(context.path.name)
        return dg.Definitions(
            assets=[build_update_set(slug, self.spec), build_push(slug, self.spec)],
            jobs=[build_job(slug, self.spec)],
        )


def build_job(slug: str, spec: IntegrationSpec) -> UnresolvedAssetJobDefinition:
    """The job of one integration, for Run Now and an own cron."""
    return dg.define_asset_job(
        slug,
        selection=selection(slug),
        description=f"{escape_markdown(spec.report)} → {spec.object} in {spec.environment.title}.",
        tags=run_tags(slug, spec.environment, BY_USER),
    )
