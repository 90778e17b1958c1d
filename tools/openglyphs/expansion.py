"""Write training archives of any size from varied images of OpenGlyphs' training fonts."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from notmnist.files import replacing
from notmnist.sources import LETTERS
from tools.openglyphs.archives import read_archive, write_archive
from tools.openglyphs.provenance import TABLE, read_table
from tools.openglyphs.variation import Variations, draw, vary

ARCHIVE = TABLE.with_name("openglyphs_large.tar.gz")
BATCH = 1000  # the number of glyphs that are varied at a time


def expand(out: Path, count: int, seed: int = 0) -> None:
    """Write an archive of varied training glyphs in notMNIST's layout.

    Fonts are drawn at random, and each is varied as a whole, so the ten letters with the same file
    name belong together. The same seed gives the same archive. Use the glyphs for training and
    benchmarks only, because many of them come from the same font.

    Parameters
    ----------
    out : Path
        The tar.gz to write. Its name up to the first dot becomes the folder inside it.
    count : int
        The number of glyphs, spread evenly over the letters.
    seed : int
        The seed of the fonts and their variations.

    Raises
    ------
    NotMNISTError
        If the archive can't be written.
    """
    names, images = _training_fonts()
    rng = np.random.default_rng(seed)
    fonts = rng.integers(len(names), size=-(-count // len(LETTERS)))
    glyphs = _varied(names, images, fonts, draw(len(fonts), rng), count)
    with replacing(out) as partial:
        write_archive(partial, out.name.split(".")[0], glyphs, level=6)


def _training_fonts() -> tuple[list[str], np.ndarray]:
    """Return the names and images (n, 10, 28, 28) of training fonts that have every letter."""
    whole = {row.font for row in read_table() if row.split == "train" and row.letters == LETTERS}
    images = {font: [] for font in sorted(whole)}
    for _, font, image in read_archive(ARCHIVE):
        if font in whole:
            images[font].append(image)
    return list(images), np.array(list(images.values()))


def _varied(
    names: list[str], images: np.ndarray, fonts: np.ndarray, variations: Variations, count: int
) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield (letter, font name, image) by letter, then by number."""
    for place, letter in enumerate(LETTERS):
        wanted = (count + len(LETTERS) - 1 - place) // len(LETTERS)
        for start in range(0, wanted, BATCH):
            batch = slice(start, min(start + BATCH, wanted))
            varied = vary(images[fonts[batch], place], variations.take(batch))
            for number, (font, image) in enumerate(zip(fonts[batch], varied, strict=True), start):
                file = names[font].partition("--")[
                    2
                ]  # with the package's name, it would be too long for a tar
                yield letter, f"{number:06d}--{file}", image
