"""Find which encodings a text that is not UTF-8 may have.

Nearly any bytes can be read as a Western encoding, so cp1252 is named alone only where the letters look Western.
"""

import re
from collections.abc import Sequence

LOOKED_AT = 1_000_000
"""The most bytes that are looked at."""
WESTERN = "cp1252"
MAC = "mac_roman"
OTHERS = {
    "cp932": "Japanese",
    "gb18030": "Chinese",
    "big5": "Chinese, traditional",
    "cp949": "Korean",
    "cp1251": "Cyrillic",
    "cp1253": "Greek",
    "cp1250": "Central European",
    "cp1254": "Turkish",
    "cp1255": "Hebrew",
    "cp1256": "Arabic",
    "mac_roman": "old Mac",
    "cp850": "DOS",
}
"""Encodings that programs still write, and what they are for."""
MANY_BYTES = ("cp932", "gb18030", "big5", "cp949")
HIGH = re.compile(rb"[\x80-\xff]+")
ODD_IN_WORD = re.compile(
    rb"(?<=[A-Za-z])[\x80-\x89\x8b\x8d\x8f\x90\x93-\x99\x9b\x9d\x9f\xa1-\xa9\xab-\xb3\xb6\xb8\xb9\xbb-\xbf](?=[a-z])"
    rb"|(?<![A-Za-z\x80-\xff])[\xa3\xa5\xaf\xb3\xbc](?=[a-z])"
    rb"|(?<=[a-z])[\x82-\x84\x86-\x89](?![A-Za-z\x80-\xff])"
)
"""A sign within, before or behind a word: the ¹ of `wi¹tek` and the £ of `£ukasz` are ą and Ł in cp1250, and the ‰ of
`Zo‰` is ë in cp850."""
BEHIND_DIGIT = re.compile(rb"(?<=\d)[\x80-\x9f\xa1-\xff]{2,}(?![A-Za-z])")
"""What Western texts hardly have, and the dates of East Asia do: the sign for month in 11月22日."""
LONG = 3
"""Western words hardly have so many accented letters in a row."""
MOSTLY, FEW = 0.9, 0.3


def find_encodings(data: bytes) -> Sequence[str]:
    """Find the encodings that a text may have, the likeliest first; only cp1252 if it looks Western, none if damaged.

    Args:
        data: the text, which is not UTF-8.
    """
    head = data[:LOOKED_AT].rpartition(b"\n")[0] or data[:LOOKED_AT]
    sample = head if HIGH.search(head) else data
    if is_damaged(sample):
        return ()
    runs = HIGH.findall(sample)
    count = sum(map(len, runs))
    readable = [name for name in (WESTERN, *OTHERS) if can_read(sample, name)]
    if MAC in readable and b"\n" not in sample and b"\r" in sample:  # lines end as on old Macs
        return [MAC, *(name for name in readable if name == WESTERN)]
    long = [run for run in runs if len(run) >= LONG]
    paired = [run for run in BEHIND_DIGIT.findall(sample) if len(run) < LONG]
    odd = sum(map(len, (*long, *paired))) + len(ODD_IN_WORD.findall(sample))
    if WESTERN in readable and odd <= FEW * count:
        return (WESTERN,)
    in_pairs = sum(len(run) for run in runs if len(run) > 1) > count / 2
    others = [name for name in readable if name != WESTERN]
    others.sort(key=lambda name: (name in MANY_BYTES) is not in_pairs)
    return [*others, WESTERN] if WESTERN in readable else others


def can_read(data: bytes, encoding: str) -> bool:
    """Return whether an encoding gives each byte of a text a meaning, and none is a control character."""
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return not any("\x80" <= each <= "\x9f" or "\ue000" <= each <= "\uf8ff" for each in set(text))


def is_damaged(data: bytes) -> bool:
    """Return whether nearly all of a text is UTF-8 beyond ASCII, so that the rest of it is damaged."""
    text = data.decode(errors="replace")
    wrong, other = text.count("\ufffd"), sum(each > "\x7f" for each in text)
    return other > 0 and 1 - wrong / other >= MOSTLY


def advise(data: bytes) -> tuple[str, dict[str, str]]:
    """Return what to do about a text that is not UTF-8, and the remedy if only one encoding is likely."""
    found = find_encodings(data)
    if not found:
        damaged = is_damaged(data)
        return "nearly all of it is, so the file is damaged; export it again" if damaged else "export it as UTF-8", {}
    if found == (WESTERN,):
        line = f"`encoding: {WESTERN}`"
        return f"export the file as UTF-8, or say what it is in report.yaml, such as {line}", {"encoding": WESTERN}
    listed = ", ".join(f"`encoding: {name}` ({OTHERS.get(name, 'Western')})" for name in found)
    return f"export the file as UTF-8, or say in report.yaml which of these it is: {listed}", {}
