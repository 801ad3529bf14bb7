"""Keeps the definitions of a location between the two times that Dagster asks for them when it loads the location.

The first call finds what the module holds, the second makes what the code server serves. A run's process asks once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg

from integration_center.integration_files.reading import Signature, look_at_files

Place = tuple[Path, bool]
"""The folder, and whether its definitions are loaded together with those of others."""


@dataclass
class TriedLocations:
    """Definitions that are resolved, until Dagster takes them or the files change."""

    kept: dict[Place, tuple[Sequence[Signature], dg.Definitions]] = field(default_factory=dict)

    def keep(self, place: Place, definitions: dg.Definitions, seen: Sequence[Signature]) -> None:
        """Keep definitions that were made of files as they were `seen`."""
        self.kept[place] = (seen, definitions)

    def take(self, place: Place) -> dg.Definitions | None:
        """Take the kept definitions; None where there are none, or files changed since."""
        seen, definitions = self.kept.pop(place, (None, None))
        return definitions if seen == look_at_files(place[0]) else None


TRIED = TriedLocations()
