"""Read names, types and bounds of the columns of a Parquet file with only the standard library.

The footer is a Thrift struct, FileMetaData, in the compact protocol. Field numbers are from parquet.thrift in
https://github.com/apache/parquet-format; the protocol is thrift-compact-protocol.md of Apache Thrift.
"""

import io
import struct
from pathlib import Path
from typing import Any, NamedTuple

from sniff.dialect import TableError

KINDS = ("boolean", "integer", "integer", "timestamp", "float", "float", "text", "bytes")  # by number of the type
BOUNDS = {0: "<?", 1: "<i", 2: "<q", 4: "<f", 5: "<d"}
MAX_BYTES = 1 << 25  # of a footer
MAX_VALUES = 4_000_000  # in a footer
MAX_DEPTH = 30  # of nested structs and lists; FileMetaData has less than ten
DAMAGED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, struct.error)


class ParquetColumn(NamedTuple):
    """A top-level column. If the file does not record its bounds, `low` and `high` are None and `missing` is 0."""

    name: str
    kind: str
    missing: int
    low: Any
    high: Any


def read(path: Path) -> tuple[list[ParquetColumn], int]:
    """Return the top-level columns and the number of rows. Raises TableError for a damaged file."""
    content = _read_footer(path)
    try:
        footer = FooterReader(content).read_struct()
        groups = [group[1] for group in footer.get(4, [])]
        chunks = [{tuple(chunk[3][3]): chunk[3].get(12, {}) for chunk in group} for group in groups]
        columns = [_describe(element, children, chunks) for element, children in _top_level(footer[2])]
        return columns, int(footer[3])
    except DAMAGED as error:
        raise TableError("has a damaged Parquet footer; copy or download it again") from error


def _read_footer(path: Path) -> bytes:
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(size - 8, 0))
        end = file.read(8)
        if end[4:] != b"PAR1":
            raise TableError("is cut off: a Parquet file ends with PAR1; copy or download it again")
        length = int.from_bytes(end[:4], "little")
        if length > size - 8:
            raise TableError("has a damaged Parquet footer; copy or download it again")
        if length > MAX_BYTES:
            raise TableError(f"has a Parquet footer of {length:,} bytes; write it with fewer columns or row groups")
        file.seek(size - 8 - length)
        return file.read(length)


def _top_level(schema: list[dict]) -> list[tuple[dict, int]]:
    """The children of the root with their own numbers of children; the schema is a tree, written depth first."""
    children, position = [], 1
    while position < len(schema):
        children.append((schema[position], schema[position].get(5, 0)))
        pending = 1
        while pending:
            pending += schema[position].get(5, 0) - 1
            position += 1
    return children


def _describe(element: dict, children: int, chunks: list[dict]) -> ParquetColumn:
    name = element[4].decode()
    if children:
        return ParquetColumn(name, "nested", 0, None, None)
    statistics = [group[(element[4],)] for group in chunks]
    number = element[1]
    bounds = [
        _decode_bound(group[field], number)
        for group in statistics
        for field in (5, 6)
        if 0 < len(group.get(field, b"")) < 64  # some writers cut longer text
    ]
    is_complete = bounds and len(bounds) == 2 * len(statistics)
    low, high = (min(bounds), max(bounds)) if is_complete else (None, None)
    return ParquetColumn(name, KINDS[number], sum(group.get(3, 0) for group in statistics), low, high)


def _decode_bound(content: bytes, number: int) -> Any:
    return struct.unpack(BOUNDS[number], content)[0] if number in BOUNDS else content.decode(errors="replace")


class FooterReader:
    """Read values of the compact protocol. Raises ValueError if they are nested too deep, or too many."""

    def __init__(self, content: bytes):
        self._stream = io.BytesIO(content)
        self._values = 0

    def read_struct(self, depth: int = 0) -> dict[int, Any]:
        """Return the fields by number; a nested struct is a dict, text is bytes."""
        fields: dict[int, Any] = {}
        number = 0
        while header := self._read_byte():
            number = number + (header >> 4) if header >> 4 else self._read_zigzag()
            kind = header & 15
            fields[number] = kind == 1 if kind in (1, 2) else self._read_value(kind, depth + 1)
        return fields

    def _read_value(self, kind: int, depth: int) -> Any:
        self._values += 1
        if depth > MAX_DEPTH or self._values > MAX_VALUES:
            raise ValueError("too deep or too long")
        if kind in (1, 2):  # a boolean in a list
            return self._read_byte() == 1
        if kind == 3:
            return self._read_byte()
        if kind in (4, 5, 6):
            return self._read_zigzag()
        if kind == 7:
            return struct.unpack("<d", self._stream.read(8))[0]
        if kind == 8:
            return self._read_bytes()
        if kind in (9, 10):
            return self._read_list(depth)
        if kind == 12:
            return self.read_struct(depth)
        raise KeyError(kind)  # a map (11) has no place in FileMetaData

    def _read_list(self, depth: int) -> list:
        header = self._read_byte()
        size = header >> 4 if header >> 4 < 15 else self._read_varint()
        return [self._read_value(header & 15, depth + 1) for _ in range(size)]

    def _read_bytes(self) -> bytes:
        size = self._read_varint()
        content = self._stream.read(size)
        if len(content) != size:
            raise ValueError("text is cut off")
        return content

    def _read_byte(self) -> int:
        return self._stream.read(1)[0]

    def _read_varint(self) -> int:
        result = 0
        for shift in range(0, 70, 7):
            byte = self._read_byte()
            result |= (byte & 127) << shift
            if byte < 128:
                return result
        raise ValueError("a number of more than 64 bits")

    def _read_zigzag(self) -> int:
        number = self._read_varint()
        return (number >> 1) ^ -(number & 1)
