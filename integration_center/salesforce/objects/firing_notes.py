"""Keep for a day what fires on an object, so that checks and plans by hand cost few API calls.

What could not be looked at is looked at again much sooner: an admin may have granted the right to see it meanwhile.
"""

import hashlib
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from integration_center.errors import ConfigurationError
from integration_center.files.text_files import write_atomically
from integration_center.salesforce.client.session import Session
from integration_center.salesforce.objects.describe import read_schema
from integration_center.salesforce.objects.firing import Firing, look_at_firing

logger = logging.getLogger(__name__)
FOLDER = "firing"
PARTIAL_SECONDS = 600.0
"""How long a look counts that did not see everything."""


@dataclass(frozen=True)
class FiringNotes:
    """What was seen lately. It names triggers, flows, rules and fields, and holds no value of a record.

    What a user may look at depends on its rights, so the notes of each user are kept apart.

    Args:
        scratch: the folder of this machine for files that may be lost.
    """

    scratch: Path

    def look(self, session: Session, object_name: str, fields: Sequence[str], user: tuple[str, str]) -> Firing:
        """Return what fires on an object, and which of `fields` that names: as seen before, or as the org tells now.

        Args:
            session: the session of the user.
            object_name: the object.
            fields: the fields that are of interest.
            user: the ids of the org and of the connected user.

        Raises:
            IntegrationCenterError: the object cannot be described.
        """
        path = self._place(object_name, user)
        if (noted := _read(path)) is not None:
            return noted.about(fields)
        firing = look_at_firing(session, read_schema(session, object_name))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            for old in path.parent.glob("*.json"):
                if not old.name.startswith(_today()):
                    old.unlink(missing_ok=True)
            write_atomically(path, json.dumps(firing.to_json()))
        except (OSError, ConfigurationError) as error:
            logger.info("what fires on %s could not be kept for today (%s)", object_name, error)
        return firing.about(fields)

    def _place(self, object_name: str, user: tuple[str, str]) -> Path:
        about = json.dumps([*user, object_name.lower()])
        return self.scratch / FOLDER / f"{_today()}-{hashlib.sha256(about.encode()).hexdigest()[:32]}.json"


def _read(path: Path) -> Firing | None:
    """Read what was seen; None when nobody looked today, or that look did not see everything and is old."""
    try:
        firing = Firing.from_json(json.loads(path.read_text(encoding="utf-8")))
        age = time.time() - path.stat().st_mtime
    except (OSError, ValueError, KeyError, TypeError):
        return None  # there is no file, or it is of another version
    return None if firing.is_partial and age > PARTIAL_SECONDS else firing


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
