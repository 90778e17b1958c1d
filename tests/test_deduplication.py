"""Exact duplicates, against an oracle that compares every pair of images."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from notmnist.deduplication.exact import (
    KEPT_BY_ALL,
    KEPT_BY_NONE,
    KEPT_BY_TRAIN,
    dedup_ranks,
    duplicate_report,
    first_copies,
    repeats_of,
)
from notmnist.sources import SPLITS

TRAIN, VALID, TEST = range(3)

# A few pictures among many rows, so that most of them have copies.
rows = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 2), st.sampled_from([TRAIN, VALID, TEST])),
    min_size=1,
    max_size=30,
)


def columns(drawn):
    """Make images, which differ in one grey level, and their labels and splits."""
    pictures, labels, split = np.array(drawn).T
    images = np.zeros((len(drawn), 28, 28), np.uint8)
    images[np.arange(len(drawn)), 3 * pictures, pictures] = 1
    return images, labels.astype(np.uint8), split.astype(np.uint8)


def copies(images):
    """For every image, the rows of all images with its pixels: the oracle."""
    return [
        [j for j, other in enumerate(images) if (other == image).all()]
        for i, image in enumerate(images)
    ]


def ranks_by_definition(images, labels, split):
    """The policies as `notmnist.load` documents them, image by image."""
    ranks = []
    for i, group in enumerate(copies(images)):
        conflict = len(set(labels[group])) > 1
        leaked = any(split[j] > split[i] for j in group)
        repeat = any(split[j] == split[i] for j in group if j < i)
        if split[i] == TEST:
            ranks.append(KEPT_BY_TRAIN if repeat or conflict else KEPT_BY_ALL)
        else:
            dropped = leaked or conflict or (repeat and split[i] == TRAIN)
            ranks.append(KEPT_BY_NONE if dropped else KEPT_BY_ALL)
    return ranks


@given(rows)
def test_the_first_copy_is_the_earliest_image_with_the_same_pixels(drawn):
    images, _, _ = columns(drawn)
    assert first_copies(images).tolist() == [min(group) for group in copies(images)]


def test_a_single_grey_level_makes_images_differ():
    images = np.zeros((2, 28, 28), np.uint8)
    images[1, 27, 27] = 1
    assert first_copies(images).tolist() == [0, 1]


@given(rows)
def test_ranks_follow_the_policies_as_documented(drawn):
    images, labels, split = columns(drawn)
    ranks = dedup_ranks(first_copies(images), labels, split)
    assert ranks.tolist() == ranks_by_definition(images, labels, split)


@given(rows)
def test_train_policy_never_alters_test_and_leaves_no_leak_repeat_or_conflict(drawn):
    images, labels, split = columns(drawn)
    kept = dedup_ranks(first_copies(images), labels, split) <= KEPT_BY_TRAIN
    assert kept[split == TEST].all()
    seen = {name: {images[i].tobytes() for i in np.flatnonzero(kept & (split == name))}
            for name in (TRAIN, VALID, TEST)}  # fmt: skip
    assert not seen[TRAIN] & (seen[VALID] | seen[TEST])
    assert not seen[VALID] & seen[TEST]
    assert len(seen[TRAIN]) == (kept & (split == TRAIN)).sum()
    for i in np.flatnonzero(kept & (split != TEST)):
        assert len(set(labels[copies(images)[i]])) == 1


@given(rows)
def test_the_report_counts_what_the_oracle_counts(drawn):
    images, labels, split = columns(drawn)
    groups = copies(images)
    twins = {tuple(group) for group in groups if len(group) > 1}
    conflicts = {group for group in twins if len(set(labels[list(group)])) > 1}
    assert duplicate_report(first_copies(images), labels, split) == {
        "images": len(images),
        "distinct": len({tuple(group) for group in groups}),
        "groups": len(twins),
        "grouped": sum(map(len, twins)),
        "largest": max(map(len, groups)),
        "conflicting_groups": len(conflicts),
        "conflicting_images": sum(map(len, conflicts)),
        "within": {
            name: sum(
                split[i] == s and any(split[j] == s for j in group if j < i)
                for i, group in enumerate(groups)
            )
            for s, name in enumerate(SPLITS)
        },
        "leaks": {
            f"{SPLITS[a]}-{SPLITS[b]}": sum(
                split[i] == a and any(split[j] == b for j in group)
                for i, group in enumerate(groups)
            )
            for a, b in [(TRAIN, VALID), (TRAIN, TEST), (VALID, TEST)]
        },
    }


@given(rows, rows)
def test_repeats_of_finds_the_images_that_are_in_the_reference(drawn, others):
    images, reference = columns(drawn)[0], columns(others)[0]
    expected = [any((image == other).all() for other in reference) for image in images]
    assert repeats_of(images, reference).tolist() == expected


def test_a_label_that_conflicts_far_from_the_first_copy_is_seen():
    images = np.zeros((4, 28, 28), np.uint8)
    images[1] = 1
    labels = np.array([5, 5, 5, 6], np.uint8)
    ranks = dedup_ranks(first_copies(images), labels, np.full(4, TRAIN, np.uint8))
    assert ranks.tolist() == [KEPT_BY_NONE, KEPT_BY_ALL, KEPT_BY_NONE, KEPT_BY_NONE]
