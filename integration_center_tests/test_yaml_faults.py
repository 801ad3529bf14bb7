"""YAML that means something else than its writer meant."""

import re
from contextlib import suppress
from time import process_time

import pytest

from integration_center.errors import UnreadableReport
from integration_center.files.yaml_bounds import YamlFault
from integration_center.files.yaml_faults import check_yaml, construct_yaml
from integration_center.insights.declared.report_yaml import ReportFile, read_report_file
from integration_center.integration_files.parsing import IntegrationFile

FILE = """\
type: integration_center.Integration
attributes:
  name: Case
  environment: sandbox
  report: Logins Review
  object: Lead
  keys:
    - {column: "User ID", field: Email}
  fields:
    - column: COLUMN
      field: WalkMe_Logins_Last_30_Days__c
"""
DEEP = "[" * 1200


def explain(text: str) -> str | None:
    """What is wrong with the text of a `defs.yaml`."""
    try:
        check_yaml(text, IntegrationFile, root="attributes")
    except YamlFault as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("no", "false"),
        ("Yes", "true"),
        ("on", "true"),
        ("OFF", "false"),
        ("2024", "the number 2024"),
        ("1.10", "the number 1.1"),
        (".5", "the number 0.5"),
        ("12:30", "the number 750"),
        ("0x1F", "the number 31"),
        ("010", "the number 8"),
        ("1_000", "the number 1000"),
        (".inf", "the number inf"),
        pytest.param("9" * 5000, "a number", id="long"),
        ("2026-11-22", "a date"),
        ("2026-13-45", "a date"),
        ("2026-11-22 07:00:00", "a date and time"),
        ("~", "nothing"),
        ("null", "nothing"),
        ("# Logins Last 30 Days", "a comment"),
        ("!logins", "a tag"),
        ("!!int '5'", "a tag"),
        ("=", "a special sign"),
    ],
)
def test_a_column_that_yaml_reads_as_something_else_is_to_be_quoted(written: str, read: str) -> None:
    said = explain(FILE.replace("COLUMN", written))
    assert said is not None
    shown = written.replace("'", "")[:79]
    assert said.startswith(f"fields[0].column in line 10: YAML reads {shown}")
    assert f" as {read}; write it in quotes: " in said
    assert said.count(" in line ") == 1
    quoted = said.rpartition("quotes: ")[2]
    if not quoted.endswith("…"):
        assert explain(FILE.replace("COLUMN", quoted)) is None


def test_the_sentence_as_the_reader_sees_it() -> None:
    assert explain(FILE.replace("COLUMN", "no")) == (
        'fields[0].column in line 10: YAML reads no as false; write it in quotes: "no"'
    )


@pytest.mark.parametrize("written", ["'no'", '"2024"', "Logins", "y", "1e3", "Score 2024", "a # b", ">-\n        no"])
def test_what_yaml_reads_as_text_is_text(written: str) -> None:
    assert explain(FILE.replace("COLUMN", written)) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("COLUMN\n      column: B", "fields[0].column is written twice, in lines 10 and 11; keep one"),
        (
            "A\n  fields:\n    - {column: B, field: Y__c}\n  limits:",
            "fields is written twice, in lines 9 and 11; keep one",
        ),
        ('A\n  "fields": []\n  limits:', "fields is written twice, in lines 9 and 11; keep one"),
        ("A\n  object: Contact\n  limits:", "object is written twice, in lines 6 and 11; keep one"),
        ("A\nattributes:\n  limits:", "attributes is written twice, in lines 2 and 11; keep one"),
        ("A\ntype: x\nother:", "type is written twice, in lines 1 and 11; keep one"),
        ("{a: {b: [{c: 1, c: 2}]}}\nx:", "fields[0].column in line 10: YAML reads a mapping here"),
        (
            "A\n  limits: {max_failed: 1, max_failed: 2}\n  x:",
            "limits.max_failed is written twice, in line 11; keep one",
        ),
        ("A\n  x: {a: {b: [{c: 1, c: 2}]}}\n  y:", "x.a.b[0].c is written twice, in line 11; keep one"),
        (
            "A\n  limits: &l\n    a: 1\n    a: 2\n    a: 3\n  y: *l\n  z:",
            "limits.a is written 3 times, in lines 12, 13 and 14",
        ),
        ("A\n  x: {yes: 1, true: 2}\n  y:", "x.yes and x.true are the same name in YAML, in line 11; keep one"),
        ("A\n  <<: {}\n  <<: {}\n  y:", "<< is written twice, in lines 11 and 12; keep one"),
        (
            "A\n  limits: {max_failed: yes}\n  y:",
            "limits.max_failed in line 11: YAML reads yes as true; write a number",
        ),
        (
            "A\n  max_matches: 010\n  y:",
            "max_matches in line 11: YAML reads 010 as the number 8; write the number in plain",
        ),
        ("A\n  latest_by: # Since\n  y:", "latest_by in line 11: YAML reads # Since as a comment; write it in quotes"),
        ("A\n  owners: [no]\n  y:", 'owners[0] in line 11: YAML reads no as false; write it in quotes: "no"'),
        ('A\n  "\\e[2J": 1\n  "\\e[2J": 2\n  y:', "\\x1b[2J is written twice, in lines 11 and 12; keep one"),
        ("A\n  on: x\n  y:", 'a name in line 11: YAML reads on as true; write it in quotes: "on"'),
        ("\n      truncate: true\n      y:", "fields[0].column in line 10: it is empty"),
        ("{{x}}\n      y:", "fields[0].column in line 10: YAML reads a mapping here; write text, in quotes"),
        ("@x\n      y:", "line 10, column 15: not YAML, because a text begins with a special sign"),
    ],
)
def test_what_is_written_twice_or_misread_anywhere(text: str, said: str) -> None:
    assert (explain(FILE.replace("COLUMN", text)) or "").startswith(said)


def test_an_option_may_be_empty_and_a_merge_may_be_overridden() -> None:
    given = "A\n  where:  # all\n  latest_by:\n  gainsight: ~\n  <<: {object: Contact, max_matches: 3}\n  enabled"
    assert explain(FILE.replace("COLUMN", f"{given}: off\n  limits:")) is None


def test_a_merged_mapping_is_checked_where_it_is_written() -> None:
    text = FILE.replace("type:", "base: &base {column: no}\ntype:").replace("column: COLUMN", "<<: *base")
    assert explain(text) == 'fields[0].column in line 1: YAML reads no as false; write it in quotes: "no"'


def test_a_hash_inside_of_brackets_takes_the_bracket_along() -> None:
    text = FILE.replace("column: COLUMN\n      field:", "{column: # Logins, field:").rstrip() + "}\n"
    assert (explain(text) or "").startswith("line 10: YAML reads everything after # as a comment")


@pytest.mark.parametrize(
    "text",
    [DEEP, "a: &a {b: *a}", "a: &a [*a, *a]", "type: &t {<<: [*t, *t]}"],
    ids=["deep", "mapping", "list", "merge"],
)
def test_no_text_brings_the_check_down(text: str) -> None:
    assert (explain(text) or "").endswith(("nested too deep to be read", "write out what is meant"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tags: [a]\nname: B\ntags: [b]\n", "tags is written twice, in lines 1 and 3; keep one"),
        ("columns: {A: date, A: string}\n", "columns.A is written twice, in line 1; keep one"),
        ("name: 2024\n", 'name in line 1: YAML reads 2024 as the number 2024; write it in quotes: "2024"'),
        ("tags:\n  - no\n", 'tags[0] in line 2: YAML reads no as false; write it in quotes: "no"'),
        ("columns:\n  2024: date\n", "a name of columns in line 2: YAML reads 2024 as the number 2024"),
        ("columns:\n  Score: ~\n", "columns.Score in line 2: names and values must follow it"),
        ("key_column: # User\n", "key_column in line 1: YAML reads # User as a comment"),
        ("latest_by: 2026-11-22\n", "latest_by in line 1: YAML reads 2026-11-22 as a date"),
        ("other: 2026-13-45\n", "a value is neither text nor a date or number (month must be in 1..12)"),
        ("? [a, b]\n: c\n", "a name in line 1: YAML reads a list here"),
        ("name: A\n---\nname: B\n", "it has 2 documents"),
        pytest.param(DEEP, "line 1: lists and mappings are nested too deep to be read", id="deep"),
    ],
)
def test_report_yaml_is_read_as_strictly(text: str, said: str) -> None:
    with pytest.raises(UnreadableReport) as error:
        read_report_file(text.encode(), "drops/logins/report.yaml")
    assert str(error.value).startswith(f"drops/logins/report.yaml: {said}")


LAUGHS = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
BOMB = "\n".join(["a0: &a0 [x, x, x, x, x, x, x, x, x, x]", *LAUGHS])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tags: " + "[" * 5_000, "line 1: lists and mappings are nested too deep"),
        ("tags: " + "[" * 41 + "]" * 41, "line 1: lists and mappings are nested too deep"),
        ("\n".join(f"{' ' * n}a:" for n in range(500)), "nested too deep"),
        (BOMB, "aliases (*) expand it to more than 20,000 values"),
        ("tags: &t [*t]", "line 1: an anchor (&) contains itself"),
        ("columns: &c\n  a: *c", "line 1: an anchor (&) contains itself"),
        ("name: " + "9" * 5_000, "YAML reads 9999"),
        ("name: x\n" * 30_000, "it has 240,000 characters; at most 200,000 are read"),
    ],
    ids=lambda value: value[:24],
)
def test_a_text_without_bounds_is_refused_before_anything_is_built_of_it(text: str, said: str) -> None:
    begun = process_time()
    with pytest.raises(YamlFault, match=re.escape(said)):
        list(map(construct_yaml, check_yaml(text, ReportFile)))
    assert process_time() - begun < 5


TAGGED = [
    f"!!{tag} {value}".strip()
    for tag in ("bool", "int", "float", "timestamp", "binary", "omap", "set", "seq", "map", "merge", "python/name:os.x")
    for value in ("foo", "''", "[a]", "{a: b}", "")
]
UNREADABLE = [*TAGGED, "!x y", "<<", "2026-99-99", "9" * 5_000, "1" + ":1" * 20_000 + ".5", '"\\ud800"', "&a x"]


@pytest.mark.parametrize(
    "text", ["name: X", "columns: {X: date}", "columns:\n  ? X\n  : date", "tags: [X]", "other: X", "X"]
)
def test_a_value_of_which_yaml_makes_nothing_is_a_fault_of_its_file_only(text: str) -> None:
    said = []
    for written in UNREADABLE:  # any other error fails the test
        try:
            read_report_file(text.replace("X", written).encode(), "report.yaml")
        except UnreadableReport as fault:
            said.append(str(fault))
        with suppress(YamlFault):
            check_yaml(FILE.replace("COLUMN", written) + text.replace("X", written), IntegrationFile)
    assert len(said) > len(UNREADABLE) / 2
    assert [each for each in said if "report.yaml" not in each] == []


def test_what_yaml_makes_nothing_of_is_named_with_its_line() -> None:
    assert explain("other:\n  - !!bool foo\n") == (
        "a value is neither text nor a date or number (it is not a valid !!bool), in line 2: write 'foo' as text,"
        " in quotes"
    )
    assert explain('other: "\\ud800"') == "line 1: \\ud800 is half of a character; write the whole character"
    assert explain("other: !!set {a}") == "line 1: the tag !!set is not read here; remove it"
    assert explain("".join(f"k{n}: {n}\n" for n in range(11_000))) == (
        "line 1: it has more than 20,000 values, which is the most that is read"
    )
