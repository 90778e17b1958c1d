"""From a tar.gz of letter folders to arrays, streamed: no member is ever written to disk."""

import base64
import binascii
import gzip
import io
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from PIL import Image
from tqdm import tqdm

from notmnist import plain_tar, png
from notmnist.errors import NotMNISTError
from notmnist.sources import IMAGE_SIZE, LETTERS, Archive

# The largest genuine member has under 1 kB, and file systems end names at 255 bytes.
MAX_MEMBER_BYTES = 65_536
MAX_NAME_BYTES = 255
# What may lie between two members: headers and stray files.
MAX_SKIPPED_BYTES = 16 << 20


@dataclass(frozen=True, eq=False)
class Extracted:
    """Hold an archive's content, sorted by letter and file name.

    Attributes
    ----------
    images : ndarray of uint8, shape (N, 28, 28)
        Ink 255 on 0.
    labels : ndarray of uint8, shape (N,)
        A = 0 .. J = 9.
    fonts : list of bytes
        Each image's font file name, decoded from the member's name.
    unreadable, skipped : list of str
        Members left out: the known ones, and others under ``on_error="skip"``.
    """

    images: np.ndarray
    labels: np.ndarray
    fonts: list[bytes]
    unreadable: list[str]
    skipped: list[str]


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
        return _extract_plain(path, _Reader(archive, on_error))
    except plain_tar.NotPlain:
        return _extract_any(path, _Reader(archive, on_error))


def _extract_plain(path: Path, reader: "_Reader") -> Extracted:
    with reader.progress:
        for names, contents in plain_tar.batches(path, MAX_MEMBER_BYTES):
            images, plain = png.decode_plain(contents)
            for row, name in enumerate(names):
                image = (
                    partial(images.__getitem__, row)
                    if plain[row]
                    else partial(decode_png, contents[row])
                )
                reader.add(name.decode("utf-8", "surrogateescape"), image)
            reader.progress.update(len(names))
    return reader.result(path)


def _extract_any(path: Path, reader: "_Reader") -> Extracted:
    try:
        # Python's gzip, unlike tarfile's, notices a cut end and a wrong checksum.
        with reader.progress, gzip.open(path) as file:
            stream = _Bounded(file)
            with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member, encoding="utf-8") as tar:
                for member in tar:
                    tar.members = []  # half a million members would take half a gigabyte
                    if not member.isdir():
                        reader.add(member.name, partial(_decode_member, tar, member))
                    reader.progress.update()
                    stream.left = MAX_SKIPPED_BYTES
            _read_to_end(file)
    except (tarfile.TarError, EOFError, zlib.error, OSError, ValueError, RecursionError) as error:
        raise NotMNISTError(
            f"{path} is damaged or cut short ({error}): fetch it again, or pass a whole copy "
            "as archive=... (--archive FILE)"
        ) from error
    return reader.result(path)


def font_name(member_stem: str) -> bytes:
    """Decode a member's name, without ``.png``, to its font's file name.

    Parameters
    ----------
    member_stem : str
        Base64 such as ``MDEtMDEtMDAudHRm``.

    Returns
    -------
    bytes
        The font's file name (``01-01-00.ttf``), or the stem's own bytes where it is not base64.
    """
    raw = member_stem.encode("utf-8", "surrogateescape")
    try:
        return base64.b64decode(raw, validate=True) or raw
    except binascii.Error:
        return raw


def decode_png(blob: bytes) -> np.ndarray:
    """Decode one 28x28, 8-bit greyscale, not interlaced, not animated PNG file.

    Parameters
    ----------
    blob : bytes
        The file's content.

    Returns
    -------
    ndarray of uint8, shape (28, 28)
        Its pixels.

    Raises
    ------
    ValueError
        When it is anything else or is broken.
    """
    if not blob.startswith(png.START):
        raise ValueError("not a 28x28 8-bit greyscale PNG" if blob else "empty file")
    try:
        with Image.open(io.BytesIO(blob), formats=["PNG"]) as image:
            if image.is_animated or image.mode != "L" or image.size != (IMAGE_SIZE, IMAGE_SIZE):
                raise ValueError("animated, or with a second header")
            return np.asarray(image)
    except Exception as error:  # on broken files Pillow raises errors of a dozen types
        raise ValueError("a broken PNG") from error


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


class _Reader:
    """Collect members in the archive's order; `result` sorts them."""

    def __init__(self, archive: Archive, on_error: str) -> None:
        self.archive = archive
        self.on_error = on_error
        expected = sum(archive.counts.values()) if archive.counts else None
        self.progress = tqdm(
            total=expected, unit=" images", desc=archive.filename, disable=None, leave=False
        )
        self.images = np.empty((expected or 1024, IMAGE_SIZE, IMAGE_SIZE), np.uint8)
        self.keys: dict[tuple[int, str], int] = {}
        self.unreadable: list[str] = []
        self.skipped: list[str] = []

    def add(self, member_name: str, image: Callable[[], np.ndarray]) -> None:
        letter, _, filename = member_name.rpartition("/")
        name = f"{letter.rpartition('/')[2]}/{filename}"
        try:
            key = _letter_and_stem(name)
            if key in self.keys:
                raise ValueError("a second member of this name")
            pixels = image()
        except ValueError as error:
            self._leave_out(name, error)
        else:
            self._append(key, pixels)

    def _append(self, key: tuple[int, str], image: np.ndarray) -> None:
        row = len(self.keys)
        if row == len(self.images) and self.archive.counts:
            raise NotMNISTError(
                f"{self.archive.filename} holds more than the {row:,} images that it should: fetch "
                "the archive again"
            )
        if row == len(self.images):
            self.images = np.concatenate([self.images, np.empty_like(self.images)])
        self.images[row] = image
        self.keys[key] = row

    def _leave_out(self, name: str, error: ValueError) -> None:
        if name in self.archive.unreadable:
            self.unreadable.append(name)
        elif self.on_error == "skip":
            self.skipped.append(name)
        else:
            raise NotMNISTError(
                f"{self.archive.filename}: member {name!r} is unreadable ({error}): fetch the "
                'archive again, or leave such members out with on_error="skip"'
            )

    def result(self, path: Path) -> Extracted:
        if not self.keys:
            raise NotMNISTError(f"{path} holds no letter images: expected folders A to J of PNGs")
        keys = sorted(self.keys)
        rows = np.fromiter((self.keys[key] for key in keys), np.int64, len(keys))
        return Extracted(
            images=self.images[rows],
            labels=np.fromiter((label for label, _ in keys), np.uint8, len(keys)),
            fonts=[font_name(stem) for _, stem in keys],
            unreadable=sorted(self.unreadable),
            skipped=sorted(self.skipped),
        )


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


def _letter_and_stem(name: str) -> tuple[int, str]:
    letter, _, filename = name.partition("/")
    if len(letter) != 1 or letter not in LETTERS or not filename.endswith(".png"):
        raise ValueError("not a PNG file in a folder A to J")
    if len(filename.encode("utf-8", "surrogateescape")) > MAX_NAME_BYTES:
        raise ValueError("its name is too long")
    return LETTERS.index(letter), filename.removesuffix(".png")


def _decode_member(tar: tarfile.TarFile, member: tarfile.TarInfo) -> np.ndarray:
    if not member.isreg() or member.issparse():
        raise ValueError("not a regular file")
    if member.size > MAX_MEMBER_BYTES:
        raise ValueError(f"{member.size:,} bytes, more than any letter has")
    return decode_png(tar.extractfile(member).read())
