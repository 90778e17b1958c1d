"""The fast way through a tar.gz of regular files and folders, under short or GNU's long names.

Half a million members are walked without making an object for each, while a second thread inflates
what comes next. Whatever is not of that kind, or looks wrong, ends the walk with `NotPlain`.
"""

import gzip
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

_BLOCK = 512
_CHUNK = 8 << 20  # bytes inflated at a time
_FILES, _FOLDER, _LONG_NAME = b"0\x00", b"5", b"L"


class NotPlain(Exception):  # noqa: N818 - no error: another reader goes on
    """Tell that an archive holds more than plain members, or is damaged."""


def batches(path: Path, most_bytes: int) -> Iterator[tuple[list[bytes], list[bytes]]]:
    """Read the regular files of a tar.gz, some thousands at a time.

    Parameters
    ----------
    path : Path
        The archive.
    most_bytes : int
        Largest size of a member.

    Yields
    ------
    names, contents : list of bytes
        In the archive's order, as tarfile gives them.

    Raises
    ------
    NotPlain
        At any other member, a wrong checksum, a cut or unusual end; names and contents that were
        given before may belong to a damaged archive.
    """
    walk = _Walk(most_bytes)
    try:
        with gzip.open(path) as file, ThreadPoolExecutor(1) as thread:
            ahead = thread.submit(file.read, _CHUNK)
            while chunk := ahead.result():
                ahead = thread.submit(file.read, _CHUNK)
                yield walk.through(chunk)
    except (OSError, EOFError, zlib.error) as error:
        raise NotPlain(str(error)) from error
    if walk.zeros < 2 * _BLOCK:
        raise NotPlain("it ends before its end mark")


class _Walk:
    """Go from header to header through the chunks of an archive."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.rest = b""  # of the chunks so far: the member that is not whole yet
        self.long_name = b""  # of the member that follows
        self.zeros = 0  # since the end mark began

    def through(self, chunk: bytes) -> tuple[list[bytes], list[bytes]]:
        """Return the names and contents of the files that are whole by now."""
        buffer, position = self.rest + chunk, 0
        names, contents, headers = [], [], []
        while not self.zeros and position + _BLOCK <= len(buffer):
            if not buffer[position]:
                break
            start = position + _BLOCK
            end = start + self._size(buffer, position)
            following = start + -(-(end - start) // _BLOCK) * _BLOCK
            if following > len(buffer):
                break
            kind, name = buffer[position + 156 : position + 157], self._name(buffer, position)
            if kind == _LONG_NAME:
                self.long_name = buffer[start:end].partition(b"\0")[0]
            elif kind in _FILES and not name.endswith(b"/"):
                names.append(name)
                contents.append(buffer[start:end])
            elif kind != _FOLDER:
                raise NotPlain(f"a member of kind {kind!r}")
            headers.append(position)
            position = following
        _check(buffer, headers)
        self.rest = buffer[position:]
        if self.rest.startswith(b"\0") or self.zeros:
            self._end()
        return names, contents

    def _end(self) -> None:
        if self.rest.count(b"\0") < len(self.rest):
            raise NotPlain("something follows the end mark")
        self.zeros += len(self.rest)
        self.rest = b""

    def _size(self, buffer: bytes, position: int) -> int:
        size = _octal(buffer[position + 124 : position + 135])
        if size > self.most_bytes:
            raise NotPlain(f"a member of {size:,} bytes")
        return size

    def _name(self, buffer: bytes, position: int) -> bytes:
        if self.long_name:
            name, self.long_name = self.long_name, b""
            return name
        name = buffer[position : position + 100].partition(b"\0")[0]
        prefix = buffer[position + 345 : position + 500].partition(b"\0")[0]
        return prefix + b"/" + name if prefix else name


def _check(buffer: bytes, headers: list[int]) -> None:
    """Compare the checksums of the headers, whose own field counts as spaces, and their format."""
    stated = [_octal(buffer[at + 148 : at + 154]) for at in headers]
    positions = np.array(headers, np.int64)[:, None] + np.arange(_BLOCK)
    blocks = np.frombuffer(buffer, np.uint8)[positions]
    blocks[:, 148:156] = ord(" ")
    formats = {buffer[at + 154 : at + 156] + buffer[at + 257 : at + 262] for at in headers}
    if blocks.sum(axis=1).tolist() != stated or formats - {b"\0 ustar"}:
        raise NotPlain("a broken header")


def _octal(field: bytes) -> int:
    try:
        return int(field if field.isdigit() else b"-", 8)
    except ValueError:
        raise NotPlain("a number in another form") from None
