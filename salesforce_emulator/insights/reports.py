"""The reports that the local Insights API serves: logins of the invented people, and the drops of a folder."""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import polars as pl
import yaml

from salesforce_emulator.people import build_person

OUT_OF_THE_BOX: Mapping[str, str] = {
    "logins": "Logins",
    "nps": "NPS",
    "onboarding_completion_rate": "Onboarding Completion Rate",
    "teachme": "TeachMe",
}
EVENTS = frozenset({"nps", "teachme"})
ISO = "%Y-%m-%dT%H:%M:%SZ"
ISO_MICROSECONDS = "%Y-%m-%dT%H:%M:%S%.6fZ"
DAYS_KEPT = 8

People = Callable[[], pl.DataFrame]
"""The frame that `_build_people` makes, made once, at the first request that needs it."""


@dataclass(frozen=True)
class ServedReport:
    """One report of the local API.

    Attributes:
        columns: name and type (string, integer, number, boolean, date, datetime) in order.
        rows: the rows of a day as they go out: String, Int64, Float64 and Boolean columns, times in ISO 8601.
        events: whether a range without the newest day has no rows.
    """

    id: str
    name: str
    kind: str
    tags: tuple[str, ...]
    key_column: str | None
    columns: tuple[tuple[str, str], ...]
    rows: Callable[[date], pl.DataFrame]
    events: bool = False

    def describe(self, refreshed_at: datetime) -> dict[str, object]:
        """Return the report as the list and its own address show it."""
        return {
            "id": self.id,
            "name": self.name,
            "description": f"{self.name} per end user",
            "kind": self.kind,
            "tags": list(self.tags),
            "keyColumn": self.key_column,
            "columns": [{"name": name, "type": type_} for name, type_ in self.columns],
            "refreshedAt": refreshed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


def build_reports(drops: Path | None, records: int) -> dict[str, ServedReport]:
    """Build all reports, by id: two invented ones for `records` people, then one for each folder of `drops`.

    The folder `logins` is left out, because the invented report Logins replaces it.
    """
    people = functools.cache(lambda: _build_people(records))
    made_up = [_build_logins(people), _build_adoption(people)]
    dropped = list(_read_drops(drops)) if drops else []
    return {report.id: report for report in (*made_up, *dropped)}


def _build_logins(people: People) -> ServedReport:
    """Build the report Logins: about 5 % of the keys match nobody, 2 % are anonymous GUIDs, 1 % are in it twice."""

    @functools.lru_cache(maxsize=DAYS_KEPT)
    def rows(day: date) -> pl.DataFrame:
        turns = _turns(day) - _turns(day - timedelta(days=30))
        first = pl.lit(date(2025, 1, 1).toordinal()) + _scatter(4, 365)
        last = pl.max_horizontal(first, _last_visit(day))
        return people().select(
            pl.col("key").alias("User ID"),
            _moment(first, _scatter(5, 43_200)).alias("First Login"),
            # Never before the first login of the same day, which lies in its first half.
            _moment(last, 43_200 + (_scatter(6, 43_200) + last * 7919) % 43_200).alias("Last Login"),
            (turns * (_scatter(7, 20) + 1) + pl.col("contradicts")).alias("# Logins Last 30 Days"),
        )

    columns = (
        ("User ID", "string"),
        ("First Login", "datetime"),
        ("Last Login", "datetime"),
        ("# Logins Last 30 Days", "integer"),
    )
    return ServedReport("common-logins", "Logins", "common", (), "User ID", columns, rows)


def _build_adoption(people: People) -> ServedReport:
    """Build a custom report with the other spelling of the tag, for every tenth person."""

    @functools.lru_cache(maxsize=DAYS_KEPT)
    def rows(day: date) -> pl.DataFrame:
        return (
            people()
            .gather_every(10)
            .select(
                pl.col("key").alias("User ID"),
                _scatter(8, 40).alias("Workflows Completed"),
                (_scatter(9, 1000) / 10).alias("Adoption Score"),
                (_scatter(9, 1000) > 800).alias("Power User"),
                _moment(_last_visit(day), pl.lit(0)).str.head(10).alias("Last Active"),
            )
        )

    columns = (
        ("User ID", "string"),
        ("Workflows Completed", "integer"),
        ("Adoption Score", "number"),
        ("Power User", "boolean"),
        ("Last Active", "date"),
    )
    tags = ("integrations_salesforce", "quarterly")
    return ServedReport("custom-workflow-adoption", "Workflow adoption", "custom", tags, "User ID", columns, rows)


def _build_people(records: int) -> pl.DataFrame:
    """Build one line for each row of the report: person number, key, and the days between two visits."""
    keys = [_key(row) for row in range(records)]
    row = pl.int_range(records, dtype=pl.Int64, eager=True).alias("row")
    twice = (row % 100 == 50).cast(pl.Int64)
    return pl.DataFrame(
        {
            "person": row - twice,
            "key": pl.Series(keys, dtype=pl.String),
            "contradicts": twice * (row % 1000 == 50).cast(pl.Int64),
        }
    ).with_columns(period=_scatter(1, 60) + 20, phase=_scatter(2, 997))


def _key(row: int) -> str:
    match row % 100:
        case 7 | 27 | 47 | 67 | 87:
            return f"visitor{row}@nowhere.example"
        case 13 | 63:
            return str(UUID(int=(row + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128))
        case 50:
            return build_person(row - 1).email
        case _:
            return build_person(row).email


def _turns(day: date) -> pl.Expr:
    """Count the visits of a person up to `day`, inclusive. People come every few days, so that a day changes little."""
    return (pl.lit(day.toordinal()) + pl.col("phase")) // pl.col("period")


def _last_visit(day: date) -> pl.Expr:
    return _turns(day) * pl.col("period") - pl.col("phase")


def _scatter(salt: int, below: int) -> pl.Expr:
    """Return a number from 0 up to `below`. It looks random, and depends on the person and `salt` alone."""
    return ((pl.col("person") + salt * 7_919) * 1_103_515_245 + 12_345) // 65_536 % below


def _moment(day: pl.Expr, second: pl.Expr) -> pl.Expr:
    """Write a proleptic day number and a second of that day as ISO 8601 in UTC."""
    epoch = date(1970, 1, 1).toordinal()
    return ((day - epoch) * 86_400 + second).cast(pl.Int64).mul(1_000).cast(pl.Datetime("ms")).dt.strftime(ISO)


def _read_drops(root: Path) -> Iterator[ServedReport]:
    for folder in sorted(path for path in root.iterdir() if path.is_dir() and path.name != "logins"):
        files = sorted(folder.glob("*.csv"))
        if not files:
            continue
        about = folder / "report.yaml"
        said = yaml.safe_load(about.read_text(encoding="utf-8")) if about.exists() else {}
        text = pl.read_csv(files[-1], infer_schema=False, glob=False).with_columns(pl.all().replace("", None))
        key = said.get("key_column", text.columns[0] if folder.name not in EVENTS else _first_key(text))
        typed = {name: _type(text[name], said.get("columns", {}).get(name), name == key) for name in text.columns}
        frame = pl.DataFrame([series for _, series in typed.values()])
        common = folder.name in OUT_OF_THE_BOX
        yield ServedReport(
            id=f"{'common' if common else 'custom'}-{folder.name.replace('_', '-')}",
            name=said.get("name") or OUT_OF_THE_BOX.get(folder.name, folder.name),
            kind="common" if common else "custom",
            tags=tuple(said.get("tags", ())),
            key_column=key,
            columns=tuple((name, type_) for name, (type_, _) in typed.items()),
            rows=_always(frame),
            events=folder.name in EVENTS or said.get("kind") == "events",
        )


def _always(frame: pl.DataFrame) -> Callable[[date], pl.DataFrame]:
    return lambda day: frame


def _first_key(text: pl.DataFrame) -> str:
    return next(name for name in text.columns if name.endswith("User ID"))


def _type(text: pl.Series, declared: str | None, is_key: bool) -> tuple[str, pl.Series]:
    """Return the API's type of a dropped column, and its values as the API sends them."""
    if is_key or text.name.endswith(" ID") or text.null_count() == len(text):
        return "string", text
    if text.str.contains("%$").all():
        return "number", text.str.strip_suffix("%").cast(pl.Float64)
    if declared != "number" and text.str.contains(r"^-?\d+$").all():
        return "integer", text.cast(pl.Int64)
    if text.str.contains(r"^-?\d+(\.\d+)?$").all():
        return "number", text.cast(pl.Float64)
    if text.str.contains(r"^\d{4}-\d{2}-\d{2}$").all():
        return "date", text
    if text.str.contains(r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}").all():
        return "datetime", text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us").dt.strftime(ISO_MICROSECONDS)
    return "string", text
