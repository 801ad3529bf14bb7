"""Read report drops from an SFTP server."""

import posixpath
import stat
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime

import paramiko

from integration_center.errors import AccessRefused, ConfigurationError, UnreadableReport
from integration_center.files.file_bytes import Data, keep_file, keeping
from integration_center.files.regular_files import show_size
from integration_center.insights.drop_folders.drops import LARGEST, Content, Drop, DropChanged, ListedVersions
from integration_center.insights.drop_folders.sftp_session import SftpSession
from integration_center.insights.drop_folders.sftp_settings import SftpAddress, build_sign_in, parse_address
from integration_center.settings import Settings

CHUNK_BYTES = 1024 * 1024
REQUESTS_AT_ONCE = 64
"""Pieces of 32 kB that are asked for ahead, so that the distance to the server costs no time."""


class SftpDrops(ListedVersions):
    """`Drops` in a folder of an SFTP server.

    The version of a file comes from its size and time. A file that was just written is looked at again after some
    seconds, and taken only if it has not changed before, during and after the download.

    Args:
        session: the connection.
        address: the folder that holds one folder per report.
        largest: the largest size of a file, in bytes.
        settle_seconds: how old a file has to be so that one look is enough.
        sleep: waits for some seconds.
    """

    def __init__(
        self,
        session: SftpSession,
        address: SftpAddress,
        *,
        largest: int = LARGEST,
        settle_seconds: float = 0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._session = session
        self._address = address
        self._largest = largest
        self._settle_seconds = settle_seconds
        self._sleep = sleep

    def __repr__(self) -> str:
        return f"SftpDrops({self._address.place!r})"

    def locate(self, folder: str, name: str = "") -> str:
        """See `Drops.locate`."""
        return "/".join(part for part in (self._address.place, folder, name) if part)

    def folders(self) -> list[str]:
        """See `Drops.folders`.

        Raises:
            AccessRefused: the user may not list the folder.
        """
        place = self._address.place
        try:
            listed = self._session.ask(lambda sftp: sftp.listdir_attr(self._address.folder))
        except FileNotFoundError:
            raise ConfigurationError(
                f"{place}: there is no such folder", setting="correct WALKME_FILES_ROOT (a path is absolute)"
            ) from None
        except PermissionError:
            raise AccessRefused(f"{place}: the user may not list this folder; ask the server's admin") from None
        return sorted(each.filename for each in listed if stat.S_ISDIR(each.st_mode or 0))

    def files(self, folder: str) -> list[Drop]:
        """See `Drops.files`."""
        path = posixpath.join(self._address.folder, folder)
        try:
            listed = self._session.ask(lambda sftp: sftp.listdir_attr(path))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise UnreadableReport(
                f"{self.locate(folder)} cannot be listed ({type(error).__name__}); check its permissions"
            ) from None
        found = [each for each in listed if not stat.S_ISDIR(each.st_mode or 0)]
        return sorted((_build_drop(folder, each.filename, each) for each in found), key=lambda drop: drop.name)

    def read(self, drop: Drop, *, most: int | None = None) -> Content:
        """See `Drops.read`. The file is streamed through a temporary file, which keeps large ones."""
        place = self.locate(drop.folder, drop.name)
        allowed = self._largest if most is None else most
        try:
            self._wait_until_settled(drop)
            return Content(
                self._session.ask(lambda sftp: self._download(sftp, drop, place, allowed)), lambda: drop.version
            )
        except FileNotFoundError:
            raise DropChanged from None
        except OSError as error:
            raise UnreadableReport(
                f"{place} cannot be read ({type(error).__name__}); check that it is a file, and its permissions"
            ) from None

    def _wait_until_settled(self, drop: Drop) -> None:
        """Wait a little if a file was just written.

        Raises:
            DropChanged: it changed meanwhile.
        """
        if abs(time.time() - drop.modified.timestamp()) < self._settle_seconds:
            self._sleep(self._settle_seconds)
            self._session.ask(lambda sftp: self._check(sftp, drop))

    def _check(self, sftp: paramiko.SFTPClient, drop: Drop) -> int:
        """Check that a file is still the listed one, and return its size.

        Raises:
            DropChanged: it is not.
            UnreadableReport: it is a link that leads out of the root.
        """
        path = self._path(drop)
        if stat.S_ISLNK(sftp.lstat(path).st_mode or 0):
            root = sftp.normalize(self._address.folder)
            if not sftp.normalize(path).startswith(f"{root.rstrip('/')}/"):
                raise UnreadableReport(
                    f"{self.locate(drop.folder, drop.name)} leads out of {self._address.place}; put the file itself"
                    " there"
                )
            return sftp.stat(path).st_size or 0
        seen = sftp.stat(path)
        if _build_drop(drop.folder, drop.name, seen).version != drop.version:
            raise DropChanged
        return seen.st_size or 0

    def _download(self, sftp: paramiko.SFTPClient, drop: Drop, place: str, most: int) -> Data:
        size = self._check(sftp, drop)
        if size > most:
            raise UnreadableReport(f"{place} has more than {show_size(most)}; check what it is")
        with keeping(place):
            file = tempfile.TemporaryFile()  # noqa: SIM115 - the server's errors are others
        with file, sftp.open(self._path(drop), "rb") as remote:
            remote.prefetch(size, REQUESTS_AT_ONCE)
            while chunk := remote.read(CHUNK_BYTES):
                with keeping(place):
                    file.write(chunk)
            with keeping(place):
                data = keep_file(file)
        if self._check(sftp, drop) != len(data):
            raise DropChanged
        return data

    def _path(self, drop: Drop) -> str:
        return posixpath.join(self._address.folder, drop.folder, drop.name)


def build_sftp_drops(root: str, settings: Settings, *, largest: int = LARGEST) -> SftpDrops:
    """Build the drops under `root`, such as `sftp://user@host/folder`, without using the network yet.

    Raises:
        ConfigurationError: the address is wrong.
    """
    address = parse_address(root)
    session = SftpSession(address, build_sign_in(settings))
    return SftpDrops(session, address, largest=largest, settle_seconds=settings.sftp_settle_seconds)


def _build_drop(folder: str, name: str, seen: paramiko.SFTPAttributes) -> Drop:
    modified = datetime.fromtimestamp(seen.st_mtime or 0, UTC)
    return Drop(folder, name, modified, f"{seen.st_size}:{modified.isoformat()}")
