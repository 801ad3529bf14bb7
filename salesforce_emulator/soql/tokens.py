"""SOQL text to tokens."""

import re
from dataclasses import dataclass

from salesforce_emulator.refusals import Refusal

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<string>'(?:[^'\\]|\\.)*')
  | (?P<datetime>\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2}))
  | (?P<date>\d{4}-\d{2}-\d{2}(?!T))
  | (?P<time>\d{2}:\d{2}:\d{2}(?:\.\d+)?Z?)
  | (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*(?::\d+)?)
  | (?P<symbol><=|>=|!=|<>|[=<>(),])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "'": "'", '"': '"', "\\": "\\"}
MAX_STATEMENT = 100_000
MAX_LITERAL = 4_000


@dataclass(frozen=True)
class Token:
    """One token: its kind (a group of the pattern, or `end`), its text, and where it begins."""

    kind: str
    text: str
    position: int

    @property
    def upper(self) -> str:
        """The text in capitals, for keywords."""
        return self.text.upper()


def located(statement: str, position: int, code: str, message: str) -> Refusal:
    """Return a refusal with the part of the statement, a caret under it, row and column, as the org writes it."""
    line_start = statement.rfind("\n", 0, position) + 1
    line_end = statement.find("\n", position)
    line = statement[line_start : line_end if line_end >= 0 else len(statement)]
    column = position - line_start
    row = statement.count("\n", 0, line_start) + 1
    crop = max(0, column - 60)
    excerpt = line[crop : column + 40]
    return Refusal(
        400, code, f"\n{excerpt}\n{' ' * (column - crop)}^\nERROR at Row:{row}:Column:{column + 1}\n{message}"
    )


def tokenize(statement: str) -> list[Token]:
    """Split a statement; refuse what is too long or not SOQL at all."""
    if len(statement) > MAX_STATEMENT:
        raise Refusal(400, "MALFORMED_QUERY", f"SOQL statements cannot be longer than {MAX_STATEMENT} characters.")
    tokens = []
    position = 0
    while position < len(statement):
        match = _TOKEN.match(statement, position)
        if match is None or match.lastgroup is None:
            character = statement[position]
            text = "line breaks not allowed in string literals" if character == "'" else _unexpected(character)
            raise located(statement, position, "MALFORMED_QUERY", text)
        if match.lastgroup == "string" and len(match.group()) - 2 > MAX_LITERAL:
            raise Refusal(400, "MALFORMED_QUERY", f"String literals cannot be longer than {MAX_LITERAL} characters.")
        if match.lastgroup != "space":
            tokens.append(Token(match.lastgroup, match.group(), position))
        position = match.end()
    tokens.append(Token("end", "<EOF>", len(statement)))
    return tokens


def _unexpected(text: str) -> str:
    return f"unexpected token: '{text}'"


def unexpected(statement: str, token: Token) -> Refusal:
    """Return the refusal of a token in the wrong place."""
    if token.kind == "end":
        return Refusal(400, "MALFORMED_QUERY", "unexpected token: <EOF>")
    return located(statement, token.position, "MALFORMED_QUERY", _unexpected(token.text))


def unescape(statement: str, token: Token, *, for_like: bool = False) -> str:
    """Return the value of a string literal; for LIKE, an escaped wildcard keeps its backslash."""
    body = token.text[1:-1]
    if "\\" not in body:
        return body

    def replace(match: re.Match[str]) -> str:
        character = match.group(1)
        if character in "_%":
            return match.group() if for_like else character
        if for_like and character == "\\":
            return "\\\\"
        known = _ESCAPES.get(character) or _ESCAPES.get(character.lower() if character.isalpha() else "")
        if known is None:
            raise located(statement, token.position, "MALFORMED_QUERY", f"Illegal escape: \\{character}")
        return known

    return re.sub(r"\\(.)", replace, body, flags=re.DOTALL)
