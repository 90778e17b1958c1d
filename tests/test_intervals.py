import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, chi2

from notmnist.errors import UsageError
from notmnist.scoring import intervals
from notmnist.scoring.intervals import (
    accuracy_interval,
    mcnemar,
    paired_difference,
    statistic_interval,
    statistic_intervals,
)


def simulated(random, families, seeds, family_sd, seed_sd):
    """Simulate families and seeds of different difficulty: return `correct` and `groups`."""
    groups = np.repeat(np.arange(families), random.integers(1, 40, families))
    logit = 2.5 + family_sd * random.normal(size=families)[groups]
    logit = logit + seed_sd * random.normal(size=(seeds, 1))
    return random.random(logit.shape) < 1 / (1 + np.exp(-logit)), groups


def truth(family_sd, seed_sd):
    """Average the simulation's accuracy over all families and seeds."""
    logit = 2.5 + np.hypot(family_sd, seed_sd) * np.random.default_rng(0).normal(size=400_000)
    return (1 / (1 + np.exp(-logit))).mean()


@pytest.mark.parametrize(
    ("families", "seeds", "family_sd", "seed_sd", "expected"),
    [
        pytest.param(60, 1, 1.5, 0, (0.91, 0.98), id="families alone"),
        pytest.param(60, 3, 1.5, 0.1, (0.91, 0.98), id="families, hardly seeds"),
        pytest.param(60, 10, 1.0, 1.0, (0.85, 0.97), id="both"),
        pytest.param(60, 3, 0.5, 1.0, (0.6, 0.85), id="three seeds say little about seeds"),
        pytest.param(20, 1, 1.5, 0, (0.8, 0.93), id="few families"),
    ],
)
def test_how_often_the_interval_holds_the_truth(
    families, seeds, family_sd, seed_sd, expected, monkeypatch
):
    monkeypatch.setattr(intervals, "RESAMPLES", 1_000)
    random, held, wilson_held = np.random.default_rng(1), [], []
    accuracy = truth(family_sd, seed_sd)
    for _ in range(250):
        correct, groups = simulated(random, families, seeds, family_sd, seed_sd)
        low, high = accuracy_interval(correct, groups)
        held.append(low <= accuracy <= high)
        count = len(groups)
        wilson = binomtest(round(correct.mean() * count), count).proportion_ci(method="wilson")
        wilson_held.append(wilson.low <= accuracy <= wilson.high)
    assert expected[0] <= np.mean(held) <= expected[1]
    assert np.mean(wilson_held) < 0.7  # which takes images as independent


def by_brute_force(models, groups, draws, random):
    """Draw groups and seeds image by image: accuracies of shape (models, draws)."""
    of_group = [np.flatnonzero(groups == name) for name in np.unique(groups)]
    accuracies = []
    for _ in range(draws):
        drawn = random.integers(len(of_group), size=len(of_group))
        images = np.concatenate([of_group[group] for group in drawn])
        seeds = [random.integers(len(correct), size=len(correct)) for correct in models]
        accuracies.append(
            [correct[s][:, images].mean() for correct, s in zip(models, seeds, strict=True)]
        )
    return np.transpose(accuracies)


def test_the_intervals_agree_with_a_bootstrap_that_draws_image_by_image():
    random = np.random.default_rng(2)
    correct, groups = simulated(random, 25, 3, 1.5, 0.3)
    other = np.where(random.random(correct.shape) < 0.9, correct, ~correct)[:2]
    ours, theirs = by_brute_force([correct, other], groups, 5_000, random)
    for interval, drawn in (
        (accuracy_interval(correct, groups), ours),
        (paired_difference(correct, other, groups)[1:], ours - theirs),
    ):
        expected = np.quantile(drawn, [0.025, 0.975])
        np.testing.assert_allclose(interval, expected, atol=0.05 * np.ptp(expected))


def test_a_difference_can_be_certain_though_the_intervals_overlap():
    random = np.random.default_rng(3)
    correct, groups = simulated(random, 60, 1, 1.5, 0)
    other = correct & (random.random(correct.shape) < 0.98)
    low, high = accuracy_interval(other, groups)
    assert low < correct.mean() < high
    difference, low, high = paired_difference(correct, other, groups)
    assert 0 < low < difference < high
    assert difference == correct.mean() - other.mean()


def test_where_nothing_went_wrong_the_bound_is_that_of_as_many_groups():
    groups = np.repeat(np.arange(12), 5)
    all_correct = np.ones((3, 60), bool)
    exact = binomtest(12, 12).proportion_ci(method="exact")
    assert accuracy_interval(all_correct, groups) == pytest.approx((exact.low, exact.high))
    exact = binomtest(0, 12).proportion_ci(method="exact")
    assert accuracy_interval(~all_correct, groups) == pytest.approx((exact.low, exact.high))


def test_a_single_group_says_nothing_about_others():
    correct = np.array([[True, False, True]])
    assert accuracy_interval(correct, np.zeros(3)) == (0, 1)
    assert paired_difference(correct, ~correct, np.zeros(3)) == (pytest.approx(1 / 3), -1, 1)


@pytest.mark.parametrize("shape", [(3,), (2, 4), (0, 3), (1, 3, 1)])
def test_predictions_that_fit_no_images_are_refused(shape):
    with pytest.raises(UsageError, match="predictions of shape"):
        accuracy_interval(np.ones(shape, bool), np.zeros(3))
    with pytest.raises(UsageError, match="predictions of shape"):
        paired_difference(np.ones((1, 3), bool), np.ones(shape, bool), np.zeros(3))


def test_no_images_are_refused():
    with pytest.raises(UsageError, match="and at least one"):
        accuracy_interval(np.ones((1, 0), bool), np.zeros(0))


@st.composite
def scored(draw):
    """Draw what one model of some seeds classified correctly, and the images' groups."""
    count = draw(st.integers(1, 30))
    seeds = draw(st.integers(1, 3))
    bits = st.lists(st.booleans(), min_size=count, max_size=count)
    correct = draw(st.lists(bits, min_size=seeds, max_size=seeds))
    groups = draw(st.lists(st.sampled_from("abcdef"), min_size=count, max_size=count))
    return np.array(correct), np.array(groups)


@given(scored(), st.randoms(use_true_random=False))
def test_neither_the_order_of_the_images_nor_doubling_them_matters(case, random):
    correct, groups = case
    order = random.sample(range(len(groups)), len(groups))
    interval = accuracy_interval(correct, groups)
    assert accuracy_interval(correct[:, order], groups[order]) == interval
    assert accuracy_interval(np.tile(correct, 2), np.tile(groups, 2)) == pytest.approx(interval)


@given(scored())
def test_the_interval_of_the_error_mirrors_that_of_the_accuracy(case):
    correct, groups = case
    low, high = accuracy_interval(correct, groups)
    assert 0 <= low <= high <= 1
    assert accuracy_interval(~correct, groups) == pytest.approx((1 - high, 1 - low))


@given(scored(), scored())
def test_a_difference_turned_round_changes_its_sign(case, other_case):
    (correct, groups), (other, other_groups) = case, other_case
    count = min(len(groups), len(other_groups))
    correct, other, groups = correct[:1, :count], other[:1, :count], groups[:count]
    difference, low, high = paired_difference(correct, other, groups)
    assert -1 <= low <= high <= 1
    assert paired_difference(other, correct, groups) == pytest.approx((-difference, -high, -low))


def test_a_model_does_not_differ_from_itself():
    correct, groups = simulated(np.random.default_rng(4), 20, 1, 1.5, 0)
    assert paired_difference(correct, correct, groups) == (0, 0, 0)
    assert mcnemar(correct[0], correct[0]) == 1


def test_mcnemars_test_counts_the_images_that_one_model_alone_classifies_correctly():
    correct = np.repeat([True, False, True, False], [900, 50, 35, 15])
    other = np.repeat([True, False, False, True], [900, 50, 35, 15])
    p = mcnemar(correct, other)
    assert p == mcnemar(other, correct) == pytest.approx(binomtest(15, 50).pvalue)
    # The usual approximation, with its continuity correction, comes close.
    assert p == pytest.approx(chi2.sf((35 - 15 - 1) ** 2 / 50, 1), rel=0.1)


def test_the_interval_of_any_statistic_is_that_of_an_accuracy_where_it_is_one():
    correct, groups = simulated(np.random.default_rng(3), 60, 3, 1.5, 0.1)
    found = statistic_interval(
        lambda weights: np.average(correct, axis=1, weights=weights), groups, intervals.RESAMPLES
    )
    np.testing.assert_allclose(found, accuracy_interval(correct, groups), atol=0.002)


def test_draws_without_a_statistic_are_left_out():
    groups = np.arange(4)
    found = statistic_interval(lambda weights: np.array([np.nan if weights[0] else 2.0]), groups)
    assert found == (2.0, 2.0)


def test_several_statistics_have_the_intervals_that_each_has_alone():
    groups = np.repeat(np.arange(20), 5)
    values = np.random.default_rng(0).normal(size=(3, 2, 100))  # seeds, statistics, images

    def means(weights):
        return values @ weights / weights.sum()

    together = statistic_intervals(means, groups, 200)
    for i in range(2):
        alone = statistic_interval(lambda weights, i=i: means(weights)[:, i], groups, 200)
        assert tuple(together[:, i]) == alone
