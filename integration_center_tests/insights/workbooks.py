"""A small Excel workbook, written by hand: no library that writes them is among our dependencies."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from xml.sax.saxutils import escape

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STYLES = (
    f'<styleSheet {MAIN}><fonts count="1"><font/></fonts><fills count="1"><fill/></fills><borders count="1"><border/>'
    '</borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="3"><xf numFmtId="0"/>'
    '<xf numFmtId="22" applyNumberFormat="1"/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>'
)
FIRST_DAY = datetime(1899, 12, 30)  # noqa: DTZ001 - Excel's moments have no zone


def write_cell(row: int, column: int, value: object) -> str:
    place = f'r="{chr(ord("A") + column)}{row}"'
    match value:
        case None:
            return ""
        case bool():
            return f'<c {place} t="b"><v>{int(value)}</v></c>'
        case datetime():
            return f'<c {place} s="1"><v>{(value - FIRST_DAY).total_seconds() / 86_400}</v></c>'
        case date():
            return f'<c {place} s="2"><v>{(value - FIRST_DAY.date()).days}</v></c>'
        case int() | float():
            return f"<c {place}><v>{value}</v></c>"
        case _:
            return f'<c {place} t="inlineStr"><is><t xml:space="preserve">{escape(str(value))}</t></is></c>'


def write_sheet(rows: Sequence[Sequence[object]]) -> str:
    lines = (
        f'<row r="{number}">{"".join(write_cell(number, column, value) for column, value in enumerate(row))}</row>'
        for number, row in enumerate(rows, 1)
    )
    return f"<worksheet {MAIN}><sheetData>{''.join(lines)}</sheetData></worksheet>"


def write_workbook(sheets: Mapping[str, Sequence[Sequence[object]]]) -> bytes:
    numbers = range(1, len(sheets) + 1)
    named = "".join(
        f'<sheet name="{name}" sheetId="{n}" r:id="r{n}"/>' for n, name in zip(numbers, sheets, strict=True)
    )
    parts = "".join(f'<Relationship Id="r{n}" Type="{OFFICE}/worksheet" Target="worksheets/{n}.xml"/>' for n in numbers)
    files = {
        "[Content_Types].xml": f'<Types xmlns="{TYPES}"><Default Extension="xml" ContentType="text/xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{RELATIONS}"><Relationship Id="r1" Type="{OFFICE}/officeDocument"'
        ' Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {MAIN} xmlns:r="{OFFICE}"><sheets>{named}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{RELATIONS}">{parts}'
        f'<Relationship Id="s" Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": STYLES,
        **{f"xl/worksheets/{n}.xml": write_sheet(rows) for n, rows in zip(numbers, sheets.values(), strict=True)},
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, f'<?xml version="1.0"?>{text}')
    return content.getvalue()


def change_member(workbook: bytes, member: str, before: str | None, after: str) -> bytes:
    """Change a text in a part of a workbook, or replace the whole part when `before` is None."""
    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in old.namelist():
            text = old.read(name).decode()
            if name == member:
                text = after if before is None else text.replace(before, after)
            archive.writestr(name, text)
    return content.getvalue()
