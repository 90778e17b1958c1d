"""The predictions that full runs leave beside their scores, so that anyone can count again.

A file holds one array per test set and model, named ``<test set>/<model>``:

- ``openglyphs/...``: probabilities of the letters A to J, float16, shape (seeds, N, 10), in the
  order of ``load("openglyphs").test``; letters where a model gave no probabilities;
- ``notmnist-small/...``: letters, uint8, shape (seeds, N), of all the images of the genuine small
  archive, sorted by letter and then by the name of the font (`archive_order`), because the order of
  a prepared dataset depends on its splits. Sorted so, they also take little room.
"""

import pickle
from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from notmnist import files, sources
from notmnist.errors import NotMNISTError
from notmnist.scoring.entries import data_version, parse_entries

# The test sets that predictions are kept of.
BY_ROW, BY_NAME = "openglyphs", "notmnist-small"


def as_float16(probabilities: np.ndarray) -> np.ndarray:
    """Round probabilities to float16, and keep the likeliest letter the likeliest.

    Parameters
    ----------
    probabilities : ndarray of float, shape (N, 10)
        Of the letters A to J.

    Returns
    -------
    ndarray of float16, shape (N, 10)
        Where rounding made another letter as likely as the likeliest one, the next larger number
        stands for that one.
    """
    rounded = probabilities.astype(np.float16)
    letters = probabilities.argmax(axis=1)
    (tied,) = np.nonzero(rounded.argmax(axis=1) != letters)
    largest = rounded[tied, letters[tied]]
    rounded[tied, letters[tied]] = np.nextafter(largest, np.float16(1))
    return rounded


def archive_order(labels: np.ndarray, fonts: np.ndarray) -> np.ndarray:
    """Sort the images of a test set by letter, then by font, whatever the order of its rows.

    Parameters
    ----------
    labels : ndarray of uint8, shape (N,)
        The letters.
    fonts : ndarray of str, shape (N,)
        The fonts.

    Returns
    -------
    ndarray of int64, shape (N,)
        The rows in that order.
    """
    return np.lexsort((fonts, labels))


def write_predictions(path: Path, kept: Mapping[tuple[str, str], np.ndarray]) -> None:
    """Write the predictions of a notebook's models.

    Parameters
    ----------
    path : Path
        The file, with the ending ``.npz``.
    kept : mapping of (str, str) to ndarray
        By test set and model, as the module's docstring describes them.

    Raises
    ------
    NotMNISTError
        When the file can't be written.
    """
    arrays = {f"{test}/{model}": array for (test, model), array in kept.items()}
    with files.replacing(path) as part, open(part, "wb") as file:
        # Type checkers fear for a parameter of its own, but no array bears its name.
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def read_predictions(
    folder: Path, test: str = BY_ROW, trained_on: str = "openglyphs"
) -> dict[str, np.ndarray]:
    """Read what models predicted for a test set.

    Predictions of the test split of another version of OpenGlyphs are left out: its rows are
    others.

    Parameters
    ----------
    folder : Path
        ``misc/results``.
    test : {"openglyphs", "notmnist-small"}
        The test set.
    trained_on : str
        The dataset that the models were trained on.

    Returns
    -------
    dict of str to ndarray of uint8, shape (seeds, N)
        Letters by model, in the order of the files' names. Empty where nothing is kept, as in an
        installed package.

    Raises
    ------
    NotMNISTError
        When a file of predictions can't be read, or when two files name the same model.
    """
    return {model: _letters(array) for model, array in _kept(folder, test, trained_on).items()}


def read_probabilities(
    folder: Path, test: str = BY_ROW, trained_on: str = "openglyphs"
) -> dict[str, np.ndarray]:
    """Read the probabilities that models gave the letters of a test set.

    Parameters
    ----------
    folder, test, trained_on
        As for `read_predictions`.

    Returns
    -------
    dict of str to ndarray of float16, shape (seeds, N, 10)
        By model; those of which only letters are kept are left out.

    Raises
    ------
    NotMNISTError
        As `read_predictions`.
    """
    kept = _kept(folder, test, trained_on)
    return {model: array for model, array in kept.items() if array.ndim == 3}


def _kept(folder: Path, test: str, trained_on: str) -> dict[str, np.ndarray]:
    predictions: dict[str, np.ndarray] = {}
    for path in sorted(folder.glob(f"*-{trained_on}.npz")):
        if test == BY_ROW and not _is_of_this_version(path):
            continue
        try:
            # Where np.load opens a file itself, it leaves a damaged one open.
            with open(path, "rb") as file, np.load(file) as kept:
                of_notebook = {
                    name.removeprefix(f"{test}/"): kept[name]
                    for name in kept.files
                    if name.startswith(f"{test}/")
                }
        except (OSError, EOFError, ValueError, BadZipFile, pickle.UnpicklingError) as error:
            raise NotMNISTError(
                f"{path} holds no predictions ({error}): delete it or run its notebook"
            ) from error
        if twice := of_notebook.keys() & predictions.keys():
            raise NotMNISTError(
                f"{path} and another file both hold predictions of {', '.join(sorted(twice))}: "
                "delete one, or give its notebook's models other names"
            )
        predictions |= of_notebook
    return predictions


def _letters(kept: np.ndarray) -> np.ndarray:
    return kept.argmax(axis=2).astype(np.uint8) if kept.ndim == 3 else kept


def _is_of_this_version(path: Path) -> bool:
    """Tell whether predictions are of the test split as it is now, by their result file."""
    result = path.with_suffix(".json")
    try:
        content = result.read_bytes()
    except OSError:
        return True  # nothing says otherwise
    version = sources.find(BY_ROW).version
    return all(data_version(entry) == version for entry in parse_entries(content, str(result)))
