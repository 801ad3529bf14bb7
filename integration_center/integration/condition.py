"""The condition that narrows an integration's records: what may follow WHERE in SOQL, and nothing that leaves it.

Source: SOQL and SOSL Reference, "Condition Expression Syntax" and "Quoted String Escape Sequences".
"""

import re
from urllib.parse import quote

MAX_BYTES = 8_000
"""Inside a URL, which has room for 16,384 with the fields."""
TOKENS = re.compile(
    r"""
      (?P<blank>\s+)
    | (?P<text>'(?:[^'\\\r\n]|\\[nNrRtTbBfF"'\\_%])*')
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
    | (?P<value>[+-]?[0-9][0-9A-Za-z.:+-]*)
    | (?P<sign><=|>=|!=|<>|[=<>(),:])
    """,
    re.VERBOSE,
)
CLAUSES = frozenset(
    {"SELECT", "FROM", "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "OFFSET", "FOR", "WITH", "USING", "TYPEOF"}
    | {"UPDATE", "ALL", "ROWS", "FIELDS"}
)
"""Words that begin another clause or a query of their own. None of them is a field, unless a path names it."""

WORDS = frozenset({"AND", "OR", "NOT", "IN", "LIKE", "INCLUDES", "EXCLUDES", "TRUE", "FALSE", "NULL"})
COMPARING = frozenset({"=", "!=", "<>", "<", "<=", ">", ">=", "IN", "LIKE", "INCLUDES", "EXCLUDES"})


def check_condition(text: str) -> str:
    """`text` in one line.

    Raises:
        ValueError: it is no condition, or could reach beyond the parentheses around it. The sentence says what
            is wrong and where.
    """
    depth, place, parts = 0, 0, []
    if not text.strip():
        raise ValueError("where: the condition is empty; leave the attribute out to take all records")
    if (length := len(quote(text, safe=""))) > MAX_BYTES:
        raise ValueError(f"where: the condition takes {length:,} bytes in a URL; {MAX_BYTES:,} are allowed")
    while place < len(text):
        token = TOKENS.match(text, place)
        if token is None:
            raise ValueError(f"where: {_explain(text, place)}")
        if token["word"] and token["word"].upper() in CLAUSES:
            word = token["word"].upper()
            hint = "write the condition alone" if word == "WHERE" else "only a condition is allowed, without subqueries"
            raise ValueError(f"where: {word} at character {place + 1} does not belong there; {hint}")
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if depth < 0:
            raise ValueError(f"where: the parenthesis at character {place + 1} closes none")
        parts.append(" " if token["blank"] else token[0])
        place = token.end()
    if depth:
        raise ValueError(f"where: {depth} parentheses are not closed")
    return "".join(parts).strip()


def find_fields(condition: str) -> frozenset[str] | None:
    """The fields whose values alone decide whether a record meets the condition.

    Args:
        condition: what `check_condition` returned.

    Returns:
        Their names as written, paths included; None when it looks at more: a function, today's date, an exchange rate.
    """
    tokens = [token for token in TOKENS.finditer(condition) if not token["blank"]]
    fields = set()
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if not token["word"] or token[0].upper() in WORDS:
            continue
        after = following[0].upper() if following else ""
        if after not in COMPARING | {"NOT"}:  # as in NOT IN
            return None
        fields.add(token[0])
    return frozenset(fields)


def list_named_fields(condition: str) -> tuple[str, ...]:
    """List the fields that a condition names, paths included, also as the argument of a function.

    Args:
        condition: what `check_condition` returned.
    """
    tokens = [None, *(token for token in TOKENS.finditer(condition) if not token["blank"]), None]
    named: dict[str, None] = {}
    for before, token, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if token is None or not token["word"] or token[0].upper() in WORDS:
            continue
        compared = after is not None and after[0].upper() in COMPARING | {"NOT"}
        argument = after is not None and after[0] in {")", ","} and before is not None and before[0] == "("
        if compared or argument:
            named[token[0]] = None
    return tuple(named)


def _explain(text: str, place: int) -> str:
    """What is wrong with the character at `place`."""
    if text[place] == "'":
        return (
            f"the text that begins at character {place + 1} does not end, or holds a line break or an unknown escape;"
            " write ' as \\' and \\ as \\\\"
        )
    return f"{text[place]!r} at character {place + 1} does not belong into a condition"
