"""Take the weights of a trained Keras model for the forward pass in NumPy."""

from typing import Any

import numpy as np


def weights_of(model: Any) -> dict[str, np.ndarray]:
    """Read the weights of the small residual network of notebook 13.

    Outside of training, batch normalisation is a fixed scale and shift, which is moved into the
    convolution before it.

    Parameters
    ----------
    model : keras.Model
        Its convolutions have no bias, and each is followed by the normalisation of the same name
        with ``_norm`` at the end; its last layer is ``letters``.

    Returns
    -------
    dict of str to ndarray of float32
        Kernels and biases, as `network.shapes` lists them.
    """
    layers = {layer.name: layer for layer in model.layers}
    kernel, bias = layers["letters"].get_weights()
    weights = {"letters/kernel": kernel, "letters/bias": bias}
    for name, norm in layers.items():
        if name.endswith("_norm"):
            convolution = name.removesuffix("_norm")
            (kernel,) = layers[convolution].get_weights()
            gamma, beta, mean, variance = norm.get_weights()
            factor = gamma / np.sqrt(variance + norm.epsilon)
            weights[f"{convolution}/kernel"] = (kernel * factor).astype(np.float32)
            weights[f"{convolution}/bias"] = (beta - mean * factor).astype(np.float32)
    return weights
