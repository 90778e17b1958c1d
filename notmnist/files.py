"""Find the package's folders, and hash, lock and replace files."""

import errno
import glob
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from notmnist.errors import NotMNISTError, UsageError, say

_PACKAGE = Path(__file__).parent
PATIENCE_SECONDS = 30  # between two messages about a lock that another process holds
# A temporary file that has not changed for this long belongs to a process that was killed.
_LEFTOVER_SECONDS = 24 * 60 * 60


def checkout() -> Path | None:
    """Find the checkout that the package is imported from; None if it was installed."""
    root = _PACKAGE.parent
    return root if (root / "setup.py").is_file() and (root / "notebooks").is_dir() else None


def home() -> Path:
    """Name the cache folder: NOTMNIST_HOME, or ``data/`` in a checkout, or the system's."""
    if named := _named_by("NOTMNIST_HOME"):
        return named
    if root := checkout():
        return root / "data"
    try:
        path = platformdirs.user_cache_path("notmnist", appauthor=False)
    except RuntimeError:
        path = Path("~")  # what older versions of platformdirs begin with
    if not path.is_absolute():
        raise NotMNISTError("your home folder is unknown: name a cache folder in NOTMNIST_HOME")
    return path


def misc() -> Path:
    """Name the folder of plots and results: NOTMNIST_MISC, or ``misc/`` in a checkout or here."""
    return _named_by("NOTMNIST_MISC") or (checkout() or Path()) / "misc"


def expanded(path: str | os.PathLike) -> Path:
    """Read a path as a shell would: ``~`` is the user's home folder.

    Raises
    ------
    UsageError
        When there is no such user, or the user's home folder is unknown.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UsageError(f"{path} names no known home folder: write the path without ~") from error


def _named_by(variable: str) -> Path | None:
    """Read the folder that an environment variable names; None if it is unset or empty."""
    if not os.environ.get(variable):
        return None
    path = expanded(os.environ[variable])
    if "JPY_PARENT_PID" in os.environ and not path.is_absolute():
        raise UsageError(
            f"{variable} is {path}, but Jupyter runs notebooks in their own folder: give an "
            "absolute path, such as that of a folder in your home"
        )
    return path


def notebooks() -> Path:
    """Name the folder of the notebooks, in a checkout or in the installed package."""
    return (checkout() or _PACKAGE) / "notebooks"


def committed_results() -> Path:
    """Name the folder of the results that travel with the code, whatever NOTMNIST_MISC says."""
    return (checkout() or _PACKAGE) / "misc" / "results"


def committed_model() -> Path:
    """Name the folder of the trained network that travels with the code."""
    return (checkout() or _PACKAGE) / "misc" / "model"


def sha256(path: Path) -> str:
    """Return the sha256 of a whole file, in hexadecimal."""
    return digest(path, "sha256")


def digest(path: Path, algorithm: str) -> str:
    """Return the hash of a whole file by an algorithm of `hashlib`, in hexadecimal."""
    with open(path, "rb") as file:
        # Some systems refuse md5 unless it is declared not to be used for security.
        new_hash = partial(hashlib.new, algorithm, usedforsecurity=False)
        return hashlib.file_digest(file, new_hash).hexdigest()


def make_folder(path: Path) -> Path:
    """Create a folder and its parents, and return it.

    Parameters
    ----------
    path : Path
        The folder; it may exist.

    Raises
    ------
    NotMNISTError
        When it can't be created.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
    return path


def check_writable(folder: Path) -> None:
    """Refuse a folder where no file can be created, before any work is done for it.

    Parameters
    ----------
    folder : Path
        The folder, which need not exist; it is not created.

    Raises
    ------
    NotMNISTError
        When it can't be written, or can't be created.
    """
    try:
        existing = folder.absolute()
        while not (existing.exists() or existing.is_symlink()):
            existing = existing.parent
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        raise unwritable(folder, error) from error


def locked(path: Path, *, wait: bool = True) -> AbstractContextManager:
    """Take a lock that other processes wait for, and that is released when this process ends.

    Parameters
    ----------
    path : Path
        The file to lock. The lock is an empty file beside it, ``.<name>.lock``, which stays.
    wait : bool
        Whether to wait while another process holds the lock; every half minute, a line on stderr
        says so. Otherwise, a lock that is held is an error.

    Returns
    -------
    context manager
        Releases the lock at its end.

    Raises
    ------
    NotMNISTError
        When the folder can't be written or does not support locks, or when another process holds
        the lock and `wait` is false.
    """
    file = make_folder(path.parent) / f".{path.name}.lock"
    while True:
        try:
            # In folders such as /proc, where no file can be created, FileLock tries for ever.
            file.touch()
            return FileLock(file).acquire(timeout=PATIENCE_SECONDS if wait else 0)
        except Timeout as error:
            if not wait:
                raise NotMNISTError(f"another process holds {file}: wait until it ends") from error
            say(f"still waiting for the process that holds {file}; stop it if it hangs")
        except OSError as error:
            if error.errno in (errno.EOPNOTSUPP, errno.ENOLCK):
                raise NotMNISTError(
                    f"cannot lock {file} ({error.strerror}): choose a folder on a file system that "
                    "supports locks, such as a local disk (NOTMNIST_HOME, --home)"
                ) from error
            raise unwritable(path, error) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and rename it to `path` once the block succeeds.

    Parameters
    ----------
    path : Path
        The file to create or replace; its folder is created if necessary.

    Yields
    ------
    Path
        The path to write to, which no other process uses. If the block fails, `path` stays as it
        was. The temporary files of killed processes are removed after a day.

    Raises
    ------
    NotMNISTError
        When the folder or the disk can't be written.
    """
    make_folder(path.parent)
    remove_leftovers(path)
    part = _part_of(path)
    try:
        try:
            yield part
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


def remove_leftovers(path: Path, seconds: float = _LEFTOVER_SECONDS) -> None:
    """Remove the temporary files and folders of processes that were killed.

    Parameters
    ----------
    path : Path
        The file or folder that they were writing; ``letters`` also covers ``letters.json`` and
        other names that begin with ``letters.``.
    seconds : float
        The age from which they are removed; 0 if a lock keeps other writers out.
    """
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime >= seconds:
                shutil.rmtree(left) if left.is_dir() else left.unlink()


def _part_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")


def is_free(folder: Path) -> bool:
    """Tell whether `new_folder` may create a folder: none is there, or an empty one."""
    try:
        if not folder.is_dir():
            return not folder.exists()
        # A process whose current folder is replaced would be left without one.
        return not any(folder.iterdir()) and not folder.samefile(Path.cwd())
    except OSError as error:
        raise unwritable(folder, error) from error


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `folder`, and rename it to `folder` once the block succeeds.

    Parameters
    ----------
    folder : Path
        The folder to create, with its parents. It may exist if it is empty.

    Yields
    ------
    Path
        The folder to write to. If the block fails, nothing is left. The temporary folders of killed
        processes are removed after a day.

    Raises
    ------
    NotMNISTError
        When the disk can't be written, or `folder` has been filled in the meantime.
    """
    try:
        folder = folder.resolve()
    except (OSError, RuntimeError) as error:  # a symlink to itself, a folder that was removed
        raise unwritable(folder, error) from error
    make_folder(folder.parent)
    remove_leftovers(folder)
    part = _part_of(folder)
    try:
        try:
            part.mkdir()
            yield part
            if not is_free(folder):
                raise NotMNISTError(
                    f"{folder} has been filled in the meantime, perhaps by another process: look "
                    "at what is there, or choose another folder"
                )
            if folder.exists():
                folder.rmdir()  # Windows does not rename onto an existing folder
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise unwritable(folder, error) from error


def write_bytes(path: Path, content: bytes) -> None:
    """Replace the content of a file in one step."""
    with replacing(path) as part:
        part.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Replace the content of a text file in one step, in UTF-8 with Unix line ends."""
    write_bytes(path, text.encode())


def unwritable(path: Path, error: OSError | RuntimeError) -> NotMNISTError:
    """Make the error for a path that can't be written; its message says what to do."""
    reason = getattr(error, "strerror", None) or error
    return NotMNISTError(
        f"cannot write {path}: {reason}; free some space, change its permissions, close the "
        "programs that use it, or choose another folder (NOTMNIST_HOME, NOTMNIST_MISC, --home, "
        "--out)"
    )
