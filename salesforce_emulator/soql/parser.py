"""SOQL statements to a syntax tree: the part of the language that reading records for a sync needs.

Not in this subset, and refused: GROUP BY, HAVING, TYPEOF, subqueries, FIELDS(), relative date literals other than
those of `_DATE_NAMES`. Source of the grammar: the SOQL and SOSL Reference.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from salesforce_emulator.refusals import Refusal
from salesforce_emulator.soql.tokens import Token, tokenize, unexpected

_COMPARISONS = {"=", "!=", "<>", "<", "<=", ">", ">="}
_DATE_NAMES = ("TODAY", "YESTERDAY", "TOMORROW", "LAST_N_DAYS", "NEXT_N_DAYS")
_AGGREGATES = ("COUNT", "COUNT_DISTINCT", "MIN", "MAX", "SUM", "AVG")
_KEYWORDS = {
    "SELECT", "FROM", "WHERE", "AND", "OR", "NOT", "ORDER", "BY", "LIMIT", "OFFSET", "IN", "LIKE", "INCLUDES",
    "EXCLUDES", "ASC", "DESC", "NULLS", "NULL", "TRUE", "FALSE", "GROUP", "HAVING", "TYPEOF", "WITH",
}  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """`field operator literal(s)`; the operator in capitals, `<>` as `!=`."""

    field: Token
    operator: str
    literals: tuple[Token, ...]


@dataclass(frozen=True)
class Negation:
    """NOT of a condition."""

    condition: "Condition"


@dataclass(frozen=True)
class Junction:
    """Conditions joined by AND or by OR."""

    word: Literal["AND", "OR"]
    conditions: tuple["Condition", ...]


Condition = Comparison | Negation | Junction


@dataclass(frozen=True)
class SortKey:
    """One key of ORDER BY."""

    field: Token
    descending: bool
    nulls_last: bool


@dataclass(frozen=True)
class Aggregate:
    """A function over a column, with its alias or `expr0`, `expr1`, and so on."""

    function: str
    field: Token
    alias: str


@dataclass(frozen=True)
class Statement:
    """A parsed SELECT.

    Attributes:
        fields: the selected field paths; empty for COUNT() and aggregates.
        counts: whether it is `SELECT COUNT()`.
        entity: the object's token.
    """

    text: str
    fields: tuple[Token, ...]
    aggregates: tuple[Aggregate, ...]
    counts: bool
    entity: Token
    where: Condition | None
    order: tuple[SortKey, ...]
    limit: int | None
    offset: int


def parse(text: str) -> Statement:
    """Parse a statement; raises the org's MALFORMED_QUERY refusals."""
    return _Parser(text, tokenize(text)).statement()


class _Parser:
    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self._text = text
        self._tokens = tokens
        self._index = 0

    @property
    def _current(self) -> Token:
        return self._tokens[self._index]

    def _take(self) -> Token:
        token = self._current
        if token.kind != "end":
            self._index += 1
        return token

    def _refuse(self, token: Token | None = None) -> Refusal:
        return unexpected(self._text, token or self._current)

    def _accept(self, *words: str) -> bool:
        following = self._tokens[self._index : self._index + len(words)]
        if len(following) == len(words) and all(
            token.kind in ("name", "symbol") and token.upper == word
            for token, word in zip(following, words, strict=True)
        ):
            self._index += len(words)
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            raise self._refuse()

    def _name(self) -> Token:
        token = self._current
        if token.kind != "name" or token.upper in _KEYWORDS or ":" in token.text:
            raise self._refuse()
        return self._take()

    def _whole_number(self) -> int:
        token = self._take()
        if token.kind != "number" or not token.text.isdigit():
            raise self._refuse(token)
        return int(token.text)

    def statement(self) -> Statement:
        self._expect("SELECT")
        counts = self._accept("COUNT", "(", ")")
        fields: list[Token] = []
        aggregates: list[Aggregate] = []
        while not counts:
            if self._current.upper in _AGGREGATES and self._tokens[self._index + 1].text == "(":
                aggregates.append(self._aggregate(len(aggregates)))
            else:
                fields.append(self._name())
            if not self._accept(","):
                break
        if fields and aggregates:
            raise Refusal(400, "MALFORMED_QUERY", f"Field must be grouped or aggregated: {fields[0].text}")
        self._expect("FROM")
        entity = self._name()
        where = self._either() if self._accept("WHERE") else None
        if counts and self._current.upper == "ORDER":  # SOQL and SOSL Reference, "COUNT()"
            raise self._refuse()
        order = self._order() if self._accept("ORDER", "BY") else ()
        limit = self._whole_number() if self._accept("LIMIT") else None
        offset = self._whole_number() if self._accept("OFFSET") else 0
        if self._current.kind != "end":
            raise self._refuse()
        return Statement(self._text, tuple(fields), tuple(aggregates), counts, entity, where, order, limit, offset)

    def _aggregate(self, index: int) -> Aggregate:
        function = self._take().upper
        self._expect("(")
        field = self._name()
        self._expect(")")
        alias = self._take().text if self._current.kind == "name" and self._current.upper != "FROM" else f"expr{index}"
        return Aggregate(function, field, alias)

    def _either(self) -> Condition:
        """Conditions on one level: all joined by AND or all by OR; a mix needs brackets, as in the org."""
        conditions = [self._negation()]
        word: Literal["AND", "OR"] | None = None
        while self._current.upper in ("AND", "OR"):
            joining = self._current
            found: Literal["AND", "OR"] = "AND" if joining.upper == "AND" else "OR"
            if word not in (None, found):
                raise self._refuse(joining)
            word = found
            self._take()
            conditions.append(self._negation())
        return conditions[0] if word is None else Junction(word, tuple(conditions))

    def _negation(self) -> Condition:
        if self._accept("NOT"):
            return Negation(self._negation())
        if self._accept("("):
            inner = self._either()
            self._expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Comparison:
        field = self._name()
        if self._current.text in _COMPARISONS:
            operator = self._take().text
            return Comparison(field, "!=" if operator == "<>" else operator, (self._literal(),))
        if self._accept("LIKE"):
            return Comparison(field, "LIKE", (self._literal(),))
        for operator, words in (
            ("NOT IN", ("NOT", "IN")), ("IN", ("IN",)), ("INCLUDES", ("INCLUDES",)), ("EXCLUDES", ("EXCLUDES",))
        ):  # fmt: skip
            if self._accept(*words):
                return Comparison(field, operator, self._list())
        raise self._refuse()

    def _list(self) -> tuple[Token, ...]:
        self._expect("(")
        literals = [self._literal()]
        while self._accept(","):
            literals.append(self._literal())
        self._expect(")")
        return tuple(literals)

    def _literal(self) -> Token:
        token = self._take()
        if token.kind in ("string", "number", "date", "datetime", "time"):
            return token
        if token.kind == "name" and token.upper.partition(":")[0] in ("NULL", "TRUE", "FALSE", *_DATE_NAMES):
            return token
        raise self._refuse(token)

    def _order(self) -> tuple[SortKey, ...]:
        keys = []
        while True:
            field = self._name()
            descending = self._accept("DESC")
            if not descending:
                self._accept("ASC")
            nulls_last = self._accept("NULLS", "LAST")
            if not nulls_last:
                self._accept("NULLS", "FIRST")
            keys.append(SortKey(field, descending, nulls_last))
            if not self._accept(","):
                return tuple(keys)
