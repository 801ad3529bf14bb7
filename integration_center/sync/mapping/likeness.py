"""Compare the names of report columns with the names and labels of fields, as people mean them."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher

from integration_center.sync.schema import SObjectField

ALIKE = 0.82
"""How similar two names must be. `Last Login` and `Last Login Date` are similar enough, `First Login` is not."""
SAME_MEANING = 0.9
"""The likeness of names that mean the same in other words. Names that are the same, or nearly so, are more alike."""
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "login": ("log in", "logon", "log on", "sign in", "signin", "sign on", "sign ins", "log ins"),
    "last": ("latest", "most recent", "newest"),
    "first": ("earliest", "initial"),
    "percent": ("percentage", "pct", "rate"),
    "nps": ("net promoter score", "net promoter", "nps score"),
    "answer": ("response", "reply"),
    "score": ("rating",),
    "completion": ("complete", "completed", "finished"),
    "onboarding": ("on boarding",),
    "email": ("e mail address", "email address", "e mail", "mail"),
    "phone": ("telephone", "tel"),
    "comment": ("feedback", "remark"),
}
"""Words of reports and orgs that mean the same, in the singular but for short words."""
LITTLE = frozenset(
    {
        "number",
        "no",
        "num",
        "count",
        "total",
        "quantity",
        "qty",
        "of",
        "the",
        "in",
        "on",
        "at",
        "date",
        "time",
        "walkme",
    }
)
"""Words that do not tell one column from another: `Number of logins` and `# Logins`."""
_MEANT = {phrase: word for word, phrases in SYNONYMS.items() for phrase in phrases}
_PHRASE = re.compile(rf"\b(?:{'|'.join(sorted(_MEANT, key=len, reverse=True))})\b")
_CUSTOM = re.compile(r"^(?:[A-Za-z]\w*?__)?(\w+)__c$")


def find_alike(columns: Iterable[str], fields: Iterable[SObjectField]) -> Iterator[tuple[str, SObjectField, float]]:
    """Find the fields whose name or label is like the name of a column: column, field and likeness from 0 to 1.

    Names whose digits differ are not alike: `last 30 days` is not `last 90 days`.
    """
    by_digits: dict[str, list[_Name]] = defaultdict(list)
    by_meaning: dict[tuple[str, ...], list[_Name]] = defaultdict(list)
    for column in columns:
        name = _Name(column)
        by_digits[name.digits].append(name)
        by_meaning[name.meaning].append(name)
    for field in fields:
        best: dict[str, float] = {}
        for text in dict.fromkeys((field.name, field.label)):
            name = _Name(text)
            found = [(other.text, SAME_MEANING) for other in by_meaning.get(name.meaning, ())]
            for column, likeness in (*found, *name.find_similar(by_digits.get(name.digits, ()))):
                best[column] = max(likeness, best.get(column, 0))
        yield from ((column, field, likeness) for column, likeness in best.items())


def plain_name(name: str) -> str:
    """Strip what does not distinguish a name from others: case, accents, blanks, `WalkMe_`, a namespace, `__c`."""
    text = "".join(
        char for char in unicodedata.normalize("NFKD", _CUSTOM.sub(r"\1", name).casefold()) if char.isalnum()
    )
    return text.removeprefix("walkme") or text


def find_meaning(name: str) -> tuple[str, ...]:
    """Find the words that a name is made of, in one form for each meaning, in the order of the alphabet."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", _CUSTOM.sub(r"\1", name).replace("_", " "))
    folded = (char for char in unicodedata.normalize("NFKD", apart.casefold()) if not unicodedata.combining(char))
    words = re.sub(r"[^\w%]+", " ", "".join(folded).replace("%", " percent ")).split()
    said = _PHRASE.sub(lambda found: _MEANT[found[0]], " ".join(map(_make_singular, words))).split()
    return tuple(sorted({word for word in said if word not in LITTLE} or said))


def _make_singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


class _Name:
    """A name with what is compared of it, which is found out once and not for each pair.

    Attributes:
        text: the name as it is.
        plain: see `plain_name`.
        digits: its digits.
        meaning: see `find_meaning`.
    """

    def __init__(self, text: str) -> None:
        self.text, self.plain, self.meaning = text, plain_name(text), find_meaning(text)
        self.digits = re.sub(r"\D", "", self.plain)
        self._letters = sum({1 << ord(char) % 61 for char in self.plain})

    def find_similar(self, others: Iterable["_Name"]) -> Iterator[tuple[str, float]]:
        """Find the names that are similar enough, and how similar each is."""
        matcher = SequenceMatcher(b=self.plain, autojunk=False)
        for other in others:
            if self.plain == other.plain:
                if self.plain:
                    yield other.text, 1.0
            elif self._may_be_similar(other):
                matcher.set_seq1(other.plain)
                if matcher.quick_ratio() >= ALIKE and (ratio := matcher.ratio()) >= ALIKE:
                    yield other.text, ratio

    def _may_be_similar(self, other: "_Name") -> bool:
        """Rule out most names at once: by their length, and by the letters that only one of the two has."""
        most = (1 - ALIKE) * (len(self.plain) + len(other.plain)) + 0.01
        unlike = (self._letters ^ other._letters).bit_count()
        return abs(len(self.plain) - len(other.plain)) <= most and unlike <= most
