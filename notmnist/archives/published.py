"""Compare archives that people pass with what is published about them."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from notmnist import files
from notmnist.archives import extraction
from notmnist.archives.members import NOT_NAMED, Extracted, are_named_after_fonts
from notmnist.errors import NotMNISTError, UsageError
from notmnist.sources import LETTERS, Archive, Source, folders_beside

# The published means have six digits.
_MEAN_TOLERANCE = 1e-5
_LONG_NAMES_LOST = "perhaps files with long names were left out, as tar --format=v7 does"


def match_archives(
    source: Source, given: str | os.PathLike | Sequence[str | os.PathLike] | None
) -> dict[str, Path]:
    """Tell which of the dataset's archives each given file or folder stands for.

    Parameters
    ----------
    source : Source
        The dataset.
    given : path, sequence of paths or None
        Files or folders fetched by hand. For a dataset of one archive, any name will do. Otherwise
        the name decides (``notMNIST_small.zip`` or a folder ``notMNIST_small``), and for other
        names, the number of letters; a file that holds several archives stands for all of them.

    Returns
    -------
    dict of str to Path
        By the archive's file name.

    Raises
    ------
    UsageError
        When a file is not one of the dataset's archives, or an archive is given twice.
    NotMNISTError
        When a file with another name can't be read.
    """
    if given is None:
        return {}
    listed = [given] if isinstance(given, str | os.PathLike) else given
    paths = [files.expanded(path) for path in listed]
    archives = [archive for archive, _ in source.parts]
    if len(archives) == len(paths) == 1:
        return {archives[0].filename: paths[0]}
    matched: dict[str, Path] = {}
    strangers = []
    for path in paths:
        folder = path.absolute().name.partition(".")[0]
        named = [archive.filename for archive in archives if archive.folder == folder]
        if not named:
            strangers.append(path)
        elif named[0] in matched:
            raise _misfit(source, path)
        else:
            matched[named[0]] = path
    for path in strangers:
        missing = [archive for archive in archives if archive.filename not in matched]
        fitting = [archive for archive in missing if _fits(path, archive, source)]
        if not fitting:
            raise _misfit(source, path)
        matched |= {archive.filename: path for archive in fitting}
    return matched


def _misfit(source: Source, path: Path) -> UsageError:
    names = " and ".join(archive.filename for archive, _ in source.parts)
    return UsageError(
        f"{source.name} is made of {names}: give each at most once, under its own name or with its "
        f"full number of letters (not {path}; if the archives are inside, unpack it)"
    )


def _fits(path: Path, archive: Archive, source: Source) -> bool:
    if archive.counts is None:
        return False
    readable = sum(archive.counts.values())
    count = extraction.count_letters(path, archive, folders_beside(source, archive))
    return readable <= count <= readable + len(archive.unreadable)


def letter_counts(extracted: Extracted) -> dict[str, int]:
    """Count the images of each letter."""
    counts = np.bincount(extracted.labels, minlength=len(LETTERS))
    return dict(zip(LETTERS, counts.tolist(), strict=True))


def letter_means(extracted: Extracted) -> dict[str, float]:
    """Average ``(pixel - 127.5) / 255`` over the images of each letter; NaN without any."""
    grey = extracted.images.mean(axis=(1, 2), dtype=np.float64)[extracted.rows]
    with np.errstate(invalid="ignore"):
        totals = np.bincount(extracted.labels, grey, minlength=len(LETTERS))
        means = totals / np.bincount(extracted.labels, minlength=len(LETTERS))
    rounded = [round(float(mean), 8) for mean in (means - 127.5) / 255]
    return dict(zip(LETTERS, rounded, strict=True))


def check(archive: Archive, path: Path, extracted: Extracted) -> None:
    """Compare the content of an archive with what is published about it.

    Only as many images may be missing as members were skipped.

    Parameters
    ----------
    archive : Archive
        The published description.
    path : Path
        The file or folder that was read.
    extracted : Extracted
        Its content.

    Raises
    ------
    NotMNISTError
        When the content differs from the description.
    """
    wrong = [
        *_wrong_counts(archive, extracted),
        *_wrong_means(archive, extracted),
    ]
    if archive.named_after_fonts and not are_named_after_fonts(extracted.fonts):
        wrong, remedy = [*wrong, NOT_NAMED], "get the archive elsewhere"
    elif _LONG_NAMES_LOST in wrong:
        remedy = "pack the files in another format, or fetch the archive again"
    else:
        remedy = "fetch the archive again"
    if wrong:
        raise NotMNISTError(f"{path} is not {archive.filename}: {'; '.join(wrong)}; {remedy}")


def _wrong_counts(archive: Archive, extracted: Extracted) -> Iterator[str]:
    if archive.counts is None:
        return
    counts = letter_counts(extracted)
    missing = {letter: count - counts[letter] for letter, count in archive.counts.items()}
    allowed = dict(zip(LETTERS, extracted.lost.tolist(), strict=True))
    off = [letter for letter, number in missing.items() if not 0 <= number <= allowed[letter]]
    if off:
        listed = (f"{k} {counts[k]:,} instead of {archive.counts[k]:,}" for k in off)
        yield f"the numbers of images per letter differ ({', '.join(listed)})"
        if 0 < sum(missing.values()) < sum(archive.counts.values()) / 100:
            yield _LONG_NAMES_LOST


def _wrong_means(archive: Archive, extracted: Extracted) -> Iterator[str]:
    if archive.means is None:
        return
    counts, means = letter_counts(extracted), letter_means(extracted)
    allowed = dict(zip(LETTERS, extracted.lost.tolist(), strict=True))
    off = []
    for letter, published in archive.means.items():
        count = archive.counts[letter] if archive.counts else counts[letter] + allowed[letter]
        # A missing image has a mean of -0.5 to 0.5.
        tolerance = count * _MEAN_TOLERANCE + (count - counts[letter]) / 2
        if not abs(count * published - counts[letter] * means[letter]) <= tolerance:
            off.append(letter)
    if off:
        yield f"the mean grey level of {', '.join(off)} is off"
