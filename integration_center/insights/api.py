"""Reports from an API with WalkMe's manners.

WalkMe documents sign-in, `/public/v1`, the system GUID in the path, milliseconds and limit/offset. For the rows of
reports it documents no endpoint: the paths and bodies here are this project's contract, which the emulator serves.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args
from urllib.parse import quote

import httpx
import polars as pl

from integration_center.errors import ServiceUnavailable, UnknownReport, UnreadableReport
from integration_center.insights.catalogue import (
    OUT_OF_THE_BOX,
    ColumnType,
    ReportInfo,
    find_report,
    fit_columns,
    is_visible,
    report_slug,
)
from integration_center.insights.columns import type_columns
from integration_center.insights.source import TYPING_RULES, Report, end_of, no_data, start_of
from integration_center.insights.walkme import Get, WalkMeApi

LIST_PAGE = 1_000
DATA_PAGE = 10_000
READINGS = 3
"""How often a report that is refreshed while it is read is read again from the start."""

_COLUMN_TYPES: tuple[ColumnType, ...] = get_args(ColumnType)


class _RefreshedMeanwhile(Exception):
    """The pages read so far are of two versions of the report."""


class ApiSource:
    """A `ReportSource` over the API of one WalkMe system.

    Args:
        base_url: of the data centre, such as https://api.walkme.com.
        client_id: of the API key.
        client_secret: of the API key.
        system_guid: of the system whose reports are read.
        client: used for all requests and left open; without it each call opens and closes its own.
        data_page: rows asked for at a time.
    """

    def __init__(
        self,
        base_url: str,
        client_id: str,
        client_secret: str,
        system_guid: str,
        *,
        client: httpx.Client | None = None,
        data_page: int = DATA_PAGE,
    ) -> None:
        self._api = WalkMeApi(base_url, client_id, client_secret, client=client)
        self._reports = f"/public/v1/insights/system/{quote(system_guid, safe='')}/reports"
        self._data_page = data_page

    def __repr__(self) -> str:
        return f"ApiSource({self._api!r})"

    def list_reports(self) -> list[ReportInfo]:
        """See `ReportSource.list_reports`; several reports of one slug are listed with that problem."""
        with self._api.session() as get:
            infos = self._list(get)
        visible = sorted((info for info in infos if is_visible(info.slug, info.tags)), key=lambda info: info.slug)
        reports = []
        for slug, group in itertools.groupby(visible, key=lambda info: info.slug):
            first, *others = group
            if others:
                names = ", ".join(f"{info.name!r} (id {info.id})" for info in (first, *others))
                problem = f"reports {names} have one slug, {slug!r}; rename one of them in WalkMe"
                first = replace(first, problem=problem)
            reports.append(first)
        return reports

    def find(self, name: str) -> ReportInfo:
        """See `ReportSource.find`."""
        return find_report(self.list_reports(), name)

    def newest_day(self, report: ReportInfo) -> date | None:
        """See `ReportSource.newest_day`: the last day that had ended when the report was refreshed."""
        with self._api.session() as get:
            return _newest_day(_refreshed_at(self._describe(get, report)))

    def identity(self, report: ReportInfo, day: date) -> str:
        """See `ReportSource.identity`: the report's id, `refreshedAt` and declared columns; one small request."""
        with self._api.session() as get:
            return _identify(self._describe_for(get, report, day))

    def read(self, report: ReportInfo, day: date) -> Report:
        """See `ReportSource.read`; a report that is refreshed between its pages is read again from the start.

        Raises:
            ServiceUnavailable: it was refreshed during each of several readings.
        """
        with self._api.session() as get:
            for _ in range(READINGS):
                described = self._describe_for(get, report, day)
                try:
                    text = self._read_text(get, report, day)
                except _RefreshedMeanwhile:
                    continue
                # The pages do not say which version they are of, so it is asked for before and after them.
                if _identify(self._describe(get, report)) == _identify(described):
                    return _build_report(_read_info(described), day, text, described)
        raise ServiceUnavailable(
            f"report {report.name!r} was refreshed during each of {READINGS} readings; run the day again later"
        )

    def _list(self, get: Get) -> list[ReportInfo]:
        """All reports of the system, each once; a page that is short, or brings nothing new, is the last."""
        # The tag filter is left out: it would also hide the out-of-the-box reports, which carry no tag.
        found: dict[str, ReportInfo] = {}
        offset = 0
        while True:
            page = _expect_list(get(self._reports, {"limit": LIST_PAGE, "offset": offset}), "reports", self._reports)
            known = len(found)
            found.update((info.id, info) for info in map(_read_info, page))
            if len(page) < LIST_PAGE or len(found) == known:
                return list(found.values())
            offset += len(page)

    def _describe(self, get: Get, report: ReportInfo) -> dict[str, Any]:
        return get(self._path(report), {})

    def _describe_for(self, get: Get, report: ReportInfo, day: date) -> dict[str, Any]:
        described = self._describe(get, report)
        info = _read_info(described)
        if not is_visible(info.slug, info.tags):
            raise UnknownReport(f"report {report.name!r} is not visible; it has lost its tag")
        newest = _newest_day(_refreshed_at(described))
        if newest is None or day > newest:
            raise no_data(report, day, newest, "WalkMe refreshes reports once a day from 09:00 UTC; run the day later")
        return described

    def _read_text(self, get: Get, report: ReportInfo, day: date) -> pl.DataFrame:
        path = f"{self._path(report)}/data"
        frames: list[pl.DataFrame] = []
        offset, totals = 0, set[str]()
        while True:
            body = get(path, {**_range(report, day), "limit": self._data_page, "offset": offset})
            rows, total = _expect_list(body, "rows", path), body.get("total")
            if not isinstance(total, str) or not total.isdecimal():
                raise ServiceUnavailable(f"WalkMe answered {path} without the total of rows")
            frames.append(_build_text_frame(_column_names(body, path), rows, path))
            offset += len(rows)
            totals.add(total)
            if len(totals) > 1 or offset > int(total) or (not rows and offset < int(total)):
                raise _RefreshedMeanwhile
            if offset == int(total):
                return pl.concat(frames, how="diagonal")

    def _path(self, report: ReportInfo) -> str:
        return f"{self._reports}/{quote(report.id, safe='')}"


def _range(report: ReportInfo, day: date) -> dict[str, int]:
    """The query for one partition, in milliseconds: the events of the day, or the state at its end."""
    to = {"to": round(end_of(day).timestamp() * 1000)}
    return {"from": round(start_of(day).timestamp() * 1000), **to} if report.kind == "events" else to


def _read_info(entry: Any) -> ReportInfo:
    if not isinstance(entry, dict):
        raise ServiceUnavailable("WalkMe listed a report that is no object")
    id_, name = entry.get("id"), entry.get("name")
    if not isinstance(id_, str) or not id_ or not isinstance(name, str) or not name:
        raise ServiceUnavailable("WalkMe listed a report without id or name")
    slug = report_slug(name)
    known = OUT_OF_THE_BOX.get(slug)
    key = entry.get("keyColumn")
    return replace(
        known or ReportInfo(id_, slug, name),
        id=id_,
        name=name,
        tags=tuple(tag for tag in entry.get("tags") or () if isinstance(tag, str)),
        key_column=key if isinstance(key, str) and key else known.key_column if known else None,
        columns={
            column["name"]: column["type"]
            for column in entry.get("columns") or ()
            if isinstance(column, dict) and column.get("type") in _COLUMN_TYPES and isinstance(column.get("name"), str)
        },
    )


def _build_report(info: ReportInfo, day: date, text: pl.DataFrame, described: Mapping[str, Any]) -> Report:
    info = fit_columns(info, text.columns)
    frame = type_columns(text, key_column=info.key_column, declared=info.columns, source=f"report {info.name!r}")
    return Report(info, day, frame, _identify(described), _refreshed_at(described))


def _build_text_frame(names: Sequence[str], rows: Sequence[Any], path: str) -> pl.DataFrame:
    """One page as text: columns in the order given, then any others the rows hold; true and false as words."""
    if not all(isinstance(row, dict) for row in rows):
        raise ServiceUnavailable(f"WalkMe answered {path} with rows that are no objects")
    series = []
    for name in dict.fromkeys(itertools.chain(names, *rows)):
        cells = [row.get(name) for row in rows]
        if not {type(cell) for cell in cells} <= {str, bool, type(None)}:
            raise UnreadableReport(f"{path}: column {name!r} holds lists or objects; expected are single values")
        series.append(pl.Series(name, cells, dtype=pl.String, strict=False).replace("", None))
    return pl.DataFrame(series)


def _column_names(body: Mapping[str, Any], path: str) -> list[str]:
    """The names of the page's columns, which are given alone or with their types."""
    columns = _expect_list(body, "columns", path)
    found = [column.get("name") if isinstance(column, dict) else column for column in columns]
    names = [name for name in found if isinstance(name, str) and name]
    if not names or len(names) < len(found):
        raise ServiceUnavailable(f"WalkMe answered {path} with columns that have no names")
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise UnreadableReport(f"{path}: column {', '.join(map(repr, twice))} is there more than once")
    return names


def _expect_list(body: Mapping[str, Any], name: str, path: str) -> list[Any]:
    value = body.get(name)
    if not isinstance(value, list):
        raise ServiceUnavailable(f"WalkMe answered {path} without a list of {name}")
    return value


def _refreshed_at(described: Mapping[str, Any]) -> datetime | None:
    value = described.get("refreshedAt")
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ServiceUnavailable("WalkMe's refreshedAt is no ISO 8601 time") from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _newest_day(refreshed_at: datetime | None) -> date | None:
    return refreshed_at.date() - timedelta(days=1) if refreshed_at else None


def _identify(described: Mapping[str, Any]) -> str:
    info, refreshed_at = _read_info(described), _refreshed_at(described)
    columns = ",".join(f"{name}:{type_}" for name, type_ in sorted(info.columns.items()))
    return f"api:{TYPING_RULES}:{info.id}:{refreshed_at and refreshed_at.isoformat()}:{info.key_column}:{columns}"
