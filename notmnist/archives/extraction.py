"""From a tar.gz of letter folders to arrays, streamed: no member is ever written to disk."""

import gzip
import tarfile
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from notmnist.archives import plain_tar, png
from notmnist.archives.members import Collector, Extracted
from notmnist.errors import NotMNISTError
from notmnist.sources import IMAGE_SIZE, Archive

# The largest genuine member has under 1 kB.
MAX_MEMBER_BYTES = 65_536
# What may lie between two members: headers and stray files.
MAX_SKIPPED_BYTES = 16 << 20
_DECODERS = 2  # threads; more would wait for each other


def extract(
    path: Path, archive: Archive, on_error: Literal["raise", "skip"] = "raise"
) -> Extracted:
    """Read every image of an archive.

    Parameters
    ----------
    path : Path
        The tar.gz file.
    archive : Archive
        Its description: known unreadable members, and the number of images to make room for.
    on_error : {"raise", "skip"}
        Whether a member that is unreadable, but not known to be, is an error or is left out.

    Returns
    -------
    Extracted
        Images, labels, fonts and what was left out.

    Raises
    ------
    NotMNISTError
        When the file is no gzip archive, is cut short, holds an unreadable member that is not
        known, or holds no image at all.
    """
    _check_magic(path)
    try:
        return _extract_plain(path, Collector(archive, on_error))
    except plain_tar.NotPlain:
        return _extract_any(path, Collector(archive, on_error))


def _extract_plain(path: Path, collector: Collector) -> Extracted:
    with collector.progress:
        for names, contents, (images, plain) in _decoded(path):
            collector.add(
                names, images, plain.tolist(), lambda place, c=contents: png.decode(c[place])
            )
    return collector.result(path)


def _decoded(path: Path) -> Iterator[tuple[list[bytes], list[bytes], tuple]]:
    """Decode some batches while the next are read; zlib and NumPy leave the threads their time."""
    with ThreadPoolExecutor(_DECODERS) as pool:
        waiting = deque()
        for names, contents in plain_tar.batches(path, MAX_MEMBER_BYTES):
            waiting.append((names, contents, pool.submit(png.decode_plain, contents)))
            if len(waiting) > _DECODERS:
                yield _finished(*waiting.popleft())
        while waiting:
            yield _finished(*waiting.popleft())


def _finished(names: list[bytes], contents: list[bytes], images: Future) -> tuple:
    return names, contents, images.result()


def _extract_any(path: Path, collector: Collector) -> Extracted:
    try:
        # Python's gzip, unlike tarfile's, notices a cut end and a wrong checksum.
        with collector.progress, gzip.open(path) as file:
            stream = _Bounded(file)
            one = np.empty((1, IMAGE_SIZE, IMAGE_SIZE), np.uint8)
            with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member, encoding="utf-8") as tar:
                for member in tar:
                    tar.members = []  # half a million members would take half a gigabyte
                    if not member.isdir():
                        name = member.name.encode("utf-8", "surrogateescape")
                        decode = partial(_decode_member, tar, member)
                        collector.add([name], one, [False], decode)
                    stream.left = MAX_SKIPPED_BYTES
            _read_to_end(file)
    except (tarfile.TarError, EOFError, zlib.error, OSError, ValueError, RecursionError) as error:
        raise NotMNISTError(
            f"{path} is damaged or cut short ({error}): fetch it again, or pass a whole copy "
            "as archive=... (--archive FILE)"
        ) from error
    return collector.result(path)


class _Member(tarfile.TarInfo):
    """Refuse a broken header, which tarfile would take for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes, encoding: str, errors: str) -> "_Member":
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if any(buf):
                raise tarfile.ReadError(str(error)) from error
            raise  # a block of zeros is the end


class _Bounded:
    """Bound what tarfile reads at once: it has headers of any size, and none notices the end."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.left = MAX_SKIPPED_BYTES

    def read(self, size: int) -> bytes:
        data = self.file.read(size)
        self.left -= len(data)
        if not data:
            raise EOFError("it ends before its end mark")
        if self.left < 0:
            raise tarfile.ReadError(f"more than {MAX_SKIPPED_BYTES:,} bytes belong to no letter")
        return data


def _read_to_end(file: BinaryIO) -> None:
    """Read what follows the last member, so that gzip checks the length and the checksum."""
    while file.read(1 << 20):
        pass


def _check_magic(path: Path) -> None:
    try:
        with open(path, "rb") as file:
            start = file.read(16)
    except OSError as error:
        raise NotMNISTError(
            f"cannot read {path} ({error.strerror}): give an archive that is there"
        ) from error
    if not start.startswith(b"\x1f\x8b"):
        raise NotMNISTError(
            f"{path} is not a tar.gz archive (it begins with {start!r}; a web page saved under the "
            "archive's name begins with '<'): fetch the archive again"
        )


def _decode_member(tar: tarfile.TarFile, member: tarfile.TarInfo, _: int) -> np.ndarray:
    if not member.isreg() or member.issparse():
        raise ValueError("not a regular file")
    if member.size > MAX_MEMBER_BYTES:
        raise ValueError(f"{member.size:,} bytes, more than any letter has")
    return png.decode(tar.extractfile(member).read())
