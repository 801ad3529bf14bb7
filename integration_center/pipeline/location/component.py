"""`type: integration_center.Integration`: a folder's `defs.yaml` becomes an update set, a push and a job.

The component works on its own in any project. What integrations share (reports, the Salesforce objects, resources,
schedules, sensors) comes once for each prefix: with the first of them, in order of their slugs.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import dagster as dg
from dagster._core.definitions.definitions_load_context import DefinitionsLoadContext, DefinitionsLoadType  # not public
from pydantic import BaseModel

from integration_center.errors import ConfigurationError
from integration_center.insights.catalogue import find_clashes
from integration_center.integration.chain import find_chain_faults
from integration_center.integration.conflicts import find_conflicts
from integration_center.integration.slugs import check_slug
from integration_center.integration.spec import IntegrationSpec
from integration_center.integration_files.integrations import Integrations
from integration_center.integration_files.places import is_laid_out, read_revision
from integration_center.pipeline.assets.push import build_push
from integration_center.pipeline.assets.update_set import build_update_set
from integration_center.pipeline.instance.long_lived import collect_seldom
from integration_center.pipeline.instance.quiet import without_beta_warnings
from integration_center.pipeline.location.scaffolding import IntegrationScaffolder
from integration_center.pipeline.location.selected_assets import find_selected
from integration_center.pipeline.location.shared import build_reports, build_shared
from integration_center.pipeline.location.translator import (
    Appearance,
    IntegrationTranslator,
    expect_follower,
)
from integration_center.pipeline.names import (
    BY_USER,
    CONTAINER_TAG,
    REVISION_TAG,
    asset_keys,
    push_key,
    run_tags,
    update_set_key,
)
from integration_center.pipeline.starting.own_job import OwnJob, define_own_job
from integration_center.wording.markdown import escape_markdown


class LoneTree(dg.ComponentTree):
    """A component tree of one integration: what integrations share is built elsewhere."""


@dg.scaffold_with(IntegrationScaffolder)
class Integration(dg.Component, IntegrationTranslator):
    """One integration: environment + report + object + key pairs + field mappings + options.

    Its attributes are those of `IntegrationSpec`. The folder's name is the slug. To change how its assets look,
    subclass it and override `get_asset_spec`.
    """

    def __init__(self, spec: IntegrationSpec, slug: str | None = None) -> None:
        self.spec = spec
        self.slug = slug

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """The model that checks `attributes`."""
        return IntegrationSpec

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """Take the attributes as they are.

        Dagster's templates are not resolved: they would read a column called `2024` or `{{x}}` as something else, and
        could carry a variable's secret into names that everybody sees. `{{ env.X }}` is resolved by the model, where
        it cannot do that; see `fill_in_variables`.
        """
        spec = IntegrationSpec.model_validate(attributes.model_dump(exclude_unset=True) if attributes else {})
        return cls(spec, spec.slug_in(check_slug(context.path.name)))

    @without_beta_warnings
    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The integration's own assets and job and, with the first of its prefix, what they all share."""
        slug = self.slug or self.spec.slug_in(check_slug(context.path.name))
        file = context.path / "defs.yaml"
        if isinstance(context.component_tree, LoneTree):
            return build_own(slug, self.spec, self, file)
        everyone = find_integrations(context.component_tree)
        siblings = {name: each for name, each in everyone.items() if each.spec.prefix == self.spec.prefix}
        if slug not in siblings:  # a component that a Python file returns is not in the tree
            siblings = {slug: self}
        specs = {name: each.spec for name, each in siblings.items()}
        needed = find_needed({**{name: each.spec for name, each in everyone.items()}, **specs})
        own = dg.Definitions()
        if slug in needed:
            own = expect_follower(build_own(slug, self.spec, self, file), slug, specs)
        if slug != min(siblings):
            return own
        collect_seldom(len(needed))
        check_together(specs)
        integrations = Integrations(specs)
        reports = build_reports(integrations, self.spec.prefix, self)
        return dg.Definitions.merge(own, build_shared(integrations.pick(needed), self.spec.prefix, self, reports))


@dataclass
class KnownTree:
    """The integrations of the tree that was looked through last: each of them asks for all others."""

    tree: dg.ComponentTree | None = None
    integrations: Mapping[str, Integration] = field(default_factory=dict)


KNOWN = KnownTree()


def find_integrations(tree: dg.ComponentTree) -> Mapping[str, Integration]:
    """Find the integrations of a project, by slug."""
    if KNOWN.tree is not tree:
        found = tree.get_all_components(of_type=Integration)
        KNOWN.tree, KNOWN.integrations = tree, {each.slug: each for each in found if each.slug is not None}
    return KNOWN.integrations


def find_needed(specs: Mapping[str, IntegrationSpec]) -> Collection[str]:
    """Find which of a project's integrations the process needs: all, or in that of a run those that it runs.

    A run that materializes an asset of somebody else may need any, which that asset may follow.
    """
    if DefinitionsLoadContext.get().load_type is not DefinitionsLoadType.RECONSTRUCTION:
        return specs
    selected = find_selected()
    ours = {key for slug, spec in specs.items() for key in asset_keys(slug, spec)}
    if not selected or not ours.issuperset(selected):
        return specs
    return {slug for slug in specs if not selected.isdisjoint((update_set_key(slug), push_key(slug)))}


def check_together(specs: dict[str, IntegrationSpec]) -> None:
    """Check that the integrations of a project go together.

    Raises:
        ConfigurationError: two write the same field, two reports have the same name, or one starts after none.
    """
    clashes = find_clashes({slug: spec.report for slug, spec in specs.items()})
    problems = {**find_chain_faults(specs), **clashes, **find_conflicts(specs)}
    if problems:
        raise ConfigurationError("; ".join(f"{slug}: {problem}" for slug, problem in problems.items()))


def build_own(slug: str, spec: IntegrationSpec, translator: IntegrationTranslator, file: Path) -> dg.Definitions:
    """Build the assets and the job of one integration.

    Args:
        slug: of the integration.
        spec: the integration.
        translator: says how the assets look.
        file: the `defs.yaml`; linked to where it exists and may be edited.
    """
    linked = file.exists() and not is_laid_out(file)
    look = Appearance(translator, slug, spec, file if linked else None)
    return dg.Definitions(
        assets=[
            look.apply("update_set", build_update_set(slug, spec)),
            look.apply("push", build_push(slug, spec)),
        ],
        jobs=[build_job(slug, spec, read_revision(file))],
    )


def build_job(slug: str, spec: IntegrationSpec, revision: str | None = None) -> OwnJob:
    """The job of one integration, for Run Now and an own cron. Its runs say which revision of it they execute."""
    return define_own_job(
        slug,
        asset_keys(slug, spec),
        description=f"{escape_markdown(spec.report)} → {spec.object} in {spec.environment.title}.",
        # A run's container is chosen by the tags of the run; those of its steps come too late for it.
        tags=run_tags(slug, spec.environment, BY_USER)
        | ({REVISION_TAG: revision} if revision else {})
        | {name: spec.op_tags[name] for name in (CONTAINER_TAG,) if name in spec.op_tags},
    )
