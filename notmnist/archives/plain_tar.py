"""The fast way through a tar.gz of regular files and folders, under short or GNU's long names.

Half a million members are walked without making an object for each, while a second thread inflates
what comes next. Whatever is not of that kind, or looks wrong, ends the walk with `NotPlain`.
"""

import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np

_BLOCK = 512
_READ = 1 << 20  # compressed bytes read at a time
_CHUNK = 16 << 20  # bytes walked at a time: more images are decoded at once, and faster
_GZIP = 31  # zlib's number for the format, with its checksum and length
_FILES, _FOLDER, _LONG_NAME = b"0\x00", b"5", b"L"
# Fields of a header (POSIX.1-1988 ustar), and the places of octal digits.
_NAME, _SIZE, _CHECKSUM = slice(0, 100), slice(124, 135), slice(148, 154)
_CHECKSUM_FIELD, _KIND, _PREFIX = slice(148, 156), 156, slice(345, 500)
_FORMAT = [*range(154, 156), *range(257, 262)], b"\0 ustar"


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
        with open(path, "rb") as file, ThreadPoolExecutor(1) as thread:
            chunks = _inflated(file)
            ahead = thread.submit(next, chunks, b"")
            while chunk := ahead.result():
                ahead = thread.submit(next, chunks, b"")
                yield walk.through(chunk)
    except (OSError, zlib.error) as error:
        raise NotPlain(str(error)) from error
    if walk.zeros < 2 * _BLOCK:
        raise NotPlain("it ends before its end mark")


def _inflated(file: BinaryIO) -> Iterator[bytes]:
    """Inflate a file by large steps: between them, threads wait for each other."""
    stream, waiting, total = zlib.decompressobj(_GZIP), [], 0
    while not stream.eof:
        data = stream.unconsumed_tail or file.read(_READ)
        if not data:
            raise NotPlain("it is cut short")
        waiting.append(stream.decompress(data, _CHUNK - total))
        total += len(waiting[-1])
        if total == _CHUNK:
            yield b"".join(waiting)
            waiting, total = [], 0
    if stream.unused_data or file.read(1):
        raise NotPlain("something follows the gzip stream")
    yield b"".join(waiting)


class _Walk:
    """Go from header to header through the chunks of an archive."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.rest = b""  # of the chunks so far: the member that is not whole yet
        self.long_name = b""  # of the member that follows
        self.zeros = 0  # since the end mark began

    def through(self, chunk: bytes) -> tuple[list[bytes], list[bytes]]:
        """Return the names and contents of the files that are whole by now."""
        buffer = self.rest + chunk
        positions, sizes, following = self._members(buffer)
        blocks = np.frombuffer(buffer, np.uint8, len(buffer) // _BLOCK * _BLOCK)
        headers = blocks.reshape(-1, _BLOCK)[np.array(positions, np.int64) // _BLOCK]
        _check(headers, sizes)
        contents = [
            buffer[position + _BLOCK : position + _BLOCK + size]
            for position, size in zip(positions, sizes, strict=True)
        ]
        self.rest = buffer[following:]
        if self.rest.startswith(b"\0") or self.zeros:
            self._end()
        return self._files(_names(headers), headers[:, _KIND].tobytes(), contents)

    def _members(self, buffer: bytes) -> tuple[list[int], list[int], int]:
        """Find where the headers of whole members are, their sizes, and where the rest begins."""
        positions, sizes, position = [], [], 0
        while not self.zeros and position + _BLOCK <= len(buffer) and buffer[position]:
            try:
                size = int(buffer[position + _SIZE.start : position + _SIZE.stop], 8)
            except ValueError:
                raise NotPlain("a number in another form") from None
            if not 0 <= size <= self.most_bytes:
                raise NotPlain(f"a member of {size:,} bytes")
            following = position + _BLOCK + -(-size // _BLOCK) * _BLOCK
            if following > len(buffer):
                break
            positions.append(position)
            sizes.append(size)
            position = following
        return positions, sizes, position

    def _files(
        self, names: list[bytes], kinds: bytes, contents: list[bytes]
    ) -> tuple[list[bytes], list[bytes]]:
        """Keep the files; a long name is a member of its own, before the one that it names."""
        kept_names, kept_contents = [], []
        for kind, name, content in zip(kinds, names, contents, strict=True):
            if kind == _LONG_NAME[0]:
                self.long_name = content.partition(b"\0")[0]
                continue
            if self.long_name:
                name, self.long_name = self.long_name, b""
            if kind in _FILES and not name.endswith(b"/"):
                kept_names.append(name)
                kept_contents.append(content)
            elif kind != _FOLDER[0]:
                raise NotPlain(f"a member of kind {bytes([kind])!r}")
        return kept_names, kept_contents

    def _end(self) -> None:
        if self.rest.count(b"\0") < len(self.rest):
            raise NotPlain("something follows the end mark")
        self.zeros += len(self.rest)
        self.rest = b""


def _check(headers: np.ndarray, sizes: list[int]) -> None:
    """Compare the checksums of headers, whose own field counts as spaces, format and digits."""
    columns, expected = _FORMAT
    field = headers[:, _CHECKSUM_FIELD]
    sums = headers.sum(axis=1) - field.sum(axis=1) + ord(" ") * field.shape[1]
    if (
        (headers[:, columns] != np.frombuffer(expected, np.uint8)).any()
        or not np.array_equal(_octal(headers[:, _CHECKSUM]), sums)
        or not np.array_equal(_octal(headers[:, _SIZE]), sizes)
    ):
        raise NotPlain("a broken header")


def _octal(digits: np.ndarray) -> np.ndarray:
    """Return numbers, -1 where something else than octal digits stands."""
    values = digits.astype(np.int64) - ord("0")
    numbers = values @ 8 ** np.arange(digits.shape[1])[::-1]
    return np.where(((values >= 0) & (values < 8)).all(axis=1), numbers, -1)


def _names(headers: np.ndarray) -> list[bytes]:
    """Return the names of members, each behind its prefix where it has one."""
    names, prefixes = _texts(headers[:, _NAME]), _texts(headers[:, _PREFIX])
    return [
        prefix + b"/" + name if prefix else name
        for prefix, name in zip(prefixes, names, strict=True)
    ]


def _texts(fields: np.ndarray) -> list[bytes]:
    """Return what stands before the first zero of every field."""
    texts = fields.copy().view(f"S{fields.shape[1]}")[:, 0].tolist()
    return [text.partition(b"\0")[0] for text in texts]
