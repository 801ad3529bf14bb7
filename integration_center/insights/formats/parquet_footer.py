"""Find the columns of a Parquet file that are intervals: Polars panics on a file that has one, and names no column.

Sources: Apache Parquet, "File Format" and parquet.thrift; Apache Thrift, "Thrift Compact protocol encoding".
"""

from typing import Any

FOOTER_END = 8
"""The length of the footer in four bytes, and the four letters that end the file."""
SCHEMA, NAME, CHILDREN, CONVERTED_TYPE = 2, 4, 5, 6
"""Numbers of fields: of the schema in the footer, and of what an element of it has."""
INTERVAL = 21
STRUCT = 12


def find_intervals(data: bytes) -> list[str]:
    """Return the columns that are intervals, or hold some; none where the footer cannot be read."""
    size = int.from_bytes(data[-FOOTER_END:-4], "little")
    try:
        elements = _Compact(data[-FOOTER_END - size : -FOOTER_END]).read_struct(SCHEMA)[SCHEMA][1:]
        found, column, left = dict[str, None](), "", 0
        for element in elements:
            if not left:  # the elements below a column follow it
                column, left = element[NAME].decode(), 1
            left += element.get(CHILDREN, 0) - 1
            if element.get(CONVERTED_TYPE) == INTERVAL:
                found[column] = None
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        return []
    return list(found)


class _Compact:
    """Reads values of Thrift's compact protocol."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def read_struct(self, last: int | None = None) -> dict[int, Any]:
        """Read the fields of a struct by their numbers, up to the field `last`."""
        fields, number = dict[int, Any](), 0
        while head := self._read_byte():
            number = number + (head >> 4) if head >> 4 else self._read_number()
            fields[number] = self._read_value(head & 15)
            if number == last:
                break
        return fields

    def _read_value(self, kind: int) -> Any:
        match kind:
            case 1 | 2:
                return kind == 1
            case 3:
                return self._read_byte()
            case 4 | 5 | 6:
                return self._read_number()
            case 7 | 8:
                return self._take(8 if kind == 7 else self._read_unsigned())  # a double, or bytes
            case 9 | 10:
                head = self._read_byte()
                count, kind = head >> 4, head & 15
                count = self._read_unsigned() if count == 15 else count
                return [self._read_value(max(kind, 3)) for _ in range(count)]  # a Boolean in a list is a byte
            case _ if kind == STRUCT:
                return self.read_struct()
        raise ValueError(f"type {kind} is in no schema")

    def _take(self, size: int) -> bytes:
        self._place += size
        if self._place > len(self._data):
            raise ValueError("the footer ends before a value")
        return self._data[self._place - size : self._place]

    def _read_byte(self) -> int:
        return self._take(1)[0]

    def _read_unsigned(self) -> int:
        number = shift = 0
        while (byte := self._read_byte()) & 128:
            number |= (byte & 127) << shift
            shift += 7
        return number | byte << shift

    def _read_number(self) -> int:
        coded = self._read_unsigned()
        return coded >> 1 ^ -(coded & 1)
