"""All integrations of a folder, the sound ones and the broken ones."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from integration_center.insights.catalogue import report_slug
from integration_center.integration.slugs import name_broken
from integration_center.integration.spec import IntegrationSpec
from integration_center.integration_files.reading import DefsReader, Judge, age
from integration_center.wording.plain_text import make_printable


@dataclass(frozen=True)
class Integrations:
    """What a folder of integrations holds.

    Attributes:
        specs: the sound ones by slug, those first whose files are unchanged for longest.
        broken: the others by slug, with the sentence that says why. A folder whose name can be no slug has one made of
            its name.
    """

    specs: Mapping[str, IntegrationSpec] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)

    @property
    def slugs(self) -> list[str]:
        """Of all integrations, in order."""
        return sorted({**self.specs, **self.broken})

    def by_prefix(self) -> Mapping[str | None, "Integrations"]:
        """The integrations by the prefix of their names; the broken ones are among those without any."""
        groups: dict[str | None, dict[str, IntegrationSpec]] = {None: {}}
        for slug, spec in self.specs.items():
            groups.setdefault(spec.prefix, {})[slug] = spec
        return {prefix: Integrations(specs, self.broken if prefix is None else {}) for prefix, specs in groups.items()}

    @property
    def by_slug(self) -> Mapping[str, IntegrationSpec | None]:
        """All integrations; None for a broken one."""
        return {**self.specs, **dict.fromkeys(self.broken)}

    def pick(self, slugs: Collection[str]) -> "Integrations":
        """Those of the integrations that are among `slugs`."""
        specs = {slug: spec for slug, spec in self.specs.items() if slug in slugs}
        return Integrations(specs, {slug: reason for slug, reason in self.broken.items() if slug in slugs})

    def readers(self) -> Mapping[str, Sequence[IntegrationSpec]]:
        """The sound integrations by the slug of the report they read, each report's in order of their own slugs."""
        readers: dict[str, list[IntegrationSpec]] = defaultdict(list)
        for _, spec in sorted(self.specs.items()):
            if spec.source is None:
                readers[report_slug(spec.report)].append(spec)
        return readers


def find_key_columns(readers: Sequence[IntegrationSpec]) -> frozenset[str]:
    """Find the columns of one report that stay text, because one of its `readers` matches by them."""
    return frozenset(pair.column for spec in readers for pair in spec.keys)


def read_integrations(root: Path, judge: Judge) -> Integrations:
    """Read every folder of `root`, which must be absolute."""
    files = DefsReader(root, judge).list()
    taken = {file.slug for file in files}
    broken: dict[str, str] = {}
    for file in files:
        if file.problem is not None:
            slug = name_broken(file.slug, (taken | broken.keys()) - {file.slug})
            broken[slug] = make_printable(f"{file.name}: {file.problem}")
    ordered = sorted(files, key=age)
    specs = {file.slug: file.spec for file in ordered if file.spec is not None and file.problem is None}
    return Integrations(specs, broken)
