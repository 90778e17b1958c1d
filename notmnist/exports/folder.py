"""Folders of PNG files, as notMNIST's own archives unpack to."""

import base64
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from notmnist.exports.png import encode
from notmnist.exports.rows import Selection
from notmnist.sources import LETTERS


def write(name: str, splits: Mapping[str, Selection], folder: Path) -> None:
    """Write every image as ``{train,valid,test}/{A..J}/NAME.png``.

    NAME is the one in the archives, base64 of the font's file name. When a letter of a split has a
    font more than once, ``-2``, ``-3`` and so on follow NAME; names that differ by upper and lower
    case alone count as the same, because some file systems take them for the same. Every letter
    has its folder, even an empty one: programs number the letters by their folders.
    """
    for split, rows in splits.items():
        for letter in LETTERS:
            (folder / split / letter).mkdir(parents=True)
        written: Counter[str] = Counter()
        for piece in rows.pieces():
            for image, label, font in zip(piece.images, piece.labels, piece.fonts, strict=True):
                place = f"{LETTERS[label]}/{_name(font)}"
                written[place.casefold()] += 1
                copy = written[place.casefold()]
                suffix = f"-{copy}" if copy > 1 else ""
                with open(folder / split / f"{place}{suffix}.png", "xb") as file:
                    file.write(encode(image))


def _name(font: str) -> str:
    # The one character of base64 that no file name can hold.
    return base64.b64encode(font.encode()).decode().replace("/", "_")
