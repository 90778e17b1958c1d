"""How far two images are apart once the best small shift between them is taken out.

Two fonts may draw almost the same letter, so a plain distance tells neither copies from relatives
nor relatives from strangers. What remains after the best shift is held against what a shift of that
size leaves by itself, because pixels are averages over areas and no shift by a fraction of one can
be undone exactly.

All sums run over whole numbers in float64 and are exact, so a distance is the same whatever the
order of the images and the number of threads.
"""

import math

import numpy as np

from notmnist.sources import IMAGE_SIZE

MARGIN = 2  # pixels at the border, which a shift may have cut, are left aside
LARGEST_REST = 0.5  # pixels of shift beyond a whole number of them
REST_ERROR = 0.1  # share of the second differences that a shift leaves unexplained
NOISE = 4  # grey levels between two copies with noise of two levels each
_LEAST_LEFT = 0.8  # share of a shift found that must be empty behind an outline: it may be off
_BORDER_SLACK = 0.06  # pixels of it that may lack
_SLACK = 0.015  # pixels by which a shift of next to nothing may be off
_ROUNDING = 1e-9  # pixels by which a bound may be off
_RIDGE = 1e6  # as of a slope of 0.04 grey levels a pixel all over: it decides where there is none

_BINOMIAL = np.array([1, 4, 6, 4, 1])
BLUR = sum(weight * np.eye(IMAGE_SIZE, k=k - 2) for k, weight in enumerate(_BINOMIAL))
BLUR_SCALE = float(_BINOMIAL.sum() ** 2)

Shift = tuple[int, int]


def distances(images: np.ndarray, others: np.ndarray, shift: Shift = (0, 0)) -> np.ndarray:
    """Measure how far the images of pairs are apart once the best shift is taken out.

    Both images of a pair are blurred, and that fraction of a pixel, at most half of one, is found
    whose shift explains most of their difference (least squares on the gradient of their mean). The
    distance is r / (1 + e / 10): r is the root mean square of what is left of the difference, and e
    that of what the same shift makes of the images' second differences.

    It is infinite where the images themselves contradict the shift. An outline moved by y and x
    covers no pixel by more than ``|y| + |x|`` more or less than before, and leaves the border that
    it moves away from, unless the pixels that were cut come in there again.

    Parameters
    ----------
    images, others : ndarray of uint8, shape (P, 28, 28)
        The first and the second image of every pair.
    shift : (int, int)
        Rows and columns by which the second image lies below and to the right of the first, beside
        the fraction.

    Returns
    -------
    ndarray of float64, shape (P,)
        In grey levels; the same when the two are exchanged and the shift is turned round.
    """
    first, second = window(shift), window(opposite(shift))
    a, b = _cut(_blurred(images), first, 1), _cut(_blurred(others), second, 1)
    difference = (b - a)[:, 1:-1, 1:-1]
    total = a + b  # its central differences are four times the mean image's gradient
    down = total[:, 2:, 1:-1] - total[:, :-2, 1:-1]
    across = total[:, 1:-1, 2:] - total[:, 1:-1, :-2]
    y, x, left = explain(difference, down, across, ridge=_RIDGE, limit=LARGEST_REST)
    bends = squared_bends(images, first) + squared_bends(others, second)
    expected = np.sqrt((y * y * bends[0] + x * x * bends[1]) / 2)
    left /= BLUR_SCALE * math.sqrt(math.prod(difference.shape[1:]))
    distance = left / (1 + REST_ERROR * expected)
    return np.where(_is_possible(images, others, shift, y, x), distance, np.inf)


def window(shift: Shift, margin: int = MARGIN) -> tuple[slice, slice]:
    """Return where, in the first image of a pair, the second overlaps it, without a margin."""
    rows, columns = (slice(margin + max(-by, 0), IMAGE_SIZE - margin - max(by, 0)) for by in shift)
    return rows, columns


def opposite(shift: Shift) -> Shift:
    """Return the shift from the second image of a pair to the first."""
    return -shift[0], -shift[1]


def fractions_at_border(
    gaps: np.ndarray, others: np.ndarray, shift: Shift
) -> tuple[np.ndarray, np.ndarray]:
    """Bound the fractions of a pixel, beside a shift, at which pairs leave the border behind.

    Takes the `border_gaps` of the first and the second images. Returns the least and the largest
    fractions, down and across, each of shape (2, P); where the least is above the largest, there is
    none.
    """
    low, high = np.empty((2, 2, gaps.shape[2]))
    for axis, by in enumerate(shift):
        ahead = gaps[axis, 1] + others[axis, 0]
        behind = gaps[axis, 0] + others[axis, 1]
        high[axis] = (ahead + _BORDER_SLACK) / _LEAST_LEFT - by + _ROUNDING
        low[axis] = -(behind + _BORDER_SLACK) / _LEAST_LEFT - by - _ROUNDING
    return low.clip(min=-LARGEST_REST), high.clip(max=LARGEST_REST)


def explain(
    difference: np.ndarray, down: np.ndarray, across: np.ndarray, ridge: float, limit: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the shift (y, x) that explains most of a difference, and the norm of what is left of it.

    `down` and `across` are four times the gradient.
    """
    yy, xx, xy, yd, xd, dd = products(difference, down, across, ridge)
    determinant = yy * xx - xy * xy
    y = np.clip((xx * yd - xy * xd) / determinant, -limit / 4, limit / 4)
    x = np.clip((yy * xd - xy * yd) / determinant, -limit / 4, limit / 4)
    squares = dd - 2 * (y * yd + x * xd)
    squares += y * y * yy + x * x * xx + 2 * y * x * xy
    # What moves down by y gains y times the grey levels above it: against the gradient.
    return -4 * y, -4 * x, np.sqrt(np.maximum(squares, 0))


def products(
    difference: np.ndarray, down: np.ndarray, across: np.ndarray, ridge: float
) -> tuple[np.ndarray, ...]:
    """Return the products of which a least squares fit is made: yy, xx, xy, yd, xd, dd."""
    return (
        _dot(down, down) + ridge,
        _dot(across, across) + ridge,
        _dot(across, down),
        _dot(down, difference),
        _dot(across, difference),
        _dot(difference, difference),
    )


def squared_bends(images: np.ndarray, window: tuple[slice, slice]) -> np.ndarray:
    """Return the mean squares of the second differences down and across, shape (2, P)."""
    pixels = _cut(images, window, 1).astype(np.float64)
    inner = pixels[:, 1:-1, 1:-1]
    down = pixels[:, 2:, 1:-1] + pixels[:, :-2, 1:-1] - 2 * inner
    across = pixels[:, 1:-1, 2:] + pixels[:, 1:-1, :-2] - 2 * inner
    return np.stack([_dot(down, down), _dot(across, across)]) / math.prod(inner.shape[1:])


def _cut(images: np.ndarray, window: tuple[slice, slice], border: int = 0) -> np.ndarray:
    """Cut the same window out of every image, with a border around it."""
    down, across = (slice(part.start - border, part.stop + border) for part in window)
    return images[:, down, across]


def _blurred(images: np.ndarray) -> np.ndarray:
    """Blur by the binomial weights 1 4 6 4 1 both ways (float64, whole numbers, 256-fold)."""
    return BLUR @ images.astype(np.float64) @ BLUR


def _is_possible(
    images: np.ndarray, others: np.ndarray, shift: Shift, y: np.ndarray, x: np.ndarray
) -> np.ndarray:
    """Tell which pairs may be an outline and the same moved by `shift` and fractions y and x."""
    alike = may_be_moved(images, others, shift, np.abs(y) + np.abs(x))
    rolled = _largest_difference(np.roll(images, shift, axis=(1, 2)), others) <= NOISE
    gaps, other_gaps = border_gaps(images), border_gaps(others)
    left_border = True
    for axis, by in enumerate((shift[0] + y, shift[1] + x)):
        ahead = gaps[axis, 1] + other_gaps[axis, 0]
        behind = gaps[axis, 0] + other_gaps[axis, 1]
        left_border &= np.where(by > 0, ahead, behind) >= _LEAST_LEFT * np.abs(by) - _BORDER_SLACK
    return alike & (left_border | rolled)


def may_be_moved(
    images: np.ndarray, others: np.ndarray, shift: Shift, fraction: np.ndarray
) -> np.ndarray:
    """Tell which pairs no pixel contradicts, if beside `shift` they are moved by so many pixels."""
    first, second = _cut(images, window(shift, 0)), _cut(others, window(opposite(shift), 0))
    return _largest_difference(first, second) <= NOISE + 255 * (fraction + _SLACK)


def border_gaps(images: np.ndarray) -> np.ndarray:
    """Measure the pixels, two at most, from each border to the ink.

    Shape (2, 2, P): top and bottom, left and right. A border pixel covered in part counts in part.
    """
    gaps = np.empty((2, 2, len(images)))
    for axis in (0, 1):
        brightest = images.max(axis=2 - axis)
        for side, outer, inner in ((0, 0, 1), (1, -1, -2)):
            empty = 1 - brightest[:, outer] / 255
            behind = 1 - brightest[:, inner] / 255
            gaps[axis, side] = empty + np.where(brightest[:, outer] <= NOISE, behind, 0)
    return gaps


def _largest_difference(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    return (np.maximum(images, others) - np.minimum(images, others)).max(axis=(1, 2))


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("pij,pij->p", a, b)
