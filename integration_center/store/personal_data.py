"""Find what the stored files hold of a person, and erase it.

Rows of reports, plans and ledgers stay, without any value: so the numbers of rows and outcomes stay right, and lines
still name the right row. Snapshots go as a whole, since they only save reading: the next run reads the org again.
"""

import logging
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from integration_center.files.polars_errors import UNREADABLE
from integration_center.store.frame_store import FrameStore
from integration_center.store.frames import SPLIT_BY, FrameFile, rewrite_frame
from integration_center.store.person import Person
from integration_center.store.stored_files import FileKind, StoredFile
from integration_center.store.work import WORK
from integration_center.sync.columns import (
    ASIDE,
    CHANGED,
    DAY,
    FILE,
    FILE_ROW,
    OF_PAST,
    OUTCOME,
    PART_OF,
    PAST,
    SOURCE_ROWS,
)
from integration_center.sync.failures import FAILING_SINCE
from integration_center.sync.outcomes import Outcome
from integration_center.sync.people_sum import PEOPLE

logger = logging.getLogger(__name__)

SAFE = frozenset(
    {
        "row",
        "day",
        "outcome",
        "code",
        "job_id",
        "plan_id",
        SOURCE_ROWS,
        FILE_ROW,
        FILE,
        OF_PAST,
        FAILING_SINCE,
        DAY,
        PAST,
        ASIDE,
        PART_OF,
    }
)
"""Columns of plans and ledgers without a value of a person."""
REASON = "erased on request"
"""The reason of a ledger line whose values were erased."""
REPORTS = (FileKind.REPORT, FileKind.DAY_READ)
"""Files with the rows of a report. Their columns may be called anything."""
DROPPED = (FileKind.SNAPSHOT, FileKind.WRITES)
"""Files that are deleted when they hold the person."""
TEXTS = ".txt"
FRAMES = (".parquet", ".writes")
TOO_LATE = (Outcome.PLANNED, Outcome.HELD)
"""Outcomes of lines that might still be sent. Without a record they cannot be."""


@dataclass(frozen=True)
class Holding:
    """A stored file that holds a person.

    Attributes:
        places: the places in the index that share the file; none for a file that the index does not name.
        rows: how many rows hold the person; 1 for a text, and for a file that cannot be read.
        readable: whether it could be read. A damaged file may hold anybody, so it counts.
    """

    key: str
    places: Sequence[StoredFile]
    rows: int
    readable: bool = True

    @property
    def kind(self) -> str:
        """What the file is."""
        return self.places[0].place.kind.value if self.places else "left over"


@dataclass(frozen=True)
class PersonalData:
    """The stored files of an installation, as far as they hold values of people.

    Args:
        frames: the store of all files.
        scratch: the folder of this machine for working files.
    """

    frames: FrameStore
    scratch: Path

    def list_ledgers(self) -> Iterator[pl.LazyFrame]:
        """Yield the ledgers that are there, to be scanned."""
        for file in self.frames.index.list(FileKind.LEDGER):
            if opened := self.frames.open(file):
                yield opened.scan()

    def search(self, person: Person) -> tuple[list[Holding], int]:
        """Search all files; return those that hold the person, and how many were searched."""
        objects = self._list_objects()
        left_over = [key for key in self._list_left_over() if key not in objects]
        held = [
            found
            for key, places in {**objects, **dict.fromkeys(left_over, ())}.items()
            if (found := self._look(key, places, person))
        ]
        return held, len(objects) + len(left_over)

    def erase(self, held: Sequence[Holding], person: Person, folder: Path) -> dict[tuple[str, str], Path]:
        """Erase the person from files, with all earlier versions of them.

        Args:
            held: what `search` has found.
            person: the person.
            folder: for working files.

        Returns:
            By run and slug, the ledgers whose outcomes have changed, because a line might still have been sent.

        Raises:
            ConfigurationError, TransientError: a file cannot be written or deleted.
        """
        changed: dict[tuple[str, str], Path] = {}
        for holding in held:
            kinds = {file.place.kind for file in holding.places}
            if not holding.places:
                self.frames.objects.delete([holding.key])
            elif not holding.readable or holding.key.endswith(TEXTS) or kinds <= {*DROPPED}:
                self.frames.delete([file.place.name for file in holding.places])
            elif kinds == {FileKind.KNOWN_RECORDS}:
                self._rewrite(holding, person, folder, drop=True)
            else:
                self.frames.delete([file.place.name for file in holding.places if file.place.kind in DROPPED])
                kept = replace(holding, places=[file for file in holding.places if file.place.kind not in DROPPED])
                path = self._rewrite(kept, person, folder)
                changed |= {
                    (file.place.run_id or "", file.place.slug): path
                    for file in kept.places
                    if file.place.kind is FileKind.LEDGER
                }
        self.frames.delete_replaced()
        shutil.rmtree(self.scratch / WORK, ignore_errors=True)
        return changed

    def _list_objects(self) -> Mapping[str, Sequence[StoredFile]]:
        objects: dict[str, list[StoredFile]] = defaultdict(list)
        for kind in FileKind:
            for file in self.frames.index.list(kind):
                objects[file.key].append(file)
        for key in self.frames.index.find_unused():
            objects.setdefault(key, [])
        return objects

    def _list_left_over(self) -> Iterator[str]:
        """Yield the keys of files of this machine that a crash, or an earlier version, has left."""
        root = self.frames.objects.root
        for path in root.rglob("*"):
            inside = path.relative_to(root).parts
            if path.is_file() and WORK not in inside and (path.suffix in (*FRAMES, TEXTS) or path.name.startswith(".")):
                yield path.relative_to(root).as_posix()

    def _look(self, key: str, places: Sequence[StoredFile], person: Person) -> Holding | None:
        if not self.frames.objects.download(key):
            return None
        path = self.frames.objects.root / key
        try:
            if path.suffix == TEXTS:
                there = person.is_in_text(path.read_text(encoding="utf-8", errors="replace"))
                return Holding(key, places, 1) if there else None
            lines = FrameFile(path).scan()
            found = lines.filter(person.is_in(lines.collect_schema())).select(pl.len())
            rows = int(found.collect(engine="streaming").item())
        except UNREADABLE as error:
            logger.warning("%s cannot be read (%s)", self.frames.objects.locate(key), type(error).__name__)
            return Holding(key, places, 1, readable=False)
        return Holding(key, places, rows) if rows else None

    def _rewrite(self, holding: Holding, person: Person, folder: Path, *, drop: bool = False) -> Path:
        """Replace a file by one without the person, at all its places."""
        path = self.frames.objects.root / holding.key
        lines = FrameFile(path).scan()
        metadata = {name: text for name, text in pl.read_parquet_metadata(path).items() if name != "ARROW:schema"}
        is_report = any(file.place.kind in REPORTS for file in holding.places)
        safe = frozenset([metadata.get(SPLIT_BY, DAY)]) if is_report else SAFE

        def change(part: pl.DataFrame) -> pl.DataFrame:
            held = part.select(person.is_in(part.schema)).to_series()
            if drop:
                return part.filter(~held)
            if not held.any():
                return part
            marked = pl.lit(held)
            return part.with_columns(blank(part.schema, marked, safe) + ([] if is_report else explain(marked)))

        written = rewrite_frame(lines, change, folder / "erased.parquet", metadata)
        return self.frames.replace_object([*map(leave_out_sum, holding.places)], written).path


def leave_out_sum(file: StoredFile) -> StoredFile:
    """Leave out of the index what was added up while the file still held the person."""
    return replace(file, details={name: value for name, value in file.details.items() if name != PEOPLE})


def blank(schema: pl.Schema, held: pl.Expr, safe: frozenset[str]) -> list[pl.Expr]:
    """Blank the values of the rows that meet `held`, except in columns that are safe."""
    return [
        pl.when(~held).then(pl.nth(place)).otherwise(pl.lit(None)).cast(dtype).alias(name)
        for place, (name, dtype) in enumerate(schema.items())
        if name not in safe and not (safe is SAFE and (name.startswith(CHANGED) or name == "reason"))
    ]


def explain(held: pl.Expr) -> list[pl.Expr]:
    """Say in lines of a ledger that their values were erased. What might still have been sent is not sent any more."""
    late = held & pl.col("outcome").is_in(TOO_LATE)
    return [
        pl.when(held).then(pl.lit(REASON)).otherwise("reason").alias("reason"),
        pl.when(late).then(pl.lit(Outcome.UNPROCESSED, dtype=OUTCOME)).otherwise("outcome").alias("outcome"),
    ]
