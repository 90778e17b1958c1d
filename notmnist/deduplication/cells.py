"""Search all pairs of points that lie within a distance of each other, and lose none.

Points are packed into cells of neighbours. Cells whose bounding boxes are too far apart are passed
over; the points of the others are compared by matrix products, several times as fast as a tree
compares them one by one.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

_POINTS_IN_CELL = 64  # about: fewer make more boxes to compare, more make larger ones
_CELLS_AT_A_TIME = 64  # so that a product stays in the processor's cache
# Rounding moves a squared distance by less than this times the largest squared norm: 20 operations,
# each by a share of 6e-8, on terms of four squared norms in all.
_ROUNDING = 5e-6


def pack(points: np.ndarray) -> np.ndarray:
    """Sort points into cells of neighbours.

    Parameters
    ----------
    points : ndarray of float, shape (N, D)
        At least one.

    Returns
    -------
    ndarray of int64, shape (C, M)
        The rows of the points of each cell. Neighbouring cells hold neighbours, too. Where there
        are too few points to fill a cell, one of them stands in it twice.
    """
    halvings = max(0, round(np.log2(len(points) / _POINTS_IN_CELL)))
    size = -(-len(points) >> halvings)
    cells = _halve(points, np.arange(len(points)), halvings)
    return np.stack([np.resize(rows, size) for rows in cells])


def _halve(points: np.ndarray, rows: np.ndarray, times: int) -> list[np.ndarray]:
    """Halve points again and again, across the direction in which they vary most."""
    if times == 0:
        return [rows]
    widest = points[rows].std(axis=0).argmax()
    middle = len(rows) // 2
    order = rows[np.argpartition(points[rows, widest], middle)]
    return [*_halve(points, order[:middle], times - 1), *_halve(points, order[middle:], times - 1)]


class Cells(NamedTuple):
    """Hold points in cells, their boxes, and what matrix products take."""

    rows: np.ndarray  # (C, M)
    low: np.ndarray  # (C, D): the least coordinates in a cell
    high: np.ndarray  # (C, D)
    points: np.ndarray  # (C, M, D + 1) of float32: -2 x and 1
    others: np.ndarray  # (C, D + 1, M) of float32: x and its squared norm
    squares: np.ndarray  # (C, M) of float32: squared norms


def fill(points: np.ndarray, rows: np.ndarray, centre: np.ndarray) -> Cells:
    """Put points into the cells that `pack` made, perhaps of similar points.

    `centre` is subtracted from all points, of whatever cells are compared: the smaller the numbers,
    the less is lost by rounding.
    """
    inside = (points - centre).astype(np.float32)[rows]
    squares = np.square(inside).sum(axis=2)
    return Cells(
        rows,
        inside.min(axis=1),
        inside.max(axis=1),
        np.concatenate([-2 * inside, np.ones_like(squares)[:, :, None]], axis=2),
        np.concatenate([inside, squares[:, :, None]], axis=2).swapaxes(1, 2).copy(),
        squares,
    )


def close_pairs(
    cells: Cells, others: Cells, part: slice, radius: float, once: bool = False
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the pairs of points at most a radius apart, and perhaps a few beyond it by rounding.

    Parameters
    ----------
    cells, others : Cells
        The first and the second points of the pairs.
    part : slice
        Which of the first cells to search from; neighbours share work.
    radius : float
        Largest Euclidean distance.
    once : bool
        Leave out pairs whose second cell stands before the first: `others` are the same points.

    Yields
    ------
    first, second : ndarray of int64, shape (P,)
        Rows of the points. A point that stands twice in a cell is found twice.
    """
    largest = max(cells.squares.max(), others.squares.max())
    limits = radius**2 + _ROUNDING * largest - cells.squares[:, :, None]
    reach = radius + np.sqrt(_ROUNDING * largest)
    start = part.start if once else 0
    around = _within(
        reach, cells.low[part].min(axis=0), cells.high[part].max(axis=0), others,
        np.arange(start, len(others.rows)),
    )  # fmt: skip
    for cell in range(*part.indices(len(cells.rows))):
        near = around[around >= cell] if once else around
        near = _within(reach, cells.low[cell], cells.high[cell], others, near)
        for at in range(0, len(near), _CELLS_AT_A_TIME):
            some = near[at : at + _CELLS_AT_A_TIME]
            # So small products stay on one thread; others beside it do the same.
            close = cells.points[cell] @ others.others[some] <= limits[cell]
            which, first, second = np.unravel_index(np.flatnonzero(close), close.shape)
            yield cells.rows[cell, first], others.rows[some[which], second]


def _within(
    reach: float, low: np.ndarray, high: np.ndarray, others: Cells, which: np.ndarray
) -> np.ndarray:
    """Keep the cells whose boxes come within reach of a box."""
    gaps = np.maximum(low - others.high[which], others.low[which] - high).clip(min=0)
    return which[np.square(gaps).sum(axis=1) <= reach**2]
