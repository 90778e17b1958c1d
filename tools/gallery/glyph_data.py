"""Write the data of the glyph browser: sprite sheets of all images, and facts about each image."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from notmnist import deduplication
from notmnist.dataset import Dataset, Split
from notmnist.deduplication import near
from notmnist.errors import NotMNISTError
from notmnist.sources import IMAGE_SIZE, LETTERS
from tools.openglyphs.provenance import Font

COLUMNS, ROWS = 50, 40  # the size of a sheet, in images


def write(
    folder: Path, data: Dataset, fonts: Sequence[Font], predictions: Mapping[str, np.ndarray]
) -> None:
    """Write ``sheets/0.png`` and so on, and ``glyphs-data.js``.

    A glyph's number is its row when the dataset is sorted by family, font and letter. The glyph is
    on sheet ``number // (COLUMNS * ROWS)``, which is filled row by row. The script defines all
    facts about the glyphs as one constant, because a page opened from the disk may not fetch JSON.

    Parameters
    ----------
    folder : Path
        An existing folder.
    data : Dataset
        OpenGlyphs, loaded with ``dedup="none"``.
    fonts : sequence of Font
        The provenance table.
    predictions : mapping of str to ndarray of uint8, shape (seeds, len(data.test))
        The predictions of each model, as `notmnist.results.read_predictions` returns them.

    Raises
    ------
    NotMNISTError
        When predictions do not match the test split.
    """
    glyphs = Split.joined([data.train, data.valid, data.test])
    order = np.lexsort((glyphs.labels, glyphs.fonts, np.strings.lower(glyphs.families)))
    number = np.argsort(order)
    glyphs = glyphs[order]
    content = {
        "tile": IMAGE_SIZE,
        "columns": COLUMNS,
        "rows": ROWS,
        "fonts": _fonts(glyphs, fonts),
        "copies": _copies(glyphs.images),
        "models": list(predictions),
        "mistakes": _mistakes(data.test.labels, number[-len(data.test) :], predictions),
    }
    _write_sheets(folder / "sheets", glyphs.images)
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    (folder / "glyphs-data.js").write_text(f"const GLYPHS = {text};\n", encoding="utf-8")


def _fonts(glyphs: Split, table: Sequence[Font]) -> list[dict[str, str]]:
    """List the fonts in the order of the glyphs, each with the letters that it has."""
    row_of = {row.font: row for row in table}
    starts = np.flatnonzero(np.diff(glyphs.font_index, prepend=-1))
    letters = np.split(np.array(list(LETTERS))[glyphs.labels], starts[1:])
    names = ("font", "family", "category", "weight", "width", "slant", "axes", "licence", "split")
    return [
        {name: getattr(row_of[font], name) for name in names} | {"letters": "".join(of_font)}
        for font, of_font in zip(glyphs.fonts[starts].tolist(), letters, strict=True)
    ]


def _copies(images: np.ndarray) -> list[list[list[int]]]:
    """List the groups of near duplicates, each as a list of lists of exact copies."""
    first = deduplication.first_copies(images)
    group = near.near_groups(first, near.near_pairs(images))
    groups = defaultdict(lambda: defaultdict(list))
    for row in np.flatnonzero(np.bincount(group)[group] > 1).tolist():
        groups[group[row]][first[row]].append(row)
    return [list(exact.values()) for exact in groups.values()]


def _mistakes(
    labels: np.ndarray, numbers: np.ndarray, predictions: Mapping[str, np.ndarray]
) -> dict[int, dict[int, str]]:
    """Map glyph and model to the letters that the seeds predicted, if any seed was wrong."""
    mistakes: dict[int, dict[int, str]] = defaultdict(dict)
    for model, (name, readings) in enumerate(predictions.items()):
        if readings.shape[1:] != labels.shape:
            raise NotMNISTError(
                f"the predictions of {name!r} do not match this test split: run its notebook again "
                "with --budget full"
            )
        for row in np.flatnonzero((readings != labels).any(axis=0)):
            letters = "".join(LETTERS[reading] for reading in readings[:, row])
            mistakes[int(numbers[row])][model] = letters
    return mistakes


def _write_sheets(folder: Path, images: np.ndarray) -> None:
    folder.mkdir()
    per_sheet = COLUMNS * ROWS
    for sheet, start in enumerate(range(0, len(images), per_sheet)):
        tiles = np.zeros((per_sheet, *images.shape[1:]), np.uint8)
        of_sheet = images[start : start + per_sheet]
        tiles[: len(of_sheet)] = of_sheet
        rows = tiles.reshape(ROWS, COLUMNS, IMAGE_SIZE, IMAGE_SIZE).swapaxes(1, 2)
        pixels = rows.reshape(ROWS * IMAGE_SIZE, COLUMNS * IMAGE_SIZE)
        Image.fromarray(pixels).save(folder / f"{sheet}.png")
