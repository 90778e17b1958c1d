"""Fetch a published archive from its mirrors: resumed, verified, and renamed only when whole."""

import itertools
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from tqdm import tqdm

from notmnist import files
from notmnist.errors import NotMNISTError
from notmnist.sources import Archive
from notmnist.version import __version__

# Tries that brought a hundredth of the archive are not counted.
TRIES_PER_MIRROR = 3
BACKOFF_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 60.0
# To connect, and between two pieces of data.
TIMEOUT_SECONDS = (10.0, 30.0)
# A server has LONGEST_WAIT_SECONDS to answer, and again to send the archive, with the time that it
# takes at this rate.
SLOWEST_BYTES_PER_SECOND = 20_000

_CHUNK = 1 << 16
_GZIP_MAGIC = b"\x1f\x8b"
# Some mirrors answer 406 to the User-Agent that Python sends by default.
_USER_AGENT = f"Mozilla/5.0 (compatible; notmnist/{__version__})"


class _MirrorError(Exception):
    """A mirror failed for good: it has not the file, or not the right one."""


class _TransientError(Exception):
    """A mirror failed in a way that another try may mend."""

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


def fetch(archive: Archive, folder: Path) -> Path:
    """Return the archive in `folder`, fetching it first when it is not there whole.

    Mirrors are tried in order, each a few times with back-off. What arrived is kept in a ``.part``
    file, and a later try, or a later call, goes on from there. Two processes may call this at once.

    Parameters
    ----------
    archive : Archive
        File name, mirrors, size and sha256.
    folder : Path
        Where the file is kept; it is created.

    Returns
    -------
    Path
        A file whose size and sha256 are the archive's.

    Raises
    ------
    NotMNISTError
        When no mirror gives the right file, or `folder` can't be written.
    """
    target = folder / archive.filename
    with files.locked(target):
        if not is_whole(target, archive):
            try:
                _fetch_from_mirrors(archive, target)
            except OSError as error:
                raise files.unwritable(target, error) from error
    return target


def is_whole(path: Path, archive: Archive) -> bool:
    """Tell whether a file is there and has the archive's size and sha256."""
    return (
        path.is_file()
        and path.stat().st_size == archive.size
        and files.sha256(path) == archive.sha256
    )


def _fetch_from_mirrors(archive: Archive, target: Path) -> None:
    part = target.with_name(f"{target.name}.part")
    failures = []
    for url in archive.urls:
        try:
            _fetch_from(url, archive, part)
        except (_MirrorError, _TransientError) as error:
            failures.append(f"{url}: {error}")
        else:
            os.replace(part, target)
            return
    raise NotMNISTError(
        f"could not download {archive.filename} ({'; '.join(failures) or 'it has no mirror'}). "
        f"Fetch it by hand{f' ({archive.by_hand})' if archive.by_hand else ''} and pass it as "
        f"archive=FILE (--archive FILE), or put it at {target}, or use load('openglyphs')"
    )


def _fetch_from(url: str, archive: Archive, part: Path) -> None:
    """Complete `part` from one mirror, in a bounded number of tries."""
    failures = 0
    while True:
        before = _size(part)
        try:
            _continue_part(url, archive, part)
            _check_part(archive, part, resumed=before > 0)
            return
        except _TransientError as error:
            failures += _size(part) - before < archive.size / 100
            if failures == TRIES_PER_MIRROR:
                raise
            wait = max(error.retry_after, BACKOFF_SECONDS * 2**failures)
            time.sleep(min(wait, LONGEST_WAIT_SECONDS))


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _check_part(archive: Archive, part: Path, resumed: bool) -> None:
    size = _size(part)
    if size < archive.size:
        raise _TransientError(f"the connection ended after {size:,} of {archive.size:,} bytes")
    if size == archive.size and files.sha256(part) == archive.sha256:
        return
    part.unlink()
    if resumed:
        # The first bytes may be another mirror's or an older file's: start over before judging.
        raise _TransientError("what was resumed has the wrong sha256")
    raise _MirrorError("the file has the wrong size or sha256")


def _continue_part(url: str, archive: Archive, part: Path) -> None:
    # They take 0.1 s to import, and most calls find the archive in the cache.
    import requests
    from urllib3.exceptions import HTTPError

    offset = _size(part)
    if offset >= archive.size:
        return
    headers = {"User-Agent": _USER_AGENT, "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    try:
        with _answer(url, headers) as response:
            _check_status(response.status_code, response.headers.get("Retry-After", ""))
            if response.status_code != 206:
                offset = 0
            _write(_pieces(response.raw, archive), archive, part, offset)
    except (
        requests.ConnectionError,
        requests.Timeout,
        requests.exceptions.ChunkedEncodingError,
        HTTPError,
    ) as error:
        raise _TransientError(_cause(error)) from error
    except requests.RequestException as error:
        raise _MirrorError(_cause(error)) from error


def _answer(url: str, headers: dict[str, str]) -> Any:
    """Ask a server, and leave one that has not ended its headers in time."""
    import requests

    answer: Future = Future()

    def ask() -> None:
        try:
            answer.set_result(
                requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS)
            )
        except Exception as error:
            answer.set_exception(error)

    # A timeout starts anew with every byte, and nothing else can end the wait for a header.
    threading.Thread(target=ask, daemon=True).start()
    try:
        return answer.result(LONGEST_WAIT_SECONDS)
    except TimeoutError:
        raise _TransientError(
            f"it has not answered in {LONGEST_WAIT_SECONDS:,.0f} seconds"
        ) from None


def _pieces(raw: Any, archive: Archive) -> Iterator[bytes]:
    """Give what has come as it comes, undecoded, until the body or the time ends."""
    allowed = LONGEST_WAIT_SECONDS + archive.size / SLOWEST_BYTES_PER_SECOND
    deadline = time.monotonic() + allowed
    while piece := raw.read1(_CHUNK, decode_content=False):
        yield piece
        if time.monotonic() > deadline:
            raise _TransientError(f"it has not sent the archive in {allowed:,.0f} seconds")


def _check_status(status: int, retry_after: str) -> None:
    if status in (429, 500, 502, 503, 504):
        seconds = float(retry_after) if retry_after.isdecimal() else 0.0
        raise _TransientError(f"status {status}", seconds)
    if status not in (200, 206):
        raise _MirrorError(f"status {status}")


def _write(pieces: Iterator[bytes], archive: Archive, part: Path, offset: int) -> None:
    first = next(pieces, b"")
    if offset == 0 and not _GZIP_MAGIC.startswith(first[:2]):
        raise _MirrorError("it sent something else than an archive, perhaps a web page")
    progress = tqdm(
        total=archive.size, initial=offset, unit="B", unit_scale=True, desc=archive.filename,
        disable=None, leave=False,
    )  # fmt: skip
    with progress, open(part, "r+b" if offset else "wb") as file:
        file.seek(offset)
        for piece in itertools.chain([first], pieces):
            file.write(piece)
            progress.update(len(piece))
            if file.tell() > archive.size:
                break  # whatever it is, it is not the archive


def _cause(error: BaseException) -> str:
    """Word the error at the root of a chain: those above it repeat the address."""
    while error.__context__:
        error = error.__context__
    return " ".join(str(error).split()) or type(error).__name__
