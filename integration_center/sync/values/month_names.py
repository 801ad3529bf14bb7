"""Give dates that are written in other languages the form that they have in English.

The names are those of German, French, Spanish, Portuguese, Italian, Dutch and Swedish. No name means two months.
"""

import polars as pl

MONTHS = {
    "jan": "januar|jänner|jän|janvier|janv|enero|ene|janeiro|gennaio|gen|januari",
    "feb": "februar|février|févr|fév|febrero|fevereiro|fev|febbraio|februari",
    "mar": "märz|mär|mars|marzo|março|maart|mrt",
    "apr": "avril|avr|abril|abr|aprile",
    "may": "mai|mayo|maio|maggio|mag|mei|maj",
    "jun": "juni|juin|junio|junho|giugno|giu",
    "jul": "juli|juillet|juil|julio|julho|luglio|lug",
    "aug": "août|agosto|ago|augustus|augusti",
    "sep": "septembre|septiembre|setembro|settembre|set",
    "oct": "oktober|okt|octobre|octubre|outubro|out|ottobre|ott",
    "nov": "novembre|noviembre|novembro",
    "dec": "dezember|dez|décembre|déc|diciembre|dic|dezembro|dicembre",
}
BEFORE, AFTER = r"(?i)^(\D*\d{1,2})(?:er)?(\.? |\.|-| de )", r"(\.?)(?: del? | |-)(\d{4}\b)"
"""The day before a month's name, and the year behind it."""
FOREIGN = rf"{BEFORE}(?:{'|'.join(MONTHS.values())}){AFTER}"
EAST_ASIAN = r"^(\d{4})\s?年\s?(\d{1,2})\s?月\s?(\d{1,2})\s?日"


def write_in_english(text: pl.Series) -> pl.Series:
    """Write dates such as `1. März 2026`, `3 de mayo de 2026` and `2026年11月22日` in English. Other text stays."""
    # Hardly any column has such dates, and to look for them once takes far less time than to take each text apart.
    if text.str.contains("年", literal=True).any():
        text = text.str.replace(EAST_ASIAN, "${1}-${2}-${3}")
    if not text.str.contains(FOREIGN).any():
        return text
    for month, names in MONTHS.items():
        text = text.str.replace(rf"{BEFORE}(?:{names}){AFTER}", f"${{1}} {month} ${{4}}")
    return text
