"""Near duplicates: images that differ by no more than a small shift and a little noise."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.linalg import hadamard
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from notmnist.deduplication.distance import (
    BLUR,
    BLUR_SCALE,
    LARGEST_REST,
    MARGIN,
    REST_ERROR,
    Shift,
    distances,
    explain,
    opposite,
    squared_bends,
    window,
)
from notmnist.deduplication.exact import first_copies
from notmnist.sources import IMAGE_SIZE

THRESHOLD = 0.85
"""Largest distance of near duplicates, in grey levels; notebook 12 shows the pairs around it."""

RADIUS = 240
"""Largest difference between the coarse images of a pair that is looked at, in grey levels.

Outlines moved by a quarter of a pixel differ by up to 210 in 999 of 1,000 glyphs of OpenGlyphs, two
random glyphs by more than 380 in as many.
"""

_BLOCKS = 4  # a coarse image has 4 x 4 blocks
_IMAGES_AT_A_TIME, _PAIRS_AT_A_TIME = 5_000, 2_000
_no_rows = np.empty(0, np.int64)


class Pairs(NamedTuple):
    """Hold near duplicates, sorted by `first`, then by `second`.

    Attributes
    ----------
    first, second : ndarray of int64, shape (P,)
        Rows of the two images.
    distance : ndarray of float64, shape (P,)
        In grey levels.
    """

    first: np.ndarray
    second: np.ndarray
    distance: np.ndarray


def near_pairs(
    images: np.ndarray, reference: np.ndarray | None = None, *, threshold: float = THRESHOLD
) -> Pairs:
    """Find the near duplicates among images, or between images and others.

    Of images with the same pixels, the first stands for all. Shifts of up to one and a half pixels
    are allowed for, in rows and in columns. Pairs whose coarse images differ by more than `RADIUS`
    are taken for different without a closer look.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, 28, 28)
        Grey levels.
    reference : ndarray of uint8, shape (M, 28, 28), optional
        What to compare with; without it, the images are compared with each other.
    threshold : float
        Largest distance in grey levels, as `distances` measures it.

    Returns
    -------
    Pairs
        Without `reference`, `first` is the lower row of two. With it, `second` is a row of
        `reference`, and exact copies are pairs at the distance 0.

    Raises
    ------
    TypeError
        When images are not uint8.
    ValueError
        When images are not of shape (N, 28, 28), or the threshold is negative.
    """
    if not threshold >= 0:
        raise ValueError(f"the threshold is a distance, 0 or more grey levels, not {threshold}")
    side = _side(images)
    other = side if reference is None else _side(reference)
    shifts = _shifts(both_ways=reference is not None)
    found = [_pairs_at(shift, side, other, threshold) for shift in shifts]
    first, second, distance = (np.concatenate(column) for column in zip(*found, strict=True))
    if reference is None:
        first, second = np.minimum(first, second), np.maximum(first, second)
    near = distance <= threshold
    return _nearest(first[near], second[near], distance[near])


def near_groups(first: np.ndarray, pairs: Pairs) -> np.ndarray:
    """Join exact and near duplicates to groups: the connected components of all pairs.

    Neighbours in a group are near duplicates; its ends may be less alike.

    Parameters
    ----------
    first : ndarray of int64, shape (N,)
        For every image its first exact copy, as `first_copies` gives it.
    pairs : Pairs
        As `near_pairs` gives them for the same images.

    Returns
    -------
    ndarray of int64, shape (N,)
        For every image the lowest row of its group; an image on its own names itself.
    """
    count = len(first)
    rows = np.concatenate([np.arange(count), pairs.first])
    columns = np.concatenate([first, pairs.second])
    graph = coo_array((np.ones(len(rows), bool), (rows, columns)), shape=(count, count))
    _, group = connected_components(graph, directed=False)
    _, lowest = np.unique(group, return_index=True)
    return lowest[group]


class _Side(NamedTuple):
    """Hold one of the two sets compared: its images, and of the distinct ones rows and bends."""

    images: np.ndarray  # (N, 28, 28)
    rows: np.ndarray  # (D,)
    bends: np.ndarray  # (D,): mean squares of the second differences, down and across together


def _side(images: np.ndarray) -> _Side:
    """Check images and find the first copies, in order."""
    if images.dtype != np.uint8:
        raise TypeError(
            f"images are grey levels of type uint8, not {images.dtype}: bring them to 0 .. 255"
        )
    if images.shape[1:] != (IMAGE_SIZE, IMAGE_SIZE):
        raise ValueError(f"images have the shape (N, 28, 28), not {images.shape}")
    rows = np.unique(first_copies(images))
    bends = np.empty(len(rows))
    for batch in _slices(len(rows), _IMAGES_AT_A_TIME):
        bends[batch] = squared_bends(images[rows[batch]], window((0, 0))).sum(axis=0)
    return _Side(images, rows, bends)


def _slices(count: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, count, size))


def _shifts(both_ways: bool) -> Iterator[Shift]:
    """Yield the shifts by at most one pixel, or one of every two opposite ones."""
    shifts = ((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1))
    return (shift for shift in shifts if both_ways or shift >= (0, 0))


def _pairs_at(
    shift: Shift, side: _Side, other: _Side, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compare pairs with similar coarse images at one shift: their rows and distances."""
    coarse, other_coarse = _coarse(side, shift), _coarse(other, opposite(shift))
    tree = cKDTree(other_coarse.blocks)
    first, second, distance = [_no_rows], [_no_rows], [np.empty(0)]
    for batch in _slices(len(side.rows), _IMAGES_AT_A_TIME):
        found = tree.query_ball_point(coarse.blocks[batch], RADIUS, workers=-1, return_sorted=False)
        a = batch.start + np.repeat(np.arange(len(found)), [len(near) for near in found])
        b = np.concatenate([_no_rows, *(np.array(near, np.int64) for near in found)])
        possible = _may_be_near(coarse, other_coarse, a, b, threshold)
        if side is other:
            possible &= a < b if shift == (0, 0) else a != b
        a, b = side.rows[a[possible]], other.rows[b[possible]]
        first.append(a)
        second.append(b)
        distance += [
            distances(side.images[a[pairs]], other.images[b[pairs]], shift)
            for pairs in _slices(len(a), _PAIRS_AT_A_TIME)
        ]
    return np.concatenate(first), np.concatenate(second), np.concatenate(distance)


def _nearest(first: np.ndarray, second: np.ndarray, distance: np.ndarray) -> Pairs:
    """Keep each pair once, at its smallest distance over the shifts."""
    order = np.lexsort((distance, second, first))
    first, second, distance = first[order], second[order], distance[order]
    new = np.ones(len(first), bool)
    new[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    return Pairs(first[new], second[new], distance[new])


class _Coarse(NamedTuple):
    """Hold what 4 x 4 blocks of blurred images tell, one row an image.

    Blocks have six pixels a side, less where the overlap is cut. They are turned by a Hadamard
    transform, which keeps distances: the first numbers then say most, and a search by coordinates
    ends early. Distances of blocks are at most those of the images (in grey levels, as norms).
    """

    blocks: np.ndarray  # (D, 16)
    slopes: np.ndarray  # (D, 2, 16): twice the gradient, down and across
    bends: np.ndarray  # (D,): as of the side


def _coarse(side: _Side, shift: Shift) -> _Coarse:
    count = len(side.rows)
    blocks, slopes = np.empty((count, 16)), np.empty((count, 2, 16), np.float32)
    down, across = (_block_sums(part) for part in window(shift))
    for batch in _slices(count, _IMAGES_AT_A_TIME):
        sums = down @ (side.images[side.rows[batch]].astype(np.float64) @ across.T)
        sums /= 6 * _BLOCKS * BLUR_SCALE
        blocks[batch] = sums[:, :_BLOCKS, :_BLOCKS].reshape(-1, 16)
        slopes[batch, 0] = sums[:, _BLOCKS:, :_BLOCKS].reshape(-1, 16)
        slopes[batch, 1] = sums[:, :_BLOCKS, _BLOCKS:].reshape(-1, 16)
    return _Coarse(blocks, slopes, side.bends)


def _block_sums(part: slice) -> np.ndarray:
    """Return the matrix (8, 28) from a row to its blocks: of grey levels, then slopes."""
    starts = part.start + 6 * np.arange(_BLOCKS)
    pixel = np.arange(IMAGE_SIZE)
    ends = np.append(starts[1:], part.stop)[:, None]
    blocks = hadamard(_BLOCKS) @ ((pixel >= starts[:, None]) & (pixel < ends))
    slope = np.eye(IMAGE_SIZE, k=1) - np.eye(IMAGE_SIZE, k=-1)
    return np.concatenate([blocks @ BLUR, blocks @ slope @ BLUR])


def _may_be_near(
    coarse: _Coarse, others: _Coarse, a: np.ndarray, b: np.ndarray, threshold: float
) -> np.ndarray:
    """Rule out pairs whose coarse difference alone, after its best shift, is too large.

    No near duplicate is lost: blocks make no difference larger, and the bound on what a shift may
    leave takes the largest shift.
    """
    whole = IMAGE_SIZE - 2 * MARGIN
    bends = (coarse.bends[a] + others.bends[b]) / 2 * (whole / (whole - 1)) ** 2
    most = threshold * (1 + REST_ERROR * LARGEST_REST * np.sqrt(bends))
    difference = (others.blocks[b] - coarse.blocks[a])[:, None]
    slopes = coarse.slopes[a] + others.slopes[b]
    _, _, left = explain(difference, slopes[:, :1], slopes[:, 1:], ridge=1.0, limit=np.inf)
    return left <= most * whole + 1
