"""What the doctor looks at on this machine: settings, database, storage, disk, certificates, time."""

import shutil
import ssl
import stat
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from platform import platform, python_version

import certifi

from integration_center.access.users import read_users
from integration_center.accounts.encryption import build_cipher
from integration_center.alerts.places import FILE_NAME, open_alerts, read_alert_settings
from integration_center.database.incidents import Incidents
from integration_center.database.revision import REVISION
from integration_center.installation import Installation
from integration_center.pipeline.doctor.findings import Checked, ok, problem, warning
from integration_center.wording.near_names import say_nearest
from integration_center.wording.remedies import ASK
from integration_center.wording.sentences import count

LITTLE, VERY_LITTLE = 5_000_000_000, 500_000_000
"""Free bytes below which a disk is soon full, and is full for us."""
LIBRARIES = ("integration-center", "dagster", "polars", "httpx", "sqlalchemy", "pydantic", "cryptography")


def check_versions() -> Iterator[Checked]:
    """Which versions run here."""
    named = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    yield ok("versions", f"Python {python_version()} on {platform()}: {named}.")


def check_settings(installation: Installation) -> Iterator[Checked]:
    """Folders, users of the console, and the key that encrypts tokens."""
    settings = installation.settings
    place = "the database" if settings.defs_in_database else settings.defs
    yield ok("settings", f"DAGSTER_HOME is {settings.dagster_home}, integrations are in {place}.")
    mode = stat.S_IMODE(settings.dagster_home.stat().st_mode)
    if mode & 0o022:
        command = f"Run: chmod go-w {settings.dagster_home}"
        yield problem("settings", f"Other users may write in {settings.dagster_home} (mode {mode:04o}).", ASK, command)
    build_cipher(settings)
    stored = installation.accounts.list()
    yield ok("settings", f"The key opens the store of accounts; accounts connected: {len(stored)}.")
    users = read_users(settings)
    ways = [
        *([f"{len(users)} users may sign in to the console"] if users else []),
        *(["people sign in by OpenID Connect"] if settings.has_provider else []),
        *(["people sign in by a header that a proxy signs"] if settings.has_signing_proxy else []),
    ]
    who = "; ".join(ways) or "the console is for this machine alone"
    yield ok("settings", f"{who[0].upper()}{who[1:]}.")


def check_database(installation: Installation) -> Iterator[Checked]:
    """Our database: it was opened, so its revision is the one of this program."""
    installation.syncs.running()
    yield ok("database", f"The database answers; its tables have revision {REVISION}.")


def check_storage(installation: Installation) -> Iterator[Checked]:
    """Write, read and delete a file where frames are kept."""
    frames = installation.frames
    place = frames.objects.locate("")
    if frames.probe():
        yield ok("storage", f"A file in {place} was written, read and deleted.")
    else:
        advice = "Look at the disk, or at the share that is mounted there."
        yield problem("storage", f"A file in {place} was read back otherwise.", advice)


def check_disk(installation: Installation) -> Iterator[Checked]:
    """How much room is left."""
    found = shutil.disk_usage(installation.settings.dagster_home)
    text = f"{found.free / 1e9:,.1f} of {found.total / 1e9:,.1f} GB are free."
    advice = "Free some space: a full disk stops all runs."
    if found.free < VERY_LITTLE:
        yield problem("disk", text, advice)
    elif found.free < LITTLE:
        yield warning("disk", text, advice)
    else:
        yield ok("disk", text)


def check_certificates(now: datetime) -> Iterator[Checked]:
    """The certificates that are trusted, and whether some of them have run out."""
    paths = ssl.get_default_verify_paths()
    bundle = Path(paths.cafile) if paths.cafile and Path(paths.cafile).exists() else Path(certifi.where())
    context = ssl.create_default_context(cafile=str(bundle))
    ends = [str(each["notAfter"]) for each in context.get_ca_certs() if "notAfter" in each]
    left = [ssl.cert_time_to_seconds(end) - now.timestamp() for end in ends]
    valid = sum(each > 0 for each in left)
    if not valid:
        command = "Name a bundle that holds valid ones in SSL_CERT_FILE."
        yield problem("certificates", f"{bundle} holds no certificate that is valid now.", ASK, command)
    else:
        yield ok(
            "certificates",
            f"{count(valid, 'certificate')} in {bundle} {'is' if valid == 1 else 'are'} valid now.",
        )


def check_alerts(installation: Installation) -> Iterator[Checked]:
    """The channels of alerts."""
    place = open_alerts(installation)
    settings = read_alert_settings(place)
    if settings is None or not settings.channels:
        text = "Nobody hears of it when something goes wrong: there is no channel."
        command = f"At a terminal: write {FILE_NAME}, then: integration-center alerts import {FILE_NAME}."
        yield warning("alerts", text, "Add a channel.", command)
        return
    if (file := place.open_file) is not None:
        yield warning("alerts", f"Other users may read {file}, which holds secrets.", ASK, f"Run: chmod 600 {file}")
    if (file := place.unused_file) is not None:
        said = f"{file} is not read any more: the database has the channels of all hosts."
        yield warning("alerts", said, ASK, f"Delete it. To use it instead: integration-center alerts import {file}.")
    names = installation.accounts.names.list()
    for channel, wanted in settings.channels.items():
        for unknown in sorted(set(wanted.environments).difference(names)):
            said = f"Channel {channel} names the account {unknown.value!r} under environments, and there is none."
            yield problem("alerts", said, f"Correct {place.name}; {say_nearest(unknown.value, names)}.")
    store = Incidents(installation.engine)
    unsent = store.unsent()
    for channel, error in unsent:
        yield problem(
            "alerts", f"Channel {channel}: {error}.", "Send a test.", "Try it: integration-center alerts test."
        )
    if not unsent:
        yield ok("alerts", f"{count(len(settings.channels), 'channel')}, {count(len(store.open()), 'open incident')}.")
