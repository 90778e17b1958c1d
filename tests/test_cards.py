"""A card is believed only when nothing in it, and nothing it states, was altered."""

import json
import os
from dataclasses import replace

import pytest
from archives import letters, record, source_of, tar_gz

from notmnist import NotMNISTError
from notmnist.prepared import cards


@pytest.fixture
def letters_source(tmp_path):
    folder = tmp_path / "archives"
    folder.mkdir()
    return source_of(record(tar_gz(folder / "letters.tar.gz", letters(["a.ttf"]))))


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def card(letters_source, home):
    """Write a card and the file that it describes."""
    (archive, _), *_ = letters_source.parts
    home.mkdir()
    path = home / "letters.joblib"
    path.write_bytes(b"content")
    entry = {"filename": archive.filename, "sha256": archive.sha256, "published": True}
    return cards.write(letters_source, home, {"name": "letters", "archives": [entry]}, path)


def test_a_card_comes_back_as_it_was_written(letters_source, home, card):
    assert cards.read(letters_source, home) == card
    assert cards.fresh(letters_source, home) == card
    assert cards.whole(letters_source, home) == card
    assert sorted(path.name for path in home.iterdir()) == ["letters.joblib", "letters.json"]


def test_there_is_no_card_before_one_is_written(letters_source, home):
    assert cards.read(letters_source, home) is None
    assert cards.fresh(letters_source, home) is None
    assert cards.whole(letters_source, home) is None


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b'"x"', b"\xff", b"[" * 100_000])
def test_what_is_no_card_is_not_believed(letters_source, home, content):
    cards.path_of(letters_source, home).write_bytes(content)
    assert cards.read(letters_source, home) is None


@pytest.mark.usefixtures("card")
def test_a_card_altered_or_cut_anywhere_is_not_believed(letters_source, home):
    path = cards.path_of(letters_source, home)
    content = path.read_bytes()
    for i in range(0, len(content) - 1, 3):
        path.write_bytes(content[:i] + bytes([content[i] ^ 1]) + content[i + 1 :])
        assert cards.read(letters_source, home) is None
        path.write_bytes(content[:i])
        assert cards.read(letters_source, home) is None


def test_a_card_of_another_format_is_not_believed(letters_source, home, card, monkeypatch):
    monkeypatch.setattr(cards, "FORMAT", cards.FORMAT + 1)
    assert cards.read(letters_source, home) is None


@pytest.mark.usefixtures("card")
def test_a_card_of_another_dataset_is_not_believed(letters_source, home):
    other = replace(letters_source, name="other")
    cards.path_of(letters_source, home).rename(cards.path_of(other, home))
    assert cards.read(other, home) is None


@pytest.mark.usefixtures("card")
def test_a_card_is_not_believed_once_its_archive_was_published_anew(letters_source, home):
    (archive, rule), *_ = letters_source.parts
    anew = replace(letters_source, parts=((replace(archive, sha256="0" * 64), rule),))
    more = replace(letters_source, parts=letters_source.parts * 2)
    assert cards.read(anew, home) is None
    assert cards.read(more, home) is None


def test_a_card_made_by_hand_from_another_archive_is_believed(letters_source, home, card):
    entry = card["archives"][0] | {"sha256": "0" * 64, "published": False}
    cards.write(letters_source, home, card | {"archives": [entry]}, home / "letters.joblib")
    assert cards.read(letters_source, home)["archives"] == [entry]


@pytest.mark.usefixtures("card")
def test_a_file_of_another_size_or_none_at_all_is_not_fresh(letters_source, home):
    path = home / "letters.joblib"
    path.write_bytes(b"more content")
    assert cards.fresh(letters_source, home) is None
    path.unlink()
    assert cards.fresh(letters_source, home) is None
    assert cards.whole(letters_source, home) is None


def test_of_another_time_the_bytes_decide(letters_source, home, card):
    path = home / "letters.joblib"
    os.utime(path, ns=(0, 0))
    assert cards.fresh(letters_source, home) == card
    path.write_bytes(b"CONTENT")
    os.utime(path, ns=(0, 0))
    assert cards.fresh(letters_source, home) is None


def test_of_the_same_size_and_time_only_the_whole_check_sees_altered_bytes(
    letters_source, home, card
):
    path = home / "letters.joblib"
    path.write_bytes(b"CONTENT")
    os.utime(path, ns=(0, card["pickle"]["mtime_ns"]))
    assert cards.fresh(letters_source, home) == card
    assert cards.whole(letters_source, home) is None


def test_the_card_is_plain_json_for_people_and_programs(letters_source, home, card):
    text = cards.path_of(letters_source, home).read_text()
    assert json.loads(text).items() >= card.items()
    assert text.count("\n") > 10


def test_a_card_that_cannot_be_written_is_one_clear_line(letters_source, home, card):
    cards.path_of(letters_source, home).unlink()
    cards.path_of(letters_source, home).mkdir()
    with pytest.raises(NotMNISTError, match=r"cannot write .*letters.json: .*choose another"):
        cards.write(letters_source, home, card, home / "letters.joblib")
