"""Fetch font packages and read fonts from them without installing anything.

There are two kinds of packages: Debian's `.deb` (an `ar` archive that contains a tar) and PyPI's
wheel (a zip). Python code reads both, so packages that are already in the folder can be used on any
system. Only fetching a missing one requires `apt-get` or `pip`.
"""

import io
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from notmnist.errors import NotMNISTError
from notmnist.files import make_folder, sha256

AR_MAGIC = b"!<arch>\n"
AR_HEADER = 60


def fetch(name: str, version: str, expected: str, folder: Path) -> Path:
    """Find a package's file in a folder, and fetch it if it is missing.

    Parameters
    ----------
    name, version : str
        The package: one of PyPI if its name starts with ``fontpkg-``, otherwise one of Debian.
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
    if not (path := _find(name, version, folder)):
        _download(name, version, make_folder(folder))
        path = _find(name, version, folder)
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
        A ``.deb`` or ``.whl`` file.
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
        fonts = _read_deb(path, members) if path.suffix == ".deb" else _read_wheel(path, members)
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, ValueError) as error:
        raise NotMNISTError(f"{path}: not a readable package ({error}); fetch it again") from error
    missing = sorted(set(members) - set(fonts))
    if missing:
        raise NotMNISTError(f"{path}: does not contain {missing[0]}; check the table's path column")
    return fonts


def _find(name: str, version: str, folder: Path) -> Path | None:
    if name.startswith("fontpkg-"):
        pattern = f"{name.replace('-', '_')}-{version}-*.whl"
    else:
        pattern = f"{name}_{version.replace(':', '%3a')}_*.deb"
    return next(iter(sorted(folder.glob(pattern))), None)


def _download(name: str, version: str, folder: Path) -> None:
    if name.startswith("fontpkg-"):
        tool, start, package = "pip", [sys.executable, "-m", "pip"], f"{name}=={version}"
        options = ["--quiet", "--no-deps", "--dest", "."]
    else:
        tool, start, package = "apt-get", ["apt-get"], f"{name}={version}"
        options = ["--quiet"]
    if shutil.which(start[0]) is None:
        raise NotMNISTError(
            f"{name} {version}: {tool} is not installed; put the package into {folder}"
        )
    command = [*start, "download", *options, package]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if run.returncode:
        reason = (run.stderr.strip() or "no reason given").splitlines()[-1]
        raise NotMNISTError(
            f"{name} {version}: {tool} download failed ({reason}); put the package into {folder}"
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
