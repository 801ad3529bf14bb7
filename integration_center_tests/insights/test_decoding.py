"""A large file is decoded some bytes at a time, and says the same as one that is decoded at once."""

import tempfile

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from integration_center.errors import UnreadableReport
from integration_center.files.file_bytes import Data, Descriptor, FileBytes
from integration_center.insights.delimited import decoding
from integration_center.insights.delimited.decoding import decode

ENCODINGS = (None, "cp1252", "latin-1", "utf-16", "utf-16-le", "utf-32", "shift_jis", "gb18030", "utf-7", "utf-8-sig")
TEXTS = st.text(st.sampled_from('\ufeffaß,;\r\n"€日本𝄞\0'), max_size=40)


def keep(data: bytes) -> FileBytes:
    """Keep bytes in a file, as a large file is kept."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        return FileBytes(Descriptor(file), 0, len(data))


def read(data: Data, encoding: str | None) -> object:
    """The text and what is said of it, or the refusal."""
    try:
        text, found, notes = decode(data, encoding, "logins.csv")
    except UnreadableReport as error:
        return str(error)
    return bytes(text), found, notes


def write(text: str, encoding: str | None) -> bytes:
    return text.encode(encoding or "utf-16", errors="replace")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(ENCODINGS), TEXTS, st.binary(max_size=5), st.integers(1, 9))
@example("utf-16", "\ufeff\ufeffab", b"", 2)
@example("cp1252", "ab\ncd", b"\x81", 3)
@example("cp1252", "Grüße".encode().decode("cp1252"), b"", 1)
@example("utf-16-le", "a\n", b"\x00\xd8", 1)
def test_the_size_of_the_pieces_does_not_matter(
    monkeypatch: pytest.MonkeyPatch, encoding: str | None, text: str, more: bytes, size: int
) -> None:
    data = write(text, encoding) + more
    monkeypatch.setattr(decoding, "PIECE_BYTES", size)
    assert read(keep(data), encoding) == read(data, encoding)


def test_a_large_file_stays_in_a_file() -> None:
    text, _, _ = decode(keep("Größe\n".encode("cp1252") * 6_000_000), "cp1252", "logins.csv")
    assert isinstance(text, FileBytes)
    assert len(text) == 8 * 6_000_000
    assert text[:8] == "Größe\n".encode()
