"""Compute splits from names alone, so that the same files always have the same splits."""

import csv
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from notmnist.errors import NotMNISTError
from notmnist.sources import SPLITS

TRAIN, VALID, TEST = range(len(SPLITS))


def bucket(font: bytes, buckets: int) -> int:
    """Assign a font to one of `buckets` by the hash of its name.

    Parameters
    ----------
    font : bytes
        The font's file name, as decoded from the member's base64 name.
    buckets : int
        The number of buckets.

    Returns
    -------
    int
        The first four bytes of the name's sha256, big-endian, modulo `buckets`.
    """
    digest = hashlib.sha256(font).digest()
    return int.from_bytes(digest[:4], "big") % buckets


def by_font_tenths(fonts: Sequence[bytes]) -> np.ndarray:
    """Split fonts 7 : 1 : 2 into train, valid and test.

    Parameters
    ----------
    fonts : sequence of bytes
        Font names.

    Returns
    -------
    ndarray of uint8, shape (len(fonts),)
        0 train, 1 valid, 2 test: buckets 0 and 1 of ten are test, 2 is valid.
    """
    return _by_bucket(fonts, 10, {0: TEST, 1: TEST, 2: VALID})


def by_font_twentieths(fonts: Sequence[bytes]) -> np.ndarray:
    """Hold one font in twenty out of training, for validation.

    Parameters
    ----------
    fonts : sequence of bytes
        Font names.

    Returns
    -------
    ndarray of uint8, shape (len(fonts),)
        0 train, 1 valid: bucket 0 of twenty is valid.
    """
    return _by_bucket(fonts, 20, {0: VALID})


def all_test(fonts: Sequence[bytes]) -> np.ndarray:
    """Put every font into the test split: ndarray of uint8, shape (len(fonts),)."""
    return np.full(len(fonts), TEST, np.uint8)


def by_family(fonts: Sequence[bytes], provenance: Path) -> np.ndarray:
    """Look up each font's split in a provenance table, which keeps families together.

    Parameters
    ----------
    fonts : sequence of bytes
        Font names.
    provenance : Path
        CSV with the columns ``font`` and ``split``.

    Returns
    -------
    ndarray of uint8, shape (len(fonts),)
        0 train, 1 valid, 2 test.

    Raises
    ------
    NotMNISTError
        When a font is not in the table, or there is no table.
    """
    names = _look_up([font.decode("utf-8", "replace") for font in fonts], provenance, "split")
    return np.array([SPLITS.index(name) for name in names], np.uint8)


def families(fonts: Sequence[str], provenance: Path) -> list[str]:
    """Look up each font's family in a provenance table.

    Parameters
    ----------
    fonts : sequence of str
        Font names.
    provenance : Path
        CSV with the columns ``font`` and ``family``.

    Returns
    -------
    list of str
        One family per font.

    Raises
    ------
    NotMNISTError
        When a font is not in the table.
    """
    return _look_up(fonts, provenance, "family")


def categories(fonts: Sequence[str], provenance: Path) -> list[str]:
    """Look up each font's category in a provenance table.

    Parameters
    ----------
    fonts : sequence of str
        Font names, such as `Split.font_names`.
    provenance : Path
        CSV with the columns ``font`` and ``category``, such as that of
        ``sources.find("openglyphs")``.

    Returns
    -------
    list of str
        One category per font: ``"serif"``, ``"script"`` and so on. The data card explains them.

    Raises
    ------
    NotMNISTError
        When a font is not in the table, or the table has no categories.
    """
    return _look_up(fonts, provenance, "category")


def read_provenance(
    path: Path, columns: Sequence[str] = ("font", "family", "split")
) -> list[dict[str, str]]:
    """Read a provenance table, which has one row per font.

    Parameters
    ----------
    path : Path
        CSV in UTF-8 with a header.
    columns : sequence of str
        The columns that are needed, ``split`` among them.

    Returns
    -------
    list of dict
        These columns of every row.

    Raises
    ------
    NotMNISTError
        When the table can't be read, lacks a column or has a row that is cut or in no split.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            header, rows = reader.fieldnames or (), list(reader)
    except (OSError, ValueError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise NotMNISTError(f"cannot read {path} ({reason}): install notmnist again") from error
    if missing := [column for column in columns if column not in header]:
        raise NotMNISTError(f"{path} lacks the columns {', '.join(missing)}: correct the table")
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values() or row["split"] not in SPLITS:
            raise NotMNISTError(
                f"row {number} of {path} is no font with a split: correct the table"
            )
    return [{column: row[column] for column in columns} for row in rows]


def grouped_folds(groups: Sequence[str], folds: int, seed: int = 0) -> np.ndarray:
    """Deal groups, such as fonts or families, into folds for cross-validation.

    The groups are put in the order of the hash of seed and name, and dealt out in turn, so the
    folds depend on the seed and the set of names alone.

    Parameters
    ----------
    groups : sequence of str
        The group of every image, as `Split.fonts` or `Split.families`.
    folds : int
        How many, 2 or more; their numbers of groups differ by one at most.
    seed : int
        Another seed deals otherwise.

    Returns
    -------
    ndarray of int64, shape (len(groups),)
        The fold of every image, 0 .. folds - 1: scikit-learn's `PredefinedSplit` takes it.

    Raises
    ------
    ValueError
        When there are fewer groups than folds, or fewer than two folds.
    """
    names, image_of = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if not 2 <= folds <= len(names):
        raise ValueError(f"{len(names)} groups make 2 to {len(names)} folds, not {folds}")
    fold = np.empty(len(names), np.int64)
    fold[hash_order(names, seed)] = np.arange(len(names)) % folds
    return fold[image_of]


def hash_order(names: np.ndarray, seed: int = 0) -> np.ndarray:
    """Put names in the order of the hash of seed and name, which is random but always the same.

    Parameters
    ----------
    names : ndarray of str, shape (N,)
        Different names.
    seed : int
        Another seed gives another order.

    Returns
    -------
    ndarray of int64, shape (N,)
        The places of the names in `names`, the first in order first.
    """
    digests = [hashlib.sha256(f"{seed}/{name}".encode()).digest() for name in names.tolist()]
    return np.array(sorted(range(len(names)), key=digests.__getitem__), np.int64)


RULES: dict[str, Callable[..., np.ndarray]] = {
    "font-tenths": by_font_tenths,
    "font-twentieths": by_font_twentieths,
    "test": all_test,
    "family": by_family,
}


def _by_bucket(fonts: Sequence[bytes], buckets: int, special: Mapping[int, int]) -> np.ndarray:
    return np.array([special.get(bucket(font, buckets), TRAIN) for font in fonts], np.uint8)


def _look_up(fonts: Sequence[str], provenance: Path, column: str) -> list[str]:
    columns = tuple(dict.fromkeys(("font", "family", "split", column)))
    table = {row["font"]: row[column] for row in read_provenance(provenance, columns)}
    try:
        return [table[font] for font in fonts]
    except KeyError as error:
        raise NotMNISTError(
            f"font {error} of the archive is not in {provenance.name}: they belong to different "
            "versions; install notmnist again"
        ) from error
