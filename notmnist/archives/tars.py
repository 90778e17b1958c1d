"""Read a tar archive from start to end, whether and however it is compressed."""

import bz2
import hashlib
import io
import lzma
import tarfile
import zlib
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from notmnist.archives.members import (
    ACCEPTED,
    MAX_MEMBER_BYTES,
    NOT_REGULAR,
    TOO_LARGE,
    Content,
    Members,
)
from notmnist.archives.plain_tar import Walk
from notmnist.errors import NotMNISTError

# Bounds what tarfile reads at once, since it takes headers of any size into memory.
MAX_HEADER_BYTES = 16 << 20
# Bounds the files that are skipped: the course's pickles of the large archive take 1.7 GB.
MAX_PASSED_BYTES = 2 << 30
_BLOCK = 512
_READ = 1 << 20  # bytes read from the file at a time
_PIECE = 16 << 20  # bytes inflated at a time: with longer steps, threads wait less for each other
_MOST_XZ_MEMORY = 256 << 20  # four times what the strongest preset of xz needs


class Tar:
    """Read a tar archive; see `Reader`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.sha256 = ""

    def members(self, is_wanted: Callable[[bytes], bool]) -> Members:
        """Yield all members with their contents; see `Reader.members`."""
        try:
            with open(self.path, "rb") as file:
                hashed = _Hashed(file)
                with closing(_ahead(_pieces(hashed))) as pieces:
                    yield from _members(pieces)
        except _OversizedError as error:
            raise NotMNISTError(f"{self.path} {error}: get the archive elsewhere") from error
        except (
            tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError, ValueError,
            RecursionError,
        ) as error:  # fmt: skip
            raise NotMNISTError(
                f"{self.path} is damaged or cut short, or is not a tar archive ({error}): fetch it "
                f"again, or give {ACCEPTED}"
            ) from error
        self.size, self.sha256 = hashed.size, hashed.hash.hexdigest()


class _Hashed:
    """Hash a file while it is read."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.hash = hashlib.sha256()
        self.size = 0

    def read(self, size: int) -> bytes:
        data = self.file.read(size)
        self.hash.update(data)
        self.size += len(data)
        return data


class _Gzip:
    """Give zlib's decompressor the interface of `bz2.BZ2Decompressor` and `lzma.LZMADecompressor`.

    Unlike the module gzip, it inflates long pieces in one step.
    """

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(16 + zlib.MAX_WBITS)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail + data, max_length)

    @property
    def needs_input(self) -> bool:
        return not self._stream.unconsumed_tail

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data


Decompressor = _Gzip | bz2.BZ2Decompressor | lzma.LZMADecompressor
DECOMPRESSORS: dict[bytes, Callable[[], Decompressor]] = {
    b"\x1f\x8b": _Gzip,
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\x00": partial(lzma.LZMADecompressor, lzma.FORMAT_XZ, memlimit=_MOST_XZ_MEMORY),
}


def _pieces(file: _Hashed) -> Iterator[bytes]:
    """Read a file to its end, and inflate it if it is compressed."""
    start = file.read(_READ)
    for magic, decompressor in DECOMPRESSORS.items():
        if start.startswith(magic):
            return _inflated(start, file, decompressor)
    return chain([start], iter(lambda: file.read(_READ), b""))


def _inflated(
    data: bytes, file: _Hashed, decompressor: Callable[[], Decompressor]
) -> Iterator[bytes]:
    while data:
        stream = decompressor()
        while not stream.eof:
            if stream.needs_input and not data:
                data = file.read(_READ)
                if not data:
                    raise EOFError("it ends inside a compressed stream")
            yield stream.decompress(data, _PIECE)
            data = b""
        # Zeros may follow as padding, or another stream.
        data = stream.unused_data.lstrip(b"\0")
        while not data and (data := file.read(_READ)):
            data = data.lstrip(b"\0")


def _ahead(pieces: Iterator[bytes]) -> Generator[bytes, None, None]:
    """Let a thread make the next piece while the previous one is used."""
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, pieces, None)
        while (piece := following.result()) is not None:
            following = thread.submit(next, pieces, None)
            yield piece


def _members(pieces: Iterator[bytes]) -> Members:
    """Walk through the plain members, and let tarfile continue where the walk stops."""
    walk = Walk(MAX_MEMBER_BYTES)
    for piece in pieces:
        yield from walk.through(piece)
        if walk.stopped:
            break
    yield from _members_by_tarfile(chain([walk.rest], pieces))


def _members_by_tarfile(pieces: Iterator[bytes]) -> Members:
    blocks = _Blocks(pieces)
    left = MAX_PASSED_BYTES
    with tarfile.open(
        fileobj=blocks, mode="r|", bufsize=_BLOCK, tarinfo=_Member, encoding="utf-8"
    ) as tar:
        for member in tar:
            # Half a million members would take half a gigabyte. The public way, stream=True,
            # exists from Python 3.13 on.
            tar.members = []  # type: ignore[attr-defined]  # an attribute that is not documented
            if not member.isdir():
                yield member.name.encode("utf-8", "surrogateescape"), _content(tar, member)
            passed = min(member.size, left)
            left -= passed
            blocks.left = MAX_HEADER_BYTES + passed
    blocks.expect_zeros()


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Content:
    if not member.isreg() or member.issparse():
        return NOT_REGULAR
    if not 0 <= member.size <= MAX_MEMBER_BYTES:
        return TOO_LARGE
    file = tar.extractfile(member)
    return file.read() if file else NOT_REGULAR


class _Member(tarfile.TarInfo):
    """Refuse a broken header, which tarfile would mistake for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_Member":
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if any(buf):
                raise tarfile.ReadError(str(error)) from error
            raise  # a block of zeros is the end


class _OversizedError(Exception):
    """Report what could exhaust the memory, in the words that follow the archive's path."""


class _Blocks(io.BufferedIOBase):
    """Pass blocks to tarfile, and notice a premature end and endless headers."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.left = MAX_HEADER_BYTES
        self._pieces = pieces
        self._piece = b""
        self._start = 0

    def read(self, size: int | None = _BLOCK) -> bytes:
        size = size or _BLOCK
        self.left -= size
        if self.left < 0:
            raise _OversizedError(f"holds over {MAX_HEADER_BYTES:,} bytes that belong to no member")
        while self._start + size > len(self._piece):
            following = next(self._pieces, None)
            if following is None:
                raise EOFError("its end mark is missing")
            self._piece, self._start = self._piece[self._start :] + following, 0
        self._start += size
        return self._piece[self._start - size : self._start]

    def expect_zeros(self) -> None:
        for piece in chain([self._piece[self._start :]], self._pieces):
            if piece.strip(b"\0"):
                raise tarfile.ReadError("data follows its end mark")
