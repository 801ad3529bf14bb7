"""A text that is not UTF-8 is never called by an encoding that makes other letters of it."""

import pytest

from integration_center.errors import UnreadableReport
from integration_center.insights.declared.report_yaml import ReportFile
from integration_center.insights.inspecting.inspection import inspect_file
from integration_center.insights.sizes import SizeLimit
from integration_center_tests.insights.conftest import Read

WESTERN = "Müller, Renée, Œuvre – “größer” 5 € œil; straßenfüßer; l’été; £5; 1’200; 3–4, 2×3½, 1\u00a0234,50\u00a0€"


def write(text: str) -> str:
    return f"User ID\tName\na@x.example\t{text}\nb@x.example\tplain\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("ユーザーは東京です", "cp932"),
        ("東京商事", "cp932"),
        ("北京公司", "gb18030"),
        ("臺北公司", "big5"),
        ("서울 부산", "cp949"),
        ("Иванов Пётр", "cp1251"),
        ("Γιώργος Παπαδόπουλος", "cp1253"),
        ("Świątek Łukasz Żak", "cp1250"),
        ("שלום עולם", "cp1255"),
        ("Müller, Renée", "cp850"),
        ("Müller, Müll", "mac_roman"),
        ("Zoë", "cp850"),
        ("2026年11月22日", "cp932"),
        ("2026年11月22日", "gb18030"),
        ("2026年11月22日", "big5"),
        ("2026년 11월 22일", "cp949"),
    ],
)
def test_other_letters_than_western_ones_are_no_guess(read: Read, text: str, encoding: str) -> None:
    content = write(text).encode(encoding)
    with pytest.raises(UnreadableReport) as refused:
        read(content)
    assert "line 2: byte " in str(refused.value)
    assert "which of these it is: `encoding: " in str(refused.value)
    assert f"`encoding: {encoding}` (" in str(refused.value)
    found = inspect_file(content, "x.csv", "csv", ReportFile(), limit=SizeLimit())
    assert found.proposal == {}
    assert found.problem is not None
    report = read(content, f"encoding: {encoding}\n")
    assert report.frame["Name"].to_list() == [text, "plain"]


def test_western_letters_are_read_as_cp1252(read: Read) -> None:
    content = write(WESTERN).encode("cp1252")
    with pytest.raises(UnreadableReport, match="such as `encoding: cp1252`"):
        read(content)
    assert read(content, "encoding: cp1252\n").frame["Name"].to_list() == [WESTERN, "plain"]


def test_the_line_ends_of_old_macs_show_their_encoding(read: Read) -> None:
    content = write("Zoë").replace("\n", "\r").encode("mac_roman")
    with pytest.raises(UnreadableReport, match=r"which of these it is: `encoding: mac_roman` .*, `encoding: cp1252`"):
        read(content)
    assert read(content, "encoding: mac_roman\n").frame["Name"].to_list() == ["Zoë", "plain"]


def test_a_damaged_byte_makes_no_other_encoding(read: Read) -> None:
    content = write("東京商事" * 10).encode() + b"c@x.example\t\xe6\x9d\n"
    with pytest.raises(UnreadableReport, match="nearly all of it is, so the file is damaged; export it again"):
        read(content)


def test_a_file_that_ends_within_a_character_was_cut_off(read: Read) -> None:
    with pytest.raises(UnreadableReport, match="line 3: the file ends within a character, so it was cut off"):
        read("User ID,Name\na@x.example,Zoë\nb@x.example,é".encode()[:-1])
    with pytest.raises(UnreadableReport, match="such as `encoding: cp1252`"):
        read("User ID,Name\na@x.example,Bo\nb@x.example,é".encode("cp1252"))
