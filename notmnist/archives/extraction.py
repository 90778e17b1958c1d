"""Read an archive in any packing into arrays, as a stream: no member is ever written to disk."""

import stat
import tarfile
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Protocol

from notmnist import files
from notmnist.archives import png
from notmnist.archives.folders import Folder
from notmnist.archives.members import (
    ACCEPTED,
    Collector,
    Content,
    Extracted,
    Members,
    Names,
    OnError,
)
from notmnist.archives.tars import DECOMPRESSORS, Tar
from notmnist.archives.zips import Zip
from notmnist.errors import NotMNISTError
from notmnist.sources import Archive

_DECODERS = 2  # more threads would only wait for each other
# Images decoded at once: as many as fit into the cache of a processor.
_BATCH, _BATCH_BYTES = 2048, 4 << 20


class Reader(Protocol):
    """Read the members of a tar file, a zip file or a folder in bounded memory, writing nothing.

    Attributes
    ----------
    path : Path
        The file or folder.
    size : int
        Its bytes, known once all members have been read.
    sha256 : str
        The hash of the bytes that were read, known once all members have been read.
    """

    path: Path
    size: int
    sha256: str

    def members(self, is_wanted: Callable[[bytes], bool]) -> Members:
        """Yield the name and the content of every member that is not a folder.

        Parameters
        ----------
        is_wanted : callable
            Tells by its name whether a member's content is needed; others may come without it.

        Raises
        ------
        NotMNISTError
            When the file is damaged, or is not of this format.
        """
        ...


def extract(
    path: Path,
    archive: Archive,
    on_error: OnError = "raise",
    beside: Collection[str] = (),
) -> Extracted:
    """Read every image of an archive.

    Parameters
    ----------
    path : Path
        A tar or zip file, or a folder.
    archive : Archive
        The description: known unreadable members, and the number of images to make room for.
    on_error : {"raise", "skip"}
        Whether an unreadable member that is not a known one is an error or is left out.
    beside : collection of str
        Folders of other archives that may lie beside this archive's folder.

    Returns
    -------
    Extracted
        Images, labels, fonts and what was left out.

    Raises
    ------
    NotMNISTError
        When there is no archive at `path`, when it is damaged, when it holds an unreadable member
        that is not a known one or more images than it should, or when it holds no image at all.
    """
    reader, names = open_reader(path), Names(archive.folder, beside)
    collector = Collector(path, archive, names, on_error)
    with collector.progress, closing(reader.members(names.is_wanted)) as members:
        for batch, (images, problems) in _decoded(members):
            collector.add(batch, images, problems)
    return collector.result(reader.size, reader.sha256)


def count_letters(path: Path, archive: Archive, beside: Collection[str] = ()) -> int:
    """Count the letters of an archive by their names; see `extract`."""
    names = Names(archive.folder, beside)
    return sum(names.is_wanted(name) for name, _ in open_reader(path).members(lambda name: False))


def sha256(path: Path, archive: Archive, beside: Collection[str] = ()) -> str:
    """Hash an archive without reading its images; the hash is the one that `extract` returns."""
    reader = open_reader(path)
    if not isinstance(reader, Folder):
        return files.sha256(path)
    for _ in reader.members(Names(archive.folder, beside).is_wanted):
        pass
    return reader.sha256


def open_reader(path: Path) -> Reader:
    """Choose the reader that fits the content of a file or a folder.

    Raises
    ------
    NotMNISTError
        When no reader fits.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return Folder(path)
        # Reading from a pipe could wait for ever.
        start = _first_block(path) if stat.S_ISREG(mode) else None
    except OSError as error:
        raise NotMNISTError(
            f"cannot read {path} ({error.strerror}): give an archive that exists and can be read"
        ) from error
    if start is None:
        raise NotMNISTError(f"{path} is a device or a pipe: give {ACCEPTED}")
    if not start:
        raise NotMNISTError(f"{path} is empty: fetch the archive again")
    if start.startswith(b"PK"):
        return Zip(path)
    if start.startswith(tuple(DECOMPRESSORS)) or _is_tar_header(start):
        return Tar(path)
    if start.startswith(b"PAR1"):
        raise NotMNISTError(
            f"{path} is a parquet file, which has no file names, so that fonts and splits are "
            f"unknown: give {ACCEPTED}"
        )
    raise NotMNISTError(
        f"{path} is not an archive (it begins with {start[:16]!r}; a web page saved under its name "
        f"begins with '<'): fetch the archive again, or give {ACCEPTED}"
    )


def _first_block(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(tarfile.BLOCKSIZE)


def _is_tar_header(block: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _decoded(members: Iterable[tuple[bytes, Content]]) -> Iterator[tuple[list[bytes], tuple]]:
    """Decode batches while the next ones are read; zlib and NumPy let threads run in parallel."""
    with ThreadPoolExecutor(_DECODERS) as pool:
        waiting: deque[tuple[list[bytes], Future]] = deque()
        for names, contents in _batches(members):
            waiting.append((names, pool.submit(png.decode, contents)))
            if len(waiting) > _DECODERS:
                names, images = waiting.popleft()
                yield names, images.result()
        for names, images in waiting:
            yield names, images.result()


def _batches(
    members: Iterable[tuple[bytes, Content]],
) -> Iterator[tuple[list[bytes], list[Content]]]:
    names, contents, size = [], [], 0
    for name, content in members:
        names.append(name)
        contents.append(content)
        size += len(name) + len(content)
        if len(names) == _BATCH or size > _BATCH_BYTES:
            yield names, contents
            names, contents, size = [], [], 0
    if names:
        yield names, contents
