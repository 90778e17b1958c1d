"""Measure how well a score tells unknown inputs from known ones, with weights for the images.

scikit-learn's ``roc_auc_score``, ``average_precision_score`` and ``roc_curve`` give the same
numbers. A bootstrap asks for them thousands of times with other weights, and here the images are
sorted only once for all of them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from notmnist.scoring.intervals import statistic_interval, statistic_intervals

KEPT = 0.95  # of the known inputs, at the threshold of `Rates.false_positives`

# What `measure` takes: the scores of known and of unknown inputs, and the groups of both.
Scored = tuple[np.ndarray, np.ndarray, Sequence[np.ndarray]]


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
        In percent, the means over the seeds, ``AUROC``, ``AUPR`` and ``FPR at 95%``, each with the
        bounds of its 95% interval, such as ``AUROC, low`` and ``AUROC, high``.
    """
    detectors = [Detector(*pair) for pair in zip(known, unknown, strict=True)]
    means = np.mean([each.rates() for each in detectors], axis=0)
    bounds = statistic_intervals(
        lambda weights: np.array([each.rates(weights) for each in detectors]),
        np.concatenate(groups),
        resamples,
    )
    found: dict[str, float] = {}
    for name, *values in zip(("AUROC", "AUPR", "FPR at 95%"), means, *bounds, strict=True):
        mean, low, high = (100 * float(value) for value in values)
        found |= {name: mean, f"{name}, low": low, f"{name}, high": high}
    return found


def auroc_difference(
    one: Scored, other: Scored, resamples: int = 1_000
) -> tuple[float, float, float]:
    """Tell how much better a score does than another one, or on other inputs.

    Two scores of the same inputs can be compared, one score on two sets of unknown inputs, or one
    score with two sets of known inputs.

    Parameters
    ----------
    one, other : (ndarray, ndarray, sequence of two ndarrays)
        The arguments `known`, `unknown` and `groups` of `measure`, for either side. Their rows are
        the same seeds. A single row, such as the vote of all seeds, is compared with each row of
        the other side; the interval is then for this vote.
    resamples : int
        The number of draws of the interval.

    Returns
    -------
    (difference, low, high) : tuple of float
        In percentage points: the mean over the seeds of the first AUROC minus the other, and the
        bounds of its 95% interval. A group of the same name is drawn for both sides together, and
        so are the seeds, so that what makes a group or a network hard for both cancels out.
    """
    sides = [
        [Detector(*pair) for pair in zip(known, unknown, strict=True)]
        for known, unknown, _ in (one, other)
    ]
    groups = [np.concatenate(side[2]) for side in (one, other)]

    def differ(weights: np.ndarray) -> np.ndarray:
        parts = np.split(weights, [len(groups[0])])
        ours, theirs = (
            np.array([each.rates(part).auroc for each in side])
            for side, part in zip(sides, parts, strict=True)
        )
        return ours - theirs

    of_all = np.concatenate(groups)
    low, high = statistic_interval(differ, of_all, resamples)
    return 100 * float(differ(np.ones(len(of_all))).mean()), 100 * low, 100 * high
