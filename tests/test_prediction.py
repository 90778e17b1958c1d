"""Predicting letters: real pictures of all kinds, bad ones in one line each, and NumPy as Keras."""

import contextlib
import io
import json
import os
import re
import socket
import struct
import subprocess
import sys
import zlib
from contextlib import redirect_stderr, redirect_stdout
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter, ImageOps

import notmnist
from conftest import CHECKOUT
from notmnist import NotMNISTError, UsageError, cli
from notmnist.prediction import network, read_picture, save_model, weights_of
from notmnist.sources import LETTERS
from tools.readme import pictures
from tools.readme.pictures import draw, photographed, transparent, with_round_corners

pytest.importorskip("matplotlib", reason="extra: its fonts draw the pictures")


def sixteen_bits(picture):
    return Image.fromarray(np.asarray(picture).astype(np.uint16) * 257)


PICTURES = {
    "plain.png": lambda letter: draw(letter),
    "serif.png": lambda letter: draw(letter, font="DejaVuSerif.ttf"),
    "bold-mono.png": lambda letter: draw(letter, font="DejaVuSansMono-Bold.ttf"),
    "small.png": lambda letter: draw(letter, 24),
    "large.png": lambda letter: draw(letter, 1500),
    "inverted.png": lambda letter: draw(letter, ink=255, ground=0),
    "pale.png": lambda letter: draw(letter, ink=150, ground=190),
    "dark.png": lambda letter: draw(letter, ink=70, ground=30),
    "blurred.png": lambda letter: draw(letter).filter(ImageFilter.GaussianBlur(6)),
    "photo.jpg": lambda letter: photographed(draw(letter)),
    "coloured.png": lambda letter: ImageOps.colorize(draw(letter), "navy", "gold"),
    "palette.gif": lambda letter: draw(letter).convert("P"),
    "bilevel.png": lambda letter: draw(letter).convert("1"),
    "sixteen-bits.png": lambda letter: sixteen_bits(draw(letter)),
    "floats.tif": lambda letter: draw(letter).convert("F"),
    "cmyk.tif": lambda letter: draw(letter).convert("CMYK"),
    "transparent-black.png": lambda letter: transparent(draw(letter)),
    "transparent-white.webp": lambda letter: transparent(draw(letter), ink=(255, 255, 255)),
    "transparent-palette.png": lambda letter: transparent(draw(letter)).quantize(64),
    "round-corners.png": lambda letter: with_round_corners(draw(letter)),
    "wide-margin.png": lambda letter: draw(letter, 60, margin=5),
}  # fmt: skip


@pytest.fixture(scope="module")
def model():
    return notmnist.load_model()


@pytest.mark.parametrize("name", PICTURES)
def test_letters_drawn_by_other_means_are_read(name, tmp_path, model):
    read = []
    for letter in LETTERS:
        path = tmp_path / f"{letter}-{name}"
        PICTURES[name](letter).save(path)
        read.append(read_picture(path))
    images = np.stack(read)
    assert images.shape == (10, 28, 28) and images.dtype == np.uint8
    assert (images.max(axis=(1, 2)) == 255).all()
    found = "".join(LETTERS[letter] for letter in model.predict(images))
    assert sum(map(str.__eq__, found, LETTERS)) >= 9, found


def test_light_and_dark_ink_give_the_same_image(tmp_path):
    for letter in LETTERS:
        read = []
        for ink, ground in ((0, 255), (255, 0)):
            draw(letter, ink=ink, ground=ground).save(tmp_path / "letter.png")
            read.append(read_picture(tmp_path / "letter.png").astype(int))
        assert np.abs(read[0] - read[1]).max() <= 1


def test_a_letter_fills_the_image_as_in_the_datasets(tmp_path):
    """The stem and the arms of an E are ink to the edge; between its arms the edge is dark."""
    draw("E", margin=2).save(tmp_path / "E.png")
    image = read_picture(tmp_path / "E.png") > 127
    assert image[:, 0].all() and image[0, :20].all() and image[-1].all()
    assert not image[:, -1].all()


def test_specks_are_no_part_of_the_letter(tmp_path):
    clean = draw("A", margin=1)
    clean.save(tmp_path / "A.png")
    dirty = clean.copy()
    for place in ((2, 2), (clean.width - 4, 10), (5, clean.height - 3)):
        dirty.putpixel(place, 0)
    dirty.save(tmp_path / "dirty.png")
    assert (read_picture(tmp_path / "A.png") == read_picture(tmp_path / "dirty.png")).all()


def test_an_image_of_the_datasets_stays_as_it_is(tmp_path):
    image = notmnist.load("openglyphs").test.images[0]
    Image.fromarray(image).save(tmp_path / "own.png")
    assert (read_picture(tmp_path / "own.png") == image).all()


def test_a_photograph_is_turned_upright(tmp_path):
    upright = draw("F")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees to the right
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    upright.save(tmp_path / "upright.png")
    turned, straight = (read_picture(tmp_path / f"{name}.png") for name in ("turned", "upright"))
    assert (turned == straight).all()


def chunk(kind, content):
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def png_bomb(side):
    """Make a PNG of a few bytes that claims to have side x side pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def saved(picture, kind="PNG", **options):
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


BAD = {
    "missing.png": (None, "No such file"),
    "text.png": (b"I am no picture", "is not a picture that Pillow can read"),
    "nothing.png": (b"", "is not a picture that Pillow can read"),
    "cut.png": (saved(draw("A"))[:500], "as a picture"),
    "warned.png": (png_bomb(10_000), "more than 50 million pixels"),
    "bomb.png": (png_bomb(100_000), "more than 50 million pixels"),
    "moving.gif": (
        saved(draw("A"), "GIF", save_all=True, append_images=[draw("A", ink=99)]),
        "holds 2 pictures",
    ),
    "pages.tif": (saved(draw("A"), "TIFF", save_all=True, append_images=[draw("B")]), "2 pictures"),
    "white.png": (saved(Image.new("L", (90, 90), 255)), "is empty"),
    "own-size.png": (saved(Image.new("L", (28, 28), 255)), "is empty"),
    "flat.tif": (saved(Image.new("F", (90, 90), 7.5), "TIFF"), "is empty"),
    "unclear.png": (saved(Image.new("RGBA", (90, 90), (9, 9, 9, 0))), "is wholly transparent"),
    "even.png": (saved(Image.new("RGBA", (90, 90), (9, 9, 9, 80))), "is empty"),
    "dot.png": (saved(Image.new("L", (1, 1))), "is empty"),
    "infinite.tif": (
        saved(Image.fromarray(np.full((9, 9), np.inf, np.float32)), "TIFF"), "not numbers"
    ),
    "drawing.eps": (saved(draw("A"), "EPS"), "drawing in EPS: convert it"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_picture_of_a_letter_is_told_in_one_line(name, tmp_path, capsys):
    content, message = BAD[name]
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    draw("A").save(tmp_path / "A.png")
    # The other pictures still get their lines.
    names = [str(tmp_path / "A.png"), str(path), str(tmp_path / "A.png")]
    assert cli.main(["predict", *names]) == 1
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    assert line.startswith("notmnist: ") and name in line and message in line
    assert all(re.search(r"A\.png +A +[\d.]+%$", line) for line in printed.out.splitlines())
    assert printed.out.count("\n") == 2


def test_the_page_documents_the_messages_as_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir("a")
    given = {name: content for name, (content, _) in BAD.items()}
    messages = {refusal("a")}
    for name, content in given.items():
        path = tmp_path / f"a{os.path.splitext(name)[1]}"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        messages.add(refusal(path.name))
    if os.name != "nt":
        os.mkfifo("b.png")
        messages.add(refusal("b.png").replace("b.png", "a.png"))
    page = (CHECKOUT / "docs" / "predict.md").read_text("utf-8").partition("## Bad input")[2]
    documented = re.findall(r"^\| .+? \| `(.+?)`", page, re.MULTILINE)
    assert len(documented) == 11 and set(documented) - messages == set()


def refusal(name):
    with pytest.raises(NotMNISTError) as refused:
        read_picture(name)
    return str(refused.value)


def test_the_code_of_the_pages_runs(tmp_path, monkeypatch, model):
    monkeypatch.chdir(tmp_path)
    _, make = pictures.PICTURES["scan.png"]
    make().save("scan.png")
    page = (CHECKOUT / "docs" / "predict.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.+?)```", page, re.DOTALL)
    names = {}
    exec(code, names)
    assert names["probabilities"].argmax() == LETTERS.index("D")
    readme = (CHECKOUT / "README.md").read_text("utf-8").partition("## Read a picture")[2]
    first, second = re.search(r"```python\n(.+?)```", readme, re.DOTALL)[1].splitlines()
    known = {
        "notmnist": notmnist,
        "data": SimpleNamespace(test=notmnist.load("openglyphs").test[:9]),
    }
    assert eval(first, known).shape == (9,)
    assert eval(second, known) is model.card


def test_ten_pictures_made_by_other_means_are_read():
    """They are those of the page. The last two show no such letter: of them, anything is said."""
    rows = [row.strip("| ").split(" | ") for row in pictures.pictures_table().splitlines()[2:]]
    letters = [shown[0] for _, shown, _ in rows]
    answers = [answer.strip("`").split()[0] for _, _, answer in rows]
    assert letters[:10] == list(LETTERS) and not set(letters[10:]) & set(LETTERS)
    assert answers[:10] == letters[:10]


def test_a_folder_is_told_in_one_line(tmp_path, capsys):
    assert cli.main(["predict", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"notmnist: {tmp_path} is a folder: give the pictures in it\n"


def listening_socket(path):
    """Bind a socket by a short name, since a socket's path has at most about 100 characters."""
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path.name)


NO_FILES = {
    "pipe": lambda path: os.mkfifo(path),
    "device": lambda path: path.symlink_to("/dev/zero"),
    "terminal": lambda path: path.symlink_to("/dev/tty"),
    "socket": listening_socket,
}  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_file_is_told_in_one_line_at_once(kind, tmp_path):
    NO_FILES[kind](tmp_path / f"{kind}.png")
    done = subprocess.run(
        [sys.executable, "-m", "notmnist", "predict", f"{kind}.png"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    message = "is a pipe, a socket or a device: save the picture as a file"
    assert done.stderr == f"notmnist: {kind}.png {message}\n"


def test_a_name_that_no_file_can_have_is_told_in_one_line(capsys):
    for name in ("x" * 5_000, "nul\0", f"{__file__}/A.png", "~nobody-of-that-name/A.png"):
        assert cli.main(["predict", name]) == 1
        printed = capsys.readouterr()
        assert printed.err.count("\n") == 1 and printed.out == ""


# What a file's name may hold on most systems, above all what breaks lines or moves the cursor.
AWKWARD = st.text(st.one_of(
    st.sampled_from("\n\r\t\v\f\x1b\x7f\x85\u2028\u202e\udcff"),
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]),
), min_size=1, max_size=20)  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="Windows allows no such names")
@settings(max_examples=50, deadline=None)
@given(name=AWKWARD)
def test_any_name_of_a_file_gives_one_line(tmp_path_factory, name):
    folder = tmp_path_factory.mktemp("awkward")
    for part, content in (("A", saved(draw("A", 40))), ("none", b"no picture")):
        (folder / f"{part}{name}").write_bytes(content)
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        paths = [str(folder / f"{part}{name}") for part in ("A", "none")]
        assert cli.main(["predict", *paths]) == 1
    for stream, end in ((out, r"  A +[\d.]+%\n"), (err, " is not a picture .*\n")):
        (line,) = stream.getvalue().splitlines(keepends=True)
        assert re.fullmatch(rf"(notmnist: )?{re.escape(str(folder))}.+{end}", line), line
        assert line.removesuffix("\n").isprintable()


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_damaged_picture_never_ends_in_a_traceback(tmp_path_factory, data):
    content = bytearray(data.draw(st.sampled_from(
        [saved(draw("A", 30)), saved(draw("A", 30), "GIF"), saved(draw("A", 30), "TIFF"),
         saved(draw("A", 30), "JPEG"), saved(draw("A", 30), "WEBP")]
    )))  # fmt: skip
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "picture"
    path.write_bytes(content)
    try:
        assert read_picture(path).shape == (28, 28)
    except NotMNISTError as error:
        assert "\n" not in str(error) and "picture" in str(error)


def test_predict_prints_one_line_per_picture_and_asks_where_it_doubts(tmp_path, capsys, model):
    noise = np.random.default_rng(0).integers(0, 256, (20, 28, 28)).astype(np.uint8)
    doubtful = noise[model.predict_probabilities(noise).max(axis=1).argmin()]
    Image.fromarray(doubtful).save(tmp_path / "noise.png")
    draw("H").save(tmp_path / "H.png")
    assert cli.main(["predict", str(tmp_path / "noise.png"), str(tmp_path / "H.png")]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r".*noise\.png  [A-J] +[\d.]+%  none of A to J\?", first)
    assert re.fullmatch(r".*H\.png +H +[\d.]+%", second)


def test_predict_needs_neither_tensorflow_nor_a_cache(tmp_path):
    draw("G").save(tmp_path / "G.png")
    code = (
        "import sys; from notmnist import cli; status = cli.main(['predict', 'G.png'])\n"
        "assert 'tensorflow' not in sys.modules and 'matplotlib' not in sys.modules\n"
        "sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("G.png  G ")
    assert [path.name for path in tmp_path.iterdir()] == ["G.png"]


def test_the_function_predicts_letters(model):
    test = notmnist.load("openglyphs").test[:1_000]
    letters = notmnist.predict(test.images)
    assert letters.dtype == np.uint8 and letters.shape == (1_000,)
    assert (letters == test.labels).mean() > 0.95
    probabilities = model.predict_probabilities(test.images)
    assert (probabilities.argmax(axis=1) == letters).all()
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert notmnist.predict(test.images[:0]).shape == (0,)


@pytest.mark.parametrize(
    "images", [np.zeros((28, 28), np.uint8), np.zeros((2, 28, 28)), np.zeros((1, 32, 32), np.uint8)]
)
def test_other_arrays_are_wrong_usage(images):
    with pytest.raises(UsageError, match=r"give uint8 of shape \(N, 28, 28\)"):
        notmnist.predict(images)


def test_the_card_says_what_the_network_is_worth(model):
    card = model.card
    weights = CHECKOUT / "misc" / "model" / "weights.npz"
    assert weights.stat().st_size < 2_000_000
    assert sum(array.size for array in model.weights.values()) <= 300_000
    assert 0 < model.doubt_below < 1
    doubted = card["doubted"]
    assert 0 < doubted["A to J"] < min(doubted["K to Z"], doubted["digits"]) < 1
    for score in card["tests"].values():
        low, high = score["interval"]
        assert 0.9 < low < np.mean(score["accuracy"]) < high < 1
    assert card["weak_at"] and all(card["weak_at"])


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(0)
    weights = {
        name: random.normal(size=shape).astype(np.float32)
        for name, shape in network.shapes(2, 3, 4).items()
    }
    card = {
        "model": "m", "dataset": "d", "tests": {}, "weak_at": ["x"], "training": "t",
        "doubt_below": 0.5, "doubted": {},
    }  # fmt: skip
    save_model(weights, card, tmp_path)
    return tmp_path


def test_a_saved_network_is_loaded_as_it_was(folder):
    loaded = notmnist.load_model(folder)
    assert {name: array.shape for name, array in loaded.weights.items()} == network.shapes(2, 3, 4)
    assert repr(loaded) == "TrainedModel(m, 856 weights with normalisation folded in)"
    assert loaded.predict(np.zeros((3, 28, 28), np.uint8)).shape == (3,)


def test_a_network_is_loaded_by_any_form_of_its_folders_name(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("USERPROFILE", str(folder.parent))
    monkeypatch.chdir(folder.parent)
    for name in (folder, str(folder), folder.name, f"~/{folder.name}"):
        assert notmnist.load_model(name).card["model"] == "m"
    with pytest.raises(UsageError, match="write the path without ~"):
        notmnist.load_model("~nobody-of-that-name/model")
    monkeypatch.chdir(CHECKOUT)
    with pytest.raises(NotMNISTError, match="no trained network in "):
        notmnist.load_model(folder.name)


def test_only_the_packages_network_is_kept(folder, model):
    assert notmnist.load_model() is model
    card = json.loads((folder / "card.json").read_text())
    assert notmnist.load_model(folder).card["model"] == "m"
    (folder / "card.json").write_text(json.dumps(card | {"model": "another"}))
    assert notmnist.load_model(folder).card["model"] == "another"


def rewrite_weights(folder, **arrays):
    """Write other weights, and a card that describes them correctly."""
    import hashlib

    stream = io.BytesIO()
    np.savez(stream, **arrays)
    (folder / "weights.npz").write_bytes(stream.getvalue())
    card = json.loads((folder / "card.json").read_text())
    card["weights_sha256"] = hashlib.sha256(stream.getvalue()).hexdigest()
    (folder / "card.json").write_text(json.dumps(card))


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was executed",))


def damage(folder, how):
    weights = dict(notmnist.load_model(folder).weights)
    if how == "card missing":
        (folder / "card.json").unlink()
    elif how == "card of another structure":
        (folder / "card.json").write_text('{"model": "m"}')
    elif how == "card no JSON":
        (folder / "card.json").write_text("{")
    elif how == "weights cut":
        (folder / "weights.npz").write_bytes((folder / "weights.npz").read_bytes()[:-9])
    elif how == "not a number":
        weights["stem/bias"][0] = np.nan
        rewrite_weights(folder, **weights)
    elif how == "other shape":
        rewrite_weights(folder, **(weights | {"letters/bias": np.zeros(11, np.float32)}))
    elif how == "more arrays":
        rewrite_weights(folder, **weights, more=np.zeros(1, np.float32))
    elif how == "a pickle":
        rewrite_weights(folder, **(weights | {"stem/bias": np.array([Trap()])}))


@pytest.mark.parametrize(
    "how", ["card missing", "card of another structure", "card no JSON", "weights cut",
            "not a number", "other shape", "more arrays", "a pickle"],
)  # fmt: skip
def test_a_damaged_network_is_refused_in_one_line(folder, how):
    damage(folder, how)
    with pytest.raises(NotMNISTError, match=r"no trained network in .*: install notmnist again"):
        notmnist.load_model(folder)


def test_too_large_a_network_is_not_saved(tmp_path):
    random = np.random.default_rng(0)
    shapes = network.shapes(24, 96, 192)
    weights = {name: random.normal(size=s).astype(np.float32) for name, s in shapes.items()}
    with pytest.raises(UsageError, match="make the network smaller"):
        save_model(weights, {}, tmp_path)
    assert not list(tmp_path.iterdir())


def test_numpy_computes_what_keras_computes():
    """The network is the one that notebook 13 builds, with weights and statistics at random."""
    from notmnist import training

    notebook = json.loads((CHECKOUT / "notebooks" / "13_best.ipynb").read_text(encoding="utf-8"))
    (source,) = ("".join(cell["source"]) for cell in notebook["cells"]
                 if "def build_resnet" in "".join(cell["source"]))  # fmt: skip
    parameters = SimpleNamespace(filters=(8, 12, 16), dropout=0.4)
    names = {"keras": training.keras, "layers": training.keras.layers, "p": parameters}
    exec(source, names)
    training.set_seed(0)
    built = names["build_resnet"]()
    random = np.random.default_rng(0)
    built.set_weights(
        [random.uniform(0.5, 1.5, w.shape) if w.ndim == 1 else w for w in built.get_weights()]
    )
    images = notmnist.load("openglyphs").test.images[:300]
    expected = training.predict_probabilities(built, images)
    assert expected.std(axis=0).max() > 0.02  # the images matter
    found = network.probabilities(weights_of(built), images)
    assert np.abs(found - expected).max() < 1e-4
