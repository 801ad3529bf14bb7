"""Bytes in a temporary file answer as the same bytes in memory."""

import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_center.errors import ConfigurationError
from integration_center.files import file_bytes
from integration_center.files.file_bytes import FileBytes, cut, keep_parts, open_data
from integration_center.insights.unpacking import unpack

texts = st.text("ab\r\n", max_size=12).map(str.encode)
needles = st.sampled_from([b"a", b"\n", b"\r\n", b"ab", b"ba\n"])


def in_file(*parts: bytes) -> FileBytes:
    """Keep bytes in a temporary file, however few they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_bytes, "SMALL_ENOUGH", -1)
        kept = keep_parts(parts, "x.csv")
    assert isinstance(kept, FileBytes)
    return kept


@given(texts, texts, needles, st.integers(0, 13), st.integers(0, 13), st.integers(1, 5))
def test_they_answer_as_bytes_do(before: bytes, text: bytes, needle: bytes, begin: int, end: int, window: int) -> None:
    kept = cut(in_file(before, text), len(before))
    assert isinstance(kept, FileBytes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_bytes, "WINDOW", window)
        assert (len(kept), bytes(kept), kept[begin:end], kept[-1:]) == (len(text), text, text[begin:end], text[-1:])
        assert bytes(cut(kept, begin, end)) == text[begin:end]
        assert (kept.startswith(needle), kept.endswith(needle)) == (text.startswith(needle), text.endswith(needle))
        assert kept.find(needle, begin) == text.find(needle, begin)
        assert kept.rfind(needle, begin, end) == text.rfind(needle, begin, end)
        assert kept.count(needle, begin, end) == text.count(needle, begin, end)
        assert kept.count(needle) == text.count(needle)
    with open_data(kept) as file:
        assert file.seek(-1, io.SEEK_END) == len(text) - 1 if text else True
        assert file.seek(begin) == begin
        assert file.read() == text[begin:]


def test_few_bytes_stay_in_memory() -> None:
    assert keep_parts([b"a", b"b"], "x.csv") == b"ab"


def test_large_files_are_unpacked_into_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_bytes, "SMALL_ENOUGH", 10)
    kept = unpack(gzip.compress(b"a,b\n" * 100), "x.csv")
    assert isinstance(kept, FileBytes)
    assert bytes(kept) == b"a,b\n" * 100


def test_a_place_for_temporary_files_that_is_gone_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_bytes, "SMALL_ENOUGH", 10)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(ConfigurationError, match=r"x.csv could not be kept for reading in .*gone: No such file"):
        unpack(gzip.compress(b"a,b\n" * 100), "x.csv")
