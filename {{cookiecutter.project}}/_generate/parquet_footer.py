"""Names, types and bounds of the columns of a Parquet file, with the standard library alone.

The footer is a Thrift struct, FileMetaData, in the compact protocol. Field numbers are those of parquet.thrift in
https://github.com/apache/parquet-format; the protocol is thrift-compact-protocol.md of Apache Thrift.
"""

import io
import struct
from pathlib import Path
from typing import NamedTuple

from sniff.dialect import TableError

KINDS = ("boolean", "integer", "integer", "timestamp", "float", "float", "text", "bytes")  # by number of the type
BOUNDS = {0: "<?", 1: "<i", 2: "<q", 4: "<f", 5: "<d"}


class ParquetColumn(NamedTuple):
    """A top-level column. `low` and `high` are None where the file does not tell them, `missing` is then 0."""

    name: str
    kind: str
    missing: int
    low: object
    high: object


def read(path: Path) -> tuple[list[ParquetColumn], int]:
    """Return the top-level columns and the number of rows. Raises TableError for a damaged file."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - 8, 0))
        end = file.read()
        if end[4:] != b"PAR1":
            raise TableError("is cut off: a Parquet file ends with PAR1; make the file again")
        length = int.from_bytes(end[:4], "little")
        file.seek(max(path.stat().st_size - 8 - length, 0))
        content = file.read(length)
    try:
        footer = _struct(io.BytesIO(content))
        groups = [group[1] for group in footer.get(4, [])]
        chunks = [{tuple(chunk[3][3]): chunk[3].get(12, {}) for chunk in group} for group in groups]
        columns = [_column(element, children, chunks) for element, children in _top_level(footer[2])]
        return columns, footer[3]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, struct.error) as error:
        raise TableError("has a damaged Parquet footer; make the file again") from error


def _top_level(schema: list[dict]) -> list[tuple[dict, int]]:
    """The root's children with their number of children; the schema is a tree, written depth first."""
    found, position = [], 1
    while position < len(schema):
        found.append((schema[position], schema[position].get(5, 0)))
        pending = 1
        while pending:
            pending += schema[position].get(5, 0) - 1
            position += 1
    return found


def _column(element: dict, children: int, chunks: list[dict]) -> ParquetColumn:
    name = element[4].decode()
    if children:
        return ParquetColumn(name, "nested", 0, None, None)
    statistics = [group[(element[4],)] for group in chunks]
    number = element[1]
    bounds = [
        [struct.unpack(BOUNDS[number], found[field])[0] if number in BOUNDS else found[field].decode(errors="replace")]
        for found in statistics
        for field in (5, 6)
        if len(found.get(field, b"")) in range(1, 64)  # some writers cut longer text
    ]
    told = len(bounds) == 2 * len(statistics) and bounds
    low, high = (min(bounds)[0], max(bounds)[0]) if told else (None, None)
    return ParquetColumn(name, KINDS[number], sum(found.get(3, 0) for found in statistics), low, high)


def _struct(stream: io.BytesIO) -> dict:
    """Fields by number; a nested struct is a dict, text is bytes."""
    fields: dict = {}
    number = 0
    while header := stream.read(1)[0]:
        number = number + (header >> 4) if header >> 4 else _zigzag(stream)
        kind = header & 15
        fields[number] = kind == 1 if kind in (1, 2) else _value(stream, kind)
    return fields


def _value(stream: io.BytesIO, kind: int):
    if kind in (1, 2):  # a boolean in a list
        return stream.read(1) == b"\x01"
    if kind == 3:
        return stream.read(1)[0]
    if kind in (4, 5, 6):
        return _zigzag(stream)
    if kind == 7:
        return struct.unpack("<d", stream.read(8))[0]
    if kind == 8:
        return stream.read(_varint(stream))
    if kind in (9, 10):
        header = stream.read(1)[0]
        size = header >> 4 if header >> 4 < 15 else _varint(stream)
        return [_value(stream, header & 15) for _ in range(size)]
    if kind == 12:
        return _struct(stream)
    raise KeyError(kind)  # a map (11) has no place in FileMetaData


def _varint(stream: io.BytesIO) -> int:
    result = shift = 0
    while True:
        byte = stream.read(1)[0]
        result |= (byte & 127) << shift
        if byte < 128:
            return result
        shift += 7


def _zigzag(stream: io.BytesIO) -> int:
    number = _varint(stream)
    return (number >> 1) ^ -(number & 1)
