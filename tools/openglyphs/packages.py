"""Fetch font packages and read fonts from them without installing anything.

There are three kinds of packages: Debian's `.deb` (an `ar` archive that contains a tar), PyPI's
wheel (a zip) and npm's `.tgz` (a tar). Python code reads all of them, so packages that are already
in the folder can be used on any system. Only fetching a missing one requires `apt-get`, `pip` or
`npm`.
"""

import io
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO, NamedTuple

from notmnist.errors import NotMNISTError
from notmnist.files import make_folder, sha256

AR_MAGIC = b"!<arch>\n"
AR_HEADER = 60


class _Origin(NamedTuple):
    """Hold the program that fetches a package, its command, and a pattern of the file's name."""

    tool: str
    command: list[str]
    file: str


def fetch(name: str, version: str, expected: str, folder: Path) -> Path:
    """Find a package's file in a folder, and fetch it if it is missing.

    Parameters
    ----------
    name, version : str
        The package: one of PyPI if its name starts with ``fontpkg-``, one of npm if it starts with
        ``@``, otherwise one of Debian.
    expected : str
        The sha256 of the file, in hexadecimal.
    folder : Path
        The folder of the packages, which is created if it is missing.

    Returns
    -------
    Path
        The file of the package, whose hash is the expected one.

    Raises
    ------
    NotMNISTError
        If the package can't be fetched, or its hash is not the expected one.
    """
    origin = _origin(name, version)
    if not (path := _find(origin, folder)):
        _download(origin, f"{name} {version}", make_folder(folder))
        path = _find(origin, folder)
    if not path:
        raise NotMNISTError(
            f"{folder}: there is no file of {name} {version}; put one there by hand"
        )
    if (found := sha256(path)) != expected:
        raise NotMNISTError(
            f"{path}: sha256 is {found}, but the table says {expected}; delete it and try again"
        )
    return path


def read_fonts(path: Path, members: Collection[str]) -> dict[str, bytes]:
    """Read the named members of a package.

    Parameters
    ----------
    path : Path
        A ``.deb``, ``.whl`` or ``.tgz`` file.
    members : collection of str
        Paths inside the package, without a leading ``./``.

    Returns
    -------
    dict of str to bytes
        The content of each member.

    Raises
    ------
    NotMNISTError
        If the package can't be read, or does not contain one of the members.
    """
    try:
        fonts = _READERS[path.suffix](path, members)
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, ValueError) as error:
        raise NotMNISTError(f"{path}: not a readable package ({error}); fetch it again") from error
    missing = sorted(set(members) - set(fonts))
    if missing:
        raise NotMNISTError(f"{path}: does not contain {missing[0]}; check the table's path column")
    return fonts


def _origin(name: str, version: str) -> _Origin:
    if name.startswith("fontpkg-"):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", "."]
        file = f"{name.replace('-', '_')}-{version}-*.whl"
        return _Origin("pip", [*command, f"{name}=={version}"], file)
    if name.startswith("@"):
        file = f"{name[1:].replace('/', '-')}-{version}.tgz"
        return _Origin("npm", ["npm", "pack", "--silent", f"{name}@{version}"], file)
    file = f"{name}_{version.replace(':', '%3a')}_*.deb"
    return _Origin("apt-get", ["apt-get", "download", "--quiet", f"{name}={version}"], file)


def _find(origin: _Origin, folder: Path) -> Path | None:
    return next(iter(sorted(folder.glob(origin.file))), None)


def _download(origin: _Origin, package: str, folder: Path) -> None:
    if shutil.which(origin.command[0]) is None:
        raise NotMNISTError(
            f"{package}: {origin.tool} is not installed; put the package into {folder}"
        )
    run = subprocess.run(origin.command, cwd=folder, capture_output=True, text=True, check=False)
    if run.returncode:
        reason = (run.stderr.strip() or "no reason given").splitlines()[-1]
        raise NotMNISTError(
            f"{package}: {origin.tool} can't fetch it ({reason}); put the package into {folder}"
        )


def _read_deb(path: Path, members: Collection[str]) -> dict[str, bytes]:
    fonts = {}
    with path.open("rb") as file:
        _seek_ar_member(file, b"data.tar")
        with tarfile.open(fileobj=file, mode="r|*") as tar:
            for member in tar:
                name = member.name.removeprefix("./")
                if name in members and member.isreg():
                    fonts[name] = tar.extractfile(member).read()
    return fonts


def _seek_ar_member(file: BinaryIO, prefix: bytes) -> None:
    """Move to the content of the first ar member whose name starts with the prefix."""
    if file.read(len(AR_MAGIC)) != AR_MAGIC:
        raise ValueError("it is not an ar archive")
    while len(header := file.read(AR_HEADER)) == AR_HEADER:
        if header.startswith(prefix):
            return
        size = int(header[48:58])
        file.seek(size + size % 2, io.SEEK_CUR)  # members start at even offsets
    raise ValueError(f"it contains no {prefix.decode()}")


def _read_wheel(path: Path, members: Collection[str]) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as wheel:
        return {name: wheel.read(name) for name in wheel.namelist() if name in members}


def _read_npm(path: Path, members: Collection[str]) -> dict[str, bytes]:
    with tarfile.open(path, "r:gz") as tar:
        found = [member for member in tar if member.name in members and member.isreg()]
        return {member.name: tar.extractfile(member).read() for member in found}


_READERS = {".deb": _read_deb, ".whl": _read_wheel, ".tgz": _read_npm}
