"""Provide splits to other libraries without copying them; these functions are methods of `Split`.

Few programs need them, so each function imports its library when it is called.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from notmnist.errors import needs_extra
from notmnist.exports.rows import Rows
from notmnist.sources import IMAGE_SIZE, LETTERS

if TYPE_CHECKING:
    import pandas
    import tensorflow


def as_tf(split: Rows) -> "tensorflow.data.Dataset":
    """Return a `tf.data.Dataset` that streams from the mapped file.

    Returns
    -------
    tensorflow.data.Dataset
        Elements (image, label) in row order: uint8 of shape (28, 28, 1), 0 to 255, and a scalar
        int64. Its length is known; shuffle, batch and scale it like any other.

    Raises
    ------
    NotMNISTError
        When TensorFlow is not installed.
    """
    with needs_extra("notebooks"):
        import tensorflow as tf

    def read() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for piece in split.pieces():
            yield piece.images[..., None], piece.labels.astype(np.int64)

    signature = (
        tf.TensorSpec((None, IMAGE_SIZE, IMAGE_SIZE, 1), tf.uint8),
        tf.TensorSpec((None,), tf.int64),
    )
    pieces = tf.data.Dataset.from_generator(read, output_signature=signature)
    # from_tensor_slices would copy all images first, and hold two copies for a while.
    return pieces.unbatch().apply(tf.data.experimental.assert_cardinality(len(split)))


def as_torch(
    split: Rows,
    transform: Callable[[Any], Any] | None = None,
    target_transform: Callable[[int], Any] | None = None,
) -> Any:
    """Return a map-style dataset for PyTorch, with the attributes of torchvision's datasets.

    Parameters
    ----------
    transform : callable, optional
        Takes a PIL image of mode ``L`` and returns its replacement.
    target_transform : callable, optional
        Takes a label, an int, and returns its replacement.

    Returns
    -------
    torch.utils.data.Dataset
        Items (image, label): a tensor of uint8, shape (1, 28, 28), 0 to 255, or the result of
        `transform`; and an int, or the result of `target_transform`. A slice or a list of rows
        returns a batch, collated like those of `torch.utils.data.DataLoader`; ``[:]`` returns the
        whole split. It has these attributes:

        - ``transform`` and ``target_transform``, which may be assigned at any time;
        - ``data``, uint8 of shape (N, 28, 28), copied into memory on first use, and ``targets``,
          int64 of shape (N,); both may be assigned, and items then come from them;
        - ``classes``, the letters, and ``class_to_idx``, the label of each.

        Items are copied from the mapped file on demand. Spawned workers of a `DataLoader` map that
        file themselves. A dataset that was never on disk, or whose ``data`` has been used, is
        copied to each of them instead.

    Raises
    ------
    NotMNISTError
        When PyTorch is not installed.
    """
    with needs_extra("torch"):
        from notmnist.exports.torch_dataset import TorchDataset

    return TorchDataset(split, transform, target_transform)


def as_sklearn(split: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(X, y)`` for scikit-learn, without copying.

    Returns
    -------
    X : ndarray of uint8, shape (N, 784)
        A view of `images`, with grey levels 0 to 255.
    y : ndarray of uint8, shape (N,)
        `labels`.
    """
    return split.images.reshape(len(split), IMAGE_SIZE**2), split.labels


def font_table(split: Rows) -> "pandas.DataFrame":
    """Tabulate the fonts with pandas; ``polars.from_pandas`` accepts the table.

    Returns
    -------
    pandas.DataFrame
        One row for each font in the split, sorted by name, with the columns ``font``, ``family``,
        ``images`` and the number of images of each letter, ``A`` to ``J``.

    Raises
    ------
    NotMNISTError
        When pandas is not installed.
    """
    with needs_extra("pandas"):
        import pandas
    fonts, letters = len(split.font_names), len(LETTERS)
    cells = split.font_index * letters + split.labels
    counts = np.bincount(cells, minlength=fonts * letters).reshape(fonts, letters)
    there = counts.any(axis=1)
    columns = {
        "font": split.font_names[there],
        "family": split.font_families[there],
        "images": counts[there].sum(axis=1),
    }
    return pandas.DataFrame(columns | dict(zip(LETTERS, counts[there].T, strict=True)))
