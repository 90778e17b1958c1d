"""What a few numbers tell of a pair of images: enough to see that almost all pairs are far apart.

But for the limit `RADIUS`, which is a part of the definition, no test here loses a near duplicate:
what it rules out is farther apart than the threshold.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import hadamard

from notmnist.deduplication.distance import (
    BLUR,
    BLUR_SCALE,
    LARGEST_REST,
    MARGIN,
    NOISE,
    REST_ERROR,
    Shift,
    border_gaps,
    fractions_at_border,
    products,
    squared_bends,
    window,
)
from notmnist.deduplication.exact import first_copies
from notmnist.deduplication.threads import in_threads
from notmnist.sources import IMAGE_SIZE

RADIUS = 240
"""Largest difference between the coarse images of a pair that is looked at, in grey levels.

Outlines moved by a quarter of a pixel differ by up to 210 in 999 of 1,000 glyphs of OpenGlyphs, two
random glyphs by more than 380 in as many.
"""

_BLOCKS = 4  # a coarse image has 4 x 4 blocks
_IMAGES_AT_A_TIME = 5_000


class Side(NamedTuple):
    """Hold one of the two sets compared: its images, and of the distinct ones what tests take."""

    images: np.ndarray  # (N, 28, 28)
    rows: np.ndarray  # (D,)
    bends: np.ndarray  # (D,): mean squares of the second differences, down and across together
    gaps: np.ndarray  # (2, 2, D): as `border_gaps` measures them
    sums: np.ndarray  # (2, 28, D): of the grey levels of every row and every column


def side_of(images: np.ndarray) -> Side:
    """Find the first copies among images, in order, and measure them."""
    rows = np.unique(first_copies(images))
    bends, gaps = np.empty(len(rows)), np.empty((2, 2, len(rows)))
    sums = np.empty((2, IMAGE_SIZE, len(rows)), np.int16)

    def measure(batch: slice) -> None:
        some = images[rows[batch]]
        bends[batch] = squared_bends(some, window((0, 0))).sum(axis=0)
        gaps[:, :, batch] = border_gaps(some)
        sums[0, :, batch], sums[1, :, batch] = some.sum(axis=2).T, some.sum(axis=1).T

    in_threads(measure, slices(len(rows), _IMAGES_AT_A_TIME))
    return Side(images, rows, bends, gaps, sums)


def slices(count: int, size: int) -> list[slice]:
    """Cut a number of rows into slices."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


class Coarse(NamedTuple):
    """Hold what 4 x 4 blocks of blurred images tell at one shift, one row an image.

    Blocks have six pixels a side, less where the overlap is cut. They are turned by a Hadamard
    transform, which keeps distances: the first numbers then say most, and boxes around neighbours
    are small. Distances of blocks are at most those of the images (in grey levels, as norms).
    """

    blocks: np.ndarray  # (D, 16)
    slopes: np.ndarray  # (D, 2, 16) of float32: twice the gradient, down and across


def coarse_of(side: Side, shift: Shift) -> Coarse:
    """Measure the blocks of a side's images where others overlap them that are moved by `shift`."""
    count = len(side.rows)
    blocks, slopes = np.empty((count, 16)), np.empty((count, 2, 16), np.float32)
    down, across = (_block_sums(part) for part in window(shift))

    def measure(batch: slice) -> None:
        sums = down @ (side.images[side.rows[batch]].astype(np.float64) @ across.T)
        sums /= 6 * _BLOCKS * BLUR_SCALE
        blocks[batch] = sums[:, :_BLOCKS, :_BLOCKS].reshape(-1, 16)
        slopes[batch, 0] = sums[:, _BLOCKS:, :_BLOCKS].reshape(-1, 16)
        slopes[batch, 1] = sums[:, :_BLOCKS, _BLOCKS:].reshape(-1, 16)

    in_threads(measure, slices(count, _IMAGES_AT_A_TIME))
    return Coarse(blocks, slopes)


def _block_sums(part: slice) -> np.ndarray:
    """Return the matrix (8, 28) from a row to its blocks: of grey levels, then slopes."""
    starts = part.start + 6 * np.arange(_BLOCKS)
    pixel = np.arange(IMAGE_SIZE)
    ends = np.append(starts[1:], part.stop)[:, None]
    blocks = hadamard(_BLOCKS) @ ((pixel >= starts[:, None]) & (pixel < ends))
    slope = np.eye(IMAGE_SIZE, k=1) - np.eye(IMAGE_SIZE, k=-1)
    return np.concatenate([blocks @ BLUR, blocks @ slope @ BLUR])


class Candidates(NamedTuple):
    """Hold pairs that may be near, and bounds on the fractions of a pixel between them."""

    first: np.ndarray  # (P,)
    second: np.ndarray  # (P,)
    low: np.ndarray  # (2, P): down and across
    high: np.ndarray  # (2, P)

    def where(self, kept: np.ndarray) -> "Candidates":
        """Keep some of the pairs."""
        return Candidates(
            self.first[kept], self.second[kept], self.low[:, kept], self.high[:, kept]
        )

    def possible(self) -> "Candidates":
        """Keep the pairs whose bounds leave room for a shift."""
        return self.where((self.low[0] <= self.high[0]) & (self.low[1] <= self.high[1]))


def at_border(
    side: Side, other: Side, first: np.ndarray, second: np.ndarray, shift: Shift
) -> Candidates:
    """Keep pairs that may leave the border which they move away from, or be rolled around it."""
    gaps, other_gaps = side.gaps[:, :, first], other.gaps[:, :, second]
    low, high = fractions_at_border(gaps, other_gaps, shift)
    rolled = _maybe_rolled(side.sums, other.sums, first, second, shift)
    low[:, rolled], high[:, rolled] = -LARGEST_REST, LARGEST_REST
    return Candidates(first, second, low, high).possible()


def _maybe_rolled(
    sums: np.ndarray, others: np.ndarray, first: np.ndarray, second: np.ndarray, shift: Shift
) -> np.ndarray:
    """Find the pairs whose sums of rows and columns fit images that are rolled by a shift."""
    fit = np.arange(len(first))
    for axis, by in enumerate(shift):
        for line in range(IMAGE_SIZE):
            moved = sums[axis, (line - by) % IMAGE_SIZE, first[fit]]
            fit = fit[np.abs(moved - others[axis, line, second[fit]]) <= NOISE * IMAGE_SIZE]
    return fit


def by_blocks(
    side: Side,
    other: Side,
    coarse: Coarse,
    others: Coarse,
    pairs: Candidates,
    threshold: float,
) -> Candidates:
    """Keep pairs of which a shift within bounds may leave little, and narrow the bounds.

    What a shift (y, x) leaves of the coarse difference is at most what it leaves of the images',
    and its square is a quadratic form: it is small enough within an ellipse around the best shift.
    """
    first, second, low, high = pairs
    whole = IMAGE_SIZE - 2 * MARGIN
    bends = (side.bends[first] + other.bends[second]) / 2 * (whole / (whole - 1)) ** 2
    fraction = np.maximum(high, -low).max(axis=0)
    most = threshold * (1 + REST_ERROR * fraction * np.sqrt(bends)) * whole + 1
    difference = (others.blocks[second] - coarse.blocks[first])[:, None]
    slopes = coarse.slopes[first].astype(np.float64) + others.slopes[second]
    yy, xx, xy, yd, xd, dd = products(difference, slopes[:, :1], slopes[:, 1:], ridge=1.0)
    determinant = yy * xx - xy * xy
    y, x = (xx * yd - xy * xd) / determinant, (yy * xd - xy * yd) / determinant
    room = np.maximum(most**2 - (dd - y * yd - x * xd), 0)
    best = -4 * np.stack([y, x])
    width = 4 * np.sqrt(room * np.stack([xx, yy]) / determinant)
    low, high = np.maximum(low, best - width), np.minimum(high, best + width)
    pairs = Candidates(first, second, low, high)
    return pairs.where((dd <= RADIUS**2) & (room > 0)).possible()
