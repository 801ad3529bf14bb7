"""Names in Markdown: whatever they hold, a renderer shows them as they are, and makes no link, picture or table."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from integration_center.wording.markdown import JOINER, escape_markdown, unescape_markdown
from integration_center.wording.plain_text import make_printable

GFM = MarkdownIt("commonmark").enable(["table", "strikethrough"])
LITERAL_LINKS = re.compile(r"(https?://|www\.)[-.\w]+|[-.\w+]+@[-\w]+\.[-\w]+", re.IGNORECASE)
"""What the Dagster UI's renderer makes a link of in a plain text (mdast-util-gfm-autolink-literal)."""
HOSTILE = (
    "[a](javascript:alert(1))",
    "[a][b]",
    "[b]: https://evil.example",
    "![x](https://evil.example/x.png)",
    "<img src=https://evil.example onerror=alert(1)>",
    "<https://evil.example>",
    "https://evil.example/path",
    "HTTP://evil.example",
    "www.evil.example",
    "see ann@evil.example",
    "`code` and ``more``",
    "```\nfence",
    "a | b\n--- | ---\nc | d",
    "~~gone~~ *bold* __also__ _this_",
    "&lt;b&gt; &#60;img&#62;",
    "# Heading",
    "> quote",
    "- item",
    "1) item",
    "===",
    "---",
    "    code",
    "\\[a](b)\\",
    "\\\\*x*",
    "line\n\nbreak  \nend",
)
PARTS = st.sampled_from([*"[]()<>!`*_~|\\&#-+=>.:/@ \n", "https://", "www.", "a", "b1", "é", "&amp;", "![", "](", "__"])


def render(text: str) -> list[Token]:
    """The inline tokens of a text that must be one paragraph."""
    blocks = GFM.parse(text)
    assert [block.type for block in blocks] in ([], ["paragraph_open", "inline", "paragraph_close"]), text
    return (blocks[1].children or []) if blocks else []


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("sentence", ["{}", "The plan of '{}': what it writes.", "{} → Lead in Sandbox.", "Broken: {}"])
def test_hostile_names_are_text_wherever_they_occur(sentence: str, name: str) -> None:
    tokens = render(sentence.format(escape_markdown(name)))
    assert {token.type for token in tokens} <= {"text", "text_special"}
    shown = "".join(token.content for token in tokens)
    assert LITERAL_LINKS.search(shown) is None
    assert shown.replace(JOINER, "") == sentence.format(make_printable(name).strip())


@given(st.lists(PARTS, max_size=12).map("".join))
@example("_a_")
@example("a*\\*b")
@example("a\\")
def test_any_name_is_shown_as_it_is(name: str) -> None:
    escaped = escape_markdown(name)
    tokens = render(escaped)
    shown = "".join(token.content for token in tokens)
    assert {token.type for token in tokens} <= {"text", "text_special"}
    assert shown.replace(JOINER, "") == make_printable(name).strip()
    assert LITERAL_LINKS.search(shown) is None
    assert unescape_markdown(escaped) == make_printable(name).strip()


@pytest.mark.parametrize(
    "name",
    [
        "logins_to_leads",
        "Logins Review → Lead",
        "WalkMe_First_Login__c",
        "Number of # Logins (30 days), in %",
        "Terms & Conditions: 5 > 4 + 1 = 'x'",
        "/srv/defs/logins_to_leads/defs.yaml: fields.0.column: Field required",
        "report 'Logins' has no column 'User ID'; it has 'First Login', 'Last Login'",
    ],
)
def test_ordinary_names_and_sentences_are_not_changed(name: str) -> None:
    assert escape_markdown(name) == name


def test_a_name_that_begins_like_a_heading_reads_as_it_is() -> None:
    assert escape_markdown("# Logins Last 30 Days") == f"{JOINER}# Logins Last 30 Days"
