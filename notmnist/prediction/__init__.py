"""Predict letters with the trained network that comes with the package, in NumPy alone."""

import numpy as np

from notmnist.prediction.conversion import weights_of as weights_of
from notmnist.prediction.pictures import read_picture as read_picture
from notmnist.prediction.trained import TrainedModel as TrainedModel
from notmnist.prediction.trained import load_model as load_model
from notmnist.prediction.trained import save_model as save_model


def predict(images: np.ndarray) -> np.ndarray:
    """Predict the letter of every image with the package's trained network.

    `load_model` gives the network itself, with its card, and the probabilities of all letters.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, 28, 28)
        Grey levels in the datasets' form: ink 255 on 0, the letter stretched to fill the image.
        `read_picture` brings a picture file to this form.

    Returns
    -------
    ndarray of uint8, shape (N,)
        The letters, A = 0 .. J = 9.

    Raises
    ------
    UsageError
        When the images have another shape or type.
    NotMNISTError
        When the network's files are missing or damaged.
    """
    return load_model().predict(images)
