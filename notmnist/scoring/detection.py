"""Measure how well a score tells unknown inputs from known ones, with weights for the images.

scikit-learn's ``roc_auc_score``, ``average_precision_score`` and ``roc_curve`` give the same
numbers. A bootstrap asks for them thousands of times with other weights, and here the images are
sorted only once for all of them.
"""

from typing import NamedTuple

import numpy as np

KEPT = 0.95  # of the known inputs, at the threshold of `Rates.false_positives`


class Rates(NamedTuple):
    """Hold three measures of a score, each from 0 to 1.

    Attributes
    ----------
    auroc : float
        The area under the receiver operating characteristic: how often a random unknown input has a
        higher score than a random known one. 0.5 for a score that says nothing.
    aupr : float
        The average precision, with the unknown inputs as the positives. The share of unknown inputs
        for a score that says nothing.
    false_positives : float
        The share of unknown inputs that are taken for known at the threshold that keeps 95% of the
        known ones.
    """

    auroc: float
    aupr: float
    false_positives: float


class Detector:
    """Measure one score on known and unknown inputs.

    Parameters
    ----------
    known, unknown : ndarray of float, shape (K,) and (U,)
        The score of every input, which should be higher for unknown ones.
    """

    def __init__(self, known: np.ndarray, unknown: np.ndarray) -> None:
        scores = np.concatenate([known, unknown]).astype(np.float64)
        self._is_unknown = np.arange(len(scores)) >= len(known)
        self._order = np.argsort(-scores, kind="stable")
        falling = scores[self._order]
        # Inputs with the same score are passed by the threshold together.
        (self._last,) = np.nonzero(np.append(falling[1:] != falling[:-1], True))

    def rates(self, weights: np.ndarray | None = None) -> Rates:
        """Measure the score.

        Parameters
        ----------
        weights : ndarray of float, shape (K + U,), optional
            How often each input counts, known ones first; by default once.

        Returns
        -------
        Rates
            NaN where all known or all unknown inputs have no weight.
        """
        weights = np.ones(len(self._order)) if weights is None else weights
        positive = np.where(self._is_unknown, weights, 0.0)[self._order]
        found = np.cumsum(positive)[self._last]
        false = np.cumsum(weights[self._order] - positive)[self._last]
        if not (found[-1] and false[-1]):
            return Rates(np.nan, np.nan, np.nan)
        recall, alarm = (np.append(0.0, passed / passed[-1]) for passed in (found, false))
        precision = found / np.maximum(found + false, 1e-12)
        # The lowest threshold at which at least 95% of the known inputs lie below it.
        lowest = np.searchsorted(alarm, 1 - KEPT + 1e-12, side="right") - 1
        return Rates(
            auroc=float(np.trapezoid(recall, alarm)),
            aupr=float(np.sum(np.diff(recall) * precision)),
            false_positives=float(1 - recall[lowest]),
        )
