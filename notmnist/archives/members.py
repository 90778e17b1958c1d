"""What an archive's members become: letters, fonts, and rows of images."""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from notmnist.errors import NotMNISTError
from notmnist.sources import IMAGE_SIZE, Archive

MAX_NAME_BYTES = 255  # of a file name: so file systems have it
_LETTER = re.compile(rb"(?:.*/)?([A-J]/([^/]*\.png))", re.DOTALL)


@dataclass(frozen=True, eq=False)
class Extracted:
    """Hold an archive's content, ordered by letter and file name.

    Attributes
    ----------
    images : ndarray of uint8, shape (N, 28, 28)
        Ink 255 on 0, in the archive's order: sorting half a million would take twice the memory.
    rows : ndarray of int64, shape (N,)
        Where in `images` each image is.
    labels : ndarray of uint8, shape (N,)
        A = 0 .. J = 9.
    font_index : ndarray of int32, shape (N,)
        Each image's font in `fonts`.
    fonts : list of bytes
        The fonts' file names, decoded from the members' names.
    unreadable, skipped : list of str
        Members left out: the known ones, and others under ``on_error="skip"``.
    """

    images: np.ndarray
    rows: np.ndarray
    labels: np.ndarray
    font_index: np.ndarray
    fonts: list[bytes]
    unreadable: list[str]
    skipped: list[str]


class Collector:
    """Collect members in the archive's order; `result` orders them by letter and name.

    Parameters
    ----------
    archive : Archive
        Its known unreadable members, and the number of images to make room for.
    on_error : {"raise", "skip"}
        Whether another unreadable member is an error or is left out.
    """

    def __init__(self, archive: Archive, on_error: str) -> None:
        self.archive = archive
        self.on_error = on_error
        expected = sum(archive.counts.values()) if archive.counts else None
        self.progress = tqdm(
            total=expected, unit=" images", desc=archive.filename, disable=None, leave=False
        )
        self.images = np.empty((expected or 1024, IMAGE_SIZE, IMAGE_SIZE), np.uint8)
        self.row_of: dict[bytes, int] = {}
        self.unreadable: list[str] = []
        self.skipped: list[str] = []

    def add(
        self,
        names: Sequence[bytes],
        images: np.ndarray,
        decoded: list[bool],
        decode: Callable[[int], np.ndarray],
    ) -> None:
        """Take the members that follow.

        Parameters
        ----------
        names : sequence of bytes
            Their names in the archive.
        images : ndarray of uint8, shape (len(names), 28, 28)
            Room for their images, which are in it where `decoded` is true.
        decoded : list of bool
        decode : callable
            Gives the image of the others, by their place, or raises ValueError.

        Raises
        ------
        NotMNISTError
            At an unreadable member that is not known, unless such are skipped, and when there are
            more images than the archive should hold.
        """
        start, kept = len(self.row_of), []
        for place, (name, ready) in enumerate(zip(names, decoded, strict=True)):
            try:
                key = _letter_and_file(name)
                if key in self.row_of:
                    raise ValueError("a second member of this name")
                if not ready:
                    images[place] = decode(place)
            except ValueError as error:
                self._leave_out(name, error)
            else:
                self.row_of[key] = start + len(kept)
                kept.append(place)
        self._append(images if len(kept) == len(images) else images[kept], start)
        self.progress.update(len(names))

    def _append(self, images: np.ndarray, start: int) -> None:
        end, room = start + len(images), len(self.images)
        if end > room and self.archive.counts:
            raise NotMNISTError(
                f"{self.archive.filename} holds more than the {room:,} images that it should: "
                "fetch the archive again"
            )
        if end > room:
            self.images.resize((max(end, 2 * room), IMAGE_SIZE, IMAGE_SIZE), refcheck=False)
        self.images[start:end] = images

    def _leave_out(self, member_name: bytes, error: ValueError) -> None:
        name = "/".join(member_name.decode("utf-8", "surrogateescape").split("/")[-2:])
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
        """Return all that was taken; NotMNISTError when `path` held no image."""
        if not self.row_of:
            raise NotMNISTError(f"{path} holds no letter images: expected folders A to J of PNGs")
        keys = sorted(self.row_of)
        files = [key[2:] for key in keys]
        font_of = {file: number for number, file in enumerate(dict.fromkeys(files))}
        count = len(keys)
        return Extracted(
            images=self.images[:count],
            rows=np.fromiter(map(self.row_of.__getitem__, keys), np.int64, count),
            labels=np.fromiter((key[0] - ord("A") for key in keys), np.uint8, count),
            font_index=np.fromiter(map(font_of.__getitem__, files), np.int32, count),
            fonts=[font_name(file.removesuffix(b".png")) for file in font_of],
            unreadable=sorted(self.unreadable),
            skipped=sorted(self.skipped),
        )


def font_name(member_stem: bytes) -> bytes:
    """Decode a member's name, without ``.png``, to its font's file name.

    Parameters
    ----------
    member_stem : bytes
        Base64 such as ``MDEtMDEtMDAudHRm``.

    Returns
    -------
    bytes
        The font's file name (``01-01-00.ttf``), or the stem itself where it is not base64.
    """
    try:
        return base64.b64decode(member_stem, validate=True) or member_stem
    except binascii.Error:
        return member_stem


def font_text(font: bytes) -> str:
    """Decode a font's file name to text, so that a name that is not UTF-8 prints too."""
    return font.decode("utf-8", "backslashreplace")


def label_and_font(member_name: str) -> tuple[int, str] | None:
    """Tell which letter of which font a member shows, in the terms of a loaded split.

    Parameters
    ----------
    member_name : str
        Such as ``A/MDEtMDEtMDAudHRm.png``, with or without folders before it.

    Returns
    -------
    (label, font) : tuple of int and str, or None
        A = 0 .. J = 9, and the font's file name (``01-01-00.ttf``); None when the name is not that
        of a PNG file in a folder A to J.
    """
    try:
        key = _letter_and_file(member_name.encode())
    except ValueError:
        return None
    return key[0] - ord("A"), font_text(font_name(key[2:].removesuffix(b".png")))


def _letter_and_file(member_name: bytes) -> bytes:
    found = _LETTER.fullmatch(member_name)
    if not found:
        raise ValueError("not a PNG file in a folder A to J")
    if len(found[2]) > MAX_NAME_BYTES:
        raise ValueError("its name is too long")
    return found[1]
