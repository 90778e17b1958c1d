"""The search by cells finds what comparing every point with every other finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notmnist.deduplication.cells import close_pairs, fill, pack


def brute_force(points, others, radius):
    apart = np.square(points[:, None] - others).sum(axis=2)
    return set(zip(*np.nonzero(apart <= radius**2), strict=True))


def found(points, others, radius, once=False):
    centre = points.mean(axis=0)
    cells = fill(points, pack(points), centre)
    theirs = cells if once else fill(others, pack(others), centre)
    parts = [slice(start, start + 3) for start in range(0, len(cells.rows), 3)]
    pairs = [
        np.stack(pair)
        for part in parts
        for pair in close_pairs(cells, theirs, part, radius, once=once)
    ]
    return set(zip(*np.concatenate(pairs, axis=1), strict=True)) if pairs else set()


def assert_none_is_lost(points, others, radius):
    pairs = found(points, others, radius)
    assert pairs >= brute_force(points, others, radius)
    assert pairs <= brute_force(points, others, radius + 0.05 * np.abs(points).max() + 1e-6)


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 90, 91, 128, 1_500])
def test_every_pair_within_the_radius_is_found(count):
    rng = np.random.default_rng(count)
    points = rng.normal(size=(count, 16)) * 100 + 3_000
    assert_none_is_lost(points, rng.normal(size=(500, 16)) * 100 + 3_000, 400)


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=1, max_size=300),
    st.integers(0, 3),
)
def test_points_on_a_grid_at_exactly_the_radius_are_found(corners, radius):
    points = np.array(corners, np.float64) * 1_000
    assert_none_is_lost(points, points[::2], radius * 1_000)


def test_among_the_same_points_every_pair_is_found_one_way_round():
    points = np.random.default_rng(0).normal(size=(1_000, 16))
    pairs = found(points, points, 3.5, once=True)
    both = pairs | {(second, first) for first, second in pairs}
    assert both >= brute_force(points, points, 3.5)
    assert len(pairs) < len(both) / 1.5


@pytest.mark.parametrize("count", [1, 50, 200, 529])
def test_cells_hold_every_point(count):
    rows = pack(np.random.default_rng(0).normal(size=(count, 3)))
    values, times = np.unique(rows, return_counts=True)
    assert values.tolist() == list(range(count)) and times.max() <= 2
