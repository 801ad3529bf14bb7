"""What may be shown and stored of another service's answer: codes that look like codes, and no secret of the request.

A gateway before an org may put anything into an error, such as the request's own headers. So a code only counts when it
has the form of one, and whatever an answer repeats of the secrets that the request carried is blotted out.
"""

import base64
import re
from collections.abc import Iterable, Iterator
from string import ascii_lowercase, ascii_uppercase
from urllib.parse import quote

import httpx

UNKNOWN_CODE = "UNKNOWN"
"""Stands for a code that is missing, or looks like none."""
LONGEST_CODE = 80
CODE = re.compile(r"[A-Za-z]{1,40}[0-9]{0,3}(?:[_.-](?:[A-Za-z]{1,40}[0-9]{0,3}|[0-9]{1,3}))*")
"""`INVALID_FIELD`, `InvalidBatch`, `Bad_OAuth_Token`, `invalid_grant`: words, unlike random tokens and keys."""
BLOT = "***"
SHORTEST = 8
"""A shorter secret is a word that answers use, too."""
PART = 12
"""Parts of a secret from this length on are blotted out."""
STRIDE = 24
"""Of a large success only every second block is looked for, which finds parts from 35 characters on."""
SMALL = 1 << 15
LONGEST_LINE = 1 << 23
BODY_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding"})
LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
"""Unlike `str.lower`, it keeps the length of a text."""
ORG_ID = re.compile(r"^00D[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?[^A-Za-z0-9]")
"""How a Salesforce access token begins. The id is no secret, and answers name it."""
ESCAPED = re.compile(r"\\\\|\\/|\\u00([2-7][0-9A-Fa-f])")


def read_code(value: object) -> str | None:
    """Return `value` when it has the form of an error code, else None."""
    if isinstance(value, str) and len(value) <= LONGEST_CODE and CODE.fullmatch(value):
        return value
    return None


class Redactor:
    """Blots secrets out of texts and bodies: whole or in part, in any case, percent-encoded, as base64 or hexadecimal.

    Args:
        secrets: what the request carried. Of a Salesforce access token only what follows the org's id is secret.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = {_drop_org_id(secret) for secret in secrets if len(secret) >= SHORTEST}
        self._parts: dict[int, set[str]] = {}
        for form in {form.translate(LOWER) for secret in self._secrets for form in _list_forms(secret)}:
            size = min(PART, len(form))
            self._parts.setdefault(size, set()).update(form[at : at + size] for at in range(len(form) - size + 1))
        self._blocks = [
            secret[at : at + PART].encode("utf-8", "replace")
            for secret in self._secrets
            for at in range(0, max(len(secret) - PART, 0) + 1, STRIDE)
        ]

    def __repr__(self) -> str:
        return "Redactor(…)"

    def clean(self, text: str) -> str:
        """Blot out what `text` holds of the secrets."""
        found = sorted(self._find(text.translate(LOWER)))
        pieces: list[str] = []
        end = 0
        for start, stop in found:
            if start > end or not pieces:
                pieces += [text[end:start], BLOT]
            end = max(end, stop)
        return "".join([*pieces, text[end:]])

    def clean_body(self, body: bytes) -> bytes:
        """Blot out what a body holds of the secrets. JSON stays JSON; a small body is searched for every form."""
        if not self._secrets or (len(body) > SMALL and not self._touches(body)):
            return body
        text = body.decode("latin-1")  # a character for each byte
        plain = ESCAPED.sub(_unescape, text)
        cleaned = self.clean(plain)
        return body if cleaned == plain else cleaned.encode("latin-1")

    def clean_pieces(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Blot the secrets out of a streamed body. Whole lines are searched, so that no secret is cut in two."""
        held = b""
        for piece in pieces:
            lines, newline, held = (held + piece).rpartition(b"\n")
            if len(held) > LONGEST_LINE:
                lines, newline, held = lines + newline + held, b"", b""
            if lines or newline:
                yield self._clean_lines(lines + newline)
        if held:
            yield self._clean_lines(held)

    def _clean_lines(self, lines: bytes) -> bytes:
        return self.clean(lines.decode("latin-1")).encode("latin-1") if self._touches(lines) else lines

    def _touches(self, body: bytes) -> bool:
        return any(block in body for block in self._blocks)

    def _find(self, text: str) -> Iterator[tuple[int, int]]:
        for size, parts in self._parts.items():
            yield from ((at, at + size) for at in range(len(text) - size + 1) if text[at : at + size] in parts)


def _drop_org_id(secret: str) -> str:
    rest = ORG_ID.sub("", secret)
    return rest if len(rest) >= SHORTEST else secret


def _list_forms(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    content = secret.encode("utf-8", "replace")
    yield content.hex()
    for before in range(3):  # base64 depends on how many bytes stand before the secret
        encoded = base64.b64encode(b"\0" * before + content).decode()
        inner = encoded[4 if before else 0 : (before + len(content)) // 3 * 4]
        if len(inner) >= PART:
            yield inner
            yield inner.translate(str.maketrans("+/", "-_"))


def _unescape(found: re.Match[str]) -> str:
    if found[0] == "\\\\":
        return found[0]
    character = "/" if found[1] is None else chr(int(found[1], 16))
    return found[0] if character in '"\\' else character


def clean_answer(answer: httpx.Response, secrets: Redactor) -> httpx.Response:
    """Return `answer`, read to its end, without what its body repeats of the secrets."""
    cleaned = secrets.clean_body(answer.content)
    if cleaned is answer.content:
        return answer
    kept = [(name, value) for name, value in answer.headers.multi_items() if name not in BODY_HEADERS]
    return httpx.Response(answer.status_code, headers=kept, content=cleaned, request=answer.request)
