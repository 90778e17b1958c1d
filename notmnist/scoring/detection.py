"""Measure how well a score tells unknown inputs from known ones, with weights for the images.

scikit-learn's ``roc_auc_score``, ``average_precision_score`` and ``roc_curve`` give the same
numbers. A bootstrap asks for them thousands of times with other weights, and here the images are
sorted only once for all of them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from notmnist.scoring.intervals import statistic_interval

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


def measure(
    known: np.ndarray, unknown: np.ndarray, groups: Sequence[np.ndarray], resamples: int = 1_000
) -> dict[str, float]:
    """Measure a score that several seeds give.

    Parameters
    ----------
    known, unknown : ndarray of float, shape (seeds, K) and (seeds, U)
        The score of every input, which should be higher for unknown ones.
    groups : sequence of two ndarrays, shape (K,) and (U,)
        The group of each known and each unknown input, such as `Split.families`. A group of the
        same name in both is drawn for both together.
    resamples : int
        The number of draws of the interval.

    Returns
    -------
    dict of str to float
        In percent, the means over the seeds: ``AUROC`` with its 95% interval, ``AUROC, low`` and
        ``AUROC, high``, ``AUPR`` and ``FPR at 95%``.
    """
    detectors = [Detector(*pair) for pair in zip(known, unknown, strict=True)]
    means = 100 * np.mean([each.rates() for each in detectors], axis=0)
    low, high = statistic_interval(
        lambda weights: np.array([each.rates(weights).auroc for each in detectors]),
        np.concatenate(groups),
        resamples,
    )
    names = ("AUROC", "AUPR", "FPR at 95%")
    bounds = {"AUROC, low": 100 * low, "AUROC, high": 100 * high}
    return dict(zip(names, means.tolist(), strict=True)) | bounds


def auroc_difference(
    known: np.ndarray,
    unknown: np.ndarray,
    other: np.ndarray,
    groups: Sequence[np.ndarray],
    resamples: int = 1_000,
) -> tuple[float, float, float]:
    """Tell how much easier one set of unknown inputs is to detect than another.

    Parameters
    ----------
    known, unknown, other : ndarray of float, shape (seeds, K), (seeds, U) and (seeds, V)
        One score of the known inputs and of both sets.
    groups : sequence of three ndarrays, shape (K,), (U,) and (V,)
        The groups of the inputs, as for `measure`.
    resamples : int
        The number of draws of the interval.

    Returns
    -------
    (difference, low, high) : tuple of float
        In percentage points: the AUROC of the first set minus that of the other, and the bounds of
        its 95% interval. The same known inputs are drawn for both.
    """
    first = [Detector(*pair) for pair in zip(known, unknown, strict=True)]
    second = [Detector(*pair) for pair in zip(known, other, strict=True)]
    ends = np.cumsum([len(of) for of in groups])

    def differ(weights: np.ndarray) -> np.ndarray:
        of_known, of_first, of_second = np.split(weights, ends[:-1])
        ours = np.append(of_known, of_first)
        theirs = np.append(of_known, of_second)
        return np.array([
            one.rates(ours).auroc - two.rates(theirs).auroc
            for one, two in zip(first, second, strict=True)
        ])  # fmt: skip

    low, high = statistic_interval(differ, np.concatenate(groups), resamples)
    return 100 * float(differ(np.ones(ends[-1])).mean()), 100 * low, 100 * high
