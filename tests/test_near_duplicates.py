"""Near duplicates: planted ones, brute force over all pairs, and the groups they make."""

import io
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planting import KINDS, plant
from threadpoolctl import threadpool_limits

import notmnist
from notmnist.deduplication import duplicate_report, first_copies
from notmnist.deduplication.distance import distances
from notmnist.deduplication.near import THRESHOLD, Pairs, near_groups, near_pairs


@pytest.fixture(scope="module")
def data():
    """OpenGlyphs, with one font of each test family: fonts of a family draw some letters alike."""
    whole = notmnist.load("openglyphs")
    _, first_of_family = np.unique(whole.test.families, return_index=True)
    fonts = whole.test.font_index[first_of_family]
    return replace(whole, test=whole.test[np.isin(whole.test.font_index, fonts)])


@pytest.fixture(scope="module")
def glyphs(data):
    return np.array(data.test.images)


@pytest.fixture(scope="module")
def planted(glyphs):
    return plant(glyphs, count=1_000, seed=0)


@pytest.fixture(scope="module")
def found(planted):
    """Every pair found, exact copies among them: rows (P, 2), the lower one first."""
    first = first_copies(planted.images)
    near = near_pairs(planted.images)
    members = {row: np.flatnonzero(first == row) for row in np.unique(first)}
    exact = [(a, b) for rows in members.values() for i, a in enumerate(rows) for b in rows[i + 1 :]]
    across = [
        (a, b)
        for one, other in zip(near.first, near.second, strict=True)
        for a in members[one]
        for b in members[other]
    ]
    return np.sort(np.array(exact + across), axis=1)


@pytest.mark.parametrize("kind", ["copy", "shifted", "offset", "noisy"])
def test_planted_near_duplicates_are_found_and_other_fonts_are_not(planted, found, kind):
    made = np.flatnonzero(planted.kind == KINDS.index(kind))
    wanted = np.sort(np.stack([planted.source[made], made], axis=1), axis=1)
    every = {tuple(pair) for pair in found.tolist()}
    recall = np.mean([tuple(pair) in every for pair in wanted.tolist()])
    a, b = found.T
    of_kind = np.isin(a, made) & (planted.kind[b] < 0) | np.isin(b, made) & (planted.kind[a] < 0)
    precision = planted.related(a[of_kind], b[of_kind]).mean()
    assert recall >= 0.99 and precision >= 0.99, (recall, precision)


def test_images_that_lie_in_memory_as_a_mat_file_has_them_are_compared_alike(planted):
    few = planted.images[-2_000:]
    as_read = np.asfortranarray(few.transpose(1, 2, 0)).transpose(2, 0, 1)
    assert not as_read.flags.c_contiguous
    assert np.array_equal(first_copies(as_read), first_copies(few))
    for one, other in zip(near_pairs(as_read), near_pairs(few), strict=True):
        assert np.array_equal(one, other)


def test_inverted_glyphs_are_no_near_duplicates(planted, found):
    inverted = planted.kind == KINDS.index("inverted")
    originals = planted.kind < 0
    a, b = found.T
    assert not (inverted[a] & originals[b] | inverted[b] & originals[a]).any()


def test_copies_with_a_wrong_letter_are_counted_as_conflicts(planted):
    noisy = np.flatnonzero(planted.kind == KINDS.index("noisy"))[:5]
    images = planted.images[np.concatenate([planted.source[noisy], noisy])]
    labels = np.repeat(np.array([0, 255], np.uint8), 5)
    group = near_groups(first_copies(images), near_pairs(images))
    report = duplicate_report(group, labels, np.zeros(10, np.uint8))
    assert (report["conflicting_groups"], report["conflicting_images"]) == (5, 10)


def brute_force(images):
    """All near pairs of distinct images, by matrix products over all pairs: the oracle."""
    pairs = set()
    for shift in [(0, 0), (0, 1), (1, -1), (1, 0), (1, 1)]:
        a, b = (_terms(images, part, shift) for part in (0, 1))
        for row in range(0, len(images), 500):
            near = _near(a, b, slice(row, row + 500))
            pairs |= {(i + row, j) for i, j in np.argwhere(near).tolist() if i + row != j}
    rows = np.array(sorted({(min(pair), max(pair)) for pair in pairs})).reshape(-1, 2)
    nearest = np.full(len(rows), np.inf)
    for shift in [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]:
        nearest = np.minimum(nearest, distances(images[rows[:, 0]], images[rows[:, 1]], shift))
    return rows[nearest <= THRESHOLD].tolist()


def _terms(images, part, shift):
    """One image's blurred window, gradients and second differences, flat, in grey levels."""
    weights = np.array([1, 4, 6, 4, 1]) / 16
    blur = sum(w * np.eye(28, k=k - 2) for k, w in enumerate(weights))
    soft, sharp = blur @ images.astype(float) @ blur, images.astype(float)
    by = shift if part else (-shift[0], -shift[1])
    rows, columns = (np.arange(2 + max(d, 0), 26 - max(-d, 0)) for d in by)
    at = np.ix_(np.arange(len(images)), rows, columns)
    up, down = np.ix_(at[0].ravel(), rows - 1, columns), np.ix_(at[0].ravel(), rows + 1, columns)
    left, right = np.ix_(at[0].ravel(), rows, columns - 1), np.ix_(at[0].ravel(), rows, columns + 1)
    flat = (len(images), -1)
    return {
        "grey": soft[at].reshape(flat),
        "y": ((soft[down] - soft[up]) / 2).reshape(flat),
        "x": ((soft[right] - soft[left]) / 2).reshape(flat),
        "bend y": ((sharp[down] + sharp[up] - 2 * sharp[at]) ** 2).mean(axis=(1, 2)),
        "bend x": ((sharp[right] + sharp[left] - 2 * sharp[at]) ** 2).mean(axis=(1, 2)),
    }


def _near(a, b, rows):
    a = {name: value[rows] for name, value in a.items()}

    def dot(p, q):
        """Product of the pair's difference or mean gradients, from those of single images."""
        signs = {"grey": (-1, 1)}
        (pa, pb), (qa, qb) = (signs.get(name, (0.5, 0.5)) for name in (p, q))
        return (
            pa * qa * (a[p] * a[q]).sum(axis=1)[:, None]
            + pb * qb * (b[p] * b[q]).sum(axis=1)
            + pa * qb * a[p] @ b[q].T
            + pb * qa * (a[q] @ b[p].T)
        )

    yy, xx, xy = dot("y", "y") + 0.06, dot("x", "x") + 0.06, dot("y", "x")
    dd, dy, dx = dot("grey", "grey"), dot("grey", "y"), dot("grey", "x")
    determinant = yy * xx - xy**2
    y = np.clip((xx * dy - xy * dx) / determinant, -0.5, 0.5)
    x = np.clip((yy * dx - xy * dy) / determinant, -0.5, 0.5)
    left = dd - 2 * (y * dy + x * dx) + y * y * yy + x * x * xx + 2 * y * x * xy
    bend_y = (a["bend y"][:, None] + b["bend y"]) / 2
    bend_x = (a["bend x"][:, None] + b["bend x"]) / 2
    expected = np.sqrt(y * y * bend_y + x * x * bend_x)
    r = np.sqrt(np.maximum(left, 0) / a["grey"].shape[1])
    return r <= 1.001 * THRESHOLD * (1 + expected / 10)


def assert_like_brute_force(images):
    images = images[np.unique(first_copies(images))]
    pairs = near_pairs(images)
    assert np.stack([pairs.first, pairs.second], axis=1).tolist() == brute_force(images)


def test_the_search_finds_the_pairs_that_brute_force_finds(planted):
    assert_like_brute_force(planted.images[::5])


@pytest.mark.soak
def test_brute_force_agrees_on_five_thousand_images(planted):
    rows = np.random.default_rng(0).permutation(len(planted.images))[:5_000]
    assert_like_brute_force(planted.images[rows])


def test_pairs_depend_neither_on_the_order_nor_on_the_threads(planted):
    images = planted.images[::7]
    order = np.random.default_rng(0).permutation(len(images))
    pairs = near_pairs(images)
    with threadpool_limits(1):
        shuffled = near_pairs(images[order])
    images_of = [
        sorted(
            (images_of[one].tobytes(), images_of[other].tobytes(), distance)
            if images_of[one].tobytes() < images_of[other].tobytes()
            else (images_of[other].tobytes(), images_of[one].tobytes(), distance)
            for one, other, distance in zip(*found, strict=True)
        )
        for images_of, found in ((images, pairs), (images[order], shuffled))
    ]
    assert images_of[0] == images_of[1]


def test_two_sets_give_the_pairs_between_them_and_exact_copies_at_distance_0(planted):
    images = planted.images[np.unique(first_copies(planted.images))][::3]
    within, between = near_pairs(images), near_pairs(images[:900], images[900:])
    crossing = (within.first < 900) & (within.second >= 900)
    assert between.first.tolist() == within.first[crossing].tolist()
    assert between.second.tolist() == (within.second[crossing] - 900).tolist()
    copies = near_pairs(images[:5], images[:5])
    same = copies.first == copies.second
    assert same.sum() == 5 and not copies.distance[same].any()


def test_a_lower_threshold_gives_a_part_of_the_pairs(glyphs, planted):
    every = near_pairs(planted.images)
    some = near_pairs(planted.images, threshold=0.3)
    kept = every.distance <= 0.3
    assert 0 < len(some.first) < len(every.first)
    assert some.first.tolist() == every.first[kept].tolist()


@given(st.data())
def test_groups_are_the_connected_components(data):
    count = data.draw(st.integers(1, 12))
    rows = st.integers(0, count - 1)
    edges = data.draw(st.lists(st.tuples(rows, rows).map(sorted).map(tuple)))
    pairs = Pairs(*np.array(edges, np.int64).reshape(-1, 2).T, np.zeros(len(edges)))
    group = np.arange(count)
    for _ in range(count):
        for a, b in edges:
            group[[a, b]] = min(group[a], group[b])
    assert near_groups(np.arange(count), pairs).tolist() == group.tolist()


@pytest.mark.parametrize("count", [0, 1, 5])
def test_no_image_one_image_and_the_same_image_give_no_pairs(count):
    images = np.full((count, 28, 28), 7, np.uint8)
    pairs = near_pairs(images)
    assert [len(column) for column in pairs] == [0, 0, 0]
    assert near_groups(first_copies(images), pairs).tolist() == [0] * count
    assert len(near_pairs(images, images[:0]).first) == 0


@pytest.mark.parametrize(
    ("images", "threshold", "error", "message"),
    [
        (np.zeros((2, 28, 28), np.float32), 1, TypeError, "uint8, not float32"),
        (np.zeros((2, 784), np.uint8), 1, ValueError, r"\(N, 28, 28\), not \(2, 784\)"),
        (np.zeros((2, 28, 28), np.uint8), -1, ValueError, "0 or more grey levels, not -1"),
        (np.zeros((2, 28, 28), np.uint8), float("nan"), ValueError, "not nan"),
    ],
)
def test_wrong_input_is_named(images, threshold, error, message):
    with pytest.raises(error, match=message):
        near_pairs(images, threshold=threshold)


def test_clean_test_leaves_out_test_images_with_a_copy_in_training(data, planted):
    noisy = np.flatnonzero(planted.kind == KINDS.index("noisy"))
    copied = planted.source[noisy] < len(data.test)
    train = replace(data.train[: len(noisy)], images=planted.images[noisy])
    leaky = replace(data, train=train)
    leaked = np.zeros(len(data.test), bool)
    leaked[planted.source[noisy][copied]] = True
    assert not leaky.clean_test[leaked].any()
    near = near_pairs(np.array(data.test.images), train.images)
    assert (~leaky.clean_test).sum() == len(np.unique(near.first))


@pytest.mark.parametrize("terminal", [True, False])
def test_the_search_shows_its_progress_on_a_terminal_alone(planted, monkeypatch, terminal):
    shown = io.StringIO()
    monkeypatch.setattr(shown, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", shown)
    near_pairs(planted.images[::50])
    assert ("near duplicates: " in shown.getvalue()) == terminal
    assert shown.getvalue().split("\r")[-1].strip() == ""
