"""The integrations of a folder or of the database, as the console and the terminal wizard change them.

A file is written whole or not at all, after it was loaded the way Dagster will load it. Who edits gives the file that
was read; when there is another one by now, nothing is written.
"""

import getpass
from collections.abc import Mapping
from datetime import datetime

from integration_center.errors import ConfigurationError, EditedMeanwhile
from integration_center.insights.catalogue import find_clashes, slugify
from integration_center.integration.chain import find_chain_faults
from integration_center.integration.conflicts import find_conflicts
from integration_center.integration.slugs import check_slug, free_slug
from integration_center.integration.spec import Environment, IntegrationSpec
from integration_center.integration_files.places import FILE
from integration_center.integration_files.reading import DefsFile, DefsReader
from integration_center.integration_files.yaml_edit import dump, edit, write_new

SLUG_CHARACTERS = 60
_OURS_LAST = "~"
"""Sorts behind every slug, so that `find_conflicts` lets all others keep their fields."""


class DefsFolder(DefsReader):
    """Reads and changes integrations."""

    def new_slug(self, name: str) -> str:
        """A free slug made of an integration's name."""
        base = slugify(name)[:SLUG_CHARACTERS].strip("_")
        taken = {path.name for path in self.root.iterdir()} if self.root.is_dir() else set()
        return free_slug(base, taken)

    def check(self, slug: str, spec: IntegrationSpec) -> None:
        """Whether the integration may be kept with the others.

        Raises:
            ConfigurationError: an enabled one writes one of its fields, or its report has the same name as another.
        """
        others = {file.slug: file.spec for file in self.list() if file.spec and file.slug != slug}
        reasons = [
            *find_clashes(
                {**{other: found.report for other, found in others.items()}, _OURS_LAST: spec.report}
            ).items(),
            *find_conflicts({**others, _OURS_LAST: spec}).items(),
            *((_OURS_LAST, fault) for name, fault in find_chain_faults({**others, slug: spec}).items() if name == slug),
        ]
        if ours := [reason for name, reason in reasons if name == _OURS_LAST]:
            raise ConfigurationError("; ".join(ours))

    def create(
        self, spec: IntegrationSpec, *, slug: str | None = None, text: str | None = None, by: str | None = None
    ) -> DefsFile:
        """Write a new integration.

        Args:
            spec: the integration.
            slug: its folder; made of its name when left out.
            text: the file; built from the integration when left out.
            by: who creates it; the user of this process when left out.

        Raises:
            ConfigurationError: it may not be kept with the others, the slug is taken, or nothing can be written.
        """

        def create() -> DefsFile:
            free = check_slug(slug or self.new_slug(spec.name))
            if (self.root / free / FILE).exists():
                raise ConfigurationError(f"there is an integration {free!r} already; choose another name")
            self.check(spec.slug_in(free), spec)
            return self._write(free, spec, text if text is not None else write_new(spec), by)

        return self.place.change(create)

    def save(self, base: DefsFile, spec: IntegrationSpec, *, by: str | None = None) -> DefsFile:
        """Change the integration that was read as `base`.

        Raises:
            EditedMeanwhile: the file is another one by now, or gone.
            ConfigurationError: it may not be kept with the others, or nothing can be written.
        """

        def save() -> DefsFile:
            current = self._require_unchanged(base)
            if current.spec is None:
                raise ConfigurationError(f"{current.name}: {current.problem}. Correct the file by hand first")
            if spec == current.spec:
                return current
            self.check(base.slug, spec)
            text = edit(current.text, current.spec, spec)
            if (
                self.judge_text(base.folder, text) != spec
            ):  # anchors, merges or doubled names that an edit cannot follow
                text = write_new(spec)
            return self._write(base.folder, spec, text, by)

        return self.place.change(save)

    def save_text(self, base: DefsFile, text: str, *, by: str | None = None) -> DefsFile:
        """Give the integration that was read as `base` another text. A broken one may be corrected so.

        Raises:
            EditedMeanwhile: the file is another one by now, or gone.
            ConfigurationError: the text is no integration, it may not be kept with the others, or nothing can be
                written.
        """

        def save() -> DefsFile:
            current = self._require_unchanged(base)
            if text == current.text:
                return current
            spec = self.judge_text(base.folder, text)
            if isinstance(spec, str):
                raise ConfigurationError(f"integration {base.slug!r} was not saved: {spec}")
            self.check(base.slug, spec)
            return self._write(base.folder, spec, text, by)

        return self.place.change(save)

    def set_enabled(self, slug: str, enabled: bool, *, by: str | None = None) -> DefsFile:
        """Put an integration on or off the schedule.

        Raises:
            ConfigurationError: there is none, it is broken, or enabled it would write a field that another writes.
        """
        file = self.read(slug)
        if file.spec is None:
            raise ConfigurationError(f"{file.name}: {file.problem}. Correct the file first")
        return self.save(file, file.spec.model_copy(update={"enabled": enabled}), by=by)

    def delete(self, slug: str, *, content_hash: str | None = None, by: str | None = None) -> None:
        """Delete an integration. A folder in which something else is stays; the database keeps the history.

        Args:
            slug: the integration.
            content_hash: of the file that was shown when the deletion was confirmed.
            by: who deletes it; the user of this process when left out.

        Raises:
            EditedMeanwhile: the file is another one by now.
            ConfigurationError: there is none.
        """

        def delete() -> None:
            file = self.read(slug)
            if content_hash is not None and content_hash != file.content_hash:
                raise EditedMeanwhile(
                    f"integration {slug!r} was changed at {_moment(file.modified_at)} after it was shown to you;"
                    " look at it again before you delete it"
                )
            self.place.remove(file.folder, by or getpass.getuser())

        self.place.change(delete)

    def duplicate(self, slug: str, environment: Environment | None = None, *, by: str | None = None) -> DefsFile:
        """Write a copy with its comments, disabled: two enabled ones would write the same fields.

        Args:
            slug: the integration.
            environment: the copy's; the same when left out. Whether its object and fields are there is not checked.
            by: who copies it; the user of this process when left out.

        Raises:
            ConfigurationError: there is none, or it is broken.
        """
        file = self.read(slug)
        if file.spec is None:
            raise ConfigurationError(f"{file.name}: {file.problem}. Correct the file first")
        copy = build_copy(file.spec, environment or file.spec.environment)
        text = edit(file.text, file.spec, copy)
        return self.create(copy, text=text if self.judge_text(file.folder, text) == copy else None, by=by)

    def _require_unchanged(self, base: DefsFile) -> DefsFile:
        try:
            current = self._load(self.root / base.folder)
        except (FileNotFoundError, NotADirectoryError):
            raise EditedMeanwhile(f"integration {base.slug!r} was deleted while you edited it") from None
        if current.content_hash == base.content_hash:
            return current
        raise EditedMeanwhile(
            f"integration {base.slug!r} was changed at {_moment(current.modified_at)} while you edited it:"
            f" {describe_changes(base, current)}. Nothing was saved; open it again and make your change there"
        )

    def _write(self, folder: str, spec: IntegrationSpec, text: str, by: str | None) -> DefsFile:
        """Write a text that loads as `spec` into a folder.

        Raises:
            ConfigurationError: it loads as something else, or cannot be written.
        """
        if (said := self.judge_text(folder, text)) != spec:
            raise ConfigurationError(f"integration {folder!r} was not saved, for the loader refuses it: {said}")
        self.place.write(folder, text, by or getpass.getuser())
        return self._load(self.root / folder)


def build_copy(spec: IntegrationSpec, environment: Environment) -> IntegrationSpec:
    """The integration again under another name, disabled."""
    name = f"{spec.name}, {environment.title}" if environment is not spec.environment else f"{spec.name} (copy)"
    return spec.model_copy(update={"name": name[-255:], "environment": environment, "enabled": False})


def describe_changes(base: DefsFile, current: DefsFile) -> str:
    """The attributes in which two readings of a file differ, in words, without their values."""
    if current.spec is None:
        return f"it is broken now ({current.problem})"
    before: Mapping[str, object] = dump(base.spec) if base.spec else {}
    after = dump(current.spec)
    names = [name for name in IntegrationSpec.model_fields if before.get(name) != after.get(name)]
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} different now" if names else "its comments changed"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
