"""Detectors are measured as scikit-learn measures them, with and without weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from notmnist.scoring.detection import KEPT, Detector, auroc_difference, measure

SCORES = st.lists(st.integers(-3, 3), min_size=1, max_size=30)


def by_sklearn(known, unknown, weights):
    is_unknown = np.arange(len(weights)) >= len(known)
    scores = np.concatenate([known, unknown])
    alarms, recall, _ = roc_curve(
        is_unknown, scores, sample_weight=weights, drop_intermediate=False
    )
    return (
        roc_auc_score(is_unknown, scores, sample_weight=weights),
        average_precision_score(is_unknown, scores, sample_weight=weights),
        1 - recall[alarms <= 1 - KEPT + 1e-12][-1],
    )


@given(SCORES, SCORES, st.randoms(use_true_random=False))
def test_the_rates_are_those_of_scikit_learn(known, unknown, random):
    known, unknown = np.array(known, float), np.array(unknown, float)
    weights = np.array([random.randint(1, 4) for _ in range(len(known) + len(unknown))], float)
    found = Detector(known, unknown).rates(weights)
    np.testing.assert_allclose(found, by_sklearn(known, unknown, weights), atol=1e-9)


@given(SCORES, SCORES, st.randoms(use_true_random=False))
def test_a_weight_counts_as_so_many_inputs(known, unknown, random):
    times = np.array([random.randint(0, 3) for _ in range(len(known) + len(unknown))])
    times[[0, -1]] = 1
    known, unknown = np.array(known, float), np.array(unknown, float)
    repeated = (
        np.repeat(known, times[: len(known)]),
        np.repeat(unknown, times[len(known) :]),
    )
    weighted = Detector(known, unknown).rates(times.astype(float))
    np.testing.assert_allclose(weighted, Detector(*repeated).rates(), atol=1e-9)


def test_a_missing_side_has_no_rates():
    detector = Detector(np.arange(3.0), np.arange(2.0))
    assert np.isnan(detector.rates(np.array([1.0, 1, 1, 0, 0]))).all()
    assert np.isnan(detector.rates(np.array([0.0, 0, 0, 1, 1]))).all()


def scored(shift):
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 10).astype(str)
    hard = np.repeat(generator.normal(size=40), 10)
    known = np.stack([hard + generator.normal(size=400) for _ in range(2)])
    unknown = np.stack([hard + shift + generator.normal(size=400) for _ in range(2)])
    return known, unknown, groups


def test_a_measure_holds_the_mean_over_seeds_within_its_interval():
    known, unknown, groups = scored(shift=1.0)
    found = measure(known, unknown, (groups, groups), resamples=200)
    areas = [100 * Detector(*pair).rates().auroc for pair in zip(known, unknown, strict=True)]
    assert found["AUROC"] == pytest.approx(np.mean(areas))
    for name in ("AUROC", "AUPR", "FPR at 95%"):
        assert found[f"{name}, low"] < found[name] < found[f"{name}, high"]
    # What makes a group hard on both sides cancels out, as its known and unknown inputs are drawn
    # together.
    apart = measure(known, unknown, (groups, np.char.add("x", groups)), resamples=200)
    assert found["AUROC, high"] - found["AUROC, low"] < apart["AUROC, high"] - apart["AUROC, low"]


def areas_of(*sides):
    return [measure(*side, resamples=2)["AUROC"] for side in sides]


def test_one_score_is_compared_on_two_sets_of_unknown_inputs():
    known, unknown, groups = scored(shift=1.0)
    _, easier, _ = scored(shift=2.0)
    one, other = ((known, of, (groups, groups)) for of in (easier, unknown))
    difference, low, high = auroc_difference(one, other, 200)
    areas = areas_of(one, other)
    assert difference == pytest.approx(areas[0] - areas[1])
    assert 0 < low < difference < high
    assert auroc_difference(other, other, 200) == (0, 0, 0)


def test_two_scores_are_compared_on_the_same_inputs():
    known, unknown, groups = scored(shift=1.0)
    generator = np.random.default_rng(1)
    noisy = [of + generator.normal(size=of.shape) for of in (known, unknown)]
    one, other = (known, unknown, (groups, groups)), (*noisy, (groups, groups))
    difference, low, high = auroc_difference(one, other, 200)
    areas = areas_of(one, other)
    assert difference == pytest.approx(areas[0] - areas[1])
    assert 0 < low < difference < high
    assert auroc_difference(other, one, 200) == pytest.approx((-difference, -high, -low))
    # What makes a family hard for both cancels out, as it is drawn for both together.
    apart = (*noisy, [np.char.add("x", groups)] * 2)
    _, lower, higher = auroc_difference(one, apart, 200)
    assert high - low < higher - lower


def test_one_score_is_compared_with_two_sets_of_known_inputs():
    known, unknown, groups = scored(shift=1.0)
    fewer = np.arange(len(groups)) % 10 < 5
    one = known, unknown, (groups, groups)
    other = known[:, fewer], unknown, (groups[fewer], groups)
    difference, low, high = auroc_difference(one, other, 200)
    areas = areas_of(one, other)
    assert difference == pytest.approx(areas[0] - areas[1])
    assert low < difference < high


def test_the_score_of_all_seeds_together_is_compared_with_that_of_each_seed():
    known, unknown, groups = scored(shift=1.0)
    vote = known.mean(axis=0)[None], unknown.mean(axis=0)[None], (groups, groups)
    difference, low, high = auroc_difference(vote, (known, unknown, (groups, groups)), 200)
    areas = areas_of(vote, (known, unknown, (groups, groups)))
    assert difference == pytest.approx(areas[0] - areas[1])
    assert 0 < low < difference < high
