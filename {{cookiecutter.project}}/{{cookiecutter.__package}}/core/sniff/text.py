"""Open a file as text, whatever its compression, encoding and odd bytes; only the standard library.

Modules that only some files need are imported where they are used, for a quick start.
"""

import codecs
import csv
import io
import lzma
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

CHUNK = 1 << 20
MAX_LINE = 1 << 24  # characters of a line, and of a field
TOO_LONG = f"has a line of more than {MAX_LINE:,} characters; is it a table?"
DROPPED = "\0\ufeff\x1a"  # NUL, byte order mark, end of file in DOS: never part of a value
UTF_16 = {b"\xff\xfe\0\0": "utf-32", b"\0\0\xfe\xff": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
FOREIGN = {
    b"%PDF": "is a PDF; save the table as CSV or Parquet",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook; save the sheet as CSV",
    b"SQLite format 3": "is an SQLite database; export the table as CSV",
    b"ARROW1": "is an Arrow file; save the table as CSV or Parquet",
    b"-----BEGIN ": "is a key or a certificate; name the file of the table",
}


class TableError(ValueError):
    """A table that cannot be used: the problem and the fix in one line, without the name of the file."""


def unreadable() -> tuple[type[Exception], ...]:
    """The exceptions that reading a damaged file can raise."""
    errors = (EOFError, OSError, RuntimeError, UnicodeError, csv.Error, zlib.error, lzma.LZMAError, zipfile.BadZipFile)
    try:
        from compression.zstd import ZstdError
    except ModuleNotFoundError:
        return errors
    return (*errors, ZstdError)


def require_content(path: str | Path) -> None:
    """Raise TableError for a pipe, a socket or a device, which may never end, and for an empty file."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise TableError("is a pipe, a device or a folder; save the table as a file")
    if not status.st_size:
        raise TableError("is empty; it needs a header and rows")


def open_bytes(path: str | Path) -> io.IOBase:
    """Open a file that may be compressed (gzip, bz2, xz, zip, zstd); its first bytes decide, not its name.

    Raises TableError for a pipe or a device and for a zip that holds anything but one file, and ModuleNotFoundError if
    zstd cannot be read.
    """
    require_content(path)
    with open(path, "rb") as file:
        magic = file.read(6)
    if magic.startswith(b"\x1f\x8b"):
        import gzip

        return gzip.open(path)
    if magic.startswith(b"BZh"):
        import bz2

        return bz2.open(path)
    if magic.startswith(b"\xfd7zXZ"):
        return lzma.open(path)
    if magic.startswith(b"PK\x03\x04"):
        return _open_zip(path)
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        return _open_zstd(path)
    return open(path, "rb")


def _open_zip(path: str | Path) -> io.IOBase:
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise TableError("is a zip that is cut off; copy or download it again") from error
    names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX")]
    if "[Content_Types].xml" in names:
        raise TableError("is an Excel workbook; save the sheet as CSV")
    if len(names) != 1:
        raise TableError(f"is a zip of {len(names)} files; give it one CSV")
    return archive.open(names[0])  # type: ignore[return-value]


def _open_zstd(path: str | Path) -> io.IOBase:
    try:
        from compression import zstd  # in the standard library from Python 3.14
    except ModuleNotFoundError:
        import pyarrow

        return pyarrow.input_stream(str(path), compression="zstd")
    return zstd.open(path)


class _Limited(io.RawIOBase):
    """The first `max_bytes` bytes of a stream."""

    def __init__(self, stream: io.IOBase, max_bytes: int):
        super().__init__()
        self._stream, self._left = stream, max_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        content = self._stream.read(min(len(buffer), self._left))
        self._left -= len(content)
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _open_limited(path: str | Path, max_bytes: int | None) -> io.IOBase:
    stream = open_bytes(path)
    return stream if max_bytes is None else io.BufferedReader(_Limited(stream, max_bytes))


class TableText(io.TextIOWrapper):
    """Text without the characters of DROPPED, in lines of at most MAX_LINE characters.

    If `escape` is set, a backslash stays in the text unless it precedes one of the characters that `escape` matches:
    the \\N of a database is not an escaped N.
    """

    escape: re.Pattern | None = None

    def read(self, size: int | None = -1) -> str:
        while text := super().read(size):
            while self.escape and _ends_in_escape(text) and (following := super().read(1)):
                text += following
            if clean := self._clean(text):
                return clean
        return ""

    def readline(self, size: int = -1) -> str:  # type: ignore[override]
        while line := super().readline(MAX_LINE + 1):
            if len(line) > MAX_LINE:
                raise TableError(TOO_LONG)
            if clean := self._clean(line):
                return clean
        return ""

    def parts(self) -> Iterator[str]:
        """Yield the text in parts of many whole lines. Raises TableError as readline() does."""
        while text := self.read(CHUNK):
            rest = self.readline()
            last_line = len(text) - 1 - max(text.rfind("\n"), text.rfind("\r"))
            if last_line + len(rest) > MAX_LINE:
                raise TableError(TOO_LONG)
            yield text + rest

    def _clean(self, text: str) -> str:
        for character in DROPPED:
            text = text.replace(character, "")
        if self.escape and "\\" in text:
            text = self.escape.sub(lambda match: match[0] if match[1] else "\\\\", text)
        return text


def _ends_in_escape(text: str) -> bool:
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def open_text(
    path: str | Path, encoding: str, newline: str | None, escape: re.Pattern | None = None, max_bytes: int | None = None
) -> TableText:
    """Open a file as text. Bytes that the encoding has no character for are read as Windows-1252.

    Args:
        path, encoding, newline: as open() takes them; the file may be compressed.
        escape: matches a backslash and, as its group 1, the character that it escapes; None if nothing is escaped.
        max_bytes: read only so many bytes.
    """
    errors = "windows-1252" if encoding.startswith("utf-8") else "replace"
    text = TableText(_open_limited(path, max_bytes), encoding, errors, newline)  # type: ignore[arg-type]
    text.escape = escape
    return text


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    """Decode the bytes that are not UTF-8, as most programs that do not write UTF-8 mean them."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    odd = error.object[error.start : error.end]
    return "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in odd), error.end


codecs.register_error("windows-1252", _as_windows_1252)


def find_encoding(path: str | Path, max_bytes: int | None = None) -> tuple[str, list[str]]:
    """Return the encoding of a file, and notes on what does not fit it.

    UTF-16 and UTF-32 by their mark, or by their zeros; else UTF-8, if the file has more of its characters than of other
    bytes above 127; else Windows-1252, or Latin-1 if a byte is neither.
    Raises TableError for a binary file.
    """
    with open_bytes(path) as stream:
        start = stream.read(CHUNK)
    for magic, problem in FOREIGN.items():
        if start.startswith(magic):
            raise TableError(problem)
    encoding = _unicode_by_zeros(start)
    if encoding == "utf-8-sig":
        _require_text(start)
    if _decodes(path, encoding, max_bytes):
        return encoding, []
    characters, odd, dropped = _odd_lines(path, encoding, max_bytes)
    notes = [f"removed NUL characters or byte order marks in {quote_lines(dropped)}"] if dropped else []
    if not odd:
        return encoding, notes
    if encoding != "utf-8-sig":
        return encoding, [*notes, f"not {encoding.upper()} in {quote_lines(odd)}: read as \ufffd there"]
    if 10 * characters >= len(odd):
        return encoding, [*notes, f"not UTF-8 in {quote_lines(odd)}: read as Windows-1252 there"]
    encoding = "cp1252" if _decodes(path, "cp1252", max_bytes, dropped="") else "latin-1"
    return encoding, [f"the file is not UTF-8: read as {encoding}", *notes]


def _unicode_by_zeros(start: bytes) -> str:
    for mark, encoding in UTF_16.items():
        if start.startswith(mark):
            return encoding
    if b"\0" in start:
        for encoding, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])):
            if 0.9 * len(zeros) < zeros.count(0) < len(start) / 2 + 1 and start.count(0) < 0.7 * len(start):
                return encoding
    return "utf-8-sig"


def _require_text(start: bytes) -> None:
    """Raise TableError if more than 2% of the bytes are control characters, as in any binary file."""
    text = start.rstrip(b"\0") or start
    control = len(text) - len(text.translate(None, bytes({*range(32)} - {*b"\t\n\v\f\r\x1a"})))
    if control > max(1, 0.02 * len(text)):
        raise TableError("is neither text nor Parquet; save the table as CSV or Parquet")


def _decodes(path: str | Path, encoding: str, max_bytes: int | None, dropped: str = DROPPED) -> bool:
    """Whether every byte fits the encoding and there is nothing to drop."""
    decoder = codecs.getincrementaldecoder(encoding)()
    with _open_limited(path, max_bytes) as stream:
        try:
            while content := stream.read(CHUNK):
                chunk = decoder.decode(content)
                if any(character in chunk for character in dropped):
                    return False
            decoder.decode(b"", final=max_bytes is None)
        except UnicodeDecodeError:
            return False
    return True


def _odd_lines(path: str | Path, encoding: str, max_bytes: int | None) -> tuple[int, list[int], list[int]]:
    """Count the characters above 127; list the lines of odd bytes, one entry a byte, and of dropped characters."""
    is_utf_8 = encoding.startswith("utf-8")
    stray = "[\udc80-\udcff]" if is_utf_8 else "\ufffd"
    characters = 0
    odd: list[int] = []
    dropped: list[int] = []
    errors = "surrogateescape" if is_utf_8 else "replace"
    with io.TextIOWrapper(_open_limited(path, max_bytes), encoding, errors) as text:  # type: ignore[type-var]
        number = 0
        while line := text.readline(MAX_LINE):
            number += 1
            if any(character in line for character in DROPPED):
                dropped.append(number)
            if not line.isascii():
                strays = len(re.findall(stray, line))
                odd += [number] * strays
                characters += len(re.findall("[^\0-\x7f\ufeff]", line)) - strays
    return characters, odd, dropped


def quote_lines(numbers: Iterable[int], limit: int = 3) -> str:
    """Name lines by their numbers, the first ones if they are many."""
    lines = [str(number) for number in dict.fromkeys(numbers)]
    if len(lines) == 1:
        return f"line {lines[0]}"
    if len(lines) > limit:
        return f"lines {', '.join(lines[:limit])} and {len(lines) - limit} more"
    return f"lines {', '.join(lines[:-1])} and {lines[-1]}"
