"""How far an accuracy can be trusted: 95% intervals that know that images come in families.

The images of one font are right or wrong together, and fonts of one family too, so the number of
images says little about how sure an accuracy is: an interval that takes images as independent, as
Wilson's does, is about half as wide as it should be. What we want to know is how a model does on
families that nobody has seen yet, and, where several seeds were trained, on average over seeds. So
both are drawn anew, with replacement and independently of each other: the families of a test set,
each with all its images, and the seeds. The interval holds the middle 95% of the accuracies of
10,000 such draws.

- Whole groups are drawn: the cluster bootstrap (Davison and Hinkley, *Bootstrap Methods and their
  Application*, 1997, section 3.8).
- Groups and seeds are drawn independently, because every seed is tested on every group: the
  pigeonhole bootstrap (Owen, *Annals of Applied Statistics* 1, 2007, 386-411), which errs on the
  wide side.
- The bounds are percentiles of the draws (Efron and Tibshirani, *An Introduction to the Bootstrap*,
  1993, chapter 13).

Limits. The interval is for the mean over seeds, and a single seed may lie outside it. Three seeds
say little about how much seeds differ: where seeds differ more than families do, an interval from
three seeds holds the truth about 70 times in 100 instead of 95, and one from ten seeds 90 times.
From one seed, the interval is that of this one trained model. Few groups make it too narrow in the
same way: 20 groups give about 88 times in 100.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from notmnist.errors import UsageError

RESAMPLES = 10_000
_TAIL = 0.025  # of the draws lie below the interval, and as many above
_CELLS = 1 << 17  # drawn at a time: a processor's cache holds so many


def accuracy_interval(right: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """Bound a mean accuracy by a 95% interval: bootstrap over groups and seeds together.

    Parameters
    ----------
    right : ndarray of bool, shape (seeds, N)
        Whether each seed's model reads each image rightly.
    groups : ndarray, shape (N,)
        Each image's group, as `Split.families`.

    Returns
    -------
    (low, high) : tuple of float
        The same numbers whenever they are asked for, whatever the order of the images. Draws can't
        tell how rare an error is that never happened: when all is right, or all wrong, the bound
        is Clopper and Pearson's for as many groups, each right or wrong as a whole. A single group
        says nothing about others: (0, 1).

    Raises
    ------
    UsageError
        When there are no images, or their number differs from that of the groups.
    """
    member, sizes = _grouped(groups, right)
    if right.all() or not right.any():
        bound = _TAIL ** (1 / len(sizes))
        return (bound, 1.0) if right.all() else (0.0, 1 - bound)
    if len(sizes) == 1:
        return 0.0, 1.0
    (drawn,) = _draw([right], member, sizes)
    return _middle(drawn)


def paired_difference(
    right: np.ndarray, other: np.ndarray, groups: np.ndarray
) -> tuple[float, float, float]:
    """Compare two models on the same images, with a 95% interval for the difference.

    A draw takes the same groups for both models: what makes a group hard for both cancels out, so
    the interval is narrower than those of the two accuracies make one expect, and a difference may
    be certain although those overlap. The seeds of each model are drawn on their own.

    Parameters
    ----------
    right, other : ndarray of bool, shape (seeds, N)
        Whether each seed of the one model, and of the other, reads each image rightly. Their
        numbers of seeds may differ.
    groups : ndarray, shape (N,)
        As for `accuracy_interval`.

    Returns
    -------
    (difference, low, high) : tuple of float
        Mean accuracy of the first less that of the other. A single group says nothing about
        others: its interval is (-1, 1).

    Raises
    ------
    UsageError
        As `accuracy_interval`.
    """
    member, sizes = _grouped(groups, right, other)
    difference = float(right.mean() - other.mean())
    if len(sizes) == 1:
        return difference, -1.0, 1.0
    ours, theirs = _draw([right, other], member, sizes)
    return difference, *_middle(ours - theirs)


def mcnemar(right: np.ndarray, other: np.ndarray) -> float:
    """Test by McNemar's exact test whether two trained models differ in accuracy.

    The test counts the images that one model alone reads rightly and takes them as independent.
    Images of one family are not, so on letters it finds differences too easily: a large p-value
    says that there is none to be seen, a small one alone proves nothing. `paired_difference` knows
    the families.

    Parameters
    ----------
    right, other : ndarray of bool, shape (N,)
        Whether each of the two models reads each image rightly.

    Returns
    -------
    float
        The two-sided p-value (McNemar 1947; exact by the binomial distribution).
    """
    from scipy.stats import binomtest  # takes half a second: `import notmnist` stays light

    alone = int(np.sum(right & ~other)), int(np.sum(other & ~right))
    return float(binomtest(min(alone), sum(alone)).pvalue) if any(alone) else 1.0


def _grouped(groups: np.ndarray, *models: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count the groups: give each image's number of group, shape (N,), and each group's size."""
    for right in models:
        if right.shape[1:] != np.shape(groups) or not right.size:
            raise UsageError(
                f"predictions of shape {right.shape} for {len(groups):,} images: give one of every "
                "seed for every image, and at least one image"
            )
    _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    return member, sizes


def _draw(models: Sequence[np.ndarray], member: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Draw groups and seeds anew: accuracies of shape (len(models), RESAMPLES)."""
    right_in_group = [
        np.stack([np.bincount(member, weights=seed) for seed in right], axis=1) for right in models
    ]
    random = np.random.RandomState(0)  # NumPy has frozen its stream (NEP 19)
    accuracies = []
    for times in _times_drawn(len(sizes), random):
        images = (times @ sizes)[:, np.newaxis]
        accuracies.append(
            [_mean_over_drawn(times @ right / images, random) for right in right_in_group]
        )
    return np.concatenate(accuracies, axis=1)


def _times_drawn(groups: int, random: np.random.RandomState) -> Iterator[np.ndarray]:
    """Yield how often each group was drawn, some draws at a time: shape (draws, groups)."""
    at_a_time = max(1, _CELLS // groups)
    for start in range(0, RESAMPLES, at_a_time):
        draws = min(at_a_time, RESAMPLES - start)
        drawn = random.randint(groups, size=(draws, groups), dtype=np.int32)
        cells = drawn + groups * np.arange(draws)[:, np.newaxis]
        times = np.bincount(cells.ravel(), minlength=cells.size)
        yield times.reshape(cells.shape).astype(np.float64)


def _mean_over_drawn(accuracies: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """Draw as many seeds as there are in every row, and average: (draws, seeds) to (draws,)."""
    drawn = random.randint(accuracies.shape[1], size=accuracies.shape)
    return np.take_along_axis(accuracies, drawn, axis=1).mean(axis=1)


def _middle(drawn: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(drawn, [_TAIL, 1 - _TAIL])
    return float(low), float(high)
