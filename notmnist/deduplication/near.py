"""Near duplicates: images that differ by no more than a small shift and a little noise."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from tqdm import tqdm

from notmnist.deduplication.cells import Cells, close_pairs, fill, pack
from notmnist.deduplication.coarse import (
    RADIUS,
    Coarse,
    Side,
    at_border,
    by_blocks,
    coarse_of,
    side_of,
    slices,
)
from notmnist.deduplication.distance import Shift, distances, may_be_moved, opposite
from notmnist.deduplication.threads import in_threads
from notmnist.sources import IMAGE_SIZE

THRESHOLD = 0.85
"""Largest distance of near duplicates, in grey levels; notebook 12 shows the pairs around it."""

_CELLS_AT_A_TIME, _PAIRS_AT_A_TIME = 16, 2_000
_CANDIDATES_AT_A_TIME = 100_000
_LINE = "{desc}: {percentage:.0f}%, {remaining} left"
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
    for some in (images, reference):
        if some is not None:
            _check(some)
    side = side_of(images)
    other = side if reference is None else side_of(reference)
    if len(side.rows) == 0 or len(other.rows) == 0:
        return Pairs(_no_rows, _no_rows, np.empty(0))
    cells = pack(coarse_of(side, (0, 0)).blocks)
    other_cells = cells if other is side else pack(coarse_of(other, (0, 0)).blocks)
    shifts = _shifts(both_ways=reference is not None)
    parts = slices(len(cells), _CELLS_AT_A_TIME)
    found = []
    with tqdm(
        total=len(shifts) * len(parts), desc="near duplicates", bar_format=_LINE,
        disable=None, leave=False,
    ) as progress:  # fmt: skip
        for shift in shifts:
            comparison = _comparison(shift, threshold, side, other, cells, other_cells)
            found += in_threads(comparison.search, parts, progress)
    first, second, distance = (np.concatenate(column) for column in zip(*found, strict=True))
    if reference is None:
        first, second = np.minimum(first, second), np.maximum(first, second)
    return _nearest(first, second, distance)


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


def _check(images: np.ndarray) -> None:
    if images.dtype != np.uint8:
        raise TypeError(
            f"images are grey levels of type uint8, not {images.dtype}: bring them to 0 .. 255"
        )
    if images.shape[1:] != (IMAGE_SIZE, IMAGE_SIZE):
        raise ValueError(f"images have the shape (N, 28, 28), not {images.shape}")


def _shifts(both_ways: bool) -> list[Shift]:
    """List the shifts by at most one pixel, or one of every two opposite ones."""
    shifts = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return [shift for shift in shifts if both_ways or shift >= (0, 0)]


def _nearest(first: np.ndarray, second: np.ndarray, distance: np.ndarray) -> Pairs:
    """Keep each pair once, at its smallest distance over the shifts."""
    order = np.lexsort((distance, second, first))
    first, second, distance = first[order], second[order], distance[order]
    new = np.ones(len(first), bool)
    new[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    return Pairs(first[new], second[new], distance[new])


class _Comparison(NamedTuple):
    """Compare the distinct images of two sides at one shift."""

    shift: Shift
    threshold: float
    side: Side
    other: Side
    coarse: Coarse
    other_coarse: Coarse
    cells: Cells
    other_cells: Cells

    def search(self, part: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Find the near duplicates of the images in some cells: rows and distances."""
        same = self.cells is self.other_cells
        found = close_pairs(self.cells, self.other_cells, part, RADIUS, once=same)
        near = [self._measure(first, second) for first, second in _batches(found)]
        first, second, distance = (np.concatenate(column) for column in zip(*near, strict=True))
        return first, second, distance

    def _measure(
        self, first: np.ndarray, second: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rule out most candidates by cheap tests, and keep those of the rest that are near."""
        if self.side is self.other:
            different = first != second
            first, second = first[different], second[different]
        pairs = at_border(self.side, self.other, first, second, self.shift)
        pairs = by_blocks(
            self.side, self.other, self.coarse, self.other_coarse, pairs, self.threshold
        )
        rows, others = self.side.rows[pairs.first], self.other.rows[pairs.second]
        distance = np.full(len(rows), np.inf)
        moved = np.maximum(pairs.high, -pairs.low).sum(axis=0)
        for some in slices(len(rows), _PAIRS_AT_A_TIME):
            images, reference = self.side.images[rows[some]], self.other.images[others[some]]
            alike = may_be_moved(images, reference, self.shift, moved[some])
            distance[some][alike] = distances(images[alike], reference[alike], self.shift)
        near = distance <= self.threshold
        return rows[near], others[near], distance[near]


def _comparison(
    shift: Shift, threshold: float, side: Side, other: Side, rows: np.ndarray, others: np.ndarray
) -> _Comparison:
    """Measure both sides at one shift, and put them into the cells that `pack` made."""
    coarse = coarse_of(side, shift)
    centre = coarse.blocks.mean(axis=0)
    cells = fill(coarse.blocks, rows, centre)
    if side is other and shift == (0, 0):
        return _Comparison(shift, threshold, side, side, coarse, coarse, cells, cells)
    other_coarse = coarse_of(other, opposite(shift))
    other_cells = fill(other_coarse.blocks, others, centre)
    return _Comparison(shift, threshold, side, other, coarse, other_coarse, cells, other_cells)


def _batches(
    found: Iterable[tuple[np.ndarray, np.ndarray]],
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Join the pairs found to batches of some size, of which there is at least one."""
    first, second, count = [_no_rows], [_no_rows], 0
    for one, two in found:
        first.append(one)
        second.append(two)
        count += len(one)
        if count >= _CANDIDATES_AT_A_TIME:
            yield np.concatenate(first), np.concatenate(second)
            first, second, count = [_no_rows], [_no_rows], 0
    yield np.concatenate(first), np.concatenate(second)
