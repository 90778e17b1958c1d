"""Read and write lists of images whose letter is suspected to be wrong.

``misc/results/suspects-<dataset>.csv`` is such a list: names and numbers, no images. Notebook 15
makes it, with the images that are most likely to be wrong first.
"""

import base64
import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from notmnist import files
from notmnist.errors import NotMNISTError
from notmnist.sources import LETTERS

# What a person saw: another letter than the given one, no letter from A to J that can be read, or
# the given letter after all. Empty where nobody has looked.
LOOKS = ("wrong", "unreadable", "right", "")


class Suspect(NamedTuple):
    """Describe one image of a list.

    Attributes
    ----------
    name : str
        The member in the archive, ``"<letter>/<base64 of the font's file name>.png"``.
    given, likely : str
        The letter of its folder, and the letter that models take it for.
    confidence : float
        How likely the models find `likely`, 0 to 1.
    look : str
        One of `LOOKS`.
    """

    name: str
    given: str
    likely: str
    confidence: float
    look: str = ""


def path_of(folder: Path, dataset: str) -> Path:
    """Name the file that lists the suspects of a dataset."""
    return folder / f"suspects-{dataset}.csv"


def member_name(label: int, font: str) -> str:
    """Name the member of an archive that shows a letter (A = 0) of a font."""
    return f"{LETTERS[label]}/{base64.b64encode(font.encode()).decode()}.png"


def read(path: Path) -> list[Suspect]:
    """Read a list.

    Parameters
    ----------
    path : Path
        A file that `write` wrote.

    Returns
    -------
    list of Suspect
        In the order of the file.

    Raises
    ------
    NotMNISTError
        When the file can't be read or holds anything else.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file, strict=True)
        if tuple(header) != Suspect._fields:
            raise ValueError(f"its columns are {', '.join(header)}")
        return [_suspect(row) for row in rows]
    except (OSError, ValueError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise NotMNISTError(
            f"cannot read the suspects in {path} ({reason!s:.200}): install notmnist again, or "
            "restore the file"
        ) from error


def write(path: Path, suspects: Sequence[Suspect]) -> None:
    """Write a list.

    Parameters
    ----------
    path : Path
        The file.
    suspects : sequence of Suspect
        The most suspect first.

    Raises
    ------
    NotMNISTError
        When the file can't be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Suspect._fields)
    for suspect in suspects:
        writer.writerow((*suspect[:3], f"{suspect.confidence:.4f}", suspect.look))
    files.write_text(path, text.getvalue())


def _suspect(row: Sequence[str]) -> Suspect:
    name, given, likely, confidence, look = row
    suspect = Suspect(name, given, likely, float(confidence), look)
    if not (
        {given, likely} <= set(LETTERS) and 0 <= suspect.confidence <= 1 and look in LOOKS
        and name.startswith(f"{given}/") and name.endswith(".png")
    ):  # fmt: skip
        raise ValueError(f"no suspect: {', '.join(row)}")
    return suspect
