"""The catalogue of reports: the four out-of-the-box reports, which reports are visible, and slugs. No network."""

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
"""WalkMe's own text uses both spellings (gainsight-data-integration, step 4 and wizard step 5)."""

USUAL_KEYS = ("User ID", "End User ID")
"""The column names of the end user in real exports. Each account chooses one, so neither is certain."""


@dataclass(frozen=True)
class ReportInfo:
    """What is known about a report without reading its rows.

    Attributes:
        id: the source's id of the report: an id of the API, or the folder's name.
        slug: `[a-z0-9_]+`, the name of its asset.
        kind: `snapshot` holds the state "as of" a day, `events` the rows that happened.
        key_column: the column with the end user's identifier. Its values stay text, unchanged. None when unknown.
        latest_by: the column that shows which of several rows with the same key is the newest.
        columns: declared types by column name; the other columns stay text.
        text_columns: the columns that integrations use as keys. They stay text, as the source has it, whatever type is
            declared.
        problem: why the report cannot be used; None when it can. `ReportSource.find` raises it.
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
        """Return the types to read this report with, when the caller asked for `asked`."""
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
        # One row per user and course. `Completed At` is empty until a course ends, so all unfinished courses of a user
        # would tie, and none could be written. `Started At` is empty only before the first step.
        ReportInfo("teachme", "teachme", "TeachMe", kind="events", key_column="User ID", latest_by="Started At"),
    )
}
OPTIONAL = frozenset({"teachme"})
"""Out-of-the-box reports that an account may lack. They are listed only if the source has them."""


def slugify(name: str) -> str:
    """Turn `name` into `[a-z0-9_]+`: drop accents, and replace each run of other characters by one underscore.

    A name with letters that have no ASCII form gets eight digits of its hash, so that it differs from others.
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
    """Return the slug of the report called `name`, which names its asset, without asking any source.

    Aliases and case make no difference: `Logins Review`, `logins review` and `logins` are all `logins`. The slug of a
    slug is the slug itself.
    """
    slug = slugify(name)
    return SLUGS.get(slug, slug)


def find_clashes(reports: Mapping[str, str]) -> dict[str, str]:
    """Find the integrations whose report differs from an older integration's report, but has the same slug.

    Both reports would share one asset, and so one frame. The first integration keeps it.

    Args:
        reports: the report that each integration names, by the integration's slug, the oldest integration first.

    Returns:
        The reason, by the slug of the integration.
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
    """Return whether a report may be integrated: any out-of-the-box report, or one with one of `TAGS` in any case."""
    return slug in OUT_OF_THE_BOX or any(tag.strip().casefold() in TAGS for tag in tags)


def find_report(reports: Iterable[ReportInfo], name: str) -> ReportInfo:
    """Find the visible report that `name` means: by slug, id, name or alias, ignoring case.

    Raises:
        UnknownReport: no report has the name, or several do.
        UnreadableReport: the report exists, but cannot be used. The message says why.
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
    """Replace the key and latest-by columns of `info` by columns that the report really has; None where it has none.

    The catalogue only knows the usual names; an account may use another name for its key column.
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
