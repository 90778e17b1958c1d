"""Tables of paired differences."""

from types import SimpleNamespace

import numpy as np
import pytest

from notmnist.scoring import comparisons
from notmnist.scoring.intervals import paired_difference

RANDOM = np.random.default_rng(0)
SPLIT = SimpleNamespace(labels=np.zeros(200, np.uint8), families=np.repeat(np.arange(50), 4))
PREDICTIONS = {
    name: {"a set": [(RANDOM.random(200) < errors).astype(np.uint8) for _ in range(seeds)]}
    for name, errors, seeds in (("good", 0.05, 2), ("bad", 0.5, 3), ("as bad", 0.5, 2))
}


def compare(*pairs):
    return comparisons.differences(PREDICTIONS, pairs, {"a set": SPLIT})


def test_a_row_holds_the_paired_difference_in_points():
    table = compare(("bad", "as bad"), ("good", "bad"))
    assert table["test set"] == ["a set", "a set"]
    assert (table["model"], table["minus"]) == (["bad", "good"], ["as bad", "bad"])
    good, bad = (np.stack(PREDICTIONS[name]["a set"]) == 0 for name in ("good", "bad"))
    expected = paired_difference(good, bad, SPLIT.families)
    found = (table["points"][1], table["low"][1], table["high"][1])
    assert found == pytest.approx([100 * value for value in expected])


def test_only_an_interval_without_0_is_worded_as_a_difference():
    level, worse = comparisons.describe(compare(("bad", "as bad"), ("bad", "good"))).splitlines()
    assert level.startswith("a set: bad - as bad")
    assert level.endswith("no difference can be claimed")
    assert worse.startswith("a set: bad - good    -") and worse.endswith("points: a difference")
