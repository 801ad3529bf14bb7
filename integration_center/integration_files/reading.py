"""Reads the integrations of a folder: `<root>/<slug>/defs.yaml`, by the model alone.

Only Dagster can judge what a file's `post_processing` makes of its assets, so each caller passes a judge for it.
"""

import hashlib
import os
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from integration_center.errors import ConfigurationError
from integration_center.files.regular_files import read_regular
from integration_center.insights.catalogue import find_clashes
from integration_center.integration.chain import find_chain_faults
from integration_center.integration.conflicts import find_conflicts
from integration_center.integration.environment import Environment
from integration_center.integration.slugs import check_slug, name_broken
from integration_center.integration.spec import IntegrationSpec
from integration_center.integration_files.parsing import ParsedFile, parse_integration
from integration_center.integration_files.places import FILE, FolderPlace, Place, name_file
from integration_center.wording.plain_text import is_text, make_printable

LONGEST_NAME = 255
"""Bytes that file systems allow the name of a folder."""

LONGEST_REASON = 2_000
"""Characters of the reason why an integration is broken: it is shown in lists, in descriptions and in failed runs."""
Judge = Callable[[Path, ParsedFile], str | None]
"""Says why Dagster does not take the integration of a folder; None when it does."""
Signature = tuple[str, int, int, int]
"""Folder, inode, time of change (ns) and size of a file."""


@dataclass(frozen=True)
class DefsFile:
    """An integration's file as it was read.

    Attributes:
        slug: how Dagster, the log and all commands call it: the folder's name, after the prefix if there is one.
        path: of the file.
        text: the whole file.
        modified_at: when it was written last, UTC.
        spec: what it says; None when it cannot be loaded.
        problem: why it is broken, or which field another integration writes already; None when it is sound.
    """

    slug: str
    path: Path
    text: str
    modified_at: datetime
    spec: IntegrationSpec | None
    problem: str | None = None

    @property
    def content_hash(self) -> str:
        """The hash that identifies this text."""
        return hash_text(self.text)

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return self.path.parent.name

    @property
    def name(self) -> str:
        """The name of the file for people."""
        return name_file(self.path)

    @property
    def title(self) -> str:
        """What people call the integration; its slug where the file cannot be read."""
        return self.spec.name if self.spec else self.slug

    @property
    def environment(self) -> Environment | None:
        """The account it writes by; None where the file cannot be read."""
        return self.spec.environment if self.spec else None


def age(file: DefsFile) -> tuple[int, str]:
    """The sort key of files by age: the time of the last change, then the name.

    Whole seconds, so that files that came together, such as by a checkout, are in order of their names.
    """
    return int(file.modified_at.timestamp()), file.slug


def hash_text(text: str) -> str:
    """Return the SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


class DefsReader:
    """Reads integrations. What was loaded is kept as long as its file stays the same.

    Args:
        place: where integrations are kept, or an absolute folder.
        judge: what Dagster says of an integration.
    """

    def __init__(self, place: Place | Path, judge: Judge) -> None:
        self.place = FolderPlace(place) if isinstance(place, Path) else place
        self._judge = judge
        self._known: dict[str, tuple[tuple[int, int, int], DefsFile]] = {}
        self._guard = threading.Lock()
        self._listed: tuple[Sequence[Signature], Sequence[DefsFile]] | None = None
        self._listing = threading.Lock()

    @property
    def root(self) -> Path:
        """The folder with the files as they are now."""
        return self.place.open()

    def path(self, slug: str) -> Path:
        """Where the integration's file is, or would be."""
        return self._find_folder(slug) / FILE

    def list(self) -> list[DefsFile]:
        """Return all integrations by slug, broken ones too, with the same conflicts as the loader finds.

        While no file changes, this only looks at each file from outside.
        """
        with self._listing:  # two requests at once load each file once
            root = self.root
            seen = [(root.name, 0, 0, 0), *look_at_files(root)]
            if self._listed is None or self._listed[0] != seen:
                self._listed = seen, self._list_again(find_folders(root))
            return [*self._listed[1]]

    def _list_again(self, folders: Sequence[Path]) -> Sequence[DefsFile]:
        loaded: list[DefsFile] = []
        for folder in folders:
            with suppress(FileNotFoundError):  # deleted a moment ago
                loaded.append(self._load(folder))
        taken = {folder.name for folder in folders} | {file.slug for file in loaded}
        files: dict[str, DefsFile] = {}
        for file in sorted(loaded, key=age):
            slug = file.slug
            if file.spec and slug in files:
                slug = name_broken(file.folder, taken - {file.folder} | files.keys())
                problem = f"with its prefix it is called {file.slug!r}, as another one is; rename the folder"
                files[slug] = replace(file, slug=slug, spec=None, problem=problem)
                continue
            if file.spec is None:
                slug = name_broken(file.folder, taken - {file.folder} | files.keys())
            taken.add(slug)
            # A name whose bytes are no text cannot be shown on a page or in JSON.
            files[slug] = file if is_text(file.slug) else replace(file, slug=slug)
        specs = {file.slug: file.spec for file in sorted(files.values(), key=age) if file.spec}
        clashes = find_clashes({slug: spec.report for slug, spec in specs.items()})
        conflicts = find_conflicts({slug: spec for slug, spec in specs.items() if slug not in clashes})
        problems = {**find_chain_faults(specs), **clashes, **conflicts}
        said = {slug: problems.get(slug, file.problem) for slug, file in files.items()}
        return [replace(file, problem=make_printable(said[slug] or "") or None) for slug, file in sorted(files.items())]

    def read(self, slug: str) -> DefsFile:
        """Read one integration alone. Conflicts with fields that others write are not checked.

        Raises:
            ConfigurationError: there is none.
        """
        try:
            if "/" in slug or "\0" in slug or slug.startswith(".") or len(os.fsencode(slug)) > LONGEST_NAME:
                raise FileNotFoundError
            return self.load(slug)
        except (FileNotFoundError, NotADirectoryError):
            raise ConfigurationError(f"there is no integration {slug!r}; it was deleted or renamed") from None

    def find(self, slug: str) -> DefsFile | None:
        """Return one integration of `list`; None where there is none of this slug."""
        return next((file for file in self.list() if file.slug == slug), None)

    def load(self, slug: str) -> DefsFile:
        """Return one integration, from memory while its file is the same. Raises FileNotFoundError."""
        return self._load(self._find_folder(slug))

    def _find_folder(self, slug: str) -> Path:
        """Find the folder of an integration: it has another name than the integration where that has a prefix."""
        named = self.root / slug
        if os.path.lexists(named / FILE) or "_" not in slug:
            return named
        file = self.find(slug)
        return file.path.parent if file else named

    def _load(self, folder: Path) -> DefsFile:
        slug, path = folder.name, folder / FILE
        try:
            status = path.stat()
        except FileNotFoundError:
            raise
        except OSError as error:  # a link that leads to itself, a folder that is closed
            return DefsFile(slug, path, "", datetime.fromtimestamp(0, UTC), None, _say_unreadable(error))
        signature = (status.st_ino, status.st_mtime_ns, status.st_size)
        with self._guard:
            known = self._known.get(folder.name)
        if known and known[0] == signature:
            return known[1] if known[1].path == path else replace(known[1], path=path)
        modified_at = datetime.fromtimestamp(status.st_mtime, UTC)
        content, spec, problem = b"", None, None
        try:
            content = read_regular(path)
            spec = self._parse(path.parent, content.decode())
            slug = spec.slug_in(folder.name)
        except FileNotFoundError:
            raise
        except OSError as error:
            problem = _say_unreadable(error)
        except UnicodeDecodeError:
            problem = "the file is not UTF-8 text"
        except ConfigurationError as error:
            problem = cut_reason(str(error))
        file = DefsFile(slug, path, content.decode(errors="replace"), modified_at, spec, problem)
        with self._guard:
            self._known[folder.name] = (signature, file)
        return file

    def judge_text(self, slug: str, text: str) -> IntegrationSpec | str:
        """Judge a text as if it were the file: return the integration, or the reason why it is none."""
        with tempfile.TemporaryDirectory(prefix="integration_center_") as place:
            folder = Path(place) / slug
            folder.mkdir()
            (folder / FILE).write_text(text, encoding="utf-8")
            try:
                return self._parse(folder, text)
            except ConfigurationError as error:
                return str(error).replace(place, "").strip()

    def _parse(self, folder: Path, text: str) -> IntegrationSpec:
        """Parse the integration in a file of this folder.

        Raises:
            ConfigurationError: it holds none, or Dagster does not take it.
        """
        check_slug(folder.name)
        parsed = parse_integration(text)
        if problem := self._judge(folder, parsed):
            raise ConfigurationError(problem)
        return parsed.spec


def look_at_files(root: Path) -> Sequence[Signature]:
    """Read time and size of the files of all folders. It uses plain calls, because a page does this for hundreds."""
    seen: list[Signature] = []
    try:
        entries = os.scandir(root)
    except (FileNotFoundError, NotADirectoryError):
        return seen
    with entries:
        for entry in entries:
            try:
                status = os.stat(f"{entry.path}/{FILE}")
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:
                status = os.lstat(f"{entry.path}/{FILE}")
            seen.append((entry.name, status.st_ino, status.st_mtime_ns, status.st_size))
    return sorted(seen)


def _say_unreadable(error: OSError) -> str:
    if isinstance(error, IsADirectoryError):
        return "there is a folder in place of the file"
    if isinstance(error, PermissionError):
        return "the file cannot be read, because this program lacks the right to"
    return "the file cannot be read, because the disk does not give its content"


def cut_reason(reason: str) -> str:
    """Shorten the reason why an integration is broken, where it is too long to be read."""
    return reason if len(reason) <= LONGEST_REASON else f"{reason[: LONGEST_REASON - 1]}…"


def find_folders(root: Path) -> list[Path]:
    """Find the folders below `root` that hold a `defs.yaml`, in order of name."""
    if not root.is_dir():
        return []
    # Whatever is called so counts, also a link that leads nowhere: it is broken, and somebody should know.
    return sorted(folder for folder in root.iterdir() if os.path.lexists(folder / FILE))
