"""The catalogue of reports: the four out of the box, the rule of visibility, and names made slugs. No network."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from integration_center.errors import UnknownReport, UnreadableReport
from integration_center.insights.column_names import clean_name, find_column

ReportKind = Literal["snapshot", "events"]
ColumnType = Literal["string", "integer", "number", "boolean", "date", "datetime"]

CANONICAL_TAG = "integrations_salesforce"
TAGS = frozenset({CANONICAL_TAG, "integration_salesforce"})
"""Both spellings stand in WalkMe's own text (gainsight-data-integration, step 4 and wizard step 5)."""

USUAL_KEYS = ("User ID", "End User ID")
"""The names under which real exports carry the end user; the account picks one, so neither is certain."""


@dataclass(frozen=True)
class ReportInfo:
    """What is known of a report without reading its rows.

    Attributes:
        id: what the source calls the report: an id of the API, or the folder's name.
        slug: `[a-z0-9_]+`, the name of its asset.
        kind: `snapshot` holds the state "as of" a day, `events` the rows that happened.
        key_column: holds the end user's identifier; its values stay text, untouched. None when nobody said.
        latest_by: the column by which the newest of several rows of one key is found.
        columns: declared types by column name; the other columns stay text.
        text_columns: what integrations use as keys: it stays text, as the source has it, whatever type is declared.
        problem: why the report cannot be used, None when it can; `ReportSource.find` raises it.
    """

    id: str
    slug: str
    name: str
    aliases: tuple[str, ...] = ()
    kind: ReportKind = "snapshot"
    tags: tuple[str, ...] = ()
    key_column: str | None = None
    latest_by: str | None = None
    columns: Mapping[str, ColumnType] = field(default_factory=dict, hash=False)
    text_columns: frozenset[str] = frozenset()
    problem: str | None = None

    def declare(self, asked: "ReportInfo") -> Mapping[str, ColumnType]:
        """The types to read this report by, when `asked` is what the reader was asked for."""
        text = {clean_name(name).casefold() for name in asked.text_columns}
        return {name: type_ for name, type_ in self.columns.items() if clean_name(name).casefold() not in text}


OUT_OF_THE_BOX: Mapping[str, ReportInfo] = {
    info.slug: info
    for info in (
        ReportInfo("logins", "logins", "Logins", aliases=("Logins Review",), key_column="User ID"),
        ReportInfo(
            "nps",
            "nps",
            "NPS",
            kind="events",
            key_column="End User ID",
            latest_by="Question Date & Time (UTC)",
        ),
        ReportInfo(
            "onboarding_completion_rate",
            "onboarding_completion_rate",
            "Onboarding Completion Rate",
            key_column="User ID",
        ),
        # One row a user and course. `Completed At` is empty until a course ends, so by it all courses of a user
        # still learning would tie and none could be written; `Started At` is empty only before the first step.
        ReportInfo("teachme", "teachme", "TeachMe", kind="events", key_column="User ID", latest_by="Started At"),
    )
}
OPTIONAL = frozenset({"teachme"})
"""Out-of-the-box reports that an account may lack: they are listed only where the source offers them."""


def slugify(name: str) -> str:
    """`name` as `[a-z0-9_]+`: accents dropped, other runs of characters made one underscore.

    A name with letters that have no ASCII form keeps apart from others by eight digits of its hash.
    """
    plain = "".join(
        char for char in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(char)
    ).casefold()
    words = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    if words and not any(char.isalnum() and not char.isascii() for char in plain):
        return words
    digest = hashlib.sha256(plain.strip().encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{words or 'report'}_{digest}"


SLUGS: Mapping[str, str] = {
    slugify(name): info.slug for info in OUT_OF_THE_BOX.values() for name in (info.name, *info.aliases)
}


def report_slug(name: str) -> str:
    """The slug under which the report called `name` is an asset, without asking any source.

    Aliases and case make no difference: `Logins Review`, `logins review` and `logins` are all `logins`. A slug is
    its own slug.
    """
    slug = slugify(name)
    return SLUGS.get(slug, slug)


def find_clashes(reports: Mapping[str, str]) -> dict[str, str]:
    """The integrations that name another report than a neighbour whose report has the same slug, with the reason.

    Their reports would share one asset and so one frame. The first keeps it.

    Args:
        reports: the report each integration names, by the integration's slug, the oldest integration first.
    """
    known: dict[str, str] = {}
    clashes: dict[str, str] = {}
    for integration, name in reports.items():
        slug = report_slug(name)
        first = known.setdefault(slug, name)
        same = {first.strip().casefold(), name.strip().casefold()} - {slug}
        if slug not in OUT_OF_THE_BOX and len(same) > 1:
            clashes[integration] = f"reports {first!r} and {name!r} would share the asset insights/{slug}"
    return clashes


def is_visible(slug: str, tags: Iterable[str]) -> bool:
    """Whether a report may be integrated: the out-of-the-box ones always, others by one of `TAGS`, without case."""
    return slug in OUT_OF_THE_BOX or any(tag.strip().casefold() in TAGS for tag in tags)


def find_report(reports: Iterable[ReportInfo], name: str) -> ReportInfo:
    """The one of the visible `reports` that `name` means: by slug, id, name or alias, without case.

    Raises:
        UnknownReport: none answers to the name, or several do.
        UnreadableReport: the report is there and cannot be used; says why.
    """
    visible = sorted(reports, key=lambda info: info.slug)
    wanted = {name.strip().casefold(), report_slug(name)}
    found = [info for info in visible if info.slug in wanted] or [
        info for info in visible if wanted & {text.casefold() for text in (info.id, info.name, *info.aliases)}
    ]
    if not found:
        raise UnknownReport(
            f"report {name!r} is not visible; visible are {', '.join(repr(info.name) for info in visible) or 'none'};"
            f" a custom report needs the tag {CANONICAL_TAG}"
        )
    if len(found) > 1:
        raise UnknownReport(
            f"report {name!r} may mean {', '.join(f'{info.name!r} (slug {info.slug})' for info in found)};"
            " name it by its slug"
        )
    if found[0].problem:
        raise UnreadableReport(found[0].problem)
    return found[0]


def fit_columns(info: ReportInfo, present: Iterable[str]) -> ReportInfo:
    """`info` with key and latest-by columns that the report really has, None where it has none.

    The catalogue only knows the usual names; an account may call its key column otherwise.
    """
    there = tuple(present)
    candidates = [column for column in (info.key_column, *USUAL_KEYS) if column]
    declared = {find_column(name, there) or name: type_ for name, type_ in info.columns.items()}
    return replace(
        info,
        key_column=next(filter(None, (find_column(column, there) for column in candidates)), None),
        latest_by=find_column(info.latest_by, there) if info.latest_by else None,
        columns=declared,
    )
