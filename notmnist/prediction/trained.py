"""The files of a trained network: its weights and its card, written and read with care."""

import hashlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from notmnist import files
from notmnist.errors import NotMNISTError, UsageError
from notmnist.prediction import network
from notmnist.schemas import fits, is_count, is_number
from notmnist.sources import IMAGE_SIZE

WEIGHTS, CARD = "weights.npz", "card.json"

_MOST_BYTES = 2_000_000
_CARD = {
    "model": str,
    "dataset": str,
    "tests": {str: {"n": is_count, "accuracy": [is_number], "interval": [is_number]}},
    "training": str,
    "weak_at": [str],
    "doubt_below": is_number,
    "doubted": {str: is_number},
    "weights_sha256": str,
}


@dataclass(frozen=True, eq=False, repr=False)
class TrainedModel:
    """Hold a trained network that predicts letters.

    Attributes
    ----------
    weights : mapping of str to ndarray of float32
        Kernels and biases, as `network.shapes` lists them.
    card : dict
        What it was trained on and how, its accuracy on each test set for each seed (these are the
        weights of the first seed), what it is bad at, the probability of the likeliest letter below
        which it doubts, and the share of known and of unknown letters that it doubts.
    """

    weights: Mapping[str, np.ndarray]
    card: Mapping[str, Any]

    @property
    def doubt_below(self) -> float:
        """Return the probability of the likeliest letter below which none of A to J may be it."""
        return float(self.card["doubt_below"])

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Predict the letter of every image.

        Parameters
        ----------
        images : ndarray of uint8, shape (N, 28, 28)
            Grey levels in the datasets' form: ink 255 on 0.

        Returns
        -------
        ndarray of uint8, shape (N,)
            A = 0 .. J = 9.
        """
        return self.predict_probabilities(images).argmax(axis=1).astype(np.uint8)

    def predict_probabilities(self, images: np.ndarray) -> np.ndarray:
        """Predict how likely every letter is, for every image.

        Parameters
        ----------
        images : ndarray of uint8, shape (N, 28, 28)
            As for `predict`.

        Returns
        -------
        ndarray of float32, shape (N, 10)
            Of A to J; each row sums to 1.

        Raises
        ------
        UsageError
            When the images have another shape or type.
        """
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.shape[1:] != (IMAGE_SIZE, IMAGE_SIZE):
            raise UsageError(
                f"images are {images.dtype} of shape {images.shape}: give uint8 of shape "
                f"(N, {IMAGE_SIZE}, {IMAGE_SIZE}), as read_picture and load return them"
            )
        return network.probabilities(self.weights, images)

    def __repr__(self) -> str:
        """Name the model and the size, which is less than in training: see `weights_of`."""
        count = sum(array.size for array in self.weights.values())
        return f"TrainedModel({self.card['model']}, {count:,} weights with normalisation folded in)"


def load_model(folder: str | os.PathLike | None = None) -> TrainedModel:
    """Load the trained network that comes with the package.

    Parameters
    ----------
    folder : path, optional
        Another folder that `save_model` has written. The network of the package is read only once.

    Returns
    -------
    TrainedModel

    Raises
    ------
    NotMNISTError
        When the files are missing, differ from the card's hash, or hold anything else.
    """
    return _committed() if folder is None else _read(files.expanded(folder))


@cache
def _committed() -> TrainedModel:
    return _read(files.committed_model())


def _read(folder: Path) -> TrainedModel:
    try:
        card = json.loads((folder / CARD).read_bytes())
        content = (folder / WEIGHTS).read_bytes()
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(folder, str(error)) from error
    if not fits(card, _CARD):
        raise _damaged(folder, f"{CARD} has the wrong structure")
    if hashlib.sha256(content).hexdigest() != card["weights_sha256"]:
        raise _damaged(folder, f"{WEIGHTS} is not the file that {CARD} describes")
    return TrainedModel(_parse(content, folder), card)


def _parse(content: bytes, folder: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            weights = {name: arrays[name] for name in arrays.files}
        widths = (weights[f"{layer}/bias"].size for layer in ("stem", "block1_a", "block2_a"))
        fitting = {name: array.shape for name, array in weights.items()} == network.shapes(*widths)
    except Exception as error:  # zipfile, zlib and NumPy raise many kinds
        raise _damaged(folder, f"{WEIGHTS}: {error}") from error
    if not fitting or any(
        array.dtype != np.float32 or not np.isfinite(array).all() for array in weights.values()
    ):
        raise _damaged(folder, f"{WEIGHTS} holds other arrays than the network's")
    return weights


def _damaged(folder: Path, reason: str) -> NotMNISTError:
    return NotMNISTError(
        f"no trained network in {folder} ({reason}): install notmnist again, or run the notebook "
        "13_best with the full budget"
    )


def save_model(weights: Mapping[str, np.ndarray], card: Mapping[str, Any], folder: Path) -> None:
    """Write a trained network, and its card with the hash of the weights.

    Parameters
    ----------
    weights : mapping of str to ndarray of float32
        Kernels and biases, as `network.shapes` lists them.
    card : mapping
        All of `_CARD` but the hash, as JSON.
    folder : Path
        Where the two files go; files of the same names are replaced.

    Raises
    ------
    NotMNISTError
        When the weights are not such a network's, take 2 MB or more, or can't be written.
    """
    stream = io.BytesIO()
    # savez has a parameter of its own, but no array has its name.
    np.savez_compressed(stream, **weights)  # type: ignore[arg-type]
    content = stream.getvalue()
    if len(content) >= _MOST_BYTES:
        raise UsageError(f"the weights take {len(content):,} bytes: make the network smaller")
    _parse(content, folder)
    described = dict(card) | {"weights_sha256": hashlib.sha256(content).hexdigest()}
    files.write_bytes(folder / WEIGHTS, content)
    files.write_text(folder / CARD, json.dumps(described, indent=1) + "\n")
