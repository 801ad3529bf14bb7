"""Values that are worth having of WalkMe's own reports: roll-ups, ages in days, bands."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import polars as pl

from integration_center.insights.column_names import find_column
from integration_center.integration.expression import parse_expression
from integration_center.integration.spec import Rows
from integration_center.planning.presets import write_number, write_value

PERSON_OBJECTS = frozenset({"lead", "contact", "user"})
SCORE = ("Answer", "NPS Score", "Score")
"""What real exports call the column with the answer from 0 to 10."""


@dataclass(frozen=True)
class ProposedValue:
    """One value that can be mapped to a field.

    Attributes:
        label: what people call the value, such as `Answers`.
        about: what it is, in a sentence for people who do not read SQL; empty where somebody typed the value.
        value: the SQL expression.
    """

    label: str
    about: str
    value: str


@dataclass(frozen=True)
class Proposal:
    """Values that belong together, because they need the same rows.

    Attributes:
        rows: see `IntegrationSpec.rows`.
        window: see `IntegrationSpec.window`.
        values: the values, without those whose columns the report lacks.
    """

    rows: Rows
    window: int | None
    values: Sequence[ProposedValue]


def propose_values(report_slug: str, object_name: str, columns: Collection[str]) -> Proposal | None:
    """Propose values for an object, made of the columns that the report has; None when nothing is worth proposing."""
    is_person = object_name.lower() in PERSON_OBJECTS
    match report_slug:
        case "nps" if not is_person:
            proposal = Proposal("all", 90, _list_nps_of_account(_first(SCORE, columns)))
        case "nps":
            proposal = Proposal("newest", None, _list_nps_of_person(_first(SCORE, columns)))
        case "teachme":
            proposal = Proposal("all", None, COURSES)
        case "logins":
            proposal = Proposal("newest", None, LOGINS)
        case "onboarding_completion_rate":
            proposal = Proposal("newest", None, ONBOARDING)
        case _:
            return None
    there = [each for each in proposal.values if all(find_column(name, columns) for name in _columns_of(each))]
    return Proposal(proposal.rows, proposal.window, there) if there else None


COURSES = (
    ProposedValue(
        "Courses completed",
        "How many courses the person completed.",
        "SUM(CASE WHEN \"Course Status\" = 'Completed' THEN 1 ELSE 0 END)",
    ),
    ProposedValue("Mean progress", "The mean progress of the person's courses.", 'AVG("Course Progress")'),
    ProposedValue(
        "Last activity",
        "When the person last started or completed a course.",
        'GREATEST(MAX("Started At"), MAX("Completed At"))',
    ),
)
LOGINS = (
    ProposedValue(
        "Days since last login",
        "The days from the last login to the day of the run.",
        'RUN_DATE - CAST("Last Login" AS DATE)',
    ),
    ProposedValue(
        "Activity",
        "Active, Fading after 14 days without a login, Gone after 30 days.",
        'CASE WHEN "Last Login" IS NULL OR RUN_DATE - CAST("Last Login" AS DATE) > 30 THEN \'Gone\''
        " WHEN RUN_DATE - CAST(\"Last Login\" AS DATE) > 14 THEN 'Fading' ELSE 'Active' END",
    ),
)
ONBOARDING = (
    ProposedValue(
        "Stalled",
        "Whether the onboarding is not complete, and no task was completed for 14 days.",
        'COALESCE("Onboarding Completion Rate" < 100 AND RUN_DATE - CAST("Last Task Completed" AS DATE) >= 14, FALSE)',
    ),
    ProposedValue(
        "Days to complete",
        "The days from the first to the last task of an onboarding that is complete.",
        'CASE WHEN "Onboarding Completion Rate" >= 100'
        ' THEN CAST("Last Task Completed" AS DATE) - CAST("First Task Completed" AS DATE) END',
    ),
)


def _list_nps_of_account(score: str) -> Sequence[ProposedValue]:
    return (
        ProposedValue(
            "NPS",
            "The share of answers from 9 up less the share of answers up to 6, from -100 to 100.",
            write_value("nps", score, pl.String(), "all"),
        ),
        ProposedValue("Answers", "How many answers there are.", f"COUNT({write_number(score)})"),
        ProposedValue("Last answer", "When the last answer was given.", 'MAX("Question Date & Time (UTC)")'),
    )


def _list_nps_of_person(score: str) -> Sequence[ProposedValue]:
    return (
        ProposedValue("Score", "The answer, from 0 to 10.", write_number(score)),
        ProposedValue(
            "Group",
            "Promoter from 9 up, Passive from 7 up, Detractor below.",
            write_value("bands", score, pl.String(), "newest", "Detractor 0, Passive 7, Promoter 9"),
        ),
    )


def _columns_of(value: ProposedValue) -> Sequence[str]:
    return parse_expression(value.value).columns


def _first(names: Sequence[str], columns: Collection[str]) -> str:
    return next((found for name in names if (found := find_column(name, columns))), names[0])
