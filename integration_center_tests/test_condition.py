"""What `where:` may hold, before the org is asked."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_center.integration.condition import check_condition, find_fields


@pytest.mark.parametrize(
    "text",
    [
        "IsConverted = false",
        "Company = 'O\\'Hara; DROP (' AND (Rating != null OR NOT Name LIKE 'A\\_%')",
        "Owner.Profile.Name IN ('Sales', 'Süd')",
        "CreatedDate >= 2026-01-01T00:00:00+01:00 AND LastActivityDate = LAST_N_DAYS:30",
        "Amount__c > -1.5e3 AND Order.Limit__c < USD5000",
        "Interests__c INCLUDES ('Red;Blue','Green')",
    ],
)
def test_conditions_pass_as_they_are(text: str) -> None:
    assert check_condition(text) == text


def test_a_condition_over_several_lines_becomes_one() -> None:
    assert check_condition("  IsConverted = false\n\t AND Name != 'two\\nlines  kept'\n") == (
        "IsConverted = false AND Name != 'two\\nlines  kept'"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("  \n", "is empty"),
        ("WHERE IsConverted = false", "WHERE at character 1 does not belong there; write the condition alone"),
        ("Name = 'x' LIMIT 1", "LIMIT at character 12"),
        ("Name = 'x' order by Name", "ORDER at character 12"),
        ("Name = 'x' FOR UPDATE", "FOR at character 12"),
        ("Name = 'x' ALL ROWS", "ALL at character 12"),
        ("AccountId IN (SELECT Id FROM Account)", "SELECT at character 15 does not belong there; only a condition"),
        ("Name = 'x') OR (Name != 'x'", "the parenthesis at character 11 closes none"),
        ("((Name = 'x')", "1 parentheses are not closed"),
        ("Name = 'x", "the text that begins at character 8 does not end"),
        ("Name = 'x\\'", "the text that begins at character 8 does not end"),
        ("Name = 'a\nb'", "the text that begins at character 8 does not end"),
        ("Name = 'a\\qb'", "unknown escape"),
        ("Name = 'x'; DELETE", "';' at character 11"),
        ('Name = "x"', "'\"' at character 8"),
        ("Name = 'x' -- really", "'-' at character 12"),
        ("Name = 'x' /* really */", "'/' at character 12"),
        ("Näme = 'x'", "'ä' at character 2"),
        ("Name = '" + "ü" * 2_000 + "'", "takes 12,"),
    ],
)
def test_what_is_no_condition_is_refused_in_a_sentence(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        check_condition(text)


PIECES = st.sampled_from(
    ["Name", "=", "'x'", "'", "\\", "(", ")", " ", "AND", "OR", ";", "LIMIT", "1", "SELECT", "'\\''", "\n", "--", '"']
)


@given(st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=30))
def test_what_passes_cannot_leave_its_parentheses(text: str) -> None:
    try:
        condition = check_condition(text)
    except ValueError:
        return
    bare = re.sub(r"'(?:[^'\\]|\\.)*'", "", condition)
    assert "'" not in bare
    assert "\n" not in condition
    depth = 0
    for character in bare:
        depth += {"(": 1, ")": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    words = {word.upper() for word in re.findall(r"(?<![\w.])\w+(?![\w.])", bare)}
    assert not words & {"SELECT", "LIMIT", "ORDER", "GROUP", "FOR"}
    assert ";" not in bare
    assert check_condition(condition) == condition


@pytest.mark.parametrize(
    ("condition", "fields"),
    [
        ("IsConverted = false AND (Name LIKE 'TODAY%' OR NOT Rating IN ('Hot'))", {"IsConverted", "Name", "Rating"}),
        ("Interests__c INCLUDES ('a;b') AND Name NOT IN ('x', null)", {"Interests__c", "Name"}),
        ("Owner.Email != NULL", {"Owner.Email"}),
        ("CreatedDate > 2026-01-01T00:00:00Z", {"CreatedDate"}),
        ("CreatedDate = TODAY", None),
        ("CreatedDate >= LAST_N_DAYS:30", None),
        ("Amount > USD5000", None),
        ("DAY_ONLY(CreatedDate) = 2026-01-01", None),
        ("Name IN (Names)", None),
    ],
)  # fmt: skip
def test_the_fields_that_decide_are_found_or_it_is_said_that_more_decides(
    condition: str, fields: set[str] | None
) -> None:
    assert find_fields(condition) == fields
