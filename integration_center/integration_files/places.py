"""The places where the texts of integrations are kept: a folder, or the database.

All code that reads integrations reads files. What is kept in the database is laid out as files on this host first, one
folder for each change, which stays as it is: so a run reads the integrations of the change that it carries, on every
host.
"""

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import mkdtemp
from time import time
from typing import Protocol, TypeVar

from integration_center.database.engine import build_engine
from integration_center.database.integration_texts import IntegrationTexts, Overtaken, SavedText
from integration_center.errors import ConfigurationError, TransientError
from integration_center.files.file_lock import hold_folder
from integration_center.files.text_files import write_atomically, writing
from integration_center.integration.spec import IntegrationSpec
from integration_center.settings import Paths

FILE = "defs.yaml"
REVISION_FILE = "revision"
"""Beside a file that was laid out: the number of the integration's last change."""
LAID_OUT = "integrations_of_database"
"""The folder below the scratch folder with what was laid out."""
KEPT_SECONDS = 86_400
"""How long a folder that was laid out is kept after a newer change. A run that still needs it has read it by then."""
ATTEMPTS = 20
"""How often a change is tried while other people change other integrations."""
T = TypeVar("T")


class Place(Protocol):
    """Where integrations are kept."""

    def open(self) -> Path:
        """Return the folder with the files as they are now."""
        ...

    def change(self, work: Callable[[], T]) -> T:
        """Call `work`, which looks at all integrations and writes or removes one, while nobody else changes any."""
        ...

    def write(self, slug: str, text: str, by: str) -> None:
        """Keep the text of an integration; only within `change`."""
        ...

    def remove(self, slug: str, by: str) -> None:
        """Delete an integration; only within `change`."""
        ...


class FolderPlace:
    """A folder, whose files anybody may edit by hand.

    Args:
        root: the folder, absolute.
        read_only: whether it is a checkout that is changed elsewhere.
    """

    def __init__(self, root: Path, *, read_only: bool = False) -> None:
        self.root = root
        self._read_only = read_only

    def open(self) -> Path:
        """Return the folder."""
        return self.root

    def change(self, work: Callable[[], T]) -> T:
        """See `Place`.

        Raises:
            ConfigurationError: the folder is read-only, or cannot be written.
        """
        if self._read_only:
            raise ConfigurationError(READ_ONLY)
        with self._locked():
            return work()

    def write(self, slug: str, text: str, by: str) -> None:
        """Write the whole file or nothing."""
        write_atomically(self.root / slug / FILE, text)

    def remove(self, slug: str, by: str) -> None:
        """Delete the file, and its folder when nothing else is in it."""
        path = self.root / slug / FILE
        with writing(path):
            path.unlink()
        with suppress(OSError):  # the folder holds other files, which stay
            path.parent.rmdir()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process change integrations at a time."""
        with ExitStack() as held:
            with writing(self.root):
                self.root.mkdir(parents=True, exist_ok=True)
                held.enter_context(hold_folder(self.root))
            yield


READ_ONLY = (
    "integrations are read-only here, because they are kept in git; change the file in the repository, and deploy it"
)
READ_ONLY_DATABASE = (
    "integrations are read-only on this host (INTEGRATION_CENTER_DEFS_READ_ONLY); change them where that is not set"
)


class DatabasePlace:
    """The database, which all hosts share.

    Args:
        texts: the table.
        scratch: the folder of this host for what may vanish.
        read_only: whether this process must change nothing.
    """

    def __init__(self, texts: IntegrationTexts, scratch: Path, *, read_only: bool = False) -> None:
        self.texts = texts
        self._read_only = read_only
        self._root = scratch / LAID_OUT
        self._base = 0
        self._changing = threading.RLock()
        self._laying_out = threading.Lock()
        self._last: tuple[Path, dict[str, str]] = (self._root, {})

    def open(self) -> Path:
        """Return the folder with the files as they are now."""
        return self._lay_out(self.texts.find_newest())

    def open_at(self, number: int) -> Path:
        """Return the folder with the files as they were after the change `number`.

        Raises:
            ConfigurationError: the database has no such change.
        """
        change = self.texts.find(number) if number else None
        if number and change is None:
            raise ConfigurationError(
                f"the database does not have change {number} of the integrations, which this run needs; was a backup"
                " brought back? Reload the code location, and start the run again"
            )
        folder = self._lay_out(change)
        with suppress(OSError):  # deleted a moment ago, or another user's; a hint that it is of use again
            os.utime(folder)
        return folder

    def change(self, work: Callable[[], T]) -> T:
        """See `Place`.

        Raises:
            ConfigurationError: the integrations are read-only.
            TransientError: other people change integrations all the time.
        """
        if self._read_only:
            raise ConfigurationError(READ_ONLY_DATABASE)
        for _ in range(ATTEMPTS):
            with self._changing:
                newest = self.texts.find_newest()
                self._base = newest.number if newest else 0
                with suppress(Overtaken):  # another host was first, so everything is checked once more
                    return work()
        raise TransientError("other integrations were changed again and again meanwhile; nothing was saved. Try again")

    def write(self, slug: str, text: str, by: str) -> None:
        """Add a change. The earlier text stays in the history."""
        self.texts.add(self._base, slug, text, by)

    def remove(self, slug: str, by: str) -> None:
        """Add a change without a text. The earlier ones stay in the history."""
        self.texts.add(self._base, slug, None, by)

    def _lay_out(self, change: SavedText | None) -> Path:
        """Return the folder with the files as they were after a change, and lay them out where they are not yet."""
        folder = self._root / (f"{change.number}-{change.mark}" if change else "0")
        if folder.is_dir():
            return folder
        with self._laying_out, writing(self._root):
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft = Path(mkdtemp(prefix=".", dir=self._root))
            try:
                known = self._fill(draft, self.texts.list(change.number) if change else ())
                try:
                    draft.rename(folder)
                except OSError:
                    if not folder.is_dir():  # else another process was first, with the same files
                        raise
            finally:
                shutil.rmtree(draft, ignore_errors=True)
            self._last = folder, known
            self._clear(folder)
        return folder

    def _fill(self, draft: Path, texts: Sequence[SavedText]) -> dict[str, str]:
        """Write files, and return their marks. A file of the last folder that did not change is linked."""
        before, marks = self._last
        for each in texts:
            folder = draft / each.slug
            folder.mkdir()
            if marks.get(each.slug) == each.mark:
                try:
                    for name in (FILE, REVISION_FILE):
                        os.link(before / each.slug / name, folder / name)
                    continue
                except OSError:  # deleted, since it is scratch, or a file system without links
                    (folder / FILE).unlink(missing_ok=True)
            (folder / FILE).write_text(each.text or "", encoding="utf-8", newline="")
            (folder / REVISION_FILE).write_text(str(each.number), encoding="utf-8")
            saved = int(each.saved_at.timestamp() * 1_000_000) * 1_000  # as old as the change, on every host
            os.utime(folder / FILE, ns=(saved, saved))
        return {each.slug: each.mark for each in texts}

    def _clear(self, newest: Path) -> None:
        """Delete the folders that were replaced a day ago. A folder is used until the next one is laid out."""
        ages: list[tuple[float, Path]] = []
        for folder in self._root.iterdir():
            with suppress(FileNotFoundError):  # the draft of another process, which is finished by now
                ages.append((folder.lstat().st_mtime, folder))
        for (_, folder), (replaced_at, _) in pairwise(sorted(ages)):
            if folder != newest and time() - replaced_at > KEPT_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def open_place(paths: Paths) -> Place:
    """Open the place where the settings say that integrations are kept."""
    if paths.defs_in_database:
        return open_database(paths.database, paths.scratch, paths.defs_read_only)
    return FolderPlace(paths.defs, read_only=paths.defs_read_only)


@cache
def open_database(url: str, scratch: Path, read_only: bool) -> DatabasePlace:
    """Open the integrations of a database, once in a process."""
    return DatabasePlace(IntegrationTexts(build_engine(url)), scratch, read_only=read_only)


def require_changeable(paths: Paths) -> None:
    """Check that integrations may be changed here, before somebody begins to.

    Raises:
        ConfigurationError: they are read-only.
    """
    if paths.defs_read_only:
        raise ConfigurationError(READ_ONLY_DATABASE if paths.defs_in_database else READ_ONLY)


def find_folder(paths: Paths) -> Path:
    """Find the folder with the integrations as they are now."""
    return open_place(paths).open()


def find_file(paths: Paths, slug: str, spec: IntegrationSpec) -> Path:
    """Find the file of an integration."""
    return find_folder(paths) / name_folder(slug, spec) / FILE


def name_folder(slug: str, spec: IntegrationSpec | None) -> str:
    """Name the folder of an integration: it has no prefix. A broken one has none that is known."""
    return slug.removeprefix(f"{spec.prefix}_") if spec and spec.prefix else slug


def is_laid_out(path: Path) -> bool:
    """Return whether the file of an integration was laid out from the database."""
    return len(path.parents) > 2 and path.parents[2].name == LAID_OUT


def name_file(path: Path) -> str:
    """Name the file of an integration for people: where it is, or that it is in the database."""
    if is_laid_out(path):
        return f"integration {path.parent.name!r} in the database"
    return str(path)


def read_revision(path: Path) -> str | None:
    """Read the revision of its integration that a file has. None for a file that is not from the database."""
    try:
        return path.with_name(REVISION_FILE).read_text(encoding="utf-8") if is_laid_out(path) else None
    except (FileNotFoundError, NotADirectoryError):
        return None
