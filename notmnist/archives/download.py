"""Download a published archive from its mirrors, resuming and verifying what arrives."""

import itertools
import os
import time
from pathlib import Path

from tqdm import tqdm

from notmnist import files
from notmnist.archives import transfer
from notmnist.archives.transfer import Answer, MirrorError, TransientError
from notmnist.errors import NotMNISTError
from notmnist.sources import Archive, Packing

# A try that brings at least a hundredth of the file is not counted.
TRIES_PER_MIRROR = 3
BACKOFF_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 60.0
# A download may take LONGEST_WAIT_SECONDS in addition to its time at this rate.
SLOWEST_BYTES_PER_SECOND = 20_000
# How many times larger than the archive's tar.gz a file of unknown size may be.
UNKNOWN_SIZE_FACTOR = 4

_BUSY = (429, 500, 502, 503, 504)
_RANGE_NOT_SATISFIABLE = 416
_MAGICS = (b"\x1f\x8b", b"PK")  # the first bytes of gzip and zip files


def fetch(archive: Archive, folder: Path) -> Path:
    """Return the archive in `folder`, after downloading it if it is missing or incomplete.

    The archive's own file is tried before its other packings. Mirrors are tried in order, each a
    few times with back-off. The bytes that have arrived are kept in a ``.part`` file, from which a
    later try, or a later call, continues. Several processes may call this at once.

    Parameters
    ----------
    archive : Archive
        The description of its packings: file names, mirrors, sizes and digests.
    folder : Path
        The folder that keeps the file; it is created if necessary.

    Returns
    -------
    Path
        A file whose size and digest are those of one of the archive's packings.

    Raises
    ------
    NotMNISTError
        When no mirror provides the right file, or `folder` can't be written.
    """
    target = folder / archive.filename
    with files.locked(target):
        try:
            return find(archive, folder) or _fetch_from_mirrors(archive, folder)
        except OSError as error:
            raise files.unwritable(target, error) from error


def find(archive: Archive, folder: Path) -> Path | None:
    """Return the file in `folder` that is one of the archive's packings, or None.

    A file counts if its name, size and digest are all right.
    """
    for packing in archive.packings:
        if _is_whole(folder / packing.filename, packing):
            return folder / packing.filename
    return None


def _is_whole(path: Path, packing: Packing) -> bool:
    algorithm, digest = packing.digest.split(":")
    return (
        path.is_file()
        and path.stat().st_size == (packing.size or path.stat().st_size)
        and files.digest(path, algorithm) == digest
    )


def _fetch_from_mirrors(archive: Archive, folder: Path) -> Path:
    failures = []
    for packing in archive.packings:
        target = folder / packing.filename
        part = folder / f"{packing.filename}.part"
        most = packing.size or UNKNOWN_SIZE_FACTOR * archive.size
        for url in packing.urls:
            try:
                _fetch_from(url, packing, part, most)
            except MirrorError as error:
                failures.append(f"{url}: {error}")
            else:
                os.replace(part, target)
                return target
    raise NotMNISTError(
        f"could not download {archive.filename} ({'; '.join(failures) or 'no mirror is known'}). "
        f"Fetch it by hand{f' ({archive.by_hand})' if archive.by_hand else ''}, as "
        "docs/genuine-data.md describes, and pass the tar file, zip file or unpacked folder "
        f"as archive=PATH (--archive PATH), or put it at {folder / archive.filename}, or use "
        "load('openglyphs')"
    )


def _fetch_from(url: str, packing: Packing, part: Path, most: int) -> None:
    """Complete `part` (at most `most` bytes) from one mirror, in a bounded number of tries."""
    failures = 0
    while True:
        before = _size(part)
        try:
            if not _is_whole(part, packing):
                _continue_part(url, packing, part, most)
                _check_part(packing, part, resumed=before > 0)
            return
        except TransientError as error:
            failures += _size(part) - before < most / 100
            if failures == TRIES_PER_MIRROR:
                raise
            wait = max(error.retry_after, BACKOFF_SECONDS * 2**failures)
            time.sleep(min(wait, LONGEST_WAIT_SECONDS))


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _continue_part(url: str, packing: Packing, part: Path, most: int) -> None:
    """Ask for the missing bytes, or for the whole file if the server sends other ones."""
    size = _size(part)
    for offset in (size if size < most else 0, 0):
        with transfer.ask(url, offset) as answer:
            _check_status(answer)
            if answer.start in (0, offset):
                return _write(answer, packing, part, most)
    raise TransientError("it sends a different part of the file from the one requested")


def _check_status(answer: Answer) -> None:
    if answer.status in _BUSY:
        asked = answer.headers.get("Retry-After", "")
        raise TransientError(
            f"status {answer.status}", retry_after=float(asked) if asked.isdecimal() else 0.0
        )
    if answer.status not in (200, 206, _RANGE_NOT_SATISFIABLE):
        raise MirrorError(f"status {answer.status}")


def _write(answer: Answer, packing: Packing, part: Path, most: int) -> None:
    """Write the body of an answer into `part`, at its place in the file."""
    offset = answer.start or 0
    pieces = answer.pieces(most - offset, LONGEST_WAIT_SECONDS + most / SLOWEST_BYTES_PER_SECOND)
    first = next(pieces, b"")
    if not first:
        raise TransientError("it sent nothing")
    if offset == 0 and not any(magic.startswith(first[:2]) for magic in _MAGICS):
        raise MirrorError("it sent something other than an archive, perhaps a web page")
    stated = offset + answer.length if answer.length else None
    progress = tqdm(
        total=packing.size or stated, initial=offset, unit="B", unit_scale=True,
        desc=packing.filename, disable=None, leave=False,
    )  # fmt: skip
    with progress, open(part, "r+b" if offset else "wb") as file:
        file.seek(offset)
        for piece in itertools.chain([first], pieces):
            file.write(piece)
            progress.update(len(piece))


def _check_part(packing: Packing, part: Path, resumed: bool) -> None:
    size = _size(part)
    if packing.size and size < packing.size:
        raise TransientError(f"the connection ended after {size:,} of {packing.size:,} bytes")
    if _is_whole(part, packing):
        return
    part.unlink()
    algorithm, _ = packing.digest.split(":")
    if resumed:
        # The first bytes may have come from another mirror or an older file: start over.
        raise TransientError(f"the resumed file has the wrong {algorithm}")
    raise MirrorError(f"the file has the wrong {algorithm}")
