"""The forward pass of the small residual network of notebook 13, in NumPy.

It computes what the Keras model computes outside of training, so that predicting needs no
TensorFlow. `conversion.weights_of` takes the weights from such a model.
"""

from collections.abc import Mapping

import numpy as np

Weights = Mapping[str, np.ndarray]

_AT_A_TIME = 256  # images, whose responses fit into about 40 MB


def probabilities(weights: Weights, images: np.ndarray) -> np.ndarray:
    """Compute how likely every letter is, for every image.

    Parameters
    ----------
    weights : mapping of str to ndarray of float32
        By the names and in the shapes of `shapes`.
    images : ndarray of uint8, shape (N, 28, 28)
        The grey levels.

    Returns
    -------
    ndarray of float32, shape (N, 10)
        Of A to J.
    """
    parts = [images[start : start + _AT_A_TIME] for start in range(0, len(images), _AT_A_TIME)]
    logits = np.concatenate([np.empty((0, 10), np.float32)] + [_logits(weights, x) for x in parts])
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def shapes(stem: int, first: int, second: int) -> dict[str, tuple[int, ...]]:
    """List the shapes of all weights by name, given the numbers of filters."""
    kernels = {"stem": (3, 3, 1, stem)}
    for block, before, after in (("block1", stem, first), ("block2", first, second)):
        kernels[f"{block}_a"] = (3, 3, before, after)
        kernels[f"{block}_b"] = (3, 3, after, after)
        kernels[f"{block}_skip"] = (1, 1, before, after)
    dense: dict[str, tuple[int, ...]] = {"letters": (10 * second, 10)}  # 3 x 3 positions, and means
    return {
        name: shape
        for layer, kernel in (kernels | dense).items()
        for name, shape in ((f"{layer}/kernel", kernel), (f"{layer}/bias", kernel[-1:]))
    }


def _logits(weights: Weights, images: np.ndarray) -> np.ndarray:
    x = (images[..., np.newaxis].astype(np.float32) - 127.5) / 127.5
    x = _pool(_relu(_convolve(weights, "stem", x)))
    x = _pool(_residual(weights, "block1", x))
    x = _residual(weights, "block2", x)
    flat = _pool(x).reshape(len(x), -1)
    features = np.concatenate([x.mean(axis=(1, 2)), flat], axis=1)
    return features @ weights["letters/kernel"] + weights["letters/bias"]


def _residual(weights: Weights, block: str, x: np.ndarray) -> np.ndarray:
    inner = _relu(_convolve(weights, f"{block}_a", x))
    return _relu(_convolve(weights, f"{block}_b", inner) + _convolve(weights, f"{block}_skip", x))


def _convolve(weights: Weights, layer: str, x: np.ndarray) -> np.ndarray:
    kernel, bias = weights[f"{layer}/kernel"], weights[f"{layer}/bias"]
    (_, rows, columns, _), size = x.shape, len(kernel)
    margin = (size // 2, size // 2)
    padded = np.pad(x, ((0, 0), margin, margin, (0, 0)))
    parts = (
        padded[:, i : i + rows, j : j + columns] @ kernel[i, j] for i, j in np.ndindex(size, size)
    )
    return sum(parts, start=bias)


def _relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def _pool(x: np.ndarray) -> np.ndarray:
    count, rows, columns, filters = x.shape
    blocks = x[:, : rows // 2 * 2, : columns // 2 * 2]
    return blocks.reshape(count, rows // 2, 2, columns // 2, 2, filters).max(axis=(2, 4))
