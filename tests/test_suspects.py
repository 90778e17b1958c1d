"""Lists of suspected labels, and the mask that a split makes of them."""

import pickle
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import notmnist
from notmnist import Split, files
from notmnist.archives.members import label_and_font
from notmnist.dataset import SUSPECTED
from notmnist.errors import NotMNISTError, UsageError
from notmnist.scoring import suspects
from notmnist.scoring.suspects import LOOKS, Suspect
from notmnist.sources import LETTERS


def suspect(label, font, look=""):
    likely = LETTERS[(label + 1) % 10]
    return Suspect(suspects.member_name(label, font), LETTERS[label], likely, 0.5, look)


@pytest.fixture
def listed(tmp_path, monkeypatch):
    """Write the list of a dataset into a folder of committed results."""
    monkeypatch.setattr(files, "committed_results", lambda: tmp_path)

    def write(dataset, *rows):
        suspects.write(suspects.path_of(tmp_path, dataset), rows)

    return write


def split(dataset="openglyphs"):
    """Make a split of three letters of two fonts."""
    labels = np.array([0, 1, 2, 0, 1, 2], np.uint8)
    fonts = np.array(["a.ttf", "b.ttf"])
    index = np.array([0, 0, 0, 1, 1, 1], np.int32)
    return Split(np.zeros((6, 28, 28), np.uint8), labels, index, fonts, fonts, dataset)


def test_the_mask_holds_the_images_of_the_list_but_those_that_a_look_found_right(listed):
    listed(
        "openglyphs", suspect(1, "a.ttf", "wrong"), suspect(2, "b.ttf"),
        suspect(0, "b.ttf", "right"), suspect(0, "c.ttf", "unreadable"),
    )  # fmt: skip
    whole = split()
    assert whole.suspect.tolist() == [False, True, False, False, False, True]
    assert whole.suspect.dtype == bool
    # Rows that are selected, joined or sent elsewhere remain rows of their dataset.
    assert whole[[5, 0, 1]].suspect.tolist() == [True, False, True]
    assert Split.joined([whole[4:], whole[:2]]).suspect.tolist() == [False, True, False, True]
    assert pickle.loads(pickle.dumps(whole)).suspect.tolist() == whole.suspect.tolist()
    assert len(whole[~whole.suspect]) == 4


@pytest.mark.parametrize("name", ["notmnist", "", "one of my own"])
def test_other_datasets_have_no_list(name):
    message = f"there is no list of suspected labels for {name or 'these images'}: only openglyphs"
    with pytest.raises(UsageError, match=message):
        _ = split(name).suspect


def test_a_missing_list_is_named(listed):
    with pytest.raises(NotMNISTError, match=r"suspects-openglyphs.csv \(No such file"):
        _ = split().suspect


WRONG = {
    "nothing": "",
    "another header": "name,given\nA/YQ==.png,A\n",
    "a cut row": "name,given,likely,confidence,look\nA/YQ==.png,A,B\n",
    "no letter": "name,given,likely,confidence,look\nA/YQ==.png,A,K,0.5,\n",
    "another folder": "name,given,likely,confidence,look\nB/YQ==.png,A,B,0.5,\n",
    "no number": "name,given,likely,confidence,look\nA/YQ==.png,A,B,high,\n",
    "too sure": "name,given,likely,confidence,look\nA/YQ==.png,A,B,1.5,\n",
    "not a number": "name,given,likely,confidence,look\nA/YQ==.png,A,B,nan,\n",
    "another look": "name,given,likely,confidence,look\nA/YQ==.png,A,B,0.5,fine\n",
}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_what_is_no_list_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "suspects-openglyphs.csv"
    path.write_text(content)
    with pytest.raises(NotMNISTError, match=r"cannot read the suspects in .*csv") as caught:
        suspects.read(path)
    assert "\n" not in str(caught.value)


FONTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
ROWS = st.lists(
    st.builds(suspect, st.integers(0, 9), FONTS, st.sampled_from(LOOKS)), max_size=8
)  # fmt: skip


@given(rows=ROWS)
def test_what_was_written_is_read(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("list") / "suspects.csv"
    suspects.write(path, rows)
    assert suspects.read(path) == rows


@given(st.integers(0, 9), FONTS)
def test_a_members_name_is_that_of_its_letter_and_font(label, font):
    name = suspects.member_name(label, font)
    assume(name.count("/") == 1)  # a file's name can't contain a slash
    assert label_and_font(name) == (label, font)


@pytest.mark.parametrize("dataset", SUSPECTED)
def test_the_committed_lists_name_every_image_once(dataset):
    listed = suspects.read(suspects.path_of(files.committed_results(), dataset))
    assert max(Counter(each.name for each in listed).values()) == 1
    assert all(each.given != each.likely for each in listed)


def images_of(dataset, home):
    data = notmnist.load(dataset, home=home, dedup="none")
    return Split.joined([data.train, data.valid, data.test])


def test_every_suspect_of_openglyphs_is_one_of_its_images(tmp_path):
    listed = suspects.read(suspects.path_of(files.committed_results(), "openglyphs"))
    wanted = sum(each.look != "right" for each in listed)
    assert images_of("openglyphs", tmp_path).suspect.sum() == wanted


def test_every_suspect_of_the_genuine_set_is_one_of_its_images(genuine_home):
    listed = suspects.read(suspects.path_of(files.committed_results(), "notmnist-small"))
    whole = images_of("notmnist-small", genuine_home)
    assert whole.suspect.sum() == sum(each.look != "right" for each in listed)
    assert not replace(whole, labels=(whole.labels + 5) % 10).suspect.all()
