"""Plant near duplicates: real glyphs, with copies of them in known places."""

from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np

from notmnist.sources import LETTERS
from tools.openglyphs.rendering import render

KINDS = ("copy", "shifted", "offset", "noisy", "inverted")


SAME_OUTLINE = 1 / 50
"""Pixels between two outlines, on average, that are taken for one: half a unit of most fonts."""


@dataclass(frozen=True)
class Planted:
    """Images of which some were made from others.

    `source` has the row of the image that each was made from, originals their own; `kind` its place
    in KINDS, -1 for originals.
    """

    images: np.ndarray
    source: np.ndarray
    kind: np.ndarray

    def related(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Tell which pairs of rows come from one outline.

        Different fonts hold the same outline too, rounded to other units: the originals then differ
        by less than SAME_OUTLINE times the length of the outline.
        """
        first, second = (self.images[self.source[rows]].astype(float) / 255 for rows in (a, b))
        framed = np.pad(first, ((0, 0), (1, 1), (1, 1)))
        length = sum(np.abs(np.diff(framed, axis=axis)).sum(axis=(1, 2)) for axis in (1, 2))
        return np.abs(first - second).sum(axis=(1, 2)) <= SAME_OUTLINE * length


def plant(originals: np.ndarray, count: int, seed: int) -> Planted:
    """Copy, shift, re-render, spoil and invert glyphs, `count` of each but those re-rendered.

    Glyphs of the fonts that matplotlib brings are appended to the originals: these outlines are at
    hand, and are rendered again, offset by at most a quarter of a pixel each way.
    """
    rng = np.random.default_rng(seed)
    rendered, offset = _render_twice(rng)
    base = np.concatenate([originals, rendered])
    batches, sources, kinds = [base], [np.arange(len(base))], [np.full(len(base), -1)]
    for number, kind in enumerate(KINDS):
        if kind == "offset":
            rows, made = len(originals) + np.arange(len(rendered)), offset
        else:
            rows = rng.permutation(len(base))[:count]
            made = _CHANGES[kind](base[rows], rng)
        batches.append(made)
        sources.append(rows)
        kinds.append(np.full(len(rows), number))
    return Planted(*(np.concatenate(column) for column in (batches, sources, kinds)))


def _render_twice(rng):
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    rendered, offset = [], []
    for path in sorted(folder.glob("*.ttf")):
        for letter in LETTERS:
            try:
                rendered.append(render(path.read_bytes(), letter)[0])
            except ValueError:  # a font of other signs
                break
            moved = tuple(rng.integers(-16, 17, 2) / 64)
            offset.append(render(path.read_bytes(), letter, moved)[0])
    return np.array(rendered), np.array(offset)


def _shifted(images, rng):
    shifts = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]
    moved, chosen = np.zeros_like(images), rng.integers(len(shifts), size=len(images))
    for image, target, choice in zip(images, moved, chosen, strict=True):
        y, x = shifts[choice]
        inside = image[max(-y, 0) : 28 - max(y, 0), max(-x, 0) : 28 - max(x, 0)]
        target[max(y, 0) : 28 - max(-y, 0), max(x, 0) : 28 - max(-x, 0)] = inside
    return moved


def _noisy(images, rng):
    noise = rng.integers(-2, 3, images.shape)
    return np.clip(images + noise, 0, 255).astype(np.uint8)


_CHANGES = {
    "copy": lambda images, rng: images,
    "shifted": _shifted,
    "noisy": _noisy,
    "inverted": lambda images, rng: 255 - images,
}
