"""Write folders of PNG files, like those in notMNIST's own archives."""

import base64
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from notmnist.exports.png import encode
from notmnist.exports.rows import Selection
from notmnist.sources import LETTERS


def write(name: str, splits: Mapping[str, Selection], folder: Path) -> None:
    """Write every image as ``{train,valid,test}/{A..J}/NAME.png``.

    NAME is the name in the archives, the base64 of the font's file name. If a split has several
    images of one letter in one font, ``-2``, ``-3`` and so on follow NAME. Names that differ only
    in case count as equal, because some file systems do not distinguish them. Every letter has a
    folder, even if it is empty, because programs number the letters by their folders.
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
    # The slash is the one character of base64 that file names cannot contain.
    return base64.b64encode(font.encode()).decode().replace("/", "_")
