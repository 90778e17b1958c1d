"""Splits are functions of font names alone, by the documented rules."""

import hashlib
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notmnist import NotMNISTError, Split, splits
from notmnist.splits import TEST, TRAIN, VALID

fonts = st.lists(st.binary(max_size=40))


def number(font, buckets):
    """The documented rule by way of the digest's hexadecimal form."""
    return int(hashlib.sha256(font).hexdigest()[:8], 16) % buckets


@given(fonts)
def test_tenths_are_two_for_test_one_for_valid_and_seven_for_train(names):
    rule = [TEST, TEST, VALID] + 7 * [TRAIN]
    assert splits.by_font_tenths(names).tolist() == [rule[number(name, 10)] for name in names]


@given(fonts)
def test_twentieths_are_one_for_valid_and_nineteen_for_train(names):
    rule = [VALID] + 19 * [TRAIN]
    assert splits.by_font_twentieths(names).tolist() == [rule[number(name, 20)] for name in names]


@given(fonts)
def test_all_test_puts_every_font_into_test(names):
    assert splits.all_test(names).tolist() == [TEST] * len(names)


@pytest.mark.parametrize("rule", [splits.by_font_tenths, splits.by_font_twentieths])
def test_the_order_of_fonts_does_not_matter(rule):
    names = [f"font {i}.ttf".encode() for i in range(500)]
    shuffled = random.Random(0).sample(names, len(names))
    one = dict(zip(names, rule(names).tolist(), strict=True))
    other = dict(zip(shuffled, rule(shuffled).tolist(), strict=True))
    assert one == other


def test_a_known_font_stays_where_it_is():
    # Its sha256 begins with 80f0b620.
    assert splits.bucket(b"01-01-00.ttf", 10) == 0x80F0B620 % 10


def test_shares_are_about_what_they_should_be():
    shares = Counter(splits.by_font_tenths([b"%d" % i for i in range(10_000)]).tolist())
    assert [round(shares[s] / 1000) for s in (TRAIN, VALID, TEST)] == [7, 1, 2]


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "provenance.csv"
    path.write_text("font,family,split\na.ttf,A,train\nb.ttf,A,train\nc.ttf,\u00c7,test\n", "utf-8")
    return path


def test_by_family_looks_fonts_up_in_the_table(table):
    assert splits.by_family([b"c.ttf", b"a.ttf", b"c.ttf"], table).tolist() == [TEST, TRAIN, TEST]
    assert splits.families(["c.ttf", "a.ttf"], table) == ["\u00c7", "A"]


@pytest.mark.parametrize("font", [b"d.ttf", b"\xff"])
def test_a_font_that_is_not_in_the_table_is_one_clear_line(table, font):
    with pytest.raises(NotMNISTError, match=r"not in provenance.csv: .*install notmnist again$"):
        splits.by_family([b"a.ttf", font], table)


def test_categories_are_looked_up_in_tables_that_state_them(table):
    with pytest.raises(NotMNISTError, match="lacks the columns category"):
        splits.categories(["a.ttf"], table)
    table.write_text("category,font,family,split\nserif,a.ttf,A,train\nsans,b.ttf,B,test\n")
    assert splits.categories(["b.ttf", "a.ttf", "b.ttf"], table) == ["sans", "serif", "sans"]


BROKEN_TABLES = {
    "nothing": (b"", "lacks the columns font, family, split"),
    "no family": (b"font,split\na.ttf,train\n", "lacks the columns family"),
    "a row cut short": (b"font,family,split\na.ttf,A,train\nb.ttf\n", "row 3 of .* is no font"),
    "a row too long": (b"font,family,split\na.ttf,A,train,more\n", "row 2 of .* is no font"),
    "no such split": (b"font,family,split\na.ttf,A,training\n", "row 2 of .* is no font"),
    "another encoding": (b"font,family,split\n\xff,A,train\n", "cannot read .*utf-8"),
    "an endless cell": (b"font,family,split\n" + b"a" * 200_000, "cannot read .*field larger"),
}


@pytest.mark.parametrize(("content", "message"), BROKEN_TABLES.values(), ids=BROKEN_TABLES)
def test_a_broken_table_is_one_clear_line(tmp_path, content, message):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(NotMNISTError, match=message) as caught:
        splits.by_family([b"a.ttf"], path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_table_is_one_clear_line(tmp_path):
    with pytest.raises(NotMNISTError, match=r"cannot read .*none.csv .*: install notmnist again$"):
        splits.by_family([b"a.ttf"], tmp_path / "none.csv")


names = st.lists(st.text("abéß漢", min_size=1, max_size=3), min_size=2, max_size=40).filter(
    lambda groups: len(set(groups)) > 1
)


@given(names, st.integers(2, 6), st.integers(0, 3), st.randoms())
def test_folds_keep_groups_together_and_depend_on_seed_and_names_alone(groups, folds, seed, random):
    folds = min(folds, len(set(groups)))
    fold = splits.grouped_folds(groups, folds, seed)
    of_group = dict(zip(groups, fold.tolist(), strict=True))
    assert [of_group[group] for group in groups] == fold.tolist()
    sizes = np.bincount(list(of_group.values()), minlength=folds)
    assert sizes.max() - sizes.min() <= 1
    shuffled = random.sample(groups, len(groups))
    again = splits.grouped_folds(shuffled, folds, seed).tolist()
    assert dict(zip(shuffled, again, strict=True)) == of_group


def test_another_seed_deals_other_folds():
    groups = [f"font {number}" for number in range(100)]
    first, second = (splits.grouped_folds(groups, 5, seed) for seed in (0, 1))
    assert (first != second).any()
    assert first[:10].tolist() == splits.grouped_folds(groups[:10] + groups[10:], 5)[:10].tolist()


@pytest.mark.parametrize("folds", [1, 4])
def test_impossible_numbers_of_folds_are_named(folds):
    with pytest.raises(ValueError, match=f"3 groups make 2 to 3 folds, not {folds}"):
        splits.grouped_folds(["a", "b", "c", "a"], folds)


def split_of(font_index, names, families):
    count = len(font_index)
    images = np.arange(count * 784, dtype=np.uint32).reshape(count, 28, 28).astype(np.uint8)
    labels = np.arange(count, dtype=np.uint8) % 10
    return Split(
        images, labels, np.array(font_index, np.int32), np.array(names), np.array(families)
    )


@given(st.lists(st.integers(0, 19), min_size=1, max_size=60), st.integers(0, 60), st.randoms())
def test_a_sample_holds_whole_families_whatever_the_order_of_fonts_and_rows(index, most, random):
    names = [f"font {i}" for i in range(20)]
    families = [f"family {i // 2}" for i in range(20)]
    split = split_of(index, names, families)
    kept = split.sample(most)
    assert len(kept) <= most or len(split) <= most
    taken = set(kept.families)
    rows = np.isin(split.families, list(taken))
    assert (kept.images == split.images[rows]).all() and (kept.labels == split.labels[rows]).all()

    order = random.sample(range(20), 20)
    other = split_of(
        random.sample([order.index(font) for font in index], len(index)),
        [names[font] for font in order],
        [families[font] for font in order],
    )
    assert set(other.sample(most).families) == taken


def test_a_larger_sample_holds_a_smaller_one_and_comes_near_the_size_asked_for():
    names = [f"font {i}" for i in range(100)]
    split = split_of(np.repeat(np.arange(100), 10), names, names)
    small, large = split.sample(305), split.sample(700)
    assert (len(small), len(large)) == (300, 700)
    assert set(small.fonts) < set(large.fonts)
    assert split.sample(None) is split and split.sample(1_000) is split
