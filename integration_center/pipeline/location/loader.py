"""Makes Dagster's definitions of the integrations, each folder in a component tree of its own.

So a broken one breaks no other. What the files say is read by `integration_files`.
"""

import types
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import dagster as dg
from pydantic import ValidationError

from integration_center.errors import ConfigurationError
from integration_center.integration.slugs import check_slug, name_broken
from integration_center.integration_files.integrations import Integrations, read_integrations
from integration_center.integration_files.parsing import ParsedFile
from integration_center.integration_files.reading import cut_reason
from integration_center.pipeline.instance.quiet import without_beta_warnings
from integration_center.pipeline.location.component import Integration, LoneTree, build_own
from integration_center.pipeline.location.post_processing import check_post_processing
from integration_center.pipeline.location.translator import IntegrationTranslator, expect_follower
from integration_center.pipeline.names import BY_USER, DAYS, ONE_RUN, push_key, run_tags
from integration_center.pipeline.steps.step_errors import reported_errors
from integration_center.wording.markdown import escape_markdown
from integration_center.wording.model_refusals import say_refusals


@dataclass(frozen=True)
class LoadedIntegrations(Integrations):
    """What a folder of integrations holds, for Dagster.

    Attributes:
        definitions: of the sound and the broken ones, ready to be merged, by slug.
    """

    definitions: Mapping[str, dg.Definitions] = field(default_factory=dict)

    def keep(self, slugs: Collection[str]) -> "LoadedIntegrations":
        """These without the sound integrations that are not among `slugs`."""
        kept = {slug: spec for slug, spec in self.specs.items() if slug in slugs}
        definitions = {slug: each for slug, each in self.definitions.items() if slug in kept or slug in self.broken}
        return replace(self, specs=kept, definitions=definitions)

    def break_off(self, reasons: Mapping[str, str]) -> "LoadedIntegrations":
        """These with some sound integrations as broken ones, for the reasons given by slug.

        A stand-in gets a name of its own: that of the integration may be what is wrong.
        """
        kept = self.keep(self.specs.keys() - reasons.keys())
        taken = {*self.specs, *self.broken}
        renamed = {name_broken(slug, taken): reason for slug, reason in reasons.items()}
        stand_ins = {slug: build_stand_in(slug, reason) for slug, reason in renamed.items()}
        return replace(kept, broken={**kept.broken, **renamed}, definitions={**kept.definitions, **stand_ins})


def load_integrations(root: Path, *, only: Collection[str] | None = None) -> LoadedIntegrations:
    """Load every folder of `root`; `root` must be absolute.

    Args:
        root: the folder of integrations.
        only: the slugs of the integrations whose definitions are needed. All others are only read, because
            integrations may conflict with each other, and share reports.
    """
    definitions: dict[str, dg.Definitions] = {}

    def judge(folder: Path, parsed: ParsedFile) -> str | None:
        slug = parsed.spec.slug_in(folder.name)
        if only is not None and slug not in only and not parsed.post_processed:
            return None
        loaded = try_folder(folder, parsed)
        if isinstance(loaded, str):
            return loaded
        definitions[slug] = loaded
        return None

    found = read_integrations(root, judge)
    return LoadedIntegrations(
        found.specs,
        found.broken,
        {slug: expect_follower(definitions[slug], slug, found.specs) for slug in found.specs if slug in definitions}
        | {
            slug: build_stand_in(slug, reason)
            for slug, reason in sorted(found.broken.items())
            if only is None or slug in only
        },
    )


def judge_post_processing(folder: Path, parsed: ParsedFile) -> str | None:
    """Say why Dagster does not take what a folder's `post_processing` makes of its assets; None when it does."""
    loaded = try_folder(folder, parsed)
    return loaded if isinstance(loaded, str) else None


@without_beta_warnings
def try_folder(folder: Path, parsed: ParsedFile) -> dg.Definitions | str:
    """One integration, loaded by Dagster; or why Dagster does not take it."""
    try:
        return load_folder(folder, parsed)
    except Exception as error:  # noqa: BLE001 - a component tree raises many types; none may reach the others
        return describe(error)


def load_folder(folder: Path, parsed: ParsedFile) -> dg.Definitions:
    """One integration. Dagster's own component loading takes far longer, and only `post_processing` needs it.

    Raises:
        Exception: whatever Dagster does not take.
    """
    slug = parsed.spec.slug_in(check_slug(folder.name))
    if not parsed.post_processed:
        return build_own(slug, parsed.spec, IntegrationTranslator(), folder / "defs.yaml")
    module = types.ModuleType(f"integration_center.defs.{folder.name}")
    module.__file__ = None
    module.__path__ = [str(folder)]
    tree = LoneTree(defs_module=module, project_root=folder.parent)
    tree.load_component(folder, expected_type=Integration)
    definitions = tree.build_defs(folder)
    check_post_processing(slug, parsed.spec, definitions)
    return definitions


def describe(error: Exception) -> str:
    """The innermost cause in a line, cut where it is too long; a component tree wraps it in its own frames."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(cause, ValidationError):
        return cut_reason(say_refusals(cause))
    return cut_reason(" ".join(str(cause).split()))


def build_stand_in(slug: str, reason: str) -> dg.Definitions:
    """Keeps a broken integration's push and job in place: visible, and failing with the reason when run."""

    @dg.asset(
        key=push_key(slug),
        description=f"Broken: {escape_markdown(reason)}",
        group_name=slug,
        kinds={"broken"},
        partitions_def=DAYS,
        backfill_policy=ONE_RUN,
    )
    def push(context: dg.AssetExecutionContext) -> None:
        with reported_errors(context):
            raise ConfigurationError(reason)

    job = dg.define_asset_job(
        slug, selection=[push], tags=run_tags(slug, None, BY_USER), description=escape_markdown(reason)
    )
    return dg.Definitions(assets=[push], jobs=[job])
