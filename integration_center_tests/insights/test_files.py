"""The source over a folder of drops."""

import contextlib
import gzip
import os
import socket
import zlib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from integration_center.errors import ConfigurationError, NoDataForDay, UnknownReport, UnreadableReport
from integration_center.insights.drop_folders.cloud_settings import CloudSettings
from integration_center.insights.drop_folders.drops import Drops, LocalDrops
from integration_center.insights.drop_folders.object_stores import build_object_drops
from integration_center.insights.files import FilesSource
from integration_center.insights.source import Report
from integration_center_tests.insights.object_servers import BUCKET, S3Server

DAY = date(2026, 11, 22)
TAGGED = "tags: [integrations_salesforce]\n"


class Place:
    """A root in which tests drop files, in a folder or in a bucket."""

    def __init__(self, drops: Drops, put: Callable[[str, bytes], None]) -> None:
        self.source = FilesSource(drops)
        self._put = put

    def put(self, path: str, content: str | bytes = "User ID,Count\na,1\n") -> None:
        self._put(path, content.encode() if isinstance(content, str) else content)

    def read(self, name: str = "logins", day: date = DAY) -> Report:
        return self.source.read(self.source.find(name), day)

    def identity(self, name: str = "logins", day: date = DAY) -> str:
        return self.source.identity(self.source.find(name), day)


class LocalPlace(Place):
    """A root that is a folder."""

    def __init__(self, root: Path) -> None:
        super().__init__(LocalDrops(root), self.write)
        self.root = root
        root.mkdir()

    def write(self, path: str, content: bytes) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


@pytest.fixture
def folder(tmp_path: Path) -> LocalPlace:
    return LocalPlace(tmp_path / "drops")


@pytest.fixture(params=["folder", "s3"])
def drops(request: pytest.FixtureRequest) -> Place:
    """The same rules hold in a folder and in a bucket."""
    if request.param == "folder":
        return LocalPlace(request.getfixturevalue("tmp_path") / "drops")
    server: S3Server = request.getfixturevalue("s3")
    return Place(
        build_object_drops(f"s3://{BUCKET}/walkme/out", CloudSettings()),
        lambda path, content: server.put(f"walkme/out/{path}", content),
    )


def test_an_empty_root_offers_the_reports_that_always_are(drops: Place) -> None:
    assert [info.slug for info in drops.source.list_reports()] == ["logins", "nps", "onboarding_completion_rate"]
    with pytest.raises(NoDataForDay, match="no data for 2026-11-22; there is none at all") as error:
        drops.read()
    assert "logins/2026-11-22.csv" in str(error.value)


def test_teachme_is_offered_where_it_is_dropped(drops: Place) -> None:
    with pytest.raises(UnknownReport):
        drops.source.find("TeachMe")
    drops.put("teachme/2026-11-22.csv")
    assert drops.source.find("TeachMe").kind == "events"


def test_a_missing_day_is_never_replaced(drops: Place) -> None:
    drops.put("logins/2026-11-20.csv")
    drops.put("logins/2026-11-21_part.csv")
    drops.put("logins/2026-13-45.csv")
    drops.put("logins/2026-11-211.csv")
    drops.put("logins/notes.csv")
    assert drops.source.newest_day(drops.source.find("logins")) == date(2026, 11, 21)
    for ask in (drops.read, drops.identity):
        with pytest.raises(NoDataForDay, match="no data for 2026-11-22; the newest is 2026-11-21"):
            ask()


@pytest.mark.parametrize("name", ["2026-11-22.csv", "2026-11-22"])
def test_a_folder_in_the_place_of_a_file_is_called_so(drops: Place, name: str) -> None:
    drops.put(f"logins/{name}/part-00000.csv")
    with pytest.raises(NoDataForDay) as error:
        drops.read()
    assert str(error.value).endswith(f". {name} is a folder there; move the file out of it, and name it 2026-11-22.csv")


def test_files_that_hold_no_day_are_named_and_those_under_way_are_not(drops: Place) -> None:
    for name in ("logins_2026-11-22.csv", "2026-11-22.csv.part", "~$2026-11-22.csv", ".2026-11-22.csv.swp"):
        drops.put(f"logins/{name}")
    with pytest.raises(NoDataForDay) as error:
        drops.read()
    assert "or end otherwise: 'logins_2026-11-22.csv'; if the day is in the name, say" in str(error.value)
    for name in ("20261122.csv", "2026-11-22.docx", "22-11-2026.csv", "2026_11_22.csv"):
        drops.put(f"logins/{name}")
    missing = drops.source.missing(drops.source.find("logins"), [date(2026, 11, 21), date(2026, 11, 22)])
    assert missing is not None
    assert missing.days == (date(2026, 11, 21), date(2026, 11, 22))
    assert "'2026-11-22.docx', '20261122.csv', '2026_11_22.csv' and 2 more; if the day is in the" in str(missing)
    assert ". 2026-11-22.docx: documents are not read" in str(missing)


def test_a_folder_may_be_called_as_the_report_is(drops: Place) -> None:
    drops.put("Logins Review/2026-11-22 morning.CSV")
    assert drops.read("logins").frame.rows() == [("a", "1")]


def test_two_folders_of_one_report_are_refused(drops: Place) -> None:
    drops.put("Logins Review/2026-11-22.csv")
    drops.put("logins/2026-11-22.csv")
    with pytest.raises(UnreadableReport, match=r"'Logins Review', 'logins'.*merge them"):
        drops.source.find("logins")


def test_what_report_yaml_says(drops: Place) -> None:
    drops.put(
        "health/report.yaml",
        "name: Account Health\nkind: events\nkey_column: Account\nlatest_by: At\ncolumns: {Score: number}\n" + TAGGED,
    )
    drops.put("health/2026-11-22.csv", "Account,Score,At\n007,5,2026-11-20\n")
    info = drops.source.find("account HEALTH")
    assert (info.slug, info.kind, info.key_column, info.latest_by) == ("health", "events", "Account", "At")
    report = drops.source.read(info, DAY)
    assert report.frame.rows() == [("007", 5.0, "2026-11-20")]
    assert report.likely_types == {"At": "date"}
    assert report.info == info


@pytest.mark.parametrize("yaml", ["", "tags: [internal]\n", "name: Secret\n"])
def test_a_custom_folder_without_the_tag_is_invisible(drops: Place, yaml: str) -> None:
    drops.put("secret/2026-11-22.csv")
    drops.put("secret/report.yaml", yaml)
    assert "secret" not in [info.slug for info in drops.source.list_reports()]
    with pytest.raises(UnknownReport, match="needs the tag integrations_salesforce"):
        drops.source.find("secret")


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("yaml", "expected"),
    [
        ("kind: sometimes\n", ["kind", "'snapshot' or 'events'"]),
        ("keycolumn: User ID\n", ["keycolumn", "the nearest is 'key_column'"]),
        ("columns: {Count: int}\n", ["columns.Count", "'integer'"]),
        ("name: 7\n", ["name in line 1: YAML reads 7 as the number 7; write it in quotes"]),
        ("- a\n", ["file", "names and values"]),
        ("name: [\n", ["line 2", "not YAML"]),
        ("other: !!bool foo\n", ["in line 1", "!!bool"]),
        ("columns: {!!set x: date}\n", ["a name of columns in line 1"]),
        ("name: \xff\n".encode("latin-1"), ["UTF-8"]),
    ],
)
def test_a_broken_report_yaml_stops_its_own_report_only(drops: Place, yaml: str | bytes, expected: list[str]) -> None:
    drops.put("broken/report.yaml", yaml)
    drops.put("broken/2026-11-22.csv")
    drops.put("health/report.yaml", TAGGED)
    drops.put("health/2026-11-22.csv")
    listed = {info.slug: info for info in drops.source.list_reports()}
    assert listed["broken"].problem is not None
    assert listed["health"].problem is None
    assert drops.read("health").frame.height == 1
    with pytest.raises(UnreadableReport) as error:
        drops.source.find("broken")
    for words in ["broken/report.yaml", "the file", *expected]:
        assert words in str(error.value)


def test_several_files_of_one_day_need_a_word(drops: Place) -> None:
    drops.put("logins/2026-11-22_1.csv", "User ID,Count\nb,1\n")
    drops.put("logins/2026-11-22_2.csv", "Count,User ID\n2,a\n")
    with pytest.raises(
        UnreadableReport, match=r"2 files for 2026-11-22 \(2026-11-22_1.csv, 2026-11-22_2.csv\)"
    ) as error:
        drops.read()
    assert "`parts: concat` or `parts: last`" in str(error.value)
    drops.put("logins/report.yaml", "parts: concat\n")
    assert drops.read().frame.rows() == [("b", "1"), ("a", "2")]
    drops.put("logins/report.yaml", "parts: last\n")
    assert drops.read().frame.rows() == [("2", "a")]


def test_parts_are_in_the_order_people_number_them(drops: Place) -> None:
    for part in ("", "-2", "-9", "-10"):
        drops.put(f"logins/2026-11-22{part}.csv", f"User ID\npart{part}\n")
    drops.put("logins/report.yaml", "parts: concat\n")
    assert drops.read().frame["User ID"].to_list() == ["part", "part-2", "part-9", "part-10"]
    drops.put("logins/report.yaml", "parts: last\n")
    assert drops.read().frame["User ID"].to_list() == ["part-10"]


def test_parts_with_other_columns_are_refused(drops: Place) -> None:
    drops.put("logins/report.yaml", "parts: concat\n")
    drops.put("logins/2026-11-22_1.csv", "User ID,Count\nb,1\n")
    drops.put("logins/2026-11-22_2.csv", "User ID,Visits\na,2\n")
    with pytest.raises(
        UnreadableReport, match=r"2026-11-22_1.csv \+ logins/2026-11-22_2.csv.*differ in their columns"
    ) as error:
        drops.read()
    assert "logins/2026-11-22_2.csv lacks 'Count' and also has 'Visits'" in str(error.value)


def test_parts_may_write_the_names_of_columns_otherwise(drops: Place) -> None:
    drops.put("logins/report.yaml", "parts: concat\n")
    drops.put("logins/2026-11-22_1.csv", "User ID,Count,^a.*$\nb,1,x\n")
    drops.put("logins/2026-11-22_2.csv", "^a.*$,count, user\u00a0id\ny,2,a\n")
    assert drops.read().frame.rows(named=True) == [
        {"User ID": "b", "Count": "1", "^a.*$": "x"},
        {"User ID": "a", "Count": "2", "^a.*$": "y"},
    ]


def test_a_column_that_report_yaml_names_must_be_there(drops: Place) -> None:
    drops.put("logins/report.yaml", "columns: {Cuont: integer}\n")
    drops.put("logins/2026-11-22.csv")
    with pytest.raises(UnreadableReport, match=r"does not have \(column 'Cuont': the nearest is 'Count'"):
        drops.read()


def test_identity_follows_content_and_report_yaml(drops: Place) -> None:
    drops.put("logins/2026-11-22.csv")
    first = drops.identity()
    assert drops.identity() == first == drops.read().identity
    drops.put("logins/report.yaml", "columns: {Count: number}\n")
    declared = drops.identity()
    drops.put("logins/2026-11-22.csv", "User ID,Count\na,2\n")
    assert len({first, declared, drops.identity()}) == 3


def test_copying_a_file_again_changes_nothing(folder: LocalPlace) -> None:
    folder.put("logins/2026-11-22.csv")
    first = folder.identity()
    os.utime(folder.root / "logins/2026-11-22.csv", (0, 0))
    assert folder.identity() == first == folder.read().identity


def test_refreshed_at_is_when_the_file_was_written(folder: LocalPlace) -> None:
    folder.put("logins/2026-11-22.csv")
    os.utime(folder.root / "logins/2026-11-22.csv", (1_795_000_000, 1_795_000_000))
    refreshed_at = folder.read().refreshed_at
    assert refreshed_at is not None
    assert refreshed_at.timestamp() == 1_795_000_000


@pytest.mark.parametrize("name", ["2026-11-22.csv.gz", "2026-11-22 export.CSV.GZ", "2026-11-22.csv"])
def test_files_may_be_compressed_whatever_their_name(drops: Place, name: str) -> None:
    whole = gzip.compress(b"User ID,Count\na,1\n")
    drops.put(f"logins/{name}", whole)
    assert drops.read().frame.rows() == [("a", "1")]
    drops.put(f"logins/{name}", whole[:-9])
    with pytest.raises(UnreadableReport, match=r"logins/2026-11-22.*: not whole as gzip"):
        drops.read()


def test_links_out_of_the_root_are_refused(folder: LocalPlace, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "2026-11-22.csv").write_text("User ID\nsecret\n")
    (outside / "report.yaml").write_text(TAGGED)
    (folder.root / "stolen").symlink_to(outside)
    (folder.root / "logins").mkdir()
    (folder.root / "logins" / "2026-11-22.csv").symlink_to(outside / "2026-11-22.csv")
    (folder.root / "nps").mkdir()
    (folder.root / "nps" / "report.yaml").symlink_to(outside / "report.yaml")
    for name in ("stolen", "logins", "nps"):
        with pytest.raises(UnreadableReport, match="leads out of"):
            folder.read(name)


@pytest.mark.parametrize("name", ["../outside", "..", "/etc", "logins/../../outside", ""])
def test_names_are_never_paths(folder: LocalPlace, tmp_path: Path, name: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "report.yaml").write_text(TAGGED)
    with pytest.raises(UnknownReport):
        folder.source.find(name)


def test_a_file_that_is_not_whole_is_named(drops: Place) -> None:
    drops.put("logins/2026-11-22.csv", 'User ID,Count\na,1\n"b')
    with pytest.raises(UnreadableReport, match=r"logins/2026-11-22\.csv ends mid-row"):
        drops.read()


def test_a_root_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be read; .*nowhere"):
        FilesSource(LocalDrops(tmp_path / "nowhere")).list_reports()


def test_a_report_without_rows_is_a_report(drops: Place) -> None:
    drops.put("logins/2026-11-22.csv", "User ID,Count\n")
    assert drops.read().frame.schema == pl.Schema({"User ID": pl.String, "Count": pl.String})


def pack(*parts: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(map(packer.compress, parts)) + packer.flush()


@pytest.mark.proof
def test_what_unpacks_without_end_is_refused_before_it_fills_the_memory(drops: Place) -> None:
    drops.put("logins/2026-11-22.csv.gz", pack(b"User ID,Count\n", *[b"a,1\n" * 1_000_000] * 60))
    with pytest.raises(UnreadableReport, match=r"2026-11-22\.csv\.gz: \d+ kB of gzip unpack to more than 104 MB"):
        drops.read()


def test_a_file_larger_than_the_settings_allow_is_refused(tmp_path: Path) -> None:
    source = FilesSource(LocalDrops(tmp_path, largest=1_000), largest=1_000)
    folder = tmp_path / "logins"
    folder.mkdir()
    for day, content in ((20, b"User ID\n" + b"a\n" * 600), (21, pack(b"User ID\n" + b"a\n" * 600))):
        (folder / f"2026-11-{day}.csv").write_bytes(content)
        with pytest.raises(UnreadableReport, match="more than 1 kB"):
            source.read(source.find("logins"), date(2026, 11, day))


@pytest.mark.parametrize("kind", ["pipe", "socket", "folder", "loop"])
def test_what_is_no_file_is_named_and_stops_its_own_report_only(folder: LocalPlace, kind: str) -> None:
    folder.put("nps/2026-11-22.csv")
    for name in ("logins/2026-11-22.csv", "teachme/report.yaml"):
        path = folder.root / name
        path.parent.mkdir()
        match kind:
            case "pipe":
                os.mkfifo(path)
            case "socket":
                with socket.socket(socket.AF_UNIX) as listener, contextlib.chdir(path.parent):
                    listener.bind(path.name)
            case "folder":
                path.mkdir()
            case "loop":
                path.symlink_to(path)
    said = {"pipe": "it is not a regular file", "socket": "No such device", "loop": "leads to itself"}
    with pytest.raises((UnreadableReport, NoDataForDay), match=said.get(kind, "there is none at all")):
        folder.read("logins")
    assert folder.read("nps").frame.height == 1
    problems = {info.slug: info.problem for info in folder.source.list_reports()}
    assert [slug for slug, problem in problems.items() if problem] == (["teachme"] if kind != "folder" else [])


def test_a_name_that_is_no_text_stops_its_own_report_only(folder: LocalPlace) -> None:
    """Such as the Latin-1 name of an older archive."""
    folder.put("logins/2026-11-22.csv")
    folder.put(os.fsdecode(b"logins/2026-11-23_Z\xfcrich.csv"))
    folder.put(os.fsdecode(b"Z\xfcrich/2026-11-22.csv"))
    assert folder.read().frame.height == 1
    assert folder.source.newest_day(folder.source.find("logins")) == DAY
    problems = {info.name: info.problem for info in folder.source.list_reports() if info.problem}
    assert problems == {
        "Z\\udcfcrich": f"{folder.root}/Z\\udcfcrich: the folder's name is not UTF-8; rename the folder"
    }


def test_what_was_dropped_but_is_not_taken_is_named_with_its_reason(drops: Place) -> None:
    for path in ("logins/2026-11-22.csv", "logins/logins.csv", "logins/2026-11-21.csv.filepart", "logins/.hidden",
                 "nps/2026-11-22_a.csv", "nps/2026-11-22_b.csv", "custom/2026-11-22.csv", "loose.csv"):  # fmt: skip
        drops.put(path)
    drops.put("custom/report.yaml", f"{TAGGED}name_pattern: 'c_{{date}}.csv'\n")
    drops.put("secret/nothing.csv")
    found = {f"{each.folder}/{each.name}": each.reason for each in drops.source.list_not_taken()}
    assert sorted(found) == ["/loose.csv", "custom/2026-11-22.csv", "logins/2026-11-21.csv.filepart",
                             "logins/logins.csv", "nps/2026-11-22_a.csv", "nps/2026-11-22_b.csv"]  # fmt: skip
    assert "no report's folder" in found["/loose.csv"]
    assert "`name_pattern: c_{date}.csv` in report.yaml" in found["custom/2026-11-22.csv"]
    assert "begin with the day" in found["logins/logins.csv"]
    assert "not finished" in found["logins/2026-11-21.csv.filepart"]
    assert "2026-11-22 has several files; say `parts:` in report.yaml" in found["nps/2026-11-22_a.csv"]
    drops.put("nps/report.yaml", "parts: last\n")
    assert not any(each.folder == "nps" for each in drops.source.list_not_taken())
