"""Turn the members of an archive into letters, fonts and rows of images."""

import base64
import binascii
from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from tqdm import tqdm

from notmnist.errors import NotMNISTError
from notmnist.sources import IMAGE_SIZE, LETTERS, Archive

ACCEPTED = (
    "a tar file (gz, bz2, xz or plain), a zip file or a folder, in which folders A to J hold "
    "PNG files that are named after their fonts"
)
# The largest genuine member has under 1 kB.
MAX_MEMBER_BYTES = 65_536
MAX_NAME_BYTES = 255  # of a file name, as file systems have it
# Keeps the card small, whatever an archive holds.
MAX_SKIPPED = 1_000
NOT_REGULAR = "a link or a device, and only regular files are read"

_LETTER_FOLDERS = frozenset(letter.encode() for letter in LETTERS)
_JUNK_FOLDER, _JUNK_FILES = b"__MACOSX", (b"thumbs.db", b"desktop.ini")
# Old tar formats hold this many bytes of a path, with and without a zero byte at its end.
_CUT_NAME_BYTES = (99, 100)

# A member's content, or the reason why it could not be read.
Content = bytes | str
Members = Generator[tuple[bytes, Content], None, None]
OnError = Literal["raise", "skip"]


def too_large(size: int) -> str:
    """Explain why a member of this size is not read."""
    return f"{size:,} bytes, more than any letter has"


class Names:
    """Decide by their names which members are letters of an archive.

    Parameters
    ----------
    own : str
        The name of the archive's folder.
    others : collection of str
        The folders of other archives, in case one file holds several archives.
    """

    def __init__(self, own: str, others: Collection[str] = ()) -> None:
        self._own = own.encode()
        self._known = {self._own, *(other.encode() for other in others)}
        # Half a million files lie in ten folders.
        self._letter_of = lru_cache(maxsize=1024)(self._letter_of_folder)

    def key(self, name: bytes) -> bytes | None:
        """Return ``b"A/<file name>"`` for a letter, and None for a file that is ignored.

        Raises
        ------
        ValueError
            When the name belongs neither to a letter nor to a file that may lie beside letters.
        """
        folder, _, file = name.rpartition(b"/")
        letter = self._letter_of(folder)
        if letter is None or file.startswith(b".") or file.lower() in _JUNK_FILES:
            return None
        if letter and file.endswith(b".png"):
            if len(file) > MAX_NAME_BYTES:
                raise ValueError("its name is too long")
            return letter + b"/" + file
        if letter and len(name) in _CUT_NAME_BYTES:
            raise ValueError(
                "its name is cut at 100 characters, as in old tar formats; without whole names, "
                "fonts and splits are unknown: pack the files in another format"
            )
        if letter or file.lower().endswith(b".png"):
            raise ValueError("not a PNG file in a folder A to J")
        return None

    def is_wanted(self, name: bytes) -> bool:
        """Tell whether a name belongs to a letter."""
        try:
            return self.key(name) is not None
        except ValueError:
            return False

    def _letter_of_folder(self, folder: bytes) -> bytes | None:
        """Return a folder's letter, empty if it has none; None if its files are all ignored."""
        folders = folder.split(b"/")
        if b".." in folders or (not folders[0] and folder) or folders[0].endswith(b":"):
            raise ValueError("an absolute path, or a path that leads out of the archive")
        if any(name == _JUNK_FOLDER or (name[:1] == b"." and name != b".") for name in folders):
            return None
        known = [name for name in folders if name in self._known]
        if known and known[-1] != self._own:
            return None
        return folders[-1] if folders[-1] in _LETTER_FOLDERS else b""


@dataclass(frozen=True, eq=False)
class Extracted:
    """Hold the content of an archive, ordered by letter and file name.

    Attributes
    ----------
    images : ndarray of uint8, shape (N, 28, 28)
        Ink 255 on 0, in the order of the archive, because sorting would take twice the memory.
    rows : ndarray of int64, shape (N,)
        The place of each image in `images`.
    labels : ndarray of uint8, shape (N,)
        A = 0 .. J = 9.
    font_index : ndarray of int32, shape (N,)
        The font of each image, as its place in `fonts`.
    fonts : list of bytes
        The file names of the fonts, decoded from the names of the members.
    unreadable, skipped : list of str
        Members that were left out: the known ones, and others with ``on_error="skip"``.
    lost : ndarray of int64, shape (10,)
        How many images of each letter may be missing because members were skipped.
    aside : int
        The number of files that were ignored because they are not meant to be letters.
    size : int
        The bytes that were read.
    sha256 : str
        The hash of the file, or of the names and contents of the files in a folder.
    """

    images: np.ndarray
    rows: np.ndarray
    labels: np.ndarray
    font_index: np.ndarray
    fonts: list[bytes]
    unreadable: list[str]
    skipped: list[str]
    lost: np.ndarray
    aside: int
    size: int
    sha256: str


class Collector:
    """Collect members in the order of the archive; `result` sorts them by letter and name.

    Parameters
    ----------
    path : Path
        The file or folder that is read.
    archive : Archive
        The description: known unreadable members, and the number of images to make room for.
    names : Names
        Tells letters from files that are ignored.
    on_error : {"raise", "skip"}
        Whether any other unreadable member is an error or is left out.
    """

    def __init__(self, path: Path, archive: Archive, names: Names, on_error: OnError) -> None:
        self.path = path
        self.archive = archive
        self.names = names
        self.on_error = on_error
        expected = sum(archive.counts.values()) if archive.counts else None
        self.progress = tqdm(
            total=expected, unit=" images", desc=archive.filename, disable=None, leave=False
        )
        self.images = np.empty((expected or 1024, IMAGE_SIZE, IMAGE_SIZE), np.uint8)
        self.row_of: dict[bytes, int] = {}
        self.unreadable: set[str] = set()
        self.skipped: list[str] = []
        self.skipped_keys: set[bytes] = set()
        self.aside = 0
        self.first_aside: list[str] = []

    def add(self, names: Sequence[bytes], images: np.ndarray, problems: Sequence[str]) -> None:
        """Add the next members.

        Parameters
        ----------
        names : sequence of bytes
            Their names in the archive.
        images : ndarray of uint8, shape (len(names), 28, 28)
            Their images.
        problems : sequence of str
            Why each member has no image; empty if it has one.

        Raises
        ------
        NotMNISTError
            When an unreadable member is neither known nor to be skipped, and when there are more
            images, or more members to skip, than the archive may hold.
        """
        start = len(self.row_of)
        kept: list[int] = []
        for place, (name, problem) in enumerate(zip(names, problems, strict=True)):
            key = None
            try:
                key = self.names.key(name)
                if key is None and problem != NOT_REGULAR:
                    self._leave_aside(name)
                    continue
                if key in self.row_of or _text(key or b"") in self.unreadable:
                    raise ValueError("a second member with this name")
                if key is None or problem:
                    raise ValueError(problem)
            except ValueError as error:
                self._leave_out(name, key, error)
            else:
                self.row_of[key] = start + len(kept)
                kept.append(place)
        self._append(images if len(kept) == len(images) else images[kept], start)
        self.progress.update(len(kept))

    def _append(self, images: np.ndarray, start: int) -> None:
        end, room = start + len(images), len(self.images)
        if end > room and self.archive.counts:
            raise NotMNISTError(
                f"{self.path} holds more than the {room:,} images of "
                f"{self.archive.filename}: fetch the archive again"
            )
        if end > room:
            self.images.resize((max(end, 2 * room), IMAGE_SIZE, IMAGE_SIZE), refcheck=False)
        self.images[start:end] = images

    def _leave_aside(self, name: bytes) -> None:
        self.aside += 1
        if len(self.first_aside) < 3:
            self.first_aside.append(_text(name.rpartition(b"/")[2]))

    def _leave_out(self, member_name: bytes, key: bytes | None, error: ValueError) -> None:
        name = "/".join(_text(member_name).split("/")[-2:])
        if name in self.archive.unreadable and name not in self.unreadable:
            self.unreadable.add(name)
            return
        problem = f"{self.path}: member {name!r} is unreadable ({error})"
        if self.on_error != "skip":
            raise NotMNISTError(
                f"{problem}: fetch the archive again, or leave such members out with "
                'on_error="skip" (--skip-unreadable)'
            )
        if len(self.skipped) == MAX_SKIPPED:
            raise NotMNISTError(
                f"{problem}, and so are {MAX_SKIPPED:,} others: fetch the archive again"
            )
        self.skipped.append(name)
        if key is not None:
            self.skipped_keys.add(key)

    def result(self, size: int, sha256: str) -> Extracted:
        """Return everything that was added.

        Parameters
        ----------
        size, sha256
            As in `Extracted`.

        Raises
        ------
        NotMNISTError
            When there was no image.
        """
        if not self.row_of:
            found = f", only {', '.join(self.first_aside):.300}" if self.first_aside else ""
            shown = "".join(sign if sign.isprintable() else "?" for sign in found)
            raise NotMNISTError(f"{self.path} holds no letter images{shown}: give {ACCEPTED}")
        keys = sorted(self.row_of)
        files = [key[2:] for key in keys]
        font_of = {file: number for number, file in enumerate(dict.fromkeys(files))}
        lost = [key[0] - ord("A") for key in self.skipped_keys - self.row_of.keys()]
        count = len(keys)
        return Extracted(
            images=self.images[:count],
            rows=np.fromiter(map(self.row_of.__getitem__, keys), np.int64, count),
            labels=np.fromiter((key[0] - ord("A") for key in keys), np.uint8, count),
            font_index=np.fromiter(map(font_of.__getitem__, files), np.int32, count),
            fonts=[font_name(file.removesuffix(b".png")) for file in font_of],
            unreadable=sorted(self.unreadable),
            skipped=sorted(self.skipped),
            lost=np.bincount(np.array(lost, np.int64), minlength=len(LETTERS)),
            aside=self.aside,
            size=size,
            sha256=sha256,
        )


def font_name(member_stem: bytes) -> bytes:
    """Decode the name of a member, without ``.png``, to the file name of its font.

    Parameters
    ----------
    member_stem : bytes
        Base64 such as ``MDEtMDEtMDAudHRm``.

    Returns
    -------
    bytes
        The font's file name (``01-01-00.ttf``), or the stem itself if it is not base64.
    """
    try:
        return base64.b64decode(member_stem, validate=True) or member_stem
    except binascii.Error:
        return member_stem


def font_text(font: bytes) -> str:
    """Decode the file name of a font to text that can be printed even if it is not UTF-8."""
    return font.decode("utf-8", "backslashreplace")


def label_and_font(member_name: str) -> tuple[int, str] | None:
    """Tell which letter of which font a member shows, as `Split` has them.

    Parameters
    ----------
    member_name : str
        Such as ``A/MDEtMDEtMDAudHRm.png``, with or without folders before it.

    Returns
    -------
    (label, font) : tuple of int and str, or None
        A = 0 .. J = 9, and the font's file name (``01-01-00.ttf``); None if this is not the name of
        a PNG file in a folder A to J.
    """
    try:
        key = Names("").key(member_name.encode())
    except ValueError:
        return None
    if key is None:
        return None
    return key[0] - ord("A"), font_text(font_name(key[2:].removesuffix(b".png")))


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
