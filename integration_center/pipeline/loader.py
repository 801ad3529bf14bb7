"""Loads the integrations, each folder in a component tree of its own, so that a broken one stands alone."""

import os
import types
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import dagster as dg
from pydantic import ValidationError

from integration_center.errors import ConfigurationError
from integration_center.insights.catalogue import find_clashes, report_slug
from integration_center.integration.spec import SLUG, IntegrationSpec, check_slug, find_conflicts, is_reserved
from integration_center.pipeline.component import Integration
from integration_center.pipeline.file_checks import check_post_processing, check_text
from integration_center.pipeline.names import BY_USER, DAYS, ONE_RUN, push_key, run_tags
from integration_center.pipeline.step_errors import reported_errors
from integration_center.wording.markdown import escape_markdown
from integration_center.wording.plain_text import make_printable

LONGEST_REASON = 2_000
"""Characters of the reason why an integration is broken: it stands in lists, in descriptions and in failed runs."""


@dataclass(frozen=True)
class LoadedIntegrations:
    """What a folder of integrations holds.

    Attributes:
        specs: the sound ones, by slug.
        broken: the others, with the sentence that says why, by slug; a folder whose name can be none is given one.
        definitions: of both, ready to be merged, by slug.
    """

    specs: Mapping[str, IntegrationSpec] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)
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

    def readers(self) -> Mapping[str, Sequence[IntegrationSpec]]:
        """The sound integrations by the slug of the report they read, each report's in order of their own slugs."""
        readers: dict[str, list[IntegrationSpec]] = defaultdict(list)
        for _, spec in sorted(self.specs.items()):
            readers[report_slug(spec.report)].append(spec)
        return readers


def find_key_columns(readers: Sequence[IntegrationSpec]) -> frozenset[str]:
    """The columns of one report that stay text, because one of its `readers` matches by them."""
    return frozenset(pair.column for spec in readers for pair in spec.keys)


def find_folders(root: Path) -> list[Path]:
    """The folders below `root` that hold a `defs.yaml`, in order of name."""
    if not root.is_dir():
        return []
    # Whatever is called so counts, also a link that leads nowhere: it is broken, and somebody should know.
    return sorted(folder for folder in root.iterdir() if os.path.lexists(folder / "defs.yaml"))


def load_integrations(root: Path) -> LoadedIntegrations:
    """Load every folder of `root`; `root` must be absolute."""
    loaded: dict[str, tuple[IntegrationSpec, dg.Definitions]] = {}
    broken: dict[str, str] = {}
    folders = find_folders(root)
    taken = {folder.name for folder in folders}
    for folder in folders:
        try:
            loaded[check_slug(folder.name)] = load_folder(folder)
        except Exception as error:  # noqa: BLE001 - a component tree raises many types; none may reach the others
            slug = name_broken(folder.name, taken - {folder.name})
            taken.add(slug)
            broken[slug] = make_printable(f"{folder / 'defs.yaml'}: {describe(error)}")
    by_age = {slug: loaded[slug][0] for slug in sorted(loaded, key=lambda slug: (read_age(root / slug), slug))}
    clashes = find_clashes({slug: spec.report for slug, spec in by_age.items()})
    conflicts = find_conflicts({slug: spec for slug, spec in by_age.items() if slug not in clashes})
    for slug, reason in {**clashes, **conflicts}.items():
        broken[slug] = f"{root / slug / 'defs.yaml'}: {reason}"
        del loaded[slug]
    return LoadedIntegrations(
        specs={slug: spec for slug, (spec, _) in loaded.items()},
        broken=broken,
        definitions={slug: definitions for slug, (_, definitions) in loaded.items()}
        | {slug: build_stand_in(slug, reason) for slug, reason in sorted(broken.items())},
    )


def read_age(folder: Path) -> int:
    """When the integration's file was changed last, in seconds: of two that cannot both run, the newer one yields.

    Whole seconds, so that files that came together, such as by a checkout, stand in order of their names.
    """
    try:
        return int((folder / "defs.yaml").stat().st_mtime)
    except FileNotFoundError:  # deleted a moment ago
        return 0


def load_folder(folder: Path) -> tuple[IntegrationSpec, dg.Definitions]:
    """One integration, loaded by Dagster's own component loading.

    Raises:
        Exception: whatever is wrong with the file.
    """
    post_processed = check_text(folder / "defs.yaml")
    module = types.ModuleType(f"integration_center.defs.{folder.name}")
    module.__file__ = None
    module.__path__ = [str(folder)]
    tree = dg.ComponentTree(defs_module=module, project_root=folder.parent)
    component = tree.load_component(folder, expected_type=Integration)
    definitions = tree.build_defs(folder)
    if post_processed:
        check_post_processing(folder.name, component.spec, definitions)
    return component.spec, definitions


def describe(error: Exception) -> str:
    """The innermost cause in a line, cut where it is too long; a component tree wraps it in its own frames."""
    said = _say(error)
    return said if len(said) <= LONGEST_REASON else f"{said[: LONGEST_REASON - 1]}…"


def _say(error: Exception) -> str:
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(cause, ValidationError):
        faults = [(".".join(map(str, fault["loc"])), fault) for fault in cause.errors()]
        # Dagster adds file and line to a place. A list without its faulty items is too short, which is no fault of it.
        bare = [place.partition(" at ")[0] for place, _ in faults]
        return "; ".join(
            f"{place}: {fault['msg']}"
            for (place, fault), name in zip(faults, bare, strict=True)
            if fault["type"] != "too_short" or not any(other.startswith(f"{name}.") for other in bare)
        )
    return " ".join(str(cause).split())


def name_broken(folder: str, taken: Collection[str]) -> str:
    """The folder's name, so that its history goes on; where that is taken or can be no slug, one like it."""
    if SLUG.fullmatch(folder) and not is_reserved(folder) and folder not in taken:
        return folder
    name = "broken_" + "".join(char if char.isascii() and char.isalnum() else "_" for char in folder).lower()
    while name in taken or is_reserved(name):
        name += "_"
    return name


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
