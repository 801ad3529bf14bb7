"""Expressions over a report's columns, in SQL as Polars speaks it: `UPPER("Name")`, `COUNT("Score")`.

Polars parses and evaluates the SQL. Before that, every word of it is looked up here: a word is an allowed keyword, an
allowed function, `RUN_DATE`, or the name of a column. So an expression can neither hold a query, which could read
files, nor a function whose result grows without bound. Names of columns are replaced by plain ones, because Polars
reads names such as `^a.*$` as patterns.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from itertools import pairwise
from math import isfinite

from integration_center.integration.sql_words import (
    AGGREGATES,
    BEFORE_PARENTHESIS,
    CLOCKS,
    FUNCTIONS,
    KEYWORDS,
    ORDERED,
    QUERIES,
    TYPES,
    UNITS,
    explain_polars,
    quote_name,
)

LONGEST, MOST_PARTS, DEEPEST = 4_000, 600, 40
"""The limits of an expression: characters, parts, and parentheses and CASEs inside one another."""
MOST_USES = 50
"""How often a column may be named. Joined with itself, each cell would become so many times as long."""
EXACT = 2**53
"""Whole numbers beyond this are doubles."""
RUN_DATE, LAST_SEEN = "RUN_DATE", "LAST_SEEN"
"""The day of the run's partition; and, for a record whose person dropped out, the last day in the report."""
TOKENS = re.compile(
    r"""
      (?P<blank>\s+)
    | (?P<text>'(?:[^']|'')*')
    | (?P<name>"(?:[^"]|"")+")
    | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<word>[^\W\d]\w*)
    | (?P<sign><=|>=|<>|!=|::|\|\||[-+*/%=<>(),])
    """,
    re.VERBOSE,
)


VALUES = ("column", "number", "text", "day")
"""The kinds of parts that are values by themselves."""
SAFE_NAME = "column_{}_"
"""How a column is called while Polars works with it."""


@dataclass(frozen=True)
class Part:
    """One token of an expression.

    Attributes:
        kind: `text`, `number`, `column`, `day` (RUN_DATE or LAST_SEEN), `function`, or `sign` for everything else.
        text: the token as written; of a quoted column, its name.
        place: the number of its first character, from 1.
    """

    kind: str
    text: str
    place: int


@dataclass(frozen=True)
class Expression:
    """An expression whose words are all allowed.

    Attributes:
        text: the expression as written.
        parts: its tokens.
    """

    text: str
    parts: tuple[Part, ...] = field(repr=False)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns that the expression names, each once, in order of first use."""
        return tuple(dict.fromkeys(part.text for part in self.parts if part.kind == "column"))

    @property
    def aggregates(self) -> bool:
        """Whether the expression makes one value of many rows."""
        return self._calls(AGGREGATES)

    @property
    def is_ordered(self) -> bool:
        """Whether the result depends on the order of the rows."""
        return self._calls(ORDERED)

    def respell(self, names: Mapping[str, str]) -> str:
        """Return the text of the expression with other names of columns."""
        pieces, end = [], 0
        for part in self.parts:
            if part.kind == "column":
                width = TOKENS.match(self.text, part.place - 1)
                pieces += [self.text[end : part.place - 1], quote_name(names[part.text])]
                end = width.end() if width else end
        return "".join([*pieces, self.text[end:]])

    def to_sql(self, names: Mapping[str, str], days: Mapping[str, date | str]) -> str:
        """Return the SQL for Polars.

        Args:
            names: what Polars is to call each column.
            days: the values of `RUN_DATE` and `LAST_SEEN`, or the columns that hold them.
        """
        written, functions = [], [""]
        for before, part in zip(("", *(part.text for part in self.parts)), self.parts, strict=False):
            if part.text == "(" and part.kind == "sign":
                functions.append(before.upper())
            elif part.text == ")" and part.kind == "sign":
                functions.pop()
            # Polars takes the share of a quantile from the text of the SQL.
            is_share = part.kind == "number" and functions[-1].startswith("QUANTILE")
            written.append(part.text if is_share else _write(part, names, days))
        return " ".join(written)

    def _calls(self, functions: Collection[str]) -> bool:
        return any(part.kind == "function" and part.text.upper() in functions for part in self.parts)


def parse_expression(text: str, *, days: Collection[str] = (RUN_DATE,)) -> Expression:
    """Read an expression, and check that it holds nothing but what is allowed.

    Args:
        text: the expression.
        days: which of `RUN_DATE` and `LAST_SEEN` can be used.

    Raises:
        ValueError: the expression is not allowed, or Polars cannot parse it. The sentence says what is wrong and where.
    """
    if not text.strip():
        raise ValueError("the expression is empty")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("it holds half of a character; write the text again")
    if len(text) > LONGEST:
        raise ValueError(f"the expression has {len(text):,} characters; at most {LONGEST:,} are allowed")
    tokens = list(_split(text))
    if len(tokens) > MOST_PARTS:
        raise ValueError(f"the expression has {len(tokens):,} parts; at most {MOST_PARTS} are allowed")
    _check_depth(tokens)
    found = Expression(text, tuple(_classify(tokens, days)))
    _check_operators(found.parts)
    _check_work(found.parts)
    _check_syntax(found)
    return found


def _split(text: str) -> Iterator[Part]:
    place = 0
    before = ""
    while place < len(text):
        token = TOKENS.match(text, place)
        if token is None:
            raise ValueError(_explain(text, place))
        kind = token.lastgroup or "sign"
        if kind == "sign" and before in ("-", "/") and token[0] in ("-", "*", "/") and before + token[0] != "/-":
            raise ValueError(f"character {place + 1}: comments are not allowed in an expression")
        if (
            kind == "word"
            and text[token.end() : token.end() + 1] == "'"
            and token[0].upper()
            not in TYPES
            | {
                "INTERVAL",
                *KEYWORDS,
            }
        ):
            raise ValueError(f"character {place + 1}: {token[0]} before a text is not allowed")
        before = token[0] if kind == "sign" else ""
        if kind != "blank":
            yield Part(kind, token[0], place + 1)
        place = token.end()


def _explain(text: str, place: int) -> str:
    at, found = f"character {place + 1}", text[place]
    if found == "'":
        return f"{at}: the text is not closed; write a quote inside a text twice"
    if found == '"':
        return f'{at}: the name of the column is not closed, or empty; write "Column name"'
    if found in "`[":
        return f'{at}: {found} is not allowed; write names of columns as "Column name"'
    if found == ".":
        return f'{at}: a point is not allowed here; write names of columns as "Column name"'
    return f"{at}: {found} is not allowed in an expression"


def _check_depth(tokens: list[Part]) -> None:
    depth = 0
    for token in tokens:
        word = token.text.upper() if token.kind in ("word", "sign") else ""
        depth += {"(": 1, "CASE": 1, ")": -1, "END": -1}.get(word, 0)
        if depth > DEEPEST:
            raise ValueError(f"character {token.place}: parentheses and CASEs are more than {DEEPEST} deep")
        if depth < 0:
            raise ValueError(f"character {token.place}: {token.text} closes nothing")
    if depth:
        raise ValueError("a parenthesis or CASE is not closed")


def _classify(tokens: list[Part], days: Collection[str]) -> Iterator[Part]:
    for number, token in enumerate(tokens):
        before = tokens[number - 1].text.upper() if number else ""
        after = tokens[number + 1] if number + 1 < len(tokens) else Part("sign", "", 0)
        if token.kind == "name":
            if after.text == "(" and after.kind == "sign":
                raise ValueError(
                    f"character {token.place}: {token.text} is no function; write functions without quotes"
                )
            yield Part("column", token.text[1:-1].replace('""', '"'), token.place)
        elif token.kind == "word":
            in_extract = number > 1 and before == "(" and tokens[number - 2].text.upper() == "EXTRACT"
            yield Part(_kind_of(token, before, after, in_extract, days), token.text, token.place)
        elif token.kind == "number" and not isfinite(float(token.text)):
            raise ValueError(f"character {token.place}: the number is too large")
        else:
            yield token


def _kind_of(token: Part, before: str, after: Part, in_extract: bool, days: Collection[str]) -> str:
    word, at = token.text.upper(), f"character {token.place}"
    opens = after.kind == "sign" and after.text == "("
    if word in TYPES and (before in ("AS", "::") or after.kind == "text"):
        return "sign"
    if word == "PRECISION" and before == "DOUBLE":
        return "sign"
    if in_extract and word in UNITS:
        return "sign"
    if opens and word not in BEFORE_PARENTHESIS:
        if word not in FUNCTIONS:
            hint = (
                f"; {RUN_DATE} is the day of the run"
                if word in CLOCKS
                else f"; there are {', '.join(sorted(FUNCTIONS))}"
            )
            raise ValueError(f"{at}: function {token.text} is not allowed{hint}")
        return "function"
    if word in KEYWORDS:
        return "sign"
    if word in (RUN_DATE, LAST_SEEN):
        if word not in days:
            raise ValueError(f"{at}: {word} can be used in `absent` only")
        return "day"
    if word in QUERIES:
        raise ValueError(f"{at}: {word} is not allowed; an expression holds no query and no window")
    if word in CLOCKS:
        raise ValueError(
            f"{at}: {token.text} is not allowed, because a past day must give the same again; use {RUN_DATE}"
        )
    return "column"


def _check_operators(parts: tuple[Part, ...]) -> None:
    """Check that something is between two values: SQL takes the second one for a new name of the first."""
    for before, part in pairwise(parts):
        ends = before.kind in VALUES or before.text == ")" or before.text.upper() == "END"
        if ends and part.kind in (*VALUES, "function"):
            raise ValueError(
                f"character {part.place}: something is missing between {before.text} and {part.text}; a column whose"
                ' name has a blank needs quotes: "Column name"'
            )
        if before.text.upper() == "AS" and before.kind == "sign" and part.kind != "sign":
            raise ValueError(f"character {part.place}: {part.text} is no type; AS is for CAST(… AS type)")


def _check_work(parts: tuple[Part, ...]) -> None:
    """Check that no cell grows without bound, and that no pattern is made of cells."""
    for name, uses in Counter(part.text for part in parts if part.kind == "column").items():
        if uses > MOST_USES:
            raise ValueError(f"column {quote_name(name)} is named {uses} times; at most {MOST_USES} are allowed")
    for number, part in enumerate(parts):
        if part.kind != "function" or part.text.upper() != "REGEXP_LIKE":
            continue
        depth, place = 0, number + 1
        while place < len(parts) and not (depth == 1 and parts[place].text == "," and parts[place].kind == "sign"):
            depth += {"(": 1, ")": -1}.get(parts[place].text if parts[place].kind == "sign" else "", 0)
            place += 1
        pattern = parts[place + 1 : place + 3]
        if len(pattern) < 2 or pattern[0].kind != "text" or pattern[1].text not in (",", ")"):
            raise ValueError(
                f"character {part.place}: {part.text} needs a pattern in single quotes, not one made of columns"
            )


def _write(part: Part, names: Mapping[str, str], days: Mapping[str, date | str]) -> str:
    match part.kind:
        case "column":
            return quote_name(names[part.text])
        case "day":
            day = days[part.text.upper()]
            return quote_name(day) if isinstance(day, str) else f"DATE '{day.isoformat()}'"
        case "sign" if part.text.upper() in ("INT", "INTEGER", "SMALLINT"):
            return "BIGINT"
        case "number" if not part.text.isdigit() or int(part.text) > EXACT:
            # Polars would calculate with decimals of seven places.
            return f"CAST({part.text} AS DOUBLE)"
        case _:
            return part.text


def _check_syntax(expression: Expression) -> None:
    import polars as pl  # a third of a second, which integrations without expressions need not wait for

    from integration_center.files.polars_errors import POLARS_ERRORS

    names = {name: SAFE_NAME.format(number) for number, name in enumerate(expression.columns)}
    day = date(2000, 1, 1)
    try:
        pl.sql_expr(expression.to_sql(names, {RUN_DATE: day, LAST_SEEN: day}))
    except POLARS_ERRORS as error:
        raise ValueError(f"Polars does not understand it: {explain_polars(error, names)}") from None
