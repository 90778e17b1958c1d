"""Vary the shear, slant and weight of letters, or turn them into outlines or inverse boxes.

A variation consists of a few numbers, so that all letters of a font can share it. Images are
sheared in both directions and then stretched to fill the box again, as notMNIST's images do. After
the stretch, rotations and changes of proportion are covered too.
"""

from typing import NamedTuple

import numpy as np

SHEAR = 0.3  # the largest shift of x, as a share of the height
SLANT = 0.1  # the largest shift of y, as a share of the width
THINNEST, BOLDEST = -0.5, 1.0  # change of weight in pixels, on each side of a stroke
DECORATED = 0.04  # the share of outlined images and, independently, of inverse images
MARGIN = 3  # pixels around the letter in an inverse box


class Variations(NamedTuple):
    """Hold one variation per image. Every field has shape (n,)."""

    shear: np.ndarray
    slant: np.ndarray
    weight: np.ndarray
    outlined: np.ndarray
    inverse: np.ndarray

    def take(self, index: slice | np.ndarray) -> "Variations":
        """Select variations, by a slice or an array of indices."""
        return Variations(*(field[index] for field in self))


def draw(count: int, rng: np.random.Generator) -> Variations:
    """Draw random variations.

    Parameters
    ----------
    count : int
        The number of variations.
    rng : numpy.random.Generator
        The source of random numbers.

    Returns
    -------
    Variations
        The variations. Shear, slant and weight are uniformly distributed (float32); the rest are
        flags (bool).
    """
    ranges = [(-SHEAR, SHEAR), (-SLANT, SLANT), (THINNEST, BOLDEST)]
    numbers = [rng.uniform(low, high, count).astype(np.float32) for low, high in ranges]
    flags = [rng.random(count) < DECORATED for _ in range(2)]
    return Variations(*numbers, *flags)


def vary(images: np.ndarray, variations: Variations) -> np.ndarray:
    """Apply one variation to each image.

    Parameters
    ----------
    images : ndarray, (n, height, width) uint8
        The images, with bright ink on black.
    variations : Variations
        One variation per image.

    Returns
    -------
    ndarray, (n, height, width) uint8
        The varied images.
    """
    margin = np.where(variations.inverse, np.float32(MARGIN), np.float32(0))
    result = _stretch(images, variations.shear, variations.slant, margin)
    outlined = variations.outlined
    result[outlined] -= _neighbours(result[outlined], np.minimum, outside="constant")
    for bolder, extreme in ((True, np.maximum), (False, np.minimum)):
        chosen = (variations.weight > 0) == bolder
        weight = np.abs(variations.weight[chosen])[:, None, None]
        edge = _neighbours(result[chosen], extreme, outside="edge")
        result[chosen] += weight * (edge - result[chosen])
    result = np.rint(result).astype(np.uint8)
    result[variations.inverse] = 255 - result[variations.inverse]
    return result


def augment(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Vary every image at random: apply `vary` with variations from `draw`."""
    return vary(images, draw(len(images), rng))


def _stretch(
    images: np.ndarray, shear: np.ndarray, slant: np.ndarray, margin: np.ndarray
) -> np.ndarray:
    """Shear in both directions, then stretch the ink to the box inside the margin (float32)."""
    _, height, width = images.shape
    u_low, u_high = _extent(images, shear)
    v_low, v_high = _extent(images.swapaxes(1, 2), slant)
    u_step = (u_high - u_low) / (width - 2 * margin)
    v_step = (v_high - v_low) / (height - 2 * margin)
    x, y = np.arange(width) + np.float32(0.5), np.arange(height) + np.float32(0.5)
    u = (u_low[:, None] + u_step[:, None] * (x - margin[:, None]))[:, None, :]
    v = (v_low[:, None] + v_step[:, None] * (y - margin[:, None]))[:, :, None]
    shear, slant = shear[:, None, None], slant[:, None, None]
    area = 1 - shear * slant
    return _sample(images, (u - shear * v) / area, (v - slant * u) / area)


def _extent(images: np.ndarray, shear: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the range of x + shear * y over each image's ink, or over the box if it has none."""
    _, height, width = images.shape
    ink = images > 0
    rows = ink.any(axis=2)
    shift = shear[:, None] * (np.arange(height, dtype=np.float32) + np.float32(0.5))
    left = ink.argmax(axis=2) + shift
    right = width - ink[:, :, ::-1].argmax(axis=2) + shift
    inked = rows.any(axis=1)
    low = np.where(inked, np.where(rows, left, np.inf).min(axis=1), 0)
    high = np.where(inked, np.where(rows, right, -np.inf).max(axis=1), width)
    return low.astype(np.float32), high.astype(np.float32)


def _sample(images: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Interpolate images at x and y. Pixel centres are at halves, and the outside is black."""
    count, height, width = images.shape
    padded = np.zeros((count, height + 2, width + 2), np.float32)
    padded[:, 1:-1, 1:-1] = images
    x = np.clip(x + np.float32(0.5), 0, width + np.float32(0.999))
    y = np.clip(y + np.float32(0.5), 0, height + np.float32(0.999))
    column, row = x.astype(np.int32), y.astype(np.int32)
    x, y = x - column, y - row
    corner = (np.arange(count, dtype=np.int32)[:, None, None] * (height + 2) + row) * (width + 2)
    corner += column
    pixels = padded.ravel()
    top = pixels[corner] * (1 - x) + pixels[corner + 1] * x
    bottom = pixels[corner + width + 2] * (1 - x) + pixels[corner + width + 3] * x
    return top * (1 - y) + bottom * y


def _neighbours(images: np.ndarray, extreme: np.ufunc, outside: str) -> np.ndarray:
    """Return the extreme of each pixel and its neighbours; `outside` is a mode of `numpy.pad`."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)), mode=outside)
    result = extreme(padded[:, :-2, 1:-1], padded[:, 2:, 1:-1])
    extreme(result, padded[:, 1:-1, :-2], out=result)
    extreme(result, padded[:, 1:-1, 2:], out=result)
    return extreme(result, images, out=result)
