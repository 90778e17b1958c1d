"""What is published about an archive, compared with what people hand us."""

from dataclasses import replace

import numpy as np
import pytest
from archives import FONTS, letters, member, noise, pack, png, record, source_of

import notmnist
from notmnist import NotMNISTError, UsageError
from notmnist.archives.extraction import extract
from notmnist.archives.published import letter_means, match_archives
from notmnist.sources import LETTERS, Archive, find, folders_beside

MEMBERS, FEW = letters(), letters(FONTS[:2])
BROKEN = {member("Broken.ttf", "A"): b"", member("Cut.ttf", "C"): b"?"}
KNOWN = frozenset(name.partition("/")[2] for name in BROKEN)
ODD = {member("Odd.ttf", "B"): b"odd"}


def means_of(path):
    return letter_means(extract(path, Archive("letters.tar.gz", 0, "")))


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """An archive with all that can be published about it, as notMNIST's."""
    path = pack(tmp_path_factory.mktemp("published") / "letters.tar.gz", MEMBERS)
    return record(
        path,
        counts=dict.fromkeys(LETTERS, len(FONTS)),
        means={letter: round(mean, 6) for letter, mean in means_of(path).items()},
        unreadable=KNOWN,
        named_after_fonts=True,
    )


def prepare(tmp_path, published, members, on_error="raise"):
    path = pack(tmp_path / "by hand.zip", members)
    card = notmnist.prepare(
        source_of(published), home=tmp_path / "home", archive=path, on_error=on_error
    )
    return card["archives"][0]


def refusal(tmp_path, published, members, on_error="raise"):
    with pytest.raises(NotMNISTError) as caught:
        prepare(tmp_path, published, members, on_error)
    assert sorted(p.name for p in (tmp_path / "home").iterdir()) == [".letters.lock"]
    message = str(caught.value)
    assert "\n" not in message
    return message


def moved(members, folder):
    return {name.replace("letters", folder): content for name, content in members.items()}


def without(letters):
    return {name: content for name, content in MEMBERS.items() if name.split("/")[1] not in letters}


@pytest.mark.parametrize("there", [BROKEN, dict([*BROKEN.items()][:1]), {}], ids=len)
def test_members_known_to_be_unreadable_may_be_absent(tmp_path, published, there):
    entry = prepare(tmp_path, published, MEMBERS | there)
    assert entry["unreadable"] == sorted(name.partition("/")[2] for name in there)
    assert entry["skipped"] == []


def test_a_skipped_member_more_than_published_is_left_out(tmp_path, published):
    assert prepare(tmp_path, published, MEMBERS | ODD, "skip")["skipped"] == [
        name.partition("/")[2] for name in ODD
    ]


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_missing_letters_are_refused_whatever_is_skipped(tmp_path, published, on_error):
    odd = ODD if on_error == "skip" else {}
    message = refusal(tmp_path, published, without("IJ") | odd, on_error)
    assert "numbers of images per letter differ (I 0 instead of 30, J 0 instead of 30)" in message
    assert "the mean grey level of I, J is off" in message


def test_as_many_images_may_be_missing_as_were_skipped_and_no_more(tmp_path, published):
    first, second = sorted(MEMBERS)[:2]
    entry = prepare(tmp_path, published, MEMBERS | {first: b"damaged"}, "skip")
    assert entry["per_letter"]["A"] == 29
    (tmp_path / "by hand.zip").unlink()
    fewer = {name: content for name, content in MEMBERS.items() if name != second}
    home = tmp_path / "other"
    home.mkdir()
    message = refusal(home, published, fewer | {first: b"damaged"}, "skip")
    assert "(A 28 instead of 30)" in message


@pytest.mark.parametrize("excuse", ["letters/A/README", "letters/K/x.png", "other/A/{}"])
def test_what_is_no_image_of_a_letter_excuses_no_missing_one(tmp_path, published, excuse):
    first, second = sorted(MEMBERS)[:2]
    fewer = {name: content for name, content in MEMBERS.items() if name != first}
    skipped = {excuse.format(second.rpartition("/")[2]): b"?"}
    assert "(A 29 instead of 30)" in refusal(tmp_path, published, fewer | skipped, "skip")


def test_other_images_of_the_right_number_are_refused(tmp_path, published):
    """As many black images and a README are not the archive, whatever is skipped."""
    black = dict.fromkeys(MEMBERS, png(np.zeros((28, 28), np.uint8)))
    message = refusal(tmp_path, published, black | {"README": b"?"} | ODD, "skip")
    assert "the mean grey level of A, B, C, D, E, F, G, H, I, J is off" in message


def test_the_mean_may_move_by_what_was_skipped_and_no_more(tmp_path, published):
    first = min(MEMBERS)
    white = png(np.full((28, 28), 255, np.uint8))
    damaged = MEMBERS | {first: b"damaged"}
    assert prepare(tmp_path, published, damaged, "skip")["per_letter"]["A"] == 29
    (tmp_path / "by hand.zip").unlink()
    home = tmp_path / "other"
    home.mkdir()
    more = damaged | dict.fromkeys(sorted(MEMBERS)[1:10], white)
    assert "the mean grey level of A is off" in refusal(home, published, more, "skip")


def test_more_images_than_published_are_refused(tmp_path, published):
    more = MEMBERS | {member("New.ttf"): png(noise(1000))}
    assert "holds more than the 300 images" in refusal(tmp_path, published, more)


def test_a_few_missing_images_are_told_with_a_likely_reason(tmp_path, published):
    fewer = dict(sorted(MEMBERS.items())[1:])
    message = refusal(tmp_path, published, fewer)
    assert message.startswith(f"{tmp_path / 'by hand.zip'} is not letters.tar.gz: ")
    assert "perhaps files with long names were left out, as tar --format=v7 does" in message


def test_images_without_the_names_of_fonts_are_refused(tmp_path, published):
    numbered = {
        f"{name.rpartition('/')[0]}/{number:05d}.png": content
        for number, (name, content) in enumerate(MEMBERS.items())
    }
    message = refusal(tmp_path, published, numbered)
    assert "its files are not named after fonts" in message
    assert message.endswith("; get the archive elsewhere")
    own = replace(published, named_after_fonts=False)
    assert prepare(tmp_path / "home", own, numbered)["images"] == 300


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A dataset of two archives, of 300 and of 20 letters."""
    folder = tmp_path_factory.mktemp("two")
    large = pack(
        folder / "large.tar.gz", {n.replace("letters", "large"): c for n, c in MEMBERS.items()}
    )
    few = letters(FONTS[:2])
    small = pack(
        folder / "small.tar.gz", {n.replace("letters", "small"): c for n, c in few.items()}
    )
    records = [
        record(path, path=path, counts=dict.fromkeys(LETTERS, number))
        for path, number in ((large, 30), (small, 2))
    ]
    return folder, source_of(*records)


def test_files_by_hand_are_known_by_their_names(two, tmp_path):
    folder, source = two
    large, small = tmp_path / "large.zip", tmp_path / "small"
    assert match_archives(source, None) == {}
    assert match_archives(source, folder / "small.tar.gz") == {
        "small.tar.gz": folder / "small.tar.gz"
    }
    # Nothing is read.
    assert match_archives(source, [str(small), large]) == {
        "large.tar.gz": large, "small.tar.gz": small
    }  # fmt: skip


@pytest.mark.parametrize("suffix", [".tar.xz", ".zip", ""])
def test_other_names_are_known_by_the_number_of_letters(two, tmp_path, suffix):
    _, source = two
    train = pack(
        tmp_path / f"train{suffix}", {n.replace("letters", "Train"): c for n, c in MEMBERS.items()}
    )
    test = pack(tmp_path / f"test (1){suffix}", letters(FONTS[:2]))
    expected = {"large.tar.gz": train, "small.tar.gz": test}
    assert match_archives(source, [test, train]) == expected
    assert match_archives(source, test) == {"small.tar.gz": test}
    cards = [
        notmnist.prepare(source, home=tmp_path / home, archive=given)
        for home, given in (("one", None), ("other", [test, train]))
    ]
    assert cards[0]["pickle"]["sha256"] == cards[1]["pickle"]["sha256"]


@pytest.mark.parametrize("suffix", [".tar.gz", ".zip", ""])
def test_one_that_holds_several_archives_stands_for_all(two, tmp_path, suffix):
    _, source = two
    both = moved(MEMBERS, "data/large/large") | moved(FEW, "data/small/small")
    path = pack(tmp_path / f"archive{suffix}", both)
    assert match_archives(source, path) == {"large.tar.gz": path, "small.tar.gz": path}
    cards = [
        notmnist.prepare(source, home=tmp_path / home, archive=given)
        for home, given in (("one", None), ("other", path))
    ]
    assert cards[0]["pickle"]["sha256"] == cards[1]["pickle"]["sha256"]
    assert [entry["aside"] for entry in cards[1]["archives"]] == [20, 300]
    notmnist.prepare(source, home=tmp_path / "other", archive=path)


def test_what_fits_no_archive_or_one_twice_is_refused(two, tmp_path):
    folder, source = two
    small = folder / "small.tar.gz"
    none = pack(tmp_path / "none.zip", letters(FONTS[:3]))
    for given in ([none], [small, small], [small, tmp_path / "small.zip"]):
        with pytest.raises(
            UsageError, match=r"is made of large.tar.gz and small.tar.gz: give each"
        ):
            match_archives(source, given)
    unknown = replace(source, parts=tuple((replace(a, counts=None), r) for a, r in source.parts))
    with pytest.raises(UsageError, match=r"not .*none.zip"):
        match_archives(unknown, none)
    with pytest.raises(NotMNISTError, match="cannot read"):
        match_archives(source, tmp_path / "missing.zip")


def test_a_dataset_of_one_archive_takes_it_under_any_name(published, tmp_path):
    assert match_archives(source_of(published), tmp_path / "any") == {
        "letters.tar.gz": tmp_path / "any"
    }


def test_the_genuine_archives_are_told_apart_where_they_are_packed_together():
    large, small = (archive for archive, _ in find("notmnist").parts)
    assert folders_beside(find("notmnist-small"), small) == {"notMNIST_large"}
    assert folders_beside(find("notmnist"), large) == {"notMNIST_small"}
