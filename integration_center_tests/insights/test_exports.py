"""Large reports by export jobs, over real HTTP."""

from collections.abc import Callable
from datetime import date

import httpx
import pytest

from integration_center.errors import ServiceUnavailable, UnreadableReport
from integration_center.insights.source import Report
from integration_center.insights.walkme_api.api import ApiSource
from integration_center.insights.walkme_api.exports import ExportPolling
from integration_center_tests.insights.local_api import DAY, Running
from integration_center_tests.insights.walkme_double import PATH, WalkMeDouble
from salesforce_emulator.insights.api import CLIENT_ID, CLIENT_SECRET, SYSTEM_GUID

ROWS = 1_000


class Time:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def polling(self) -> ExportPolling:
        return ExportPolling(clock=lambda: self.now, sleep=self.sleep)


def build(walkme: Running, time: Time | None = None) -> ApiSource:
    polling = (time or Time()).polling()
    return ApiSource(
        walkme.url, CLIENT_ID, CLIENT_SECRET, SYSTEM_GUID, data_page=300, export_rows=ROWS - 1, polling=polling
    )


def read(source: ApiSource, name: str = "logins", day: date = DAY) -> Report:
    return source.read(source.find(name), day)


def test_an_export_gives_what_pages_give(walkme: Running) -> None:
    exported, paged = read(build(walkme)), read(walkme.source(data_page=300))
    assert exported.frame.equals(paged.frame)
    assert exported.frame.schema == paged.frame.schema
    assert exported.identity == paged.identity
    requests = walkme.app.state.requests
    assert (requests["export"], requests["look"], requests["file"]) == (1, 2, 1)
    assert requests["data"] == 1 + 4


def test_small_reports_are_read_in_pages(walkme: Running) -> None:
    read(build(walkme), "nps")
    assert walkme.app.state.requests["export"] == 0


def test_waits_grow_up_to_a_deadline(walkme: Running) -> None:
    walkme.app.state.faults.export_looks = 1_000
    time = Time()
    with pytest.raises(ServiceUnavailable, match="report 'Logins': its export was still 'running' after 1800 s"):
        read(build(walkme, time))
    assert time.waits[0] == pytest.approx(0.2)
    assert time.waits == sorted(time.waits)
    assert time.waits[-1] == pytest.approx(20)
    assert len(time.waits) < 110


def test_a_failed_export_fails_with_its_message(walkme: Running) -> None:
    walkme.app.state.faults.export_error = "The report has too many columns."
    with pytest.raises(UnreadableReport, match=r"could not export it \(export_failed: The report has too many columns"):
        read(build(walkme))
    assert walkme.app.state.requests["export"] == 1


def test_where_exports_are_not_offered_pages_are_read(walkme: Running) -> None:
    walkme.app.state.faults.exports = False
    source = build(walkme)
    assert read(source).frame.height == ROWS
    assert read(source).frame.height == ROWS
    assert walkme.app.state.requests["export"] == 1, "the refusal is remembered"


def test_an_expired_address_is_asked_for_again_once(walkme: Running) -> None:
    walkme.app.state.faults.link_life = 0.0
    source = build(walkme, _Renewing(walkme))
    assert read(source).frame.height == ROWS
    assert walkme.app.state.requests["export"] == 2
    walkme.app.state.faults.link_life = 0.0
    with pytest.raises(ServiceUnavailable, match="the address of its export was refused before its time") as error:
        read(build(walkme))
    assert "signature" not in str(error.value)
    assert walkme.app.state.requests["export"] == 4


class _Renewing(Time):
    """Gives addresses a life again from the second export on."""

    def __init__(self, walkme: Running) -> None:
        super().__init__()
        self.walkme = walkme

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if self.walkme.app.state.requests["export"] == 2:
            self.walkme.app.state.faults.link_life = 900.0


def test_a_file_with_fewer_rows_than_announced_is_exported_again_once(walkme: Running) -> None:
    walkme.app.state.faults.cut_files = 1
    assert read(build(walkme)).frame.height == ROWS
    assert walkme.app.state.requests["export"] == 2
    walkme.app.state.faults.cut_files = 2
    with pytest.raises(ServiceUnavailable, match=f"its export has {ROWS // 2} rows, announced were {ROWS}"):
        read(build(walkme))


COMPLETED = {"exportId": "e1", "status": "completed", "url": "https://files.example/e1.csv?sig=s3cret"}
FILE = "User ID,Count\n" + "".join(f"u{i},{i}\n" for i in range(5))


def export(walkme: WalkMeDouble, answer: Callable[[httpx.Request], httpx.Response]) -> ApiSource:
    """A source whose exports are completed at once, and whose files are what `answer` gives."""

    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/exports") and request.method == "POST":
            walkme.requests.append(request)
            return httpx.Response(202, json=COMPLETED)
        if request.url.host == "files.example":
            walkme.requests.append(request)
            return answer(request)
        return walkme.answer(request)

    client = httpx.Client(transport=httpx.MockTransport(serve))
    return ApiSource(
        "https://api.walkme.example", "id-of-key", "s3cret-of-key", "3f0c/guid", client=client, export_rows=4,
        clock=lambda: walkme.now, polling=Time().polling(),
    )  # fmt: skip


def test_the_file_is_fetched_without_the_token_and_the_period_is_that_of_the_pages() -> None:
    walkme = WalkMeDouble()
    assert read(export(walkme, lambda request: httpx.Response(200, text=FILE))).frame.rows()[4] == ("u4", 4)
    asked = next(request for request in walkme.requests if request.url.host == "files.example")
    assert "Authorization" not in asked.headers
    begun = next(request for request in walkme.requests if request.url.path.endswith("/exports"))
    paged = next(request for request in walkme.requests if request.url.path.endswith("/data"))
    assert begun.url.raw_path.decode() == f"{PATH}/exports"
    expected = {"from": int(paged.url.params["from"]), "to": int(paged.url.params["to"]), "format": "csv"}
    assert begun.read() == httpx.Request("POST", "https://x", json=expected).read()


def test_a_download_that_fails_or_is_cut_off_is_tried_again() -> None:
    faults: list[httpx.Response | httpx.TransportError] = [
        httpx.Response(503),
        httpx.RemoteProtocolError("peer closed connection without sending complete message body"),
    ]

    def answer(request: httpx.Request) -> httpx.Response:
        if not faults:
            return httpx.Response(200, text=FILE)
        fault = faults.pop(0)
        if isinstance(fault, httpx.TransportError):
            raise fault
        return fault

    walkme = WalkMeDouble()
    assert read(export(walkme, answer)).frame.height == 5
    assert sum(request.method == "POST" and request.url.path.endswith("/exports") for request in walkme.requests) == 1


def test_a_file_that_ends_mid_row_is_exported_again() -> None:
    files = [FILE[:-3], FILE]
    assert read(export(WalkMeDouble(), lambda request: httpx.Response(200, text=files.pop(0)))).frame.height == 5
    assert files == []


@pytest.mark.parametrize("url", ["http://files.example/e1.csv?sig=s3cret", "file:///etc/passwd"])
def test_files_are_fetched_over_tls_only(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMPLETED, "url", url)
    with pytest.raises(ServiceUnavailable, match="address that is not https") as error:
        read(export(WalkMeDouble(), lambda request: httpx.Response(200, text=FILE)))
    assert "s3cret" not in str(error.value)
