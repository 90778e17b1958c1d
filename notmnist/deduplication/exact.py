"""Exact duplicates: which images are copies, across which splits, and what to leave out."""

import hashlib
from typing import Any

import numpy as np

from notmnist.sources import SPLITS

KEPT_BY_ALL, KEPT_BY_TRAIN, KEPT_BY_NONE = range(3)
_TEST = SPLITS.index("test")


def first_copies(images: np.ndarray) -> np.ndarray:
    """Find, for every image, the first image with the same pixels.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, 28, 28)
        In file-name order, so that "first" does not depend on the archive's order.

    Returns
    -------
    ndarray of int64, shape (N,)
        Row of the first copy; an image without an earlier copy names itself. Pixels are compared
        by their 128-bit BLAKE2b digests.
    """
    return first_equal(digests(images))


def digests(images: np.ndarray) -> np.ndarray:
    """Hash the pixels of images: ndarray of uint64, shape (N, 2), of BLAKE2b's 128 bits."""
    rows = np.ascontiguousarray(images)  # those of a transposed .mat file are not
    joined = b"".join(hashlib.blake2b(image, digest_size=16).digest() for image in rows)
    return np.frombuffer(joined, np.uint64).reshape(-1, 2)


def first_equal(pairs: np.ndarray) -> np.ndarray:
    """Find, for every pair of numbers, the first equal pair.

    Parameters
    ----------
    pairs : ndarray of uint64, shape (N, 2)
        As `digests` gives them.

    Returns
    -------
    ndarray of int64, shape (N,)
        Row of the first; a pair without an earlier equal names itself.
    """
    order = np.lexsort(pairs.T)  # stable: equal pairs stay in their order
    new = np.ones(len(pairs), bool)
    new[1:] = (pairs[order[1:]] != pairs[order[:-1]]).any(axis=1)
    first = np.empty(len(pairs), np.int64)
    first[order] = order[new][np.cumsum(new) - 1]
    return first


def dedup_ranks(first: np.ndarray, labels: np.ndarray, split: np.ndarray) -> np.ndarray:
    """Rank every image by the strictest `dedup` policy that still keeps it.

    ``"train"`` drops from train and valid each image whose pixels are in a later split and each
    member of a group with conflicting labels, and from train the repeats. ``"all"`` does the same
    and drops repeats and conflicts within test too. ``"none"`` drops nothing.

    Parameters
    ----------
    first : ndarray of int64, shape (N,)
        As `first_copies` gives it.
    labels, split : ndarray of uint8, shape (N,)
        Letters, and splits as 0 train, 1 valid, 2 test.

    Returns
    -------
    ndarray of uint8, shape (N,)
        0 kept by every policy, 1 dropped by ``"all"`` alone, 2 kept by ``"none"`` alone.
    """
    conflict = _conflicting(first, labels)
    last_split = np.zeros(len(first), np.uint8)
    np.maximum.at(last_split, first, split)
    leaked = last_split[first] > split
    repeat = _repeats_within_split(first, split)
    drop_train = (split != _TEST) & (leaked | conflict) | (split == 0) & repeat
    drop_test = (split == _TEST) & (repeat | conflict)
    ranks = np.full(len(first), KEPT_BY_ALL, np.uint8)
    ranks[drop_test] = KEPT_BY_TRAIN
    ranks[drop_train] = KEPT_BY_NONE
    return ranks


def duplicate_report(first: np.ndarray, labels: np.ndarray, split: np.ndarray) -> dict[str, Any]:
    """Count the duplicates of a dataset.

    Parameters
    ----------
    first, labels, split : ndarray, shape (N,)
        As for `dedup_ranks`.

    Returns
    -------
    dict
        ``images``, ``distinct``, ``groups`` (of two copies or more), ``grouped`` (the images in
        them), ``largest``, ``conflicting_groups``, ``conflicting_images``, ``within`` (images per
        split that repeat an earlier one of it) and ``leaks`` (per pair of splits, the images of the
        first whose pixels are in the second).
    """
    sizes = np.bincount(first, minlength=1)
    conflict = _conflicting(first, labels)
    repeat = _repeats_within_split(first, split)
    pairs = [(a, b) for a in range(len(SPLITS)) for b in range(a + 1, len(SPLITS))]
    return {
        "images": len(first),
        "distinct": int((sizes > 0).sum()),
        "groups": int((sizes > 1).sum()),
        "grouped": int(sizes[sizes > 1].sum()),
        "largest": int(sizes.max()),
        "conflicting_groups": len(np.unique(first[conflict])),
        "conflicting_images": int(conflict.sum()),
        "within": {name: int(repeat[split == i].sum()) for i, name in enumerate(SPLITS)},
        "leaks": {
            f"{SPLITS[a]}-{SPLITS[b]}": int(np.isin(first[split == a], first[split == b]).sum())
            for a, b in pairs
        },
    }


def repeats_of(images: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Tell which images have the same pixels as any reference image.

    Parameters
    ----------
    images, reference : ndarray of uint8, shapes (N, 28, 28) and (M, 28, 28)
        The images asked about and those to compare with.

    Returns
    -------
    ndarray of bool, shape (N,)
        True where an exact copy is among `reference`.
    """
    first = first_copies(np.concatenate([reference, images]))
    return first[len(reference) :] < len(reference)


def _conflicting(first: np.ndarray, labels: np.ndarray) -> np.ndarray:
    differs = labels != labels[first]
    return np.isin(first, first[differs])


def _repeats_within_split(first: np.ndarray, split: np.ndarray) -> np.ndarray:
    repeat = np.ones(len(first), bool)
    _, rows = np.unique(first * len(SPLITS) + split, return_index=True)
    repeat[rows] = False
    return repeat
