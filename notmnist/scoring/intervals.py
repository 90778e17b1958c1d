"""How far an accuracy can be trusted: 95% intervals that know that images come in families.

The letters of one font, and the fonts of one family, tend to be classified correctly or wrongly
together. An interval that takes images as independent, such as Wilson's, is therefore about half as
wide as it should be. The question is how well a model does on families that nobody has seen yet
and, if it was trained from several seeds, how well it does on average over seeds. So both are drawn
anew, with replacement and independently of each other: the families of the test set, each with all
its images, and the seeds. The interval holds the middle 95% of the accuracies of 10,000 such draws.

- Whole groups are drawn: the cluster bootstrap (Davison and Hinkley, *Bootstrap Methods and their
  Application*, 1997, section 3.8).
- Groups and seeds are drawn independently, because every seed is tested on every group: the
  pigeonhole bootstrap (Owen, *Annals of Applied Statistics* 1, 2007, 386-411).
- The bounds are percentiles of the draws (Efron and Tibshirani, *An Introduction to the Bootstrap*,
  1993, chapter 13).

Limits. The interval is for the mean over seeds, and a single seed may lie outside it. Three seeds
say little about how much seeds differ: where seeds differ more than families do, an interval from
three seeds contains the true accuracy about 70 times in 100 instead of 95, and one from ten seeds
90 times. From one seed, the interval is that of this one trained model. A small number of groups
makes it too narrow in the same way: with 20 groups it contains the true accuracy about 88 times in
100.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from notmnist.errors import UsageError

RESAMPLES = 10_000
_TAIL = 0.025  # of the draws lie below the interval, and as many above it
_DRAWN_AT_A_TIME = 1 << 17  # groups, so that the arrays fit into a processor's cache


def accuracy_interval(correct: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """Compute a 95% interval of a mean accuracy: bootstrap over groups and seeds together.

    Parameters
    ----------
    correct : ndarray of bool, shape (seeds, N)
        Whether the model of each seed classifies each image correctly.
    groups : ndarray, shape (N,)
        The group of each image, such as `Split.families`.

    Returns
    -------
    (low, high) : tuple of float
        The random stream is fixed, so that the same predictions always have the same interval,
        whatever the order of the images. If all predictions are correct, or all are wrong, every
        draw is the same and tells nothing; the interval is then Clopper and Pearson's, with the
        groups as its trials. A single group says nothing about others: (0, 1).

    Raises
    ------
    UsageError
        When there are no images, or their number differs from that of the groups.
    """
    member, sizes = _grouped(groups, correct)
    if correct.all() or not correct.any():
        bound = _TAIL ** (1 / len(sizes))
        return (bound, 1.0) if correct.all() else (0.0, 1 - bound)
    if len(sizes) == 1:
        return 0.0, 1.0
    (accuracies,) = _draw([correct], member, sizes)
    return _middle(accuracies)


def paired_difference(
    correct: np.ndarray, other: np.ndarray, groups: np.ndarray
) -> tuple[float, float, float]:
    """Compare two models on the same images, with a 95% interval of the difference.

    Each draw takes the same groups for both models, so that what makes a group hard for both
    cancels out: the interval is narrower than the intervals of the two accuracies suggest, and it
    can exclude 0 although those overlap. The seeds of the two models are drawn independently.

    Parameters
    ----------
    correct, other : ndarray of bool, shape (seeds, N)
        Whether the one model, and the other, classifies each image correctly. The two may have
        different numbers of seeds.
    groups : ndarray, shape (N,)
        The group of each image, such as `Split.families`.

    Returns
    -------
    (difference, low, high) : tuple of float
        The mean accuracy of the first model minus that of the other, and its interval; with a
        single group, (-1, 1).

    Raises
    ------
    UsageError
        As `accuracy_interval`.
    """
    member, sizes = _grouped(groups, correct, other)
    difference = float(correct.mean() - other.mean())
    if len(sizes) == 1:
        return difference, -1.0, 1.0
    ours, theirs = _draw([correct, other], member, sizes)
    return difference, *_middle(ours - theirs)


def statistic_interval(
    statistic: Callable[[np.ndarray], np.ndarray], groups: np.ndarray, resamples: int = 1_000
) -> tuple[float, float]:
    """Compute a 95% interval of any statistic of a test set, such as an area under a curve.

    Parameters
    ----------
    statistic : callable
        Takes the weight of every image, float64 of shape (N,), which says how often a draw took its
        group, and returns the statistic of each seed, shape (seeds,).
    groups : ndarray, shape (N,)
        The group of each image, such as `Split.families`.
    resamples : int
        The number of draws.

    Returns
    -------
    (low, high) : tuple of float
        Bootstrap over groups and seeds together, as for accuracies. Draws for which the statistic
        is not defined, because a class is missing from them, are left out.
    """
    bounds = statistic_intervals(lambda weights: statistic(weights)[:, None], groups, resamples)
    return float(bounds[0, 0]), float(bounds[1, 0])


def statistic_intervals(
    statistics: Callable[[np.ndarray], np.ndarray], groups: np.ndarray, resamples: int = 1_000
) -> np.ndarray:
    """Compute 95% intervals of several statistics from the same draws.

    Parameters
    ----------
    statistics : callable
        As for `statistic_interval`, but returns shape (seeds, M).
    groups, resamples
        As for `statistic_interval`.

    Returns
    -------
    ndarray of float64, shape (2, M)
        The lower and the upper bound of each statistic.
    """
    _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    random = np.random.RandomState(0)
    values = np.stack([
        statistics(drawn[member])
        for times in _times_drawn(len(sizes), random, resamples)
        for drawn in times
    ])  # fmt: skip
    means = _mean_of_seeds(values[np.isfinite(values).all(axis=(1, 2))], random)
    return np.quantile(means, [_TAIL, 1 - _TAIL], axis=0)


def mcnemar(correct: np.ndarray, other: np.ndarray) -> float:
    """Test whether two trained models differ in accuracy, by McNemar's exact test.

    The test looks at the images that only one of the models classifies correctly, and takes them as
    independent. The images of a family are not, so that the test finds differences too readily: a
    small p-value alone proves nothing. `paired_difference` takes families into account.

    Parameters
    ----------
    correct, other : ndarray of bool, shape (N,)
        Whether the one model, and the other, classifies each image correctly.

    Returns
    -------
    float
        The two-sided p-value (McNemar, 1947; exact, by the binomial distribution).
    """
    from scipy.stats import binomtest  # takes half a second: `import notmnist` stays light

    alone = int(np.sum(correct & ~other)), int(np.sum(other & ~correct))
    return float(binomtest(min(alone), sum(alone)).pvalue) if any(alone) else 1.0


def _grouped(groups: np.ndarray, *models: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of each image's group, shape (N,), and the size of each group."""
    for correct in models:
        if correct.shape[1:] != np.shape(groups) or not correct.size:
            raise UsageError(
                f"predictions of shape {correct.shape} do not fit {len(groups):,} images: give one "
                "for every seed and image, and at least one"
            )
    _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    return member, sizes


def _draw(models: Sequence[np.ndarray], member: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Draw groups and seeds anew, and return accuracies of shape (len(models), RESAMPLES)."""
    per_group = [  # correct predictions, shape (groups, seeds)
        np.stack([np.bincount(member, weights=seed) for seed in correct], axis=1)
        for correct in models
    ]
    random = np.random.RandomState(0)  # NumPy has frozen its stream (NEP 19)
    accuracies = []
    for times in _times_drawn(len(sizes), random):
        images = (times @ sizes)[:, np.newaxis]
        accuracies.append([_mean_of_seeds(times @ counts / images, random) for counts in per_group])
    return np.concatenate(accuracies, axis=1)


def _times_drawn(
    groups: int, random: "np.random.RandomState", resamples: int = RESAMPLES
) -> Iterator[np.ndarray]:
    """Yield how often each draw took each group, shape (draws, groups), some draws at a time."""
    at_a_time = max(1, _DRAWN_AT_A_TIME // groups)
    for start in range(0, resamples, at_a_time):
        draws = min(at_a_time, resamples - start)
        drawn = random.randint(groups, size=(draws, groups), dtype=np.int32)
        drawn_in_row = drawn + groups * np.arange(draws)[:, np.newaxis]
        times = np.bincount(drawn_in_row.ravel(), minlength=draws * groups)
        yield times.reshape(draws, groups).astype(np.float64)


def _mean_of_seeds(accuracies: np.ndarray, random: "np.random.RandomState") -> np.ndarray:
    """Draw as many seeds as there are, anew in every row, and average over the second axis."""
    drawn = random.randint(accuracies.shape[1], size=accuracies.shape[:2])
    drawn = drawn.reshape(drawn.shape + (1,) * (accuracies.ndim - 2))
    return np.take_along_axis(accuracies, drawn, axis=1).mean(axis=1)


def _middle(drawn: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(drawn, [_TAIL, 1 - _TAIL])
    return float(low), float(high)
