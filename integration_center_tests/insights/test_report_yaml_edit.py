"""Changes of a `report.yaml`: what the page saves, and what of the file stays as somebody wrote it."""

from pathlib import Path

import pytest

from integration_center.errors import ConfigurationError, EditedMeanwhile
from integration_center.insights.declared.report_yaml import ReportFile, read_report_file
from integration_center.insights.declared.report_yaml_edit import read_kept, save_report_file


def save(folder: Path, before: str, after: str) -> tuple[list[str], str]:
    """What changed, and the file's text, after a file that says `after` was saved in place of `before`."""
    path = folder / "report.yaml"
    path.write_bytes(before.encode())
    changed = save_report_file(folder, read_kept(folder).version, read_report_file(after.encode(), "x"))
    return changed, path.read_bytes().decode()


@pytest.mark.parametrize(
    ("before", "after", "expected", "changed"),
    [
        ("# ours\ndelimiter: ';'  # German\ntags: [x]\n", "delimiter: ';'\ntags: [x]\nfooter: 2\n",
         "# ours\ndelimiter: ';'  # German\ntags: [x]\nfooter: 2\n", ["footer"]),
        ("# ours\r\ndelimiter: ';'\r\nfooter: 2\r\n", "delimiter: ';'\n", "# ours\r\ndelimiter: ';'\r\n", ["footer"]),
        ("columns:\n  # a count\n  N: integer\n", "columns: {N: integer, D: date}\n",
         "columns:\n  # a count\n  N: integer\n  D: date\n", ["columns"]),
        ("delimiter: ';'\n", "", "", ["delimiter"]),
        ("", "delimiter: tab\n", "delimiter: tab\n", ["delimiter"]),
        ("delimitor: x\n", "", "", []),
        ("delimiter: [\n", "footer: 1\n", "footer: 1\n", ["footer"]),
    ],
    ids=["an option is added", "Windows line ends", "a column is added", "the last option goes", "a new file",
         "an unknown option", "no YAML"],
)  # fmt: skip
def test_only_what_differs_is_changed(
    tmp_path: Path, before: str, after: str, expected: str, changed: list[str]
) -> None:
    assert save(tmp_path, before, after) == (changed, expected)
    assert read_kept(tmp_path).file == read_report_file(after.encode(), "x")


def test_what_an_edit_cannot_follow_is_written_again(tmp_path: Path) -> None:
    """The anchor gives both columns one type, and only one of them changes."""
    before = "columns:\n  N: &kind\n    type: integer\n    zone: Europe/Berlin\n  D: *kind\n"
    after = "columns:\n  N: {type: date, zone: Europe/Berlin}\n  D: {type: integer, zone: Europe/Berlin}\n"
    _, text = save(tmp_path, before, after)
    assert read_report_file(text.encode(), "x") == read_report_file(after.encode(), "x")


def test_nothing_is_written_without_a_change(tmp_path: Path) -> None:
    text = "# ours\ndelimiter:   ';'\n"
    assert save(tmp_path, text, "delimiter: ';'\n") == ([], text)


def test_a_change_by_somebody_else_stays(tmp_path: Path) -> None:
    shown = read_kept(tmp_path).version
    assert shown == ""
    (tmp_path / "report.yaml").write_text("footer: 1\n")
    with pytest.raises(EditedMeanwhile, match=r"was changed while you edited it\. Nothing was saved"):
        save_report_file(tmp_path, shown, ReportFile())
    assert (tmp_path / "report.yaml").read_text() == "footer: 1\n"


def test_a_folder_that_is_gone_and_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not there any more; nothing was saved"):
        save_report_file(tmp_path / "gone", "", ReportFile())
    (tmp_path / "report.yaml").mkdir()
    with pytest.raises(ConfigurationError, match=r"report\.yaml cannot be read: "):
        read_kept(tmp_path)


def test_a_broken_file_is_shown_with_its_problem(tmp_path: Path) -> None:
    (tmp_path / "report.yaml").write_text("delimitor: x\n")
    kept = read_kept(tmp_path)
    assert (kept.text, kept.file) == ("delimitor: x\n", ReportFile())
    assert "delimitor" in (kept.problem or "")
