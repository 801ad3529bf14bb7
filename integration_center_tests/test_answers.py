"""Codes that look like codes, and secrets that are blotted out in whatever form an answer repeats them."""

import base64
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_center.wording.answers import BLOT, PART, STRIDE, Redactor, read_code

TOKEN = "00D5g000004abcdEAA!AQEAQJx.vK2m_9LrT0wZbYc4HdNfGpSuXeV7iOaRk8tWnQyMzBj3Ul5Co6PhDsIg1FxEv"
REST = TOKEN.split("!")[1]
HEX_SECRET = "E1A2B3C4D5F60718293A4B5C6D7E8F90E1A2B3C4D5F60718293A4B5C6D7E8F91"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIzTVZHOSIsInN1YiI6ImFubiJ9.kq3sVbW1xT9zLr0QmYpNcHdGfSuXeV7"


@pytest.mark.parametrize(
    "code",
    [
        "INVALID_SESSION_ID",
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        "INVALIDJOBSTATE",
        "InvalidBatch",
        "TooManyLockFailure",
        "Bad_OAuth_Token",
        "invalid_grant",
        "access-denied",
        "System.LimitException",
        "HTTP_404",
        "NOT_FOUND2",
    ],
)
def test_codes_of_salesforce_are_codes(code: str) -> None:
    assert read_code(code) == code


@pytest.mark.parametrize(
    "text",
    [
        TOKEN,
        REST,
        HEX_SECRET,
        HEX_SECRET.lower(),
        JWT,
        f"BAD_Bearer {TOKEN}",
        "INVALID_SESSION_ID Bearer",
        "BAD\x1b[2J",
        "BAD\nFAKE",
        "BAD\n",
        "[bold]",
        "",
        "A" * 81,
        "A_" * 40 + "BC",
        "1ST",
        "ERREUR_É",
        None,
        7,
        ["A"],
    ],
)
def test_other_texts_are_no_codes(text: object) -> None:
    assert read_code(text) is None


def as_base64(before: str) -> Callable[[str], str]:
    return lambda secret: base64.b64encode(f"{before}{secret}".encode()).decode()


FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in capitals": str.upper,
    "percent-encoded": lambda secret: quote(secret, safe=""),
    "base64": as_base64(""),
    "base64 of the header": as_base64("Bearer "),
    "base64 after one byte": as_base64("x"),
    "base64url": lambda secret: base64.urlsafe_b64encode(f"ab{secret}".encode()).decode(),
    "hexadecimal": lambda secret: secret.encode().hex(),
    "the first half": lambda secret: secret[: len(secret) * 2 // 3],
    "cut at both ends": lambda secret: secret[20:-3],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", [TOKEN, HEX_SECRET, JWT])
def test_no_form_of_a_secret_is_left(secret: str, form: str) -> None:
    repeated = FORMS[form](secret)
    redactor = Redactor([secret])
    text = f"the gateway says: {repeated}. Ask it."
    cleaned = redactor.clean(text)
    said = cleaned.removeprefix("the gateway says: ").removesuffix(". Ask it.")
    assert BLOT in said
    assert REST not in said
    # What may be left: the id of the org, encoded or not, and the last bytes of a base64 text.
    assert len(said) <= 2 * len("00D5g000004abcdEAA!") + len(BLOT) + 4
    body = json.dumps([{"errorCode": text, "message": "fine"}]).encode()
    assert json.loads(redactor.clean_body(body)) == [{"errorCode": cleaned, "message": "fine"}]
    escaped = "".join(f"\\u{ord(character):04x}" for character in text)
    assert json.loads(redactor.clean_body(f'["{escaped}"]'.encode())) == [cleaned]


@pytest.mark.parametrize(
    ("token", "cleaned"),
    [
        ("00D5g000004abcd!short", "00D5g000004abcd!short"),
        ("00D5g000004abcdEAA", "00D5g000004abcdEAA"),
        ("token-00D5g000004abcdEAA-7", "token-00D5g000004abcdEAA-7"),
        ("session.of.00D5g000004abcdEAA.0123456789", f"{BLOT}00D5g000004abcdEAA.{BLOT}"),
    ],
)
def test_the_id_of_the_org_stays_wherever_it_is_in_a_token(token: str, cleaned: str) -> None:
    redactor = Redactor([token])
    identity = "https://test.salesforce.com/id/00D5g000004abcdEAA/0055g000001abcdAAA"
    assert redactor.clean(identity) == identity
    assert redactor.clean(token) == cleaned


def test_the_id_of_the_org_and_ordinary_texts_stay() -> None:
    redactor = Redactor([TOKEN, "short", ""])
    text = "org 00D5g000004abcdEAA: İstanbul, short, \\u00fc, https:\\/\\/x"
    assert redactor.clean(text) == text
    assert redactor.clean_body(text.encode()) == text.encode()
    assert redactor.clean(TOKEN) == f"00D5g000004abcdEAA!{BLOT}"
    assert Redactor([]).clean_body(b"anything") == b"anything"
    assert Redactor(["00D5g000004abcdEAA.token.of.a.double"]).clean("00D5g000004abcdEAA") == "00D5g000004abcdEAA"
    assert TOKEN not in repr(redactor)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.integers(0, 30), st.integers(0, 30))
def test_a_secret_that_a_stream_cuts_in_pieces_is_blotted_out(cuts: list[int], before: int, after: int) -> None:
    lines = "Id,Name\n" * before
    body = f"{lines}00Q1,{TOKEN}\n00Q2,{'x' * after}".encode()
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(body[at : at + cut])
        at += cut
    pieces.append(body[at:])
    assert b"".join(Redactor([TOKEN]).clean_pieces(pieces)) == body.replace(REST.encode(), BLOT.encode())


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_a_stream_without_secrets_passes_as_it_is(body: bytes, cuts: list[int]) -> None:
    ends = sorted([*cuts, len(body)])
    pieces = [body[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    assert b"".join(Redactor([TOKEN]).clean_pieces(pieces)) == body


def test_a_large_body_is_searched_for_longer_parts() -> None:
    part = REST[5 : 5 + STRIDE + PART]
    body = json.dumps({"records": ["x" * 50_000, f"<{part}>"]}).encode()
    assert json.loads(Redactor([TOKEN]).clean_body(body))["records"][1] == f"<{BLOT}>"
