"""Measure how well predicted probabilities agree with what happens."""

import numpy as np

BINS = 15
# The smallest positive float16; a single probability of 0 would make the mean loss infinite.
SMALLEST = 1e-7


def negative_log_likelihood(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Average the negative log-probability of the correct letters, in nats per image.

    Parameters
    ----------
    probabilities : ndarray of float, shape (N, 10)
        The probabilities of A to J; each row sums to 1.
    labels : ndarray of uint8, shape (N,)
        The correct letters, A = 0 .. J = 9.

    Returns
    -------
    float
        0 for a model that is always certain and correct, ln 10 = 2.3 for equal probabilities.
        Probabilities below `SMALLEST` count as that.
    """
    of_right = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(of_right, SMALLEST)).mean())


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Average how far a model's confidence is from its accuracy.

    Images are put into `BINS` bins of equal width by the probability of the likeliest letter, their
    confidence (Guo et al., "On Calibration of Modern Neural Networks", 2017).

    Parameters
    ----------
    probabilities, labels
        As for `negative_log_likelihood`.

    Returns
    -------
    float
        Mean over the images of the distance, in their bin, between mean confidence and accuracy:
        0 where of the images read with a confidence of 0.9 nine in ten are right.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    # A bin takes its upper edge, as Guo et al. define it; confidence can't be 0.
    number = np.minimum(np.ceil(confidence * BINS).astype(int), BINS) - 1
    too_sure = np.bincount(number, weights=confidence - right, minlength=BINS)
    return float(np.abs(too_sure).sum() / len(labels))
