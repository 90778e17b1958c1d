"""Measure how well predicted probabilities agree with what happens."""

from typing import NamedTuple

import numpy as np

BINS = 15
# The smallest positive float16; a single probability of 0 would make the mean loss infinite.
SMALLEST = 1e-7


class Reliability(NamedTuple):
    """Hold what a reliability diagram shows, by bin: three arrays of shape (`BINS`,).

    Attributes
    ----------
    weight : ndarray of float64
        The number of images in each bin, or the sum of their weights.
    confidence, accuracy : ndarray of float64
        The mean probability of the likeliest letter, and the share of images for which that letter
        is the correct one; NaN in an empty bin.
    """

    weight: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray


def negative_log_likelihood(
    probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Average the negative log-probability of the correct letters, in nats per image.

    Parameters
    ----------
    probabilities : ndarray of float, shape (N, 10)
        The probabilities of A to J; each row sums to 1.
    labels : ndarray of uint8, shape (N,)
        The correct letters, A = 0 .. J = 9.
    weights : ndarray of float, shape (N,), optional
        How often each image counts; by default once.

    Returns
    -------
    float
        0 for a model that is always certain and correct, ln 10 = 2.3 for equal probabilities.
        Probabilities below `SMALLEST` count as that.
    """
    of_right = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    losses = -np.log(np.maximum(of_right, SMALLEST))
    return float(np.average(losses, weights=weights))


def reliability(
    probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None
) -> Reliability:
    """Compare confidence with accuracy, in `BINS` bins of equal width by confidence.

    The confidence of a prediction is the probability of the likeliest letter (Guo et al., "On
    Calibration of Modern Neural Networks", 2017).

    Parameters
    ----------
    probabilities, labels, weights
        As for `negative_log_likelihood`.

    Returns
    -------
    Reliability
        The arrays of the diagram.
    """
    weights = np.ones(len(labels)) if weights is None else weights
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    # A bin takes its upper edge, as Guo et al. define it; confidence can't be 0.
    number = np.minimum(np.ceil(confidence * BINS).astype(int), BINS) - 1
    total, sure, correct = (
        np.bincount(number, weights=weights * values, minlength=BINS)
        for values in (np.ones(len(labels)), confidence, right)
    )
    with np.errstate(invalid="ignore"):
        return Reliability(total, sure / total, correct / total)


def expected_calibration_error(
    probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Average how far a model's confidence is from its accuracy.

    Parameters
    ----------
    probabilities, labels, weights
        As for `negative_log_likelihood`.

    Returns
    -------
    float
        Mean over the images of the distance, in their bin, between mean confidence and accuracy:
        0 where of the images read with a confidence of 0.9 nine in ten are right.
    """
    bins = reliability(probabilities, labels, weights)
    distance = np.nan_to_num(np.abs(bins.confidence - bins.accuracy))
    return float(np.average(distance, weights=bins.weight))
