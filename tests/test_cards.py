"""A card is believed only when nothing in it, and nothing it states, was altered or is odd."""

import json
import os
from dataclasses import replace

import pytest
from archives import letters, record, source_of, tar_gz

import notmnist
from notmnist import NotMNISTError, files
from notmnist.prepared import cards


@pytest.fixture
def letters_source(tmp_path):
    folder = tmp_path / "archives"
    folder.mkdir()
    archive = tar_gz(folder / "letters.tar.gz", letters(["a.ttf"]))
    return source_of(record(archive, path=archive))


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def card(letters_source, home):
    """Prepare a small dataset, and return its card."""
    return notmnist.prepare(letters_source, home=home)


def test_a_card_comes_back_as_it_was_written(letters_source, home, card):
    assert cards.read(letters_source, home) == card
    assert cards.fresh(letters_source, home) == card
    assert cards.whole(letters_source, home) == card
    assert {path.name for path in home.iterdir()} >= {"letters.joblib", "letters.json"}


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
    cards.write(letters_source, home, card | {"archives": [entry]})
    assert cards.read(letters_source, home)["archives"] == [entry]


@pytest.mark.usefixtures("card")
def test_a_file_of_another_size_or_none_at_all_is_not_fresh(letters_source, home):
    path = home / "letters.joblib"
    path.write_bytes(path.read_bytes() + b"more")
    assert cards.fresh(letters_source, home) is None
    path.unlink()
    assert cards.fresh(letters_source, home) is None
    assert cards.whole(letters_source, home) is None


@pytest.fixture
def hashed(monkeypatch):
    """Record the names of the files that are hashed."""
    names, sha256 = [], files.sha256
    monkeypatch.setattr(files, "sha256", lambda path: names.append(path.name) or sha256(path))
    return names


def test_a_copy_of_another_time_is_hashed_once_and_then_believed(
    letters_source, home, card, hashed
):
    os.utime(home / "letters.joblib", ns=(0, 0))
    copied = cards.fresh(letters_source, home)
    assert copied == card | {"pickle": card["pickle"] | {"mtime_ns": 0}}
    assert cards.fresh(letters_source, home) == copied
    assert hashed == ["letters.joblib"]


def test_a_copy_whose_card_cannot_be_written_is_hashed_each_time(
    letters_source, home, card, hashed
):
    os.utime(home / "letters.joblib", ns=(0, 0))
    before = cards.path_of(letters_source, home).read_bytes()
    with files.locked(home / "letters"):
        for _ in range(2):
            assert cards.fresh(letters_source, home)["pickle"]["sha256"] == card["pickle"]["sha256"]
    assert cards.path_of(letters_source, home).read_bytes() == before
    assert hashed == ["letters.joblib"] * 2


@pytest.mark.usefixtures("card")
def test_a_copy_of_other_bytes_is_not_believed(letters_source, home):
    alter(home / "letters.joblib")
    os.utime(home / "letters.joblib", ns=(0, 0))
    assert cards.fresh(letters_source, home) is None


def alter(path):
    path.write_bytes(bytes(path.stat().st_size))


def test_of_the_same_size_and_time_only_the_whole_check_sees_altered_bytes(
    letters_source, home, card
):
    alter(home / "letters.joblib")
    os.utime(home / "letters.joblib", ns=(0, card["pickle"]["mtime_ns"]))
    assert cards.fresh(letters_source, home) == card
    assert cards.whole(letters_source, home) is None


def of_arrays(name, **changes):
    return lambda card: card["arrays"][name].update(changes)


def without(*names):
    def remove(card):
        for name in names[:-1]:
            card = card[name]
        del card[names[-1]]

    return remove


def with_value(value, *names):
    def change(card):
        for name in names[:-1]:
            card = card[name]
        card[names[-1]] = value

    return change


ODD = {
    "no pickle": without("pickle"),
    "null as the pickle": with_value(None, "pickle"),
    "list as the pickle": with_value([], "pickle"),
    "number as the pickle": with_value(7, "pickle"),
    "text as a size": with_value("7", "pickle", "size"),
    "truth as a time": with_value(True, "pickle", "mtime_ns"),
    "number as a file name": with_value(7, "pickle", "filename"),
    "no splits": without("splits"),
    "no test split": without("splits", "test"),
    "a policy less": without("splits", "train", "all"),
    "negative length": with_value(-1, "splits", "train", "train"),
    "fraction as a length": with_value(1.5, "splits", "train", "train"),
    "more rows kept than there are": with_value(11, "splits", "train", "train"),
    "rows beyond any file": with_value(2**70, "splits", "train", "none"),
    "one archive as all": lambda card: card.update(archives=card["archives"][0]),
    "null as an archive": with_value([None], "archives"),
    "no images": lambda card: card["archives"][0].pop("images"),
    "text as the unreadable": lambda card: card["archives"][0].update(unreadable="x"),
    "number for a truth": lambda card: card["archives"][0].update(published=1),
    "no duplicates": without("duplicates"),
    "leaks in a list": with_value([1], "duplicates", "leaks"),
    "null as near duplicates": with_value(None, "duplicates", "near"),
    "a threshold beyond any float": lambda card: card["duplicates"].update(
        near=card["duplicates"] | {"threshold": 10**400, "pairs": 1}
    ),
    "near duplicates without pairs": lambda card: card["duplicates"].update(
        near=dict(card["duplicates"])
    ),
    "no licence": without("licence"),
    "list as the citation": with_value([[[]]], "citation"),
    "null as the description": with_value(None, "description"),
    "no fonts": with_value(0, "fonts"),
    "no arrays": without("arrays"),
    "null as the arrays": with_value(None, "arrays"),
    "an array less": without("arrays", "labels"),
    "an array more": lambda card: card["arrays"].update(more=card["arrays"]["labels"]),
    "no offset": without("arrays", "labels", "offset"),
    "signed images": of_arrays("images", dtype="|i1"),
    "images of objects": of_arrays("images", dtype="|O"),
    "labels of two bytes": of_arrays("labels", dtype="<u2"),
    "names of bytes": of_arrays("font_names", dtype="|S5"),
    "names beyond any file": of_arrays("font_names", dtype="<U99999"),
    "names without length": of_arrays("font_names", dtype="<U0"),
    "fields": of_arrays("font_index", dtype=[["a", "<i4"]]),
    "words as a dtype": of_arrays("images", dtype="u1, u1"),
    "flat images": of_arrays("images", shape=[10, 784]),
    "fewer images": of_arrays("images", shape=[9, 28, 28]),
    "shape of text": of_arrays("labels", shape=["10"]),
    "number as a shape": of_arrays("labels", shape=10),
    "text as an offset": of_arrays("labels", offset="0"),
    "fraction as an offset": of_arrays("labels", offset=0.5),
    "negative offset": of_arrays("labels", offset=-1),
    "offset beyond the file": of_arrays("labels", offset=10**6),
    "array over the file's end": lambda card: card["arrays"]["labels"].update(
        offset=card["pickle"]["size"] - 9
    ),
    "array upon another": lambda card: card["arrays"]["labels"].update(
        offset=card["arrays"]["images"]["offset"] + 1
    ),
}


@pytest.mark.parametrize("change", ODD.values(), ids=ODD)
def test_an_odd_card_though_its_hash_is_right_is_made_anew(letters_source, home, card, change):
    before = (home / "letters.joblib").read_bytes()
    odd = json.loads(json.dumps(card))
    change(odd)
    text = json.dumps(odd | {"sha256": cards._hash(odd)})
    cards.path_of(letters_source, home).write_text(text)
    assert cards.read(letters_source, home) is None
    with pytest.raises(NotMNISTError, match="differs from its card: run `notmnist prepare"):
        notmnist.verify(letters_source, home=home)
    data = notmnist.load(letters_source, home=home)
    assert {**data.card, "created": ""} == {
        **card, "created": "", "pickle": data.card["pickle"]
    }  # fmt: skip
    assert (home / "letters.joblib").read_bytes() == before


@pytest.mark.parametrize("array", ["labels", "font_index", "font_names", "font_families"])
def test_a_card_that_says_other_places_is_one_line_that_says_what_to_delete(
    letters_source, home, card, array
):
    odd = json.loads(json.dumps(card))
    place = odd["arrays"][array]
    if array in ("labels", "font_index"):
        place["offset"] = 0
    else:
        place["dtype"] = place["dtype"].replace("<", ">")
    text = json.dumps(odd | {"sha256": cards._hash(odd)})
    cards.path_of(letters_source, home).write_text(text)
    with pytest.raises(NotMNISTError, match="not where its card says: delete the card beside it"):
        notmnist.load(letters_source, home=home)


def test_the_card_is_plain_json_for_people_and_programs(letters_source, home, card):
    text = cards.path_of(letters_source, home).read_text()
    assert json.loads(text).items() >= card.items()
    assert text.count("\n") > 10


def test_a_card_that_cannot_be_written_is_one_clear_line(letters_source, home, card):
    cards.path_of(letters_source, home).unlink()
    cards.path_of(letters_source, home).mkdir()
    with pytest.raises(NotMNISTError, match=r"cannot write .*letters.json: .*choose another"):
        cards.write(letters_source, home, card)
