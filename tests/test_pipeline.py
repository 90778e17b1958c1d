"""From an archive to arrays: what `prepare`, `load`, `load_data`, `verify` and `test_sets` give."""

import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from archives import (
    BROKEN,
    FONTS,
    letters,
    letters_with_copies,
    member,
    noise,
    png,
    record,
    source_of,
    tar_gz,
)
from folders import listing

import notmnist
from notmnist import NotMNISTError, UsageError, sources, splits
from notmnist.archives.png import decode
from notmnist.dataset import Split, format_card
from notmnist.sources import LETTERS, POLICIES, SPLITS

MEMBERS = letters_with_copies()
KNOWN = frozenset({BROKEN.partition("/")[2]})


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return tar_gz(tmp_path_factory.mktemp("archives") / "letters.tar.gz", MEMBERS)


@pytest.fixture(scope="module")
def source(archive):
    """A dataset whose archive is at hand, as OpenGlyphs' are."""
    return source_of(record(archive, path=archive, unreadable=KNOWN))


@pytest.fixture(scope="module")
def home(source, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    notmnist.prepare(source, home=home)
    return home


def splits_of(data):
    return [getattr(data, name) for name in SPLITS]


def test_preparing_leaves_a_pickle_a_card_and_an_empty_lock(home):
    assert listing(home) == [".letters.lock", "letters.joblib", "letters.json"]
    assert (home / ".letters.lock").stat().st_size == 0


def test_every_image_is_there_once_with_its_letter_and_font(source, home):
    data = notmnist.load(source, home=home, dedup="none")
    found = Counter()
    for split in splits_of(data):
        for image, label, font in zip(split.images, split.labels, split.fonts, strict=True):
            found[member(font, LETTERS[label]), image.tobytes()] += 1
    expected = {
        (name, image.tobytes()): 1
        for name, image in zip(MEMBERS, decode(list(MEMBERS.values()))[0], strict=True)
        if name != BROKEN
    }
    assert found == expected


def test_no_font_is_in_two_splits_and_each_is_where_the_rule_puts_it(source, home):
    data = notmnist.load(source, home=home, dedup="none")
    for i, split in enumerate(splits_of(data)):
        assert len(split) > 0
        fonts = [font.encode() for font in split.fonts]
        assert (splits.by_font_tenths(fonts) == i).all()


def test_every_policy_is_a_prefix_of_a_laxer_one(source, home):
    none, train, every = (notmnist.load(source, home=home, dedup=policy) for policy in POLICIES)
    for lax, strict in ((none, train), (train, every)):
        for more, fewer in zip(splits_of(lax), splits_of(strict), strict=True):
            assert np.array_equal(more.images[: len(fewer)], fewer.images)
            assert np.array_equal(more.labels[: len(fewer)], fewer.labels)
            assert np.array_equal(more.fonts[: len(fewer)], fewer.fonts)
    assert len(train.train) < len(none.train)
    assert len(train.valid) < len(none.valid)
    assert len(train.test) == len(none.test) > len(every.test)


def test_no_image_kept_for_training_is_tested_on(source, home):
    train, valid, test = (
        {image.tobytes() for image in split.images}
        for split in splits_of(notmnist.load(source, home=home))
    )
    assert not train & (valid | test)
    assert not valid & test


def test_loading_is_a_read_only_slice_of_the_mapped_file(source, home):
    data = notmnist.load(source, home=home)
    for split in splits_of(data):
        for array in (split.images, split.labels, split.font_index):
            assert isinstance(array, np.memmap)
            assert not array.flags.writeable
            assert not array.flags.owndata
    assert data.train.images.dtype == data.train.labels.dtype == np.uint8
    assert data.train.images.shape == (len(data.train), 28, 28)


def test_load_data_gives_arrays_in_memory_as_keras_does(source, home):
    data = notmnist.load(source, home=home)
    for valid, train in (("join", Split.joined([data.train, data.valid])), ("drop", data.train)):
        arrays = notmnist.load_data(source, home=home, valid=valid)
        for (x, y), split in zip(arrays, (train, data.test), strict=True):
            assert type(x) is type(y) is np.ndarray
            assert x.flags.writeable
            assert np.array_equal(x, split.images)
            assert np.array_equal(y, split.labels)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "mnist.npz"}, r"load_data takes no path: .* home=DIR.* archive=FILE"),
        ({"valid": "keep"}, r"unknown choice 'keep' .*: choose join, drop"),
    ],
)
def test_load_data_refuses_what_it_has_no_use_for(source, home, options, message):
    with pytest.raises(UsageError, match=message):
        notmnist.load_data(source, home=home, **options)


def test_load_prepares_what_is_missing_and_asks_no_network(source, tmp_path):
    data = notmnist.load(source, home=tmp_path / "new", download=False)
    assert listing(tmp_path / "new") == [".letters.lock", "letters.joblib", "letters.json"]
    assert data.card == notmnist.verify(source, home=tmp_path / "new")


def test_preparing_again_keeps_what_is_whole(source, home):
    before = (home / "letters.joblib").stat()
    card = notmnist.prepare(source, home=home)
    assert (home / "letters.joblib").stat() == before
    assert card == notmnist.load(source, home=home).card


def test_the_order_of_the_archive_changes_no_byte(source, home, tmp_path):
    pairs = list(MEMBERS.items())
    random.Random(0).shuffle(pairs)
    shuffled = tar_gz(tmp_path / "shuffled.tar.gz", pairs)
    card = notmnist.prepare(source, home=tmp_path, archive=shuffled)
    assert not card["archives"][0]["published"]
    assert (tmp_path / "letters.joblib").read_bytes() == (home / "letters.joblib").read_bytes()


def test_the_card_tells_what_was_found(source, home):
    card = notmnist.verify(source, home=home)
    (entry,) = card["archives"]
    assert entry["published"]
    assert entry["images"] == 300
    assert set(entry["per_letter"].values()) == {30}
    assert entry["unreadable"] == sorted(KNOWN)
    assert entry["skipped"] == []
    assert card["fonts"] == len(FONTS)
    assert sum(card["splits"][split]["none"] for split in SPLITS) == 300
    assert card["duplicates"]["distinct"] == len(set(MEMBERS.values())) - 1  # less the broken one
    shown = repr(notmnist.load(source, home=home))
    assert "letters made here" in shown
    assert "as published" in shown


def test_a_card_says_whether_a_repacked_archive_has_the_published_content():
    card = notmnist.load("openglyphs").card
    large, small = card["archives"]
    other = small["per_letter"] | {"A": 1}
    shown = format_card(card | {"archives": [
        large | {"published": False}, small | {"published": False, "per_letter": other},
    ]})  # fmt: skip
    counts = f"{large['images']:,}", f"{small['images']:,}"
    assert (
        f"large.tar.gz: {counts[0]} images, not the published file, but the same content" in shown
    )
    assert f"small.tar.gz: {counts[1]} images, not the published file\n" in shown


def test_a_card_counts_groups_of_copies_in_words():
    card = notmnist.load("openglyphs").card
    shown = format_card(card)
    assert "    copies: 1 group of 633 images, the largest of 633\n" in shown
    assert "    copies with conflicting letters: none\n" in shown
    none = card["duplicates"] | dict.fromkeys(("groups", "grouped", "largest"), 0)
    assert "    copies: none\n  licence:" in format_card(card | {"duplicates": none})


def test_an_archive_by_hand_takes_the_place_of_the_one_prepared_before(source, tmp_path):
    notmnist.prepare(source, home=tmp_path)
    other = tar_gz(tmp_path / "other.tar.gz", MEMBERS | {member("New.ttf"): png(noise(1000))})
    data = notmnist.load(source, home=tmp_path, archive=other)
    assert data.card["archives"][0]["images"] == 301
    assert notmnist.load(source, home=tmp_path).card == data.card


def test_skipped_members_are_left_out_and_named_in_the_card(source, tmp_path):
    odd = tar_gz(tmp_path / "odd.tar.gz", MEMBERS | {"A/odd.png": b"odd", "README": b"stray"})
    with pytest.raises(NotMNISTError, match=r'on_error="skip" \(--skip-unreadable\)$'):
        notmnist.prepare(source, home=tmp_path / "home", archive=odd)
    assert listing(tmp_path / "home") == [".letters.lock"]
    card = notmnist.prepare(source, home=tmp_path / "home", archive=odd, on_error="skip")
    assert card["archives"][0]["skipped"] == ["A/odd.png"]
    assert card["archives"][0]["aside"] == 1
    assert "skipped: A/odd.png" in format_card(card)
    assert notmnist.load(source, home=tmp_path / "home").card == card


def test_a_card_does_not_command_the_terminal_whatever_members_are_called(source, tmp_path):
    odd = tar_gz(tmp_path / "odd.tar.gz", MEMBERS | {"A/\x1b[2J\n.png": b"odd"})
    card = notmnist.prepare(source, home=tmp_path / "home", archive=odd, on_error="skip")
    assert "    skipped: A/\\x1b[2J\\n.png\n" in format_card(card)


def of(source, **facts):
    (archive, rule), *_ = source.parts
    return replace(source, parts=((replace(archive, **facts), rule),))


@pytest.mark.parametrize(("facts", "reason"), [
    ({"counts": dict.fromkeys(LETTERS, 31)}, "images per letter"),
    ({"means": dict.fromkeys(LETTERS, 0.4)}, "the mean grey level of A, B"),
])  # fmt: skip
def test_content_other_than_published_is_refused(source, tmp_path, facts, reason):
    with pytest.raises(NotMNISTError) as caught:
        notmnist.prepare(of(source, **facts), home=tmp_path)
    message = str(caught.value)
    assert reason in message
    assert message.endswith("fetch the archive again")
    assert "\n" not in message
    assert listing(tmp_path) == [".letters.lock"]


@pytest.mark.parametrize("content", [b"", b"<html>Forbidden</html>", b"\x1f\x8b cut"])
def test_a_file_by_hand_that_is_no_archive_is_one_line_and_nothing_is_written(
    source, tmp_path, content
):
    (tmp_path / "letters.tar.gz").write_bytes(content)
    with pytest.raises(NotMNISTError, match=r"letters.tar.gz is (no|damaged|empty).*fetch"):
        notmnist.prepare(source, home=tmp_path / "home", archive=tmp_path / "letters.tar.gz")
    assert listing(tmp_path / "home") == [".letters.lock"]


@pytest.mark.parametrize("prepared", [False, True])
def test_a_file_by_hand_that_is_missing_is_one_line(source, tmp_path, prepared):
    if prepared:
        notmnist.prepare(source, home=tmp_path)
    with pytest.raises(NotMNISTError, match=r"cannot read .*missing.tar.gz .*give an archive"):
        notmnist.prepare(source, home=tmp_path, archive=tmp_path / "missing.tar.gz")


def test_files_by_hand_must_be_the_datasets_archives(tmp_path):
    small = tmp_path / "notMNIST_small.tar.gz"
    with pytest.raises(UsageError, match=r"is made of notMNIST_large.tar.gz and notMNIST_small"):
        notmnist.prepare("notmnist", home=tmp_path / "home", archive=[small, small])
    assert not (tmp_path / "home").exists()


def test_an_unknown_name_or_policy_is_one_line_that_lists_the_known_ones(tmp_path):
    with pytest.raises(UsageError, match="unknown dataset 'mnist': choose openglyphs, "):
        notmnist.load("mnist", home=tmp_path)
    with pytest.raises(UsageError, match="unknown dedup policy 'some': choose none, train, all"):
        notmnist.load("openglyphs", home=tmp_path, dedup="some")
    assert listing(tmp_path) == []


def test_a_home_that_cannot_be_made_is_one_line(source, tmp_path):
    (tmp_path / "file").touch()
    for action in (notmnist.load, notmnist.prepare):
        with pytest.raises(NotMNISTError, match=r"cannot write .*home: .*NOTMNIST_HOME"):
            action(source, home=tmp_path / "file" / "home")
    assert listing(tmp_path) == ["file"]


@pytest.mark.parametrize("there", [None, b"another file"])
def test_without_download_a_missing_or_altered_archive_is_one_line(archive, tmp_path, there):
    wanted = source_of(record(archive, "http://mirror.invalid/letters.tar.gz"))
    if there:
        (tmp_path / "letters.tar.gz").write_bytes(there)
    before = listing(tmp_path)
    with pytest.raises(
        NotMNISTError, match=r"letters.tar.gz is not in .*downloads are disabled.*PATH"
    ):
        notmnist.load(wanted, home=tmp_path, download=False)
    assert listing(tmp_path) == [".letters.lock", *before]


def test_without_download_an_archive_put_into_the_home_is_used(archive, tmp_path):
    wanted = source_of(record(archive, unreadable=KNOWN))
    (tmp_path / "letters.tar.gz").write_bytes(archive.read_bytes())
    assert notmnist.load(wanted, home=tmp_path, download=False).card["archives"][0]["published"]


def test_verify_says_how_to_prepare_what_is_not(source, tmp_path):
    with pytest.raises(NotMNISTError, match=r"not prepared in .*run `notmnist prepare letters`"):
        notmnist.verify(source, home=tmp_path)


def test_of_two_archives_the_first_is_for_training_and_the_second_for_testing(tmp_path):
    # Three images of small are in large too.
    pictures = zip(LETTERS, [0, 1, 2, *range(1000, 1007)], strict=True)
    small = {member("Small.ttf", letter): png(noise(seed)) for letter, seed in pictures}
    parts = tuple(
        (record(path, path=path), rule)
        for path, rule in (
            (tar_gz(tmp_path / "large.tar.gz", letters()), "font-twentieths"),
            (tar_gz(tmp_path / "small.tar.gz", small), "test"),
        )
    )
    like_genuine = replace(source_of(), name="notmnist", parts=parts)
    data = notmnist.load(like_genuine, home=tmp_path, dedup="none")
    assert set(data.test.fonts) == {"Small.ttf"}
    assert len(data.train) + len(data.valid) == 300
    assert len(notmnist.load(like_genuine, home=tmp_path).train) == len(data.train) - 3
    tests = notmnist.test_sets(data, home=tmp_path)
    assert {name: len(split) for name, split in tests.items()} == {
        "notmnist-small": 10,
        "notmnist-small-clean": 7,
    }


def test_test_sets_of_a_font_split_are_its_own(source, home):
    data = replace(notmnist.load(source, home=home), name="notmnist-small")
    assert notmnist.test_sets(data, home=home) == {"notmnist-small-fonts": data.test}


def test_importing_the_package_imports_nothing_heavy(python):
    heavy = "{'tensorflow', 'joblib', 'requests', 'sklearn', 'PIL', 'matplotlib'}"
    assert python(f"import sys, notmnist; print({heavy} & set(sys.modules))") == "set()\n"


def test_openglyphs_loads_at_once_with_an_empty_home(tmp_path):
    data = notmnist.load("openglyphs", home=tmp_path, download=False)
    assert all(entry["published"] for entry in data.card["archives"])
    assert list(notmnist.test_sets(data, home=tmp_path)) == ["openglyphs"]
    families = [set(split.families) for split in splits_of(data)]
    assert len(set.union(*families)) == sum(map(len, families))
    assert sources.find("openglyphs").description in repr(data)
