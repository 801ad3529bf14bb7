"""Report rows and records split by their keys, so that a plan of any size is made some keys at a time.

While a plan is small there is one part, in memory; else the parts lie in a folder of the step.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import ceil
from pathlib import Path

import polars as pl
from polars.selectors import by_name

from integration_center.frames import SLICE_ROWS, cut_slices, make_folder, read_slices, writing
from integration_center.integration import IntegrationSpec
from integration_center.sync.columns import DAY
from integration_center.sync.ledger import hold_rows, planned_updates
from integration_center.sync.limits import Figures, measure
from integration_center.sync.matching import ManyMatches
from integration_center.sync.overrides import respect_overrides
from integration_center.sync.plan import plan_lines
from integration_center.sync.recency import read_recency
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.terms import ROW, Terms, prepare_records, prepare_rows, split_by_key

PART_ROWS = 150_000
"""Rows, and records, of a part: what one of them takes while it is planned stays below some 150 MB."""


def count_parts(*heights: int, rows: int = PART_ROWS) -> int:
    """How many parts frames of these heights are split into."""
    return max(1, *(ceil(height / rows) for height in heights))


class KeyParts:
    """Frames with `match_key`, given one after another and taken back part by part."""

    def __init__(self, folder: Path, frames: Iterable[pl.DataFrame], count: int) -> None:
        self._folder = folder
        self._held: list[pl.DataFrame] = []
        self._files: dict[int, list[Path]] = {}
        self._empty = pl.DataFrame()
        for place, frame in enumerate(frames):
            self._empty = frame.clear()
            if count == 1:
                self._held.append(frame)
                continue
            for number, part in split_by_key(frame, count).items():
                path = folder / f"{number}-{place}.arrow"
                _store(part, path)
                self._files.setdefault(number, []).append(path)

    def take(self, number: int) -> pl.DataFrame:
        """The part with this number, counted from 0, in the order given; its files are gone then."""
        paths = self._files.pop(number, [])
        frames, self._held = [*self._held, *(pl.read_ipc(path) for path in paths)], []
        for path in paths:
            path.unlink()
        return pl.concat([self._empty, *frames], rechunk=True)


class LineParts:
    """The lines of a plan as they are made part by part, laid down by ranges of the report's rows."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder = folder
        self._in_memory = count == 1
        self._held: dict[int, pl.DataFrame] = {}
        self._files: dict[int, dict[int, Path]] = {}

    def put(self, number: int, lines: pl.DataFrame) -> None:
        """Keep the lines of a part, in order of their rows, in place of those it had."""
        if self._in_memory:
            self._held[number] = lines
            return
        files = self._files[number] = {}
        last = int(lines[ROW][-1]) if lines.height else 0
        starts = range(0, last + SLICE_ROWS + 1, SLICE_ROWS)
        places = [int(lines[ROW].search_sorted(start, side="left")) for start in starts]
        for start, place, end in zip(starts, places, places[1:], strict=False):
            if end > place:
                files[start] = self._folder / f"{number}-{start}.arrow"
                _store(lines[place:end], files[start])

    def get(self, number: int) -> pl.DataFrame:
        """The lines of a part."""
        if self._in_memory:
            return self._held[number]
        return pl.concat([pl.read_ipc(path) for path in self._files[number].values()], rechunk=True)

    def merge(self, rows: int) -> Iterator[pl.DataFrame]:
        """The lines of all parts in the order of the report, those of some of its rows at a time.

        Args:
            rows: of the report.
        """
        if self._in_memory:
            yield from keep_rows_whole(cut_slices(self._held[0]))
            return
        for start in range(0, rows, SLICE_ROWS):
            slices = [pl.read_ipc(files[start]) for files in self._files.values() if start in files]
            yield pl.concat(slices).sort(ROW, maintain_order=True)


def keep_rows_whole(slices: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Successive lines, in order of their rows, cut so that all lines of a row stand in one slice."""
    rest = pl.DataFrame()
    for lines in slices:
        both = pl.concat([rest, lines]) if rest.height else lines
        place = int(both[ROW].search_sorted(both[ROW][-1], side="left")) if both.height else 0
        rest = both[place:]
        if place:
            yield both[:place]
    yield rest


def _store(frame: pl.DataFrame, path: Path) -> None:
    # Not in place: what is read from a file is mapped to it as long as it is in use.
    draft = path.with_suffix(".draft")
    with writing(path):
        frame.write_ipc(draft, compression="uncompressed")
        draft.replace(path)


def hold_slices(
    rows: pl.LazyFrame, spec: IntegrationSpec, schema: SObjectSchema, reason: str
) -> Iterator[pl.DataFrame]:
    """The lines of an integration that does not fit, of some rows at a time; see `hold_rows`."""
    first = 0
    for part in read_slices(rows):
        yield hold_rows(part, spec, schema, reason, first=first)
        first += part.height


def plan_in_parts(
    rows: pl.LazyFrame,
    records: pl.DataFrame,
    terms: Terms,
    schema: SObjectSchema,
    *,
    folder: Path,
    height: int,
    edits_converted: Callable[[], bool],
    earlier: Callable[[pl.Series], Sequence[pl.DataFrame]],
) -> tuple[Iterator[pl.DataFrame], Figures]:
    """Plan some keys at a time.

    Args:
        rows: the report, with `_day`.
        records: the Records frame, each record once; let go of as soon as it is split, if the caller does, too.
        terms: of the plan.
        schema: the object as describe reports it.
        folder: for what is split by key.
        height: of `rows`.
        edits_converted: see `build_lines`.
        earlier: see `build_plan`.

    Returns:
        The lines in the order of the report, those of some rows at a time, and the figures of all of them.

    Raises:
        ManyMatches: keys match several records, and the integration says `when_many_match: fail`.
    """
    count = count_parts(height, records.height)
    row_parts = KeyParts(make_folder(folder, "rows"), prepare_slices(rows, terms), count)
    keyed = (prepare_records(part, terms) for part in cut_slices(records))
    record_parts = KeyParts(make_folder(folder, "records"), keyed, count)
    del records, keyed
    parts = LineParts(make_folder(folder, "lines"), count)
    figures: dict[int, Figures] = {}
    refused: list[ManyMatches] = []
    waiting: dict[int, pl.Series] = {}
    for number in range(count):
        try:
            lines = plan_lines(
                row_parts.take(number), record_parts.take(number), terms, edits_converted=edits_converted
            )
        except ManyMatches as error:
            refused.append(error)
            continue
        figures[number] = measure(lines, terms.spec.limits)
        parts.put(number, lines)
        waiting[number] = planned_updates(lines)["Id"]
        if number + 1 == count or sum(map(len, waiting.values())) >= PART_ROWS:
            written = earlier(pl.concat(waiting.values()))
            if any(not ledger.is_empty() for ledger in written):
                for each in waiting:
                    lines = respect_overrides(parts.get(each), written, schema)
                    figures[each] = measure(lines, terms.spec.limits)
                    parts.put(each, lines)
            waiting.clear()
    if refused:
        raise ManyMatches(terms.spec, sum(error.keys for error in refused), max(error.most for error in refused))
    return parts.merge(height), sum(figures.values(), Figures())


def prepare_slices(rows: pl.LazyFrame, terms: Terms) -> Iterator[pl.DataFrame]:
    """The report's rows as they are planned, some at a time."""
    latest = None
    if terms.latest_by:  # what tells the newest row is told by the whole column
        latest = read_recency(rows.select(by_name(terms.latest_by)).collect()[terms.latest_by])
    first = 0
    for part in read_slices(rows.select(by_name(DAY, *terms.columns))):
        own = None if latest is None else latest.slice(first, part.height)
        yield prepare_rows(part, terms, first=first, latest=own)
        first += part.height
