"""A split as other libraries take it, without a whole copy: these functions are `Split`'s methods.

Few programs need one, so each imports its library when it is called.
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
    """Give TensorFlow's view: a `tf.data.Dataset` that streams from the mapped file.

    Returns
    -------
    tensorflow.data.Dataset
        Elements (image, label) in row order: uint8 of shape (28, 28, 1), 0 to 255, and a scalar
        int64. Its length is known; shuffle, batch and scale it as any other.

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
    # from_tensor_slices would copy every image first, and hold two copies meanwhile.
    return pieces.unbatch().apply(tf.data.experimental.assert_cardinality(len(split)))


def as_torch(
    split: Rows,
    transform: Callable[[Any], Any] | None = None,
    target_transform: Callable[[int], Any] | None = None,
) -> Any:
    """Give PyTorch's view: a map-style dataset with the attributes of torchvision's.

    Parameters
    ----------
    transform : callable, optional
        Takes a PIL image of mode ``L`` and gives what stands in its place.
    target_transform : callable, optional
        Takes a label, an int, and gives what stands in its place.

    Returns
    -------
    torch.utils.data.Dataset
        Items (image, label): a tensor of uint8, shape (1, 28, 28), 0 to 255, or what `transform`
        makes of the image; and an int. A slice or a list of rows gives a batch, collated as
        `torch.utils.data.DataLoader` does, and ``[:]`` the whole split. Its attributes:

        - ``transform`` and ``target_transform``, which may be assigned at any time;
        - ``data``, uint8 of shape (N, 28, 28), copied into memory when first asked for, and
          ``targets``, int64 of shape (N,): items come from them, also when they are assigned;
        - ``classes``, the letters, and ``class_to_idx``, the label of each.

        Items are copied from the mapped file when asked for. Workers of a `DataLoader` that are
        spawned map that file anew; a dataset that was never on disk, or whose ``data`` has been
        asked for, is copied to each of them.

    Raises
    ------
    NotMNISTError
        When PyTorch is not installed.
    """
    with needs_extra("torch"):
        from notmnist.exports.torch_dataset import TorchDataset

    return TorchDataset(split, transform, target_transform)


def as_sklearn(split: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Give scikit-learn's view, ``(X, y)``, without a copy.

    Returns
    -------
    X : ndarray of uint8, shape (N, 784)
        A view of `images`, grey levels 0 to 255.
    y : ndarray of uint8, shape (N,)
        `labels`.
    """
    return split.images.reshape(len(split), IMAGE_SIZE**2), split.labels


def font_table(split: Rows) -> "pandas.DataFrame":
    """Tabulate the fonts with pandas; ``polars.from_pandas`` takes the table.

    Returns
    -------
    pandas.DataFrame
        One row for each font that has an image here, sorted by name: ``font``, ``family``,
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
