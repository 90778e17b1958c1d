"""From an archive, however it is packed, to arrays: streamed, and no member is ever written."""

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

_DECODERS = 2  # threads; more would wait for each other
# Images decoded at once: as many as fit into a processor's cache.
_BATCH, _BATCH_BYTES = 2048, 4 << 20


class Reader(Protocol):
    """Read the members of a tar, a zip or a folder, in bounded memory, and write nothing.

    Attributes
    ----------
    path : Path
        What is read.
    size : int
        Bytes of it, known once all members were given.
    sha256 : str
        Hash of the very bytes that were read, known likewise.
    """

    path: Path
    size: int
    sha256: str

    def members(self, is_wanted: Callable[[bytes], bool]) -> Members:
        """Give the name and the content of every member that is no folder.

        Parameters
        ----------
        is_wanted : callable
            Tells by a member's name whether its content is of interest; others may lack theirs.

        Raises
        ------
        NotMNISTError
            When the packing is damaged, or is none.
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
        Its description: known unreadable members, and the number of images to make room for.
    on_error : {"raise", "skip"}
        Whether a member that is unreadable, but not known to be, is an error or is left out.
    beside : collection of str
        Folders that may lie beside the archive's own and hold other archives.

    Returns
    -------
    Extracted
        Images, labels, fonts and what was left out.

    Raises
    ------
    NotMNISTError
        When there is no archive at `path`, when it is damaged, holds an unreadable member that is
        not known or more images than it should, or holds no image at all.
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
    """Hash what `extract` would read, and give the hash that it would give."""
    reader = open_reader(path)
    if not isinstance(reader, Folder):
        return files.sha256(path)
    for _ in reader.members(Names(archive.folder, beside).is_wanted):
        pass
    return reader.sha256


def open_reader(path: Path) -> Reader:
    """Choose the reader for a file or a folder by its content.

    Raises
    ------
    NotMNISTError
        When there is none.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return Folder(path)
        # A pipe would be waited for.
        start = _first_block(path) if stat.S_ISREG(mode) else b""
    except OSError as error:
        raise NotMNISTError(
            f"cannot read {path} ({error.strerror}): give an archive that is there"
        ) from error
    if start.startswith(b"PK"):
        return Zip(path)
    if start.startswith(tuple(DECOMPRESSORS)) or _is_tar_header(start):
        return Tar(path)
    if start.startswith(b"PAR1"):
        raise NotMNISTError(
            f"{path} is a parquet file, which lacks the names of fonts, and so fonts and splits "
            f"can't be had: give {ACCEPTED}"
        )
    raise NotMNISTError(
        f"{path} is no archive (it begins with {start[:16]!r}; a web page saved under its name "
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
    """Decode some batches while the next are read; zlib and NumPy leave the threads their time."""
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
