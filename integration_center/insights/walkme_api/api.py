"""Read reports from an API that follows WalkMe's conventions.

WalkMe documents sign-in, `/public/v1`, the system GUID in the path, milliseconds and limit/offset. It documents no
endpoint for the rows of reports, so this is the project's own contract, which the emulator serves. Under
`/public/v1/insights/system/{guid}`:

* GET `/reports?limit&offset`: `{"reports": [{"id", "name", "tags", "keyColumn", "columns": [{"name", "type"}],
  "refreshedAt"}]}`; GET `/reports/{id}`: one of them.
* GET `/reports/{id}/data?from&to&limit&offset`: `{"columns", "rows": [{column: value}], "total"}`.
* POST `/reports/{id}/exports` `{"from", "to", "format": "csv"}`: `{"exportId", "status"}`; GET `/exports/{exportId}`:
  `{"status": "queued|running|completed|failed", "rowCount", "url", "error": {"code", "message"}}`; `url` needs none.
"""

import itertools
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

import httpx
import polars as pl

from integration_center.errors import NoDataForDay, ServiceUnavailable, UnknownReport, UnreadableReport
from integration_center.insights.catalogue import ReportInfo, find_report, fit_columns, is_visible
from integration_center.insights.columns import type_columns
from integration_center.insights.delimited.form import SLICE_ROWS
from integration_center.insights.likely_types import infer_types
from integration_center.insights.source import Keep, Mark, Report, end_of, keep_in_memory, no_data, start_of
from integration_center.insights.walkme_api.description import (
    build_identity,
    build_version,
    find_newest_day,
    read_column_names,
    read_info,
    read_refreshed_at,
)
from integration_center.insights.walkme_api.exports import ExportPaths, ExportPolling, ExportRefused, read_export
from integration_center.insights.walkme_api.walkme import InvalidRequest, WalkMeApi, WalkMeSession
from integration_center.progress import advance

logger = logging.getLogger(__name__)

LIST_PAGE = 1_000
DATA_PAGE = 10_000
SMALL_PAGE = 1_000
"""The page size after larger pages are refused. It is WalkMe's usual limit."""
EXPORT_ROWS = 50_000
"""A report with more rows is exported as one file, where the API offers that."""
READINGS = 3
"""How often a report is read from the start, if it is refreshed during each reading."""


class _RefreshedMeanwhile(Exception):
    """The pages read so far come from two versions of the report."""


class ApiSource:
    """A `ReportSource` over the API of one WalkMe system.

    Args:
        base_url: the URL of the data centre, such as https://api.walkme.com.
        client_id: the client id of the API key.
        client_secret: the client secret of the API key.
        system_guid: the GUID of the system whose reports are read.
        client: the client for all requests, which stays open. Without it, each call opens and closes its own.
        data_page: the rows per page.
        export_rows: a report with more rows is exported as one file, where the API offers that.
        polling: when to look at an export.
        clock: returns the present time.
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
        export_rows: int = EXPORT_ROWS,
        polling: ExportPolling | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._api = WalkMeApi(base_url, client_id, client_secret, client=client)
        system = f"/public/v1/insights/system/{quote(system_guid, safe='')}"
        self._reports, self._exports = f"{system}/reports", f"{system}/exports"
        self._data_page = data_page
        self._export_rows = export_rows
        self._polling = polling or ExportPolling()
        self._exports_offered = True
        self._clock = clock

    def __repr__(self) -> str:
        return f"ApiSource({self._api!r})"

    def list_reports(self) -> list[ReportInfo]:
        """See `ReportSource.list_reports`. Several reports with the same slug are listed as one, with that problem."""
        with self._api.session() as session:
            infos = self._list(session)
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

    def newest_day(self, report: ReportInfo) -> date:
        """See `ReportSource.newest_day`: the last day that had ended when the report was refreshed.

        If the API does not report the time, the report counts as refreshed at 09:00 UTC, WalkMe's usual time.
        """
        with self._api.session() as session:
            return find_newest_day(self._describe(session, report), self._clock())

    def missing(self, report: ReportInfo, days: Sequence[date]) -> NoDataForDay | None:
        """See `ReportSource.missing`: the days after the newest are missing."""
        newest = self.newest_day(report)
        missing = [day for day in days if day > newest]
        return _no_data(report, missing, newest) if missing else None

    def marks(self, report: ReportInfo, days: Sequence[date]) -> Mapping[date, Mark]:
        """See `ReportSource.marks`: a refresh changes the newest day alone. One small request."""
        with self._api.session() as session:
            described = self._describe(session, report)
        newest, refreshed = find_newest_day(described, self._clock()), read_refreshed_at(described)
        return {day: Mark(str(refreshed) if day == newest else "", refreshed) for day in days if day <= newest}

    def identity(self, report: ReportInfo, day: date) -> str:
        """See `ReportSource.identity`: it has the report's id, `refreshedAt` and declared columns. One small request.

        Without `refreshedAt` the identity changes each time, so that the rows are always read again.
        """
        with self._api.session() as session:
            return build_identity(self._describe_for(session, report, day))

    def repeats(self, report: ReportInfo, day: date, content: str) -> str | None:
        """See `ReportSource.repeats`: nothing but the rows shows what they are."""
        return None

    def read(self, report: ReportInfo, day: date, keep: Keep = keep_in_memory) -> Report:
        """See `ReportSource.read`. A report that is refreshed between its pages is read again from the start.

        Raises:
            ServiceUnavailable: the report was refreshed during each of several readings.
        """
        with self._api.session() as session:
            for _ in range(READINGS):
                described = self._describe_for(session, report, day)
                try:
                    text = self._read_text(session, report, day, described)
                except _RefreshedMeanwhile:
                    continue
                # The pages do not name their version, so it is read before and after them.
                if build_version(self._describe(session, report)) == build_version(described):
                    return _build_report(read_info(described), report, day, text, described, keep)
        raise ServiceUnavailable(
            f"report {report.name!r} was refreshed during each of {READINGS} readings; run the day again later"
        )

    def _list(self, session: WalkMeSession) -> list[ReportInfo]:
        """List all reports of the system, without repeats. A page with nothing new is the last page.

        A short page need not be the last: a server may return fewer reports than requested.
        """
        # The tag filter is not used, because it would also hide the out-of-the-box reports, which have no tag.
        found: dict[str, ReportInfo] = {}
        offset = 0
        while True:
            page = _expect_list(
                session.get(self._reports, {"limit": LIST_PAGE, "offset": offset}), "reports", self._reports
            )
            known = len(found)
            found.update((info.id, info) for info in map(read_info, page))
            if len(found) == known:
                return list(found.values())
            offset += len(page)

    def _describe(self, session: WalkMeSession, report: ReportInfo) -> dict[str, Any]:
        return session.get(self._path(report), {})

    def _describe_for(self, session: WalkMeSession, report: ReportInfo, day: date) -> dict[str, Any]:
        described = self._describe(session, report)
        info = read_info(described)
        if not is_visible(info.slug, info.tags):
            raise UnknownReport(f"report {report.name!r} is not visible; it has lost its tag")
        newest = find_newest_day(described, self._clock())
        if day > newest:
            raise _no_data(report, [day], newest)
        return described

    def _read_text(
        self, session: WalkMeSession, report: ReportInfo, day: date, described: Mapping[str, Any]
    ) -> pl.DataFrame:
        """Read all rows as text: from one export if there are many rows, else in pages.

        Pages are read up to the total, or, without a total, up to a page with nothing new.
        """
        path = f"{self._path(report)}/data"
        frames: list[pl.DataFrame] = []
        offset, totals, before = 0, set[int](), None
        while True:
            body = self._get_page(session, path, _range(report, day), offset)
            rows, total = _expect_list(body, "rows", path), _read_total(body, path)
            if total is None and rows == before:  # a server that ignores the offset
                break
            if total is not None and total > self._export_rows and not frames:
                exported = self._export(session, report, day)
                if exported is not None:
                    return exported
            frames.append(_build_text_frame(_column_names(body, path) or read_column_names(described), rows, path))
            offset, before = offset + len(rows), rows
            advance(offset, total)
            if total is None:
                if rows:
                    continue
                break
            totals.add(total)
            if len(totals) > 1 or offset > total or (not rows and offset < total):
                raise _RefreshedMeanwhile
            if offset == total:
                break
        return pl.concat(frames, how="diagonal")

    def _export(self, session: WalkMeSession, report: ReportInfo, day: date) -> pl.DataFrame | None:
        """Read the rows from an export; None where exports are refused. A refusal is remembered."""
        if not self._exports_offered:
            return None
        paths, source = ExportPaths(f"{self._path(report)}/exports", self._exports), f"report {report.name!r}"
        try:
            return read_export(session, paths, _range(report, day), self._polling, source)
        except ExportRefused as error:
            logger.info("%s; reading %s in pages", error, source)
            self._exports_offered = False
            return None

    def _get_page(self, session: WalkMeSession, path: str, query: Mapping[str, int], offset: int) -> dict[str, Any]:
        try:
            return session.get(path, {**query, "limit": self._data_page, "offset": offset})
        except InvalidRequest as error:
            if self._data_page <= SMALL_PAGE:
                raise
            logger.info("%s; asking for pages of %d rows instead of %d", error, SMALL_PAGE, self._data_page)
            self._data_page = SMALL_PAGE
            return session.get(path, {**query, "limit": self._data_page, "offset": offset})

    def _path(self, report: ReportInfo) -> str:
        return f"{self._reports}/{quote(report.id, safe='')}"


def _range(report: ReportInfo, day: date) -> dict[str, int]:
    """Build the query for one partition, in milliseconds: the events of the day, or the state at its end."""
    start = round(start_of(day).timestamp() * 1000) if report.kind == "events" else 0
    return {"from": start, "to": round(end_of(day).timestamp() * 1000)}


def _no_data(report: ReportInfo, days: Sequence[date], newest: date) -> NoDataForDay:
    return no_data(report, days, newest, "WalkMe refreshes reports once a day from 09:00 UTC; run the day later")


def _build_report(
    info: ReportInfo, asked: ReportInfo, day: date, text: pl.DataFrame, described: Mapping[str, Any], keep: Keep
) -> Report:
    info = fit_columns(info, text.columns)
    key, declared = info.key_column, info.declare(asked)
    frame = type_columns(text, key_column=key, declared=declared, source=f"report {info.name!r}")
    return Report(
        info=info,
        day=day,
        rows=keep(frame.schema, frame.iter_slices(SLICE_ROWS)),
        identity=build_identity(described),
        refreshed_at=read_refreshed_at(described),
        likely_types=infer_types(text, key_column=key, declared=declared),
    )


def _build_text_frame(names: Sequence[str], rows: Sequence[Any], path: str) -> pl.DataFrame:
    """Build one page as text: columns in the given order, then any others in the rows; true and false as words."""
    if not all(isinstance(row, dict) for row in rows):
        raise ServiceUnavailable(f"WalkMe answered {path} with rows that are not objects")
    found = dict.fromkeys(itertools.chain(names, *rows))
    if rows and not found:
        raise ServiceUnavailable(f"WalkMe answered {path} with rows, but without columns")
    series = []
    for name in found:
        cells = [row.get(name) for row in rows]
        if not {type(cell) for cell in cells} <= {str, bool, type(None)}:
            raise UnreadableReport(f"{path}: column {name!r} holds lists or objects; expected are single values")
        series.append(pl.Series(name, cells, dtype=pl.String, strict=False).replace("", None))
    return pl.DataFrame(series)


def _column_names(body: Mapping[str, Any], path: str) -> list[str]:
    """Read the names of the page's columns, with or without types; empty when the page lists none."""
    if body.get("columns") is None:
        return []
    columns = _expect_list(body, "columns", path)
    found = [column.get("name") if isinstance(column, dict) else column for column in columns]
    names = [name for name in found if isinstance(name, str) and name]
    if len(names) < len(found):
        raise ServiceUnavailable(f"WalkMe answered {path} with columns that have no names")
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise UnreadableReport(f"{path}: column {', '.join(map(repr, twice))} is there more than once")
    return names


def _read_total(body: Mapping[str, Any], path: str) -> int | None:
    """Read the number of rows on all pages; None when it is not given."""
    total = body.get("total")
    if total is None:
        return None
    if not isinstance(total, str) or not total.isdecimal():
        raise ServiceUnavailable(f"WalkMe answered {path} with a total that is not a number of rows")
    return int(total)


def _expect_list(body: Mapping[str, Any], name: str, path: str) -> list[Any]:
    value = body.get(name)
    if not isinstance(value, list):
        raise ServiceUnavailable(f"WalkMe answered {path} without a list of {name}")
    return value
