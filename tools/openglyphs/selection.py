"""Draw instances of variable fonts, and select fonts and characters that look different.

The fonts that version 1.1 added to families, and the glyphs of its further archives, were selected
so. The build needs none of this, because `provenance.csv` holds the outcome.
"""

import numpy as np

from notmnist.sources import IMAGE_SIZE, LETTERS
from tools.openglyphs.faces import Axis

PIXELS = len(LETTERS) * IMAGE_SIZE**2
INSTANCES = 32  # drawn of each variable font, to select from
CLOSEST = 12  # grey levels, between two fonts of a family
ALIKE = 8  # grey levels, under which a character looks like a letter of its font
MOST = {"train": 28, "valid": 6, "test": 6}  # fonts of a family, by split
LONG = 20  # of the range of an axis whose values are rounded to whole numbers


def draw_settings(axes: list[Axis], font_sha256: str) -> list[dict[str, float]]:
    """Draw instances of a variable font, which are always the same.

    Parameters
    ----------
    axes : list of Axis
        The axes of the font.
    font_sha256 : str
        The hash of the font file, in hexadecimal, which seeds the draw.

    Returns
    -------
    list of dict of str to float
        `INSTANCES` settings, the first of the font's instance 1 and so on: a uniformly distributed
        value for every axis, a whole number on axes longer than `LONG`, otherwise rounded to
        hundredths.
    """
    return [_draw_setting(axes, [int(font_sha256[:16], 16), 1 + i]) for i in range(INSTANCES)]


def _draw_setting(axes: list[Axis], seed: list[int]) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    drawn = {}
    for axis in axes:
        digits = 0 if axis.maximum - axis.minimum > LONG else 2
        drawn[axis.tag] = round(rng.uniform(axis.minimum, axis.maximum), digits)
    return drawn


def distances(fonts: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the distance of every font to every other one.

    Parameters
    ----------
    fonts, others : ndarray of uint8, shapes (n, 10, 28, 28) and (m, 10, 28, 28)
        The images of A to J.

    Returns
    -------
    ndarray of float32, shape (n, m)
        Root mean square of the difference over all pixels of all letters, in grey levels.
    """
    one, other = (images.reshape(-1, PIXELS).astype(np.float32) for images in (fonts, others))
    squares = (one**2).sum(1)[:, None] - 2 * one @ other.T + (other**2).sum(1)
    return np.sqrt(np.maximum(squares / one.shape[1], 0))


def select(present: np.ndarray, candidates: np.ndarray, split: str) -> list[int]:
    """Select fonts of one family, the most different first.

    Parameters
    ----------
    present : ndarray of uint8, shape (n, 10, 28, 28)
        The family's fonts that are there already, possibly none.
    candidates : ndarray of uint8, shape (m, 10, 28, 28)
        Further fonts of the family.
    split : str
        The split of the family, which may have `MOST` fonts in all.

    Returns
    -------
    list of int
        The places of the selected candidates, in the order of their selection: each is at least
        `CLOSEST` from all fonts before it.
    """
    chosen: list[int] = []
    nearest = np.full(len(candidates), np.inf, np.float32)
    if len(present):
        nearest = distances(candidates, present).min(axis=1)
    while len(present) + len(chosen) < MOST[split] and nearest.max(initial=0) >= CLOSEST:
        chosen.append(int(nearest.argmax()))
        newest = distances(candidates, candidates[chosen[-1:]])[:, 0]
        nearest = np.minimum(nearest, newest)
    return chosen


def look_new(images: np.ndarray, letters: np.ndarray) -> np.ndarray:
    """Tell which characters of a font look like none of its letters.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, 28, 28)
        Other characters than A to J, such as small letters.
    letters : ndarray of uint8, shape (m, 28, 28)
        The letters A to J, or some of them.

    Returns
    -------
    ndarray of bool, shape (n,)
        Whether the root mean square of the difference to every letter is at least `ALIKE`.
    """
    differences = images[:, None].astype(np.float32) - letters
    return np.sqrt((differences**2).mean(axis=(2, 3))).min(axis=1) >= ALIKE
