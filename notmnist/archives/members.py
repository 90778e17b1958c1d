"""Turn the members of an archive into letters, fonts and rows of images."""

import base64
import binascii
import re
from collections.abc import Collection, Generator, Iterable, Sequence
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
_SHOWN_NAME = 300  # characters of a member's path in a message
# Keeps the card small, whatever an archive holds.
MAX_SKIPPED = 1_000
NOT_REGULAR = "a link or a device, and only regular files are read"
TOO_LARGE = f"more than {MAX_MEMBER_BYTES:,} bytes, and a letter has less than 1,000"
NOT_NAMED = "its files are not named after fonts, so that fonts and splits are unknown"

_LETTER_FOLDERS = frozenset(letter.encode() for letter in LETTERS)
_JUNK_FOLDER, _JUNK_FILES = b"__MACOSX", (b"thumbs.db", b"desktop.ini")
_ARCHIVE_ENDINGS = (b".gz", b".tgz", b".bz2", b".xz", b".tar", b".zip")
_FONT_FILE = re.compile(rb".+\.[A-Za-z]\w{1,4}", re.DOTALL)
_SECOND = "a second file of this letter and name"
_OUTSIDE = "an absolute path, or a path that leads out of the archive"
_MISPLACED = "not a PNG file in a folder A to J"
_CUT_NAME = "its name is cut at 100 characters; without whole names, fonts and splits are unknown"
_LONG_NAME = f"its name has more than {MAX_NAME_BYTES} characters"
_SKIP = 'or leave such members out with on_error="skip" (--skip-unreadable)'
# What to do about a member, by the reason why it can't be used. Any other reason is damage.
_REMEDIES = {
    NOT_REGULAR: "replace it with the file itself",
    TOO_LARGE: "get the archive elsewhere",
    _SECOND: "give an archive or a folder that holds every file once",
    _OUTSIDE: "pack the letter folders themselves",
    _MISPLACED: f"move it out of the archive, or into its letter's folder, {_SKIP}",
    _CUT_NAME: "pack the files in a newer format than tar --format=v7, or pass the folder",
    _LONG_NAME: "get the archive elsewhere",
}
_DAMAGE_REMEDY = f"fetch the archive again, {_SKIP}"
# Old tar formats hold this many bytes of a path, with and without a zero byte at its end.
_CUT_NAME_BYTES = (99, 100)

# A member's content, or the reason why it could not be read.
Content = bytes | str
Members = Generator[tuple[bytes, Content], None, None]
OnError = Literal["raise", "skip"]


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
                raise ValueError(_LONG_NAME)
            return letter + b"/" + file
        if letter and len(name) in _CUT_NAME_BYTES:
            raise ValueError(_CUT_NAME)
        if letter or file.lower().endswith(b".png"):
            raise ValueError(_MISPLACED)
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
            raise ValueError(_OUTSIDE)
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
        self.nested = ""

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
                    raise ValueError(_SECOND)
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
                f"{self.archive.filename}: give that archive alone"
            )
        if end > room:
            self.images.resize((max(end, 2 * room), IMAGE_SIZE, IMAGE_SIZE), refcheck=False)
        self.images[start:end] = images

    def _leave_aside(self, name: bytes) -> None:
        self.aside += 1
        file = name.rpartition(b"/")[2]
        if len(self.first_aside) < 3:
            self.first_aside.append(_text(file))
        if not self.nested and file.lower().endswith(_ARCHIVE_ENDINGS):
            self.nested = _text(file)

    def _leave_out(self, member_name: bytes, key: bytes | None, error: ValueError) -> None:
        name = "/".join(_text(member_name).split("/")[-2:])
        if name in self.archive.unreadable and name not in self.unreadable:
            self.unreadable.add(name)
            return
        if self.on_error != "skip":
            raise self._refusal(member_name, key, str(error))
        if len(self.skipped) == MAX_SKIPPED:
            raise self._refusal(member_name, key, str(error), f", nor can {MAX_SKIPPED:,} others")
        self.skipped.append(name)
        if key is not None:
            self.skipped_keys.add(key)

    def _refusal(
        self, name: bytes, key: bytes | None, reason: str, others: str = ""
    ) -> NotMNISTError:
        """Say why a member can't be used, and what to do; or that no member can, for its name."""
        keys = self.row_of.keys() | ({key} if key else set())
        if self.archive.named_after_fonts and not are_named_after_fonts(map(_font, keys)):
            return NotMNISTError(f"{self.path}: {NOT_NAMED}: get the archive elsewhere")
        remedy = _REMEDIES.get(reason, _DAMAGE_REMEDY)
        if others:  # there are too many to leave out
            remedy = remedy.removesuffix(f", {_SKIP}")
        member = _text(name)[-_SHOWN_NAME:]
        return NotMNISTError(
            f"{self.path}: member {member!r} can't be used ({reason}){others}: {remedy}"
        )

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
        if not self.row_of and self.nested:
            outer = "" if self.path.is_dir() else "unpack the outer one, and "
            raise NotMNISTError(
                f"{self.path} holds no letter images, but another archive, "
                f"{_printable(self.nested)}: {outer}pass that"
            )
        if not self.row_of:
            found = f", only {', '.join(self.first_aside):.300}" if self.first_aside else ""
            raise NotMNISTError(
                f"{self.path} holds no letter images{_printable(found)}: give {ACCEPTED}"
            )
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


def are_named_after_fonts(fonts: Iterable[bytes]) -> bool:
    """Tell whether at least half of the names in `Extracted.fonts` are those of font files."""
    named = [_FONT_FILE.fullmatch(font) is not None for font in fonts]
    return 2 * sum(named) >= len(named)


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
    return key[0] - ord("A"), font_text(_font(key))


def _font(key: bytes) -> bytes:
    """Return the font of ``b"A/<file name>"``."""
    return font_name(key[2:].removesuffix(b".png"))


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text)
