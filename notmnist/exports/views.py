"""A split as other libraries take it: what the methods of `Split` give, without a whole copy."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from notmnist.errors import needs_extra
from notmnist.exports.protocols import Rows
from notmnist.sources import IMAGE_SIZE, LETTERS

if TYPE_CHECKING:
    import pandas
    import tensorflow
    import torch


def as_tf(split: Rows) -> "tensorflow.data.Dataset":
    """Read a split piece by piece as TensorFlow asks for it; see `Split.as_tf`."""
    with needs_extra("notebooks"):
        import tensorflow as tf  # seconds: `import notmnist` stays light

    def read() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for piece in split.pieces():
            yield piece.images[..., None], piece.labels.astype(np.int64)

    signature = (
        tf.TensorSpec((None, IMAGE_SIZE, IMAGE_SIZE, 1), tf.uint8),
        tf.TensorSpec((None,), tf.int64),
    )
    pieces = tf.data.Dataset.from_generator(read, output_signature=signature)
    # from_tensor_slices would copy every image first, and hold two copies meanwhile.
    return pieces.unbatch().apply(tf.data.experimental.assert_cardinality(len(split)))


def as_torch(split: Rows) -> "torch.utils.data.Dataset":
    """Give a map-style dataset that reads what is asked for; see `Split.as_torch`."""
    with needs_extra("torch"):
        from notmnist.exports.torch_dataset import TorchDataset

    return TorchDataset(split)


def as_sklearn(split: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Flatten the images of a split; see `Split.as_sklearn`."""
    return split.images.reshape(len(split), IMAGE_SIZE**2), split.labels


def font_table(split: Rows) -> "pandas.DataFrame":
    """Count the images of every font of a split; see `Split.font_table`."""
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
