"""Answer what the installation holds of a person, and erase it, with a second search as the proof."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from integration_center.access.audit import Action
from integration_center.database.personal_texts import change_texts, count_texts
from integration_center.errors import ConfigurationError
from integration_center.installation import Installation
from integration_center.store.frames import FrameFile, read_slices
from integration_center.store.ledger_search import Question
from integration_center.store.ledgers import read_outcomes
from integration_center.store.person import Person, recognize
from integration_center.store.personal_data import Holding, PersonalData
from integration_center.sync.tally import Tally, tally_lines
from integration_center.wording.sentences import count


@dataclass(frozen=True)
class Held:
    """What the installation holds of a person.

    Attributes:
        person: what the person is recognized by.
        files: the stored files that hold the person.
        texts: how many lines of our tables name the person.
        searched: how many files were searched.
    """

    person: Person
    files: tuple[Holding, ...]
    texts: int
    searched: int

    @cached_property
    def by_kind(self) -> Mapping[str, tuple[int, int]]:
        """The number of files and rows, by the kind of file."""
        files, rows = Counter[str](), Counter[str]()
        for file in self.files:
            files[file.kind] += 1
            rows[file.kind] += file.rows
        return {kind: (count, rows[kind]) for kind, count in sorted(files.items())}

    @property
    def rows(self) -> int:
        """The number of rows in all files."""
        return sum(file.rows for file in self.files)

    @property
    def nothing(self) -> bool:
        """Whether nothing is held."""
        return not self.files and not self.texts


@dataclass(frozen=True)
class Erased:
    """What was erased, and the search after it.

    Attributes:
        before: what was held.
        left: what a second search finds.
    """

    before: Held
    left: Held


def find_person(installation: Installation, question: Question) -> Held:
    """Search all stored files and texts for a person; reads everything that is stored.

    Raises:
        IntegrationCenterError: the storage or the database does not answer.
    """
    data = PersonalData(installation.frames, installation.settings.scratch)
    return _search(installation, recognize(question, data.list_ledgers()))


def forget_person(installation: Installation, question: Question, *, who: str, where: str) -> Erased:
    """Erase a person from all stored files and texts, search again, and note that in the audit log.

    Neither the audit log nor any message holds what was searched for.

    Raises:
        ConfigurationError: a run is in progress, which would write again what is erased.
        IntegrationCenterError: the storage or the database does not answer. Erase again then.
    """
    _require_no_run(installation)
    data = PersonalData(installation.frames, installation.settings.scratch)
    before = find_person(installation, question)
    _require_no_run(installation)  # the search may have taken minutes, and erasing removes the files of runs at work
    with installation.work_folder() as folder:
        changed = data.erase(before.files, before.person, folder)
    for (run_id, slug), path in changed.items():
        recount(installation, run_id, slug, read_outcomes(FrameFile(path).scan()))
    change_texts(installation.engine, before.person.erase_from)
    left = _search(installation, before.person)
    found = f"{count(len(left.files), 'file')} and {count(left.texts, 'text')}" if not left.nothing else "nothing"
    installation.audit.record(
        Action.FORGOT_PERSON,
        who=who,
        where=where,
        detail=f"{count(before.rows, 'row')} of {count(len(before.files), 'file')} and {count(before.texts, 'text')}"
        " erased;"
        f" a second search of {count(left.searched, 'file')} found {found}",
    )
    return Erased(before, left)


def recount(installation: Installation, run_id: str, slug: str, lines: pl.LazyFrame) -> None:
    """Count the outcomes of a run again, of whose lines some are no longer to be sent."""
    tally = sum((tally_lines(part) for part in read_slices(lines)), Tally())
    sync = installation.syncs.get(run_id, slug)
    if sync is not None and sync.lines != tally.lines.as_dict():
        installation.syncs.recount(run_id, slug, counts=tally.as_dict())


def _require_no_run(installation: Installation) -> None:
    if running := installation.syncs.running():
        raise ConfigurationError(
            f"{running[0].slug} is running, and would store again what is erased; try again when the run has ended"
        )


def _search(installation: Installation, person: Person) -> Held:
    data = PersonalData(installation.frames, installation.settings.scratch)
    files, searched = data.search(person)
    return Held(person, tuple(files), count_texts(installation.engine, person.is_in_text), searched)
