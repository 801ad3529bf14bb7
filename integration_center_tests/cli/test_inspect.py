"""`inspect`: a report by its name, a file by its path, and what is said of each."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from integration_center_tests.insights.workbooks import write_workbook
from integration_center_tests.pipeline.commands import Command, as_json

NEWEST = "User ID;Score;Empty\nann@x.example;1,5;\nbob@x.example;2,5;\nbob@x.example;2,5;\n"
OLDER = "User ID,Score\nann@x.example,1\n"


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command) -> Path:
    """The folder of a report with files of two days."""
    drops = tmp_path / "drops"
    monkeypatch.setenv("WALKME_FILES_ROOT", str(drops))
    (drops / "nps").mkdir(parents=True)
    (drops / "nps" / "2026-11-21.csv").write_text(OLDER, encoding="utf-8")
    (drops / "nps" / "2026-11-22.csv").write_text(NEWEST, encoding="utf-8")
    return drops / "nps"


def test_a_report_by_its_name_is_its_newest_file(report: Path, command: Command) -> None:
    code, out, error = command("inspect", "nps", "--save")
    assert code == 0, error
    assert "2026-11-22.csv" in out.splitlines()[0]
    assert "ann@x.example" not in out
    assert [line.split()[-1] for line in out.splitlines() if line.startswith(("User ID", "Score"))] == ["hidden"] * 2
    assert "May be the key: User ID" in out
    assert "report.yaml that reads it:" in out
    assert f"Written: {report / 'report.yaml'}" in out
    assert "decimal: ','" in (report / "report.yaml").read_text(encoding="utf-8")
    code, out, _ = command("inspect", "nps")
    assert code == 0
    assert "It is read without report.yaml" in out or "report.yaml that reads it:" not in out


def test_json_stays_alone_on_standard_output_when_a_file_is_saved(report: Path, command: Command) -> None:
    said = command("inspect", "nps", "--json", "--save")
    assert as_json(said)["proposal"]["decimal"] == ","
    assert f"Written: {report / 'report.yaml'}" in said[2]


def test_another_day_and_its_values_on_request(report: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEGRATION_CENTER_PREVIEWS", "true")
    code, out, error = command("inspect", "nps", "--day", "2026-11-21")
    assert code == 0, error
    assert "2026-11-21.csv" in out.splitlines()[0]
    assert "ann@x.example" in out
    assert "It is read without report.yaml; it needs no line in it." in out


def test_json_holds_values_only_where_previews_are_on(
    report: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = as_json(command("inspect", "nps", "--json"))
    assert [column["name"] for column in hidden["columns"]] == ["User ID", "Score", "Empty"]
    assert all("samples" not in column for column in hidden["columns"])
    assert hidden["proposal"]["decimal"] == ","
    monkeypatch.setenv("INTEGRATION_CENTER_PREVIEWS", "true")
    assert as_json(command("inspect", "nps", "--json"))["columns"][0]["samples"] == ["ann@x.example", "bob@x.example"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("nps", "--day", "22.11.2026"), 2, "is not a day such as"),
        (("nps", "--day", "2026-11-20"), 1, "no data for 2026-11-20"),
        (("Logins",), 1, "there is none at all. Drop the file as"),
        (("nonsense",), 1, "nonsense"),
    ],
)
def test_a_report_or_day_that_is_not_there(
    report: Path, command: Command, arguments: tuple[str, ...], code: int, said: str
) -> None:
    found, out, error = command("inspect", *arguments)
    assert (found, out) == (code, "")
    assert said in error


def test_reports_of_the_api_are_no_files(report: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_URL", "CLIENT_ID", "CLIENT_SECRET", "SYSTEM_GUID"):
        monkeypatch.setenv(f"WALKME_{name}", "http://127.0.0.1:9" if name == "API_URL" else "x")
    monkeypatch.setenv("WALKME_SOURCE", "api")
    code, _, error = command("inspect", "nps")
    assert code == 1
    assert "reports of the api source are no files; name a file" in error


def write_book(path: Path) -> None:
    path.write_bytes(write_workbook({"Data": [["User ID", "Score"], ["ann@x.example", 1], ["bob@x.example", 2]]}))


def write_packed(path: Path) -> None:
    path.write_bytes(gzip.compress(OLDER.encode()))


@pytest.mark.parametrize(
    ("name", "write", "fact"),
    [("2026-11-22.xlsx", write_book, ": xlsx, "), ("2026-11-22.csv.gz", write_packed, "gzip")],
)
def test_workbooks_and_packed_files(
    command: Command, tmp_path: Path, name: str, write: Callable[[Path], None], fact: str
) -> None:
    write(tmp_path / name)
    code, out, error = command("inspect", name)
    assert code == 0, error
    assert fact in out.splitlines()[0]
    assert "May be the key: User ID" in out


def test_what_cannot_be_read_is_said_and_fails(command: Command, tmp_path: Path) -> None:
    (tmp_path / "page.csv").write_text("<html><body>Sign in</body></html>", encoding="utf-8")
    code, out, _ = command("inspect", "page.csv", "--save")
    assert code == 1
    assert "a web page" in out
    assert "It is read without" not in out
    assert not (tmp_path / "report.yaml").exists()
    code, _, error = command("inspect", "/proc/self/mem")
    assert code == 1
    assert "/proc/self/mem cannot be read: " in error


def test_what_reads_only_some_of_a_file_is_not_saved(command: Command, tmp_path: Path) -> None:
    content = "User ID;Name\nann@x.example;M\xfcller\nbo@x.example;Bo;x\ncy@x.example;Cy\n"
    (tmp_path / "2026-11-22.csv").write_bytes(content.encode("cp1252"))
    code, out, _ = command("inspect", "2026-11-22.csv", "--save")
    assert code == 1
    assert "What reads some of it:\nencoding: cp1252" in out
    assert "report.yaml that reads it" not in out
    assert not (tmp_path / "report.yaml").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Logins 22.11.2026.csv", "no run takes a file of this name: names begin with the day"),
        ("2026-11-22.txt", "no run takes a file of this name: names begin with the day"),
        ("2026-11-22.xls", "no run takes a file of this name: Excel workbooks of the old kind are not read"),
        ("2026-11-22.csv", None),
    ],
)
def test_a_name_that_no_run_takes_is_pointed_out(command: Command, tmp_path: Path, name: str, said: str | None) -> None:
    (tmp_path / name).write_text("User ID,N\nann@x.example,1\n", encoding="utf-8")
    code, out, _ = command("inspect", f"./{name}")
    assert code == 0
    assert said in out if said else "no run takes" not in out


def test_a_file_without_a_likely_key_says_so(command: Command, tmp_path: Path) -> None:
    (tmp_path / "scores.csv").write_text("Score\n1\n1\n", encoding="utf-8")
    code, out, _ = command("inspect", "scores.csv")
    assert code == 0
    assert "May be the key: no column" in out


def test_the_report_yaml_beside_a_file_is_used_and_named_when_it_is_wrong(command: Command, tmp_path: Path) -> None:
    (tmp_path / "2026-11-22.csv").write_text("title\nUser ID|Score\nann@x.example|1\n", encoding="utf-8")
    (tmp_path / "report.yaml").write_text("delimiter: '|'\nheader_row: 2\n", encoding="utf-8")
    columns = as_json(command("inspect", "2026-11-22.csv", "--json"))["columns"]
    assert [column["name"] for column in columns] == ["User ID", "Score"]
    (tmp_path / "report.yaml").write_text("delimitor: '|'\n", encoding="utf-8")
    code, _, error = command("inspect", "2026-11-22.csv")
    assert code == 1
    assert "delimitor" in error


def test_a_file_that_is_not_there_is_no_report(report: Path, command: Command) -> None:
    empty = report / "empty"
    empty.mkdir()
    for what, said in {
        empty / "2026-11-22.csv": f"the folder {empty} has no file '2026-11-22.csv'; it holds no file",
        report / "2026-11-23.csv": f"the folder {report} has no file '2026-11-23.csv'; the nearest is '2026-11-",
        report / "x" / "2026-11-22.csv": f"there is no folder {report / 'x'}",
        report: f"{report} is a folder; name a file in it",
    }.items():
        code, _, error = command("inspect", str(what))
        assert (code, said in error) == (1, True), error
    assert "report 'nsp' is not visible" in command("inspect", "nsp")[2]


def test_samples_show_how_a_value_was_written(report: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEGRATION_CENTER_PREVIEWS", "true")
    assert "1,5 → 1.5, 2,5 → 2.5" in command("inspect", "nps")[1]
    assert as_json(command("inspect", "nps", "--json"))["columns"][1]["written"] == ["1,5", "2,5"]
    monkeypatch.setenv("INTEGRATION_CENTER_PREVIEWS", "false")
    assert "1,5" not in command("inspect", "nps", "--json")[1]
