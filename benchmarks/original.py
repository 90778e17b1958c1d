"""Prepare an archive as the original repository did: the reference, reimplemented.

The archive is unpacked. One worker per letter reads the PNG files into a float64 array, scales them
to (x - 128) / 128, and pickles the array. The letters are then merged, permuted and pickled again.
"""

import pickle
import tarfile
from pathlib import Path

import imageio.v2 as imageio
import numpy as np
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor

LETTERS = "ABCDEFGHIJ"


def prepare(archive: Path, folder: Path) -> Path:
    """Unpack an archive, and write one pickle with its images and labels in random order."""
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    root = folder / archive.name.split(".")[0]
    Parallel(n_jobs=-1)(delayed(pickle_letter)(root / letter) for letter in LETTERS)
    get_reusable_executor().shutdown()  # otherwise this process would take five minutes to end
    images, labels = [], []
    for label, letter in enumerate(LETTERS):
        with open(root / f"{letter}.pickle", "rb") as file:
            images.append(pickle.load(file))
        labels.append(np.full(len(images[-1]), label))
    images, labels = np.concatenate(images), np.concatenate(labels)
    order = np.random.permutation(len(labels))
    path = folder / "data.pickle"
    with open(path, "wb") as file:
        merged = {"X": images[order], "y": labels[order]}
        pickle.dump(merged, file, pickle.HIGHEST_PROTOCOL)
    return path


def pickle_letter(folder: Path) -> None:
    """Read the images of one letter and pickle them, without unreadable files."""
    paths = sorted(folder.glob("*.png"))
    images = np.empty((len(paths), 28, 28))
    count = 0
    for path in paths:
        try:
            images[count] = (imageio.imread(path).astype(float) - 128) / 128
        except (OSError, ValueError):
            continue
        count += 1
    with open(folder.with_suffix(".pickle"), "wb") as file:
        pickle.dump(images[:count], file, pickle.HIGHEST_PROTOCOL)
