"""Clean other services' answers before they are shown or stored: accept only real codes, and mask secrets.

A gateway in front of an org may put anything into an error, such as the request's own headers. So a code is accepted
only if it has the form of a code, and any part of the request's secrets that an answer repeats is masked.
"""

import base64
import re
from collections.abc import Iterable, Iterator
from string import ascii_lowercase, ascii_uppercase
from urllib.parse import quote

import httpx

UNKNOWN_CODE = "UNKNOWN"
"""Replaces a code that is missing, or does not have the form of a code."""
LONGEST_CODE = 80
CODE = re.compile(r"[A-Za-z]{1,40}[0-9]{0,3}(?:[_.-](?:[A-Za-z]{1,40}[0-9]{0,3}|[0-9]{1,3}))*")
"""The form of a code: `INVALID_FIELD`, `InvalidBatch`, `Bad_OAuth_Token`, `invalid_grant`. Unlike random tokens and
keys, it consists of words."""
BLOT = "***"
SHORTEST = 8
"""Shorter secrets are not masked, because answers may use them as ordinary words."""
PART = 12
"""Parts of a secret with at least this many characters are masked."""
STRIDE = 24
"""In a large body, only every second block of a secret is searched. This finds parts of 35 characters or more."""
SMALL = 1 << 15
LONGEST_LINE = 1 << 23
BODY_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding"})
LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
"""Lowercases ASCII letters. Unlike `str.lower`, it keeps the length of a text."""
ORG_ID = re.compile(r"(?<![A-Za-z0-9])00D[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?(?![A-Za-z0-9])")
"""The org's id, with which a Salesforce access token starts. It is not secret, and appears in answers."""
ESCAPED = re.compile(r"\\\\|\\/|\\u00([2-7][0-9A-Fa-f])")


def read_code(value: object) -> str | None:
    """Return `value` if it has the form of an error code, else None."""
    if isinstance(value, str) and len(value) <= LONGEST_CODE and CODE.fullmatch(value):
        return value
    return None


class Redactor:
    """Masks secrets in texts and bodies: whole or in part, in any case, percent-encoded, as base64 or hexadecimal.

    Args:
        secrets: the secrets of the request. In an access token, the org's id is not secret.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = {part for secret in secrets for part in _drop_org_id(secret) if len(part) >= SHORTEST}
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
        """Mask the secrets in `text`."""
        found = sorted(self._find(text.translate(LOWER)))
        pieces: list[str] = []
        end = 0
        for start, stop in found:
            if start > end or not pieces:
                pieces += [text[end:start], BLOT]
            end = max(end, stop)
        return "".join([*pieces, text[end:]])

    def clean_body(self, body: bytes) -> bytes:
        """Mask the secrets in a body. JSON stays JSON. Only a small body is searched for every form of a secret."""
        if not self._secrets or (len(body) > SMALL and not self._touches(body)):
            return body
        text = body.decode("latin-1")  # one character per byte
        plain = ESCAPED.sub(_unescape, text)
        cleaned = self.clean(plain)
        return body if cleaned == plain else cleaned.encode("latin-1")

    def clean_pieces(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Mask the secrets in a streamed body. Whole lines are searched, so that no secret is split between pieces."""
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


def _drop_org_id(secret: str) -> list[str]:
    """Return what is left of a secret before and after the org's id, without the mark that separates them."""
    before, *after = ORG_ID.split(secret)
    return [before, *(part[1:] for part in after)]


def _list_forms(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    content = secret.encode("utf-8", "replace")
    yield content.hex()
    for before in range(3):  # base64 depends on the number of bytes before the secret
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
    """Return `answer`, which was read to its end, with the secrets in its body masked."""
    cleaned = secrets.clean_body(answer.content)
    if cleaned is answer.content:
        return answer
    kept = [(name, value) for name, value in answer.headers.multi_items() if name not in BODY_HEADERS]
    return httpx.Response(answer.status_code, headers=kept, content=cleaned, request=answer.request)
