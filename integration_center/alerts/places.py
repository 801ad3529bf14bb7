"""Where the alert settings are kept: in `alerts.yaml` in the home, or in a database that several hosts share.

In the database they are the same text, encrypted. It holds addresses of webhooks and passwords.
"""

import logging
import os
import secrets
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from integration_center.accounts.encryption import VARIABLE, Cipher, build_cipher
from integration_center.alerts.settings import AlertSettings, parse_alert_settings
from integration_center.database.shared_notes import FOR_GOOD, SEALED, Note, SharedNotes
from integration_center.errors import ConfigurationError, TransientError
from integration_center.files.file_lock import hold_folder
from integration_center.files.regular_files import SMALL, read_regular
from integration_center.files.text_files import write_atomically, writing
from integration_center.installation import Installation

logger = logging.getLogger(__name__)

FILE_NAME = "alerts.yaml"
IN_DATABASE = "the alert settings in the database"
KIND, NAME = "alerts", "settings"
"""Of the one note that holds the settings."""
TRIES = 20
"""How often a change is made again because somebody else was quicker."""


class AlertText(NamedTuple):
    """The text of the alert settings, and what messages call the place that it was read from."""

    text: str
    name: str


class AlertPlace(Protocol):
    """Keeps the text of the alert settings."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def open_file(self) -> Path | None:
        """The file that other users may read, if it is one. It holds secrets."""

    @property
    def unused_file(self) -> Path | None:
        """A file of this host that is not read any more, because the database has the settings."""

    def read(self) -> AlertText | None:
        """Read the text; None where there is none.

        Raises:
            ConfigurationError: it cannot be read.
        """

    def take_over(self) -> AlertText | None:
        """Put the file of this host where other hosts read it, unless settings are there, and read the text.

        Raises:
            ConfigurationError: the file cannot be used.
        """

    def write(self, text: str) -> None:
        """Write a text in place of the one before."""

    def change(self, edit: Callable[[str | None], str]) -> None:
        """Change the text. Of two people who do so at once, the second changes what the first has made.

        Args:
            edit: returns the new text of the one before. What it raises leaves the text as it was.
        """


def open_alerts(installation: Installation) -> AlertPlace:
    """Open the place of an installation's alert settings: the database, where other hosts use it, too."""
    file, notes = AlertFile(installation.settings.dagster_home), SharedNotes(installation.engine)
    return SharedAlerts(notes, build_cipher(installation.settings), file) if notes.has_readers else file


def read_alert_settings(place: AlertPlace, *, take_over: bool = False) -> AlertSettings | None:
    """Read the alert settings; None when there are none.

    Args:
        place: where they are.
        take_over: whether to put the file of this host where other hosts read it first.

    Raises:
        ConfigurationError: they cannot be read, or see `parse_alert_settings`.
    """
    found = place.take_over() if take_over else place.read()
    return None if found is None else parse_alert_settings(found.text, found.name)


def read_text(path: Path) -> str:
    """Read a file of alert settings.

    Raises:
        FileNotFoundError: there is none.
        ConfigurationError: it cannot be read.
    """
    try:
        return read_regular(path, most=SMALL).decode()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8 text; save it as UTF-8") from None


@dataclass(frozen=True)
class AlertFile:
    """The settings in `alerts.yaml`.

    Attributes:
        home: the home of the installation.
    """

    home: Path

    @property
    def path(self) -> Path:
        """The file."""
        return self.home / FILE_NAME

    @property
    def name(self) -> str:
        """What messages call it."""
        return str(self.path)

    @property
    def open_file(self) -> Path | None:
        """The file that other users may read, if it is one."""
        try:
            mode = self.path.stat().st_mode
        except FileNotFoundError:
            return None
        return self.path if stat.S_IMODE(mode) & 0o077 else None

    @property
    def unused_file(self) -> Path | None:
        """None: the file is read."""
        return None

    def read(self) -> AlertText | None:
        """Read the text; see `AlertPlace`."""
        try:
            return AlertText(read_text(self.path), self.name)
        except FileNotFoundError:
            return None

    def write(self, text: str) -> None:
        """Write the file; see `AlertPlace`."""
        self.change(lambda _: text)

    def change(self, edit: Callable[[str | None], str]) -> None:
        """Change the file, one person at a time; see `AlertPlace`."""
        with writing(self.path):
            self.home.mkdir(parents=True, exist_ok=True)
        with hold_folder(self.home):
            found = self.read()
            text = edit(found and found.text)
            with writing(self.path):
                os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600))  # it holds secrets
            write_atomically(self.path, text)

    def take_over(self) -> AlertText | None:
        """Read the text: there is no other place."""
        return self.read()


@dataclass(frozen=True)
class SharedAlerts:
    """The settings in the database, for all hosts.

    Attributes:
        notes: of all hosts.
        cipher: of the installation.
        file: of this host. It counts until the database holds settings, as in earlier versions.
    """

    notes: SharedNotes
    cipher: Cipher
    file: AlertFile

    @property
    def name(self) -> str:
        """What messages call it: the file, while it counts."""
        is_file = self._find() is None and self.file.path.exists()
        return self.file.name if is_file else IN_DATABASE

    @property
    def open_file(self) -> Path | None:
        """The file of this host that other users may read, if it is one."""
        return self.file.open_file

    @property
    def unused_file(self) -> Path | None:
        """The file of this host, where the database has the settings."""
        return self.file.path if self.file.path.exists() and self._find() is not None else None

    def read(self) -> AlertText | None:
        """Read the text; see `AlertPlace`."""
        return self._read(self._find())

    def write(self, text: str) -> None:
        """Write the text; see `AlertPlace`."""
        self.notes.write(KIND, NAME, secrets.token_hex(8), self._seal(text), lifetime=FOR_GOOD)

    def change(self, edit: Callable[[str | None], str]) -> None:
        """Change the text; see `AlertPlace`.

        Raises:
            TransientError: others were quicker each time.
        """
        for _ in range(TRIES):
            note = self._find()
            found = self._read(note)
            text = edit(found and found.text)
            if self._replace(note, text):
                return
        raise TransientError("others change the channels just now; try again")

    def take_over(self) -> AlertText | None:
        """Put the file of this host into the database, and read the text; see `AlertPlace`."""
        found = self.read()
        if found and found.name == self.file.name:
            parse_alert_settings(*found)
            if not self._replace(None, found.text):
                return self.read()  # another host was quicker
            logger.warning("%s was put into the database, for all hosts. It is not read any more", self.file.name)
        return found

    def _find(self) -> Note | None:
        return self.notes.read(KIND, NAME)

    def _read(self, note: Note | None) -> AlertText | None:
        return self.file.read() if note is None else AlertText(self._open(note), IN_DATABASE)

    def _replace(self, before: Note | None, text: str) -> bool:
        token = None if before is None else before.token
        return self.notes.replace(KIND, NAME, token, secrets.token_hex(8), self._seal(text), lifetime=FOR_GOOD)

    def _seal(self, text: str) -> dict[str, str]:
        return {SEALED: self.cipher.encrypt(text)}

    def _open(self, note: Note) -> str:
        try:
            return self.cipher.decrypt(note.content[SEALED])
        except ConfigurationError:
            raise ConfigurationError(
                "the channels of alerts were encrypted with another key",
                setting=f"set {VARIABLE} to the key that the other hosts have, or write the settings again:"
                " integration-center alerts import FILE",
            ) from None
