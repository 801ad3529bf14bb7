"""What somebody has to look at, first on the front page: each with the sentence that says why, and one button."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from integration_center.console.ledger import Reasons
from integration_center.console.obstacles import Banner
from integration_center.console.plain_words import make_plain
from integration_center.console.results import count_troubled, is_cancelled, say_status, say_why, sentence, tone_of
from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.database.waiting import WaitingDay
from integration_center.insights.catalogue import report_slug
from integration_center.integration.spec import IntegrationSpec
from integration_center.integration_files.reading import DefsFile
from integration_center.wording.sentences import capitalize_first

SHOWN = 8
"""Entries that the front page shows; the rest is a number and a link."""


@dataclass(frozen=True)
class Attention:
    """One entry of "Needs attention".

    Attributes:
        tone: the colour of its mark.
        name: the integration it is of; empty for what concerns several.
        link: the page of `name`.
        text: sentences that say what is the matter.
        since: the run that ended so; None for what is no run.
        href: where the button leads; empty where there is nothing to press.
        says: what the button says.
        action: where the button posts to instead; empty for a link.
    """

    tone: Literal["danger", "warning"]
    text: str
    name: str = ""
    link: str = ""
    since: SyncRecord | None = None
    href: str = ""
    says: str = ""
    action: str = ""

    @property
    def lead(self) -> str:
        """What is the matter in a few words, with which `text` begins: it is shown larger than the rest."""
        head, mark, _ = self.text.partition(": " if self.name else ". ")
        return head + mark.strip()

    @property
    def rest(self) -> str:
        """What follows `lead`."""
        return self.text.removeprefix(self.lead).strip()

    @property
    def outside(self) -> bool:
        """Whether the button leads out of the console."""
        return bool(self.href) and not self.href.startswith("/")


def list_attention(
    files: Sequence[DefsFile],
    last: Mapping[str, SyncRecord],
    banners: Sequence[Banner],
    reasons: Reasons,
    waits: Mapping[str, str],
    missed: Mapping[str, str],
    *,
    may_change: bool,
) -> list[Attention]:
    """List what somebody has to look at: what stops many, broken files, late and ended runs, then waits.

    Args:
        files: all integrations.
        last: the newest run of each.
        banners: what keeps integrations from running.
        reasons: why records of those runs are in trouble, as far as it is known.
        waits: what integrations wait for, by slug, as a sentence.
        missed: the runs that were due and never came, by slug, as a sentence.
        may_change: whether who looks may change integrations.
    """
    stopped = [Attention("danger", banner.text, href=banner.link, says=banner.says) for banner in banners]
    broken = [_build_broken(file, last.get(file.slug), may_change=may_change) for file in files if file.problem]
    ended = [
        _build_ended(file, sync, reasons)
        for file in files
        if file.problem is None
        and file.spec
        and file.spec.enabled
        and (sync := last.get(file.slug))
        and needs_look(sync)
    ]
    ended.sort(key=lambda each: (each.tone != "danger", each.name.casefold()))
    waiting = [_build_waiting(file, file.spec, said) for file in files if (said := waits.get(file.slug)) and file.spec]
    late = [_build_late(file, said) for file in files if (said := missed.get(file.slug))]
    return [*stopped, *broken, *late, *ended, *waiting]


def say_wait(wait: WaitingDay) -> str:
    """Say since when an integration waits for its report, and how long. A page shows the times in the viewer's zone."""
    return make_plain(wait.say(lambda moment: f"{moment:%Y-%m-%d %H:%M} UTC"))


def _build_late(file: DefsFile, said: str) -> Attention:
    here = f"/integrations/{quote(file.slug)}"
    name = file.title
    return Attention("danger", f"Late: {said}", name, here, href=here, says="Open the integration")


def _build_waiting(file: DefsFile, spec: IntegrationSpec, said: str) -> Attention:
    here, text = f"/integrations/{quote(file.slug)}", sentence(capitalize_first(said))
    if spec.source:  # an asset of Dagster has no page here
        return Attention("warning", text, spec.name, here, href=here, says="Open the integration")
    report = f"/reports/{quote(report_slug(spec.report))}"
    return Attention("warning", text, spec.name, here, href=report, says="See the report")


def needs_look(sync: SyncRecord) -> bool:
    """Return whether an ended run needs somebody: it failed, was held, or left records in trouble."""
    return sync.status is not SyncStatus.RUNNING and tone_of(sync) in ("danger", "warning")


def say_look(sync: SyncRecord) -> str:
    """`See the 3 records`: of a run that ended well but left records in trouble."""
    troubled = sum(count_troubled(sync).values())
    return {0: "See why", 1: "See the record"}.get(troubled, f"See the {troubled:,} records")


def _build_broken(file: DefsFile, sync: SyncRecord | None, *, may_change: bool) -> Attention:
    here = f"/integrations/{quote(file.slug)}"
    name = file.spec.name if file.spec else sync.name if sync else file.slug
    text = sentence(f"{'Cannot run' if file.spec else 'Its file cannot be read'}: {make_plain(file.problem or '')}")
    if file.spec and may_change:
        return Attention("danger", text, name, here, href=f"{here}/edit", says="Correct it")
    return Attention("danger", text, name, here, href=here, says="See the file")


def _build_ended(file: DefsFile, sync: SyncRecord, reasons: Reasons) -> Attention:
    here = f"/integrations/{quote(file.slug)}"
    run = f"{here}/runs/{quote(sync.run_id)}"
    name = file.title
    status = say_status(sync)
    if sync.status is SyncStatus.WAITING:
        return Attention("warning", "The plan waits for approval.", name, here, sync, run, "Review and approve")
    why = say_why(sync, reasons.get((sync.run_id, sync.slug), ()))
    failed = tone_of(sync) == "danger"
    says = "Review and release" if status == "Held" else "See why" if failed or is_cancelled(sync) else say_look(sync)
    said = {"Held": "Held", "Failed": "Failed"}.get(status, "")
    text = ": ".join(part for part in (said, sync.held if status == "Held" and sync.held else why) if part)
    return Attention("danger" if failed else "warning", capitalize_first(sentence(text)), name, here, sync, run, says)
