"""Where files lie, in a checkout and in a wheel, and how they are hashed and replaced."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import platformdirs
from filelock import FileLock

from notmnist.errors import NotMNISTError

_PACKAGE = Path(__file__).parent


def checkout() -> Path | None:
    """Find the checkout that the package is imported from; None when it was installed."""
    root = _PACKAGE.parent
    return root if (root / "setup.py").is_file() and (root / "notebooks").is_dir() else None


def home() -> Path:
    """Name the cache folder: NOTMNIST_HOME, else ``data/`` of a checkout, else the platform's."""
    if os.environ.get("NOTMNIST_HOME"):
        return Path(os.environ["NOTMNIST_HOME"])
    root = checkout()
    return root / "data" if root else platformdirs.user_cache_path("notmnist", appauthor=False)


def misc() -> Path:
    """Name the folder of plots and results: NOTMNIST_MISC, else ``misc/`` of a checkout or here."""
    if os.environ.get("NOTMNIST_MISC"):
        return Path(os.environ["NOTMNIST_MISC"])
    return (checkout() or Path.cwd()) / "misc"


def notebooks() -> Path:
    """Name the folder of the notebooks: the checkout's, else the wheel's copy."""
    return (checkout() or _PACKAGE) / "notebooks"


def committed_results() -> Path:
    """Name the folder of the results that travel with the code, whatever NOTMNIST_MISC says."""
    return (checkout() or _PACKAGE) / "misc" / "results"


def sha256(path: Path) -> str:
    """Hash every byte of a file: hexadecimal sha256."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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


def locked(path: Path) -> AbstractContextManager:
    """Take a lock that other processes wait for, and that ends with its process.

    Parameters
    ----------
    path : Path
        What is locked. The lock is an empty file beside it, ``.<name>.lock``, which stays.

    Returns
    -------
    context manager
        Its end is the lock's.

    Raises
    ------
    NotMNISTError
        When the folder can't be written.
    """
    try:
        return FileLock(make_folder(path.parent) / f".{path.name}.lock").acquire()
    except OSError as error:
        raise unwritable(path, error) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` and rename it into place once the block succeeds.

    Parameters
    ----------
    path : Path
        The file to create or replace; its folder is created too.

    Yields
    ------
    Path
        Where to write. A failed block leaves `path` as it was and nothing beside it. The name is
        fixed, so what a killed process left behind is overwritten by the next one.

    Raises
    ------
    NotMNISTError
        When the folder or the disk can't be written.
    """
    part = make_folder(path.parent) / f".{path.name}.part"
    try:
        try:
            yield part
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


def is_free(folder: Path) -> bool:
    """Tell whether `new_folder` may take a name: nothing is there but perhaps an empty folder."""
    try:
        if not folder.is_dir():
            return not folder.exists()
        # A program in a folder that is replaced would be left in none.
        return not any(folder.iterdir()) and not folder.samefile(Path.cwd())
    except OSError as error:
        raise unwritable(folder, error) from error


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Give a temporary folder beside `folder` and rename it into place once the block succeeds.

    Parameters
    ----------
    folder : Path
        The folder to create, with its parents. It may exist when it is empty.

    Yields
    ------
    Path
        Where to write. A failed block leaves nothing.

    Raises
    ------
    NotMNISTError
        When the disk can't be written, `folder` holds anything by then, or another process is
        about to create it.
    """
    folder = folder.resolve()
    part = make_folder(folder.parent) / f".{folder.name}.part"
    try:
        part.mkdir()
    except FileExistsError:
        raise NotMNISTError(
            f"{part} is in the way: wait for the process that writes there, or remove what a "
            "killed one left"
        ) from None
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        yield part
        if folder.exists():
            folder.rmdir()  # Windows renames to no name that is taken
        part.rename(folder)
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file as a whole."""
    with replacing(path) as part:
        part.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Replace a text file as a whole, in UTF-8 with Unix line ends."""
    write_bytes(path, text.encode())


def unwritable(path: Path, error: OSError) -> NotMNISTError:
    """Word the error for a path that can't be written, with the remedy."""
    return NotMNISTError(
        f"cannot write {path}: {error.strerror or error}; free the space or the permission, close "
        "what has it open, or choose another folder (NOTMNIST_HOME, NOTMNIST_MISC, --home, --out)"
    )
