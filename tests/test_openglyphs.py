"""OpenGlyphs: rendering, the archives' bytes, refused input, and the committed data."""

import csv
import hashlib
import io
import tarfile
import zipfile
from collections import Counter, defaultdict
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib.tables.TupleVariation import TupleVariation
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from notmnist.errors import NotMNISTError
from notmnist.sources import LETTERS, LOWERCASE, UNKNOWN
from tools.openglyphs import rendering
from tools.openglyphs.__main__ import main
from tools.openglyphs.archives import encode_png, hash_tar, read_archive, write_archive
from tools.openglyphs.expansion import expand
from tools.openglyphs.faces import Axis, axes, opened
from tools.openglyphs.packages import fetch, read_fonts
from tools.openglyphs.provenance import (
    CATEGORIES,
    TABLE,
    Font,
    Style,
    count_table,
    font_name,
    read_table,
    split_of,
)
from tools.openglyphs.selection import CLOSEST, MOST, distances, draw_settings, look_new, select
from tools.openglyphs.styles import parse_header, read_style
from tools.openglyphs.variation import Variations, augment, vary

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
EMBEDDED = TABLE.parent
PIXELS = {
    "DejaVuSans.ttf": "c8e74abcc08499b102cb1cdd1bc70c8496118d5fdd3f0d69976997b1d59d8e66",
    "DejaVuSerif-Italic.ttf": "29af752d218daf91f745ce685662e76e6c4976ffb183dc7d84db68a2194c4d33",
    "STIXGeneral.ttf": "145ad842451be13dfc78642e1c1e81e89b10d45b63100dacff9126703301677e",
    "cmr10.ttf": "40f9110a50e2324d6279310bdbcd38afd44c50b66a5b45bedfccf8d3331308ed",
    "cmtt10.ttf": "301fce0e3ee9da145c25abb03381e7a1beee6221a34017fb36152a0063de0a1b",
}
TARS = {
    "openglyphs_large.tar.gz": "2773007597ebb42b45016ae4d68140cc285387e54560cdaa843950e98bcd58d8",
    "openglyphs_small.tar.gz": "a7ab3918271e8e2cd3378e8012818b09e600c148eae73b24de242e79f08338e1",
    "openglyphs_unknown.tar.gz": "31d391050e57466ffb2be0a4fa7a9fbc27c82d1732563eebfdb7b0f66c5d782d",
    "openglyphs_lowercase.tar.gz": (
        "3364b7a1154dffc973afa3f7f05f5df46416b0460270e7522b5e54fdd48fb991"
    ),
}
# The hashes of the tars of OpenGlyphs 1.0.
VERSION_1_0 = {
    "openglyphs_large": "d38fa240df4c5c80187e9d97277a510587480dd3fbd1a71016d68037021688fe",
    "openglyphs_small": "711e7aa39947f4c9b62ec28aa821fa94c11060c5b78d8edb1c5594db43d65834",
}
MEMBER = "usr/share/fonts/{}"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def write_deb(path: Path, files: dict[str, bytes]) -> None:
    """Write a package as Debian's tools do: an ar archive with a tar of the files."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    parts = [
        ("debian-binary", b"2.0\n"),
        ("control.tar.xz", b"odd"),
        ("data.tar.xz", data.getvalue()),
    ]
    with path.open("wb") as file:
        file.write(b"!<arch>\n")
        for name, content in parts:
            file.write(f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode())
            file.write(content + b"\n" * (len(content) % 2))


def write_table(path: Path, rows: list[Font]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([Font._fields, *rows])


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """Make a package of matplotlib's fonts, and its table: one font per family, two splits."""
    fonts = {MEMBER.format(name): (FONTS / name).read_bytes() for name in PIXELS}
    (tmp_path / "packages").mkdir()
    package = tmp_path / "packages" / "fonts-sample_1%3a2-3_all.deb"
    write_deb(package, fonts)
    rows = [
        Font(
            font=f"fonts-sample--{Path(path).name}",
            family=Path(path).stem,
            category="serif",
            category_source="review",
            weight="400",
            width="100",
            slant="italic" if "Italic" in path else "upright",
            axes="",
            style_source="OS/2, head, post",
            package="fonts-sample",
            version="1:2-3",
            package_sha256=digest(package.read_bytes()),
            path=path,
            font_sha256=digest(content),
            licence="Bitstream-Vera",
            copyright="as in matplotlib",
            licence_source="LICENSE",
            since="1.0",
            split="test" if "cm" in path else "train",
            letters="ABCDEFGHJ" if "DejaVuSans" in path else "ABCDEFGHIJ",
            unknown="KLZ09" if "cmr10" in path else "",
            lowercase="abj" if "STIX" in path else "",
        )
        for path, content in fonts.items()
    ]
    write_table(tmp_path / "table.csv", rows)
    return tmp_path


def build(folder: Path) -> None:
    rendering.build(folder / "packages", folder / "out", folder / "table.csv")


def change(folder: Path, **columns: str) -> None:
    """Change columns of the sample table's first row."""
    first, *rest = read_table(folder / "table.csv")
    write_table(folder / "table.csv", [first._replace(**columns), *rest])


@pytest.mark.parametrize("name", PIXELS)
def test_rendering_gives_the_recorded_pixels(name):
    images = rendering.render((FONTS / name).read_bytes(), LETTERS)
    assert images.shape == (10, 28, 28)
    assert digest(images.tobytes()) == PIXELS[name]


def test_ink_is_bright_and_touches_all_four_sides():
    images = rendering.render((FONTS / "DejaVuSerif.ttf").read_bytes(), LETTERS)
    edges = [images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]]
    assert all(edge.max(axis=1).min() > 0 for edge in edges)
    assert images[8, 14, 14] == 255  # the stem of I
    assert images[0, 0, 0] == 0  # beside the top of A


@pytest.mark.parametrize("content", [b"", b"<html>", b"\0\1\0\0" + bytes(100)])
def test_what_is_no_font_is_refused(content):
    with pytest.raises(ValueError, match="not a font"):
        rendering.render(content, "A")


def test_letters_without_outlines_are_refused():
    with pytest.raises(ValueError, match="no glyph for A"):
        rendering.render((FONTS / "STIXNonUni.ttf").read_bytes(), "A")
    with pytest.raises(ValueError, match="no outline"):
        rendering.render((FONTS / "DejaVuSans.ttf").read_bytes(), " ")


@given(arrays(np.uint8, (28, 28)))
def test_pillow_reads_the_pngs(image):
    with Image.open(io.BytesIO(encode_png(image))) as png:
        assert (png.mode, png.size) == ("L", (28, 28))
        np.testing.assert_array_equal(png, image)


@pytest.mark.parametrize(
    ("name", "weight", "slant"),
    [
        ("DejaVuSans-Bold.ttf", "700", "upright"),
        ("STIXGeneralItalic.ttf", "400", "italic"),
        ("DejaVuSansMono-BoldOblique.ttf", "700", "italic"),
    ],
)
def test_styles_are_read_from_the_tables(name, weight, slant):
    style = read_style((FONTS / name).read_bytes(), {})
    assert style == Style(weight, "100", slant, "OS/2, head, post")


@pytest.mark.parametrize(
    ("header", "weight", "slant"),
    [
        ("/Weight (Bold) readonly def\n/ItalicAngle 0 def", "700", "upright"),
        ("/ItalicAngle -12.5 def /Weight (Book) def", "400", "italic"),
        ("/Weight (BoldReverseOblique) def /ItalicAngle 0.0 def", "700", "italic"),
        ("/FontName /Odd def", "", "upright"),
    ],
)
def test_styles_are_read_from_the_headers_of_type_1_fonts(header, weight, slant):
    assert parse_header(header) == Style(weight, "", slant, "Type 1 header")


@pytest.fixture(scope="module")
def variable() -> bytes:
    """Make a variable font whose A has a bar that grows with the axis of weight."""
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "A"])
    builder.setupCharacterMap({ord("A"): "A"})
    pen = TTGlyphPen(None)
    for corners in (
        [(0, 0), (0, 700), (100, 700), (100, 0)],
        [(300, 0), (300, 9), (400, 9), (400, 0)],
    ):
        pen.moveTo(corners[0])
        for corner in corners[1:]:
            pen.lineTo(corner)
        pen.closePath()
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "A": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (500, 0), "A": (500, 0)})
    builder.setupHorizontalHeader()
    builder.setupNameTable({"familyName": "Variable", "styleName": "Regular"})
    builder.setupOS2(usWeightClass=300)
    builder.setupPost()
    builder.setupFvar([("wght", 300, 300, 900, "Weight"), ("slnt", -10, 0, 0, "Slant")], [])
    still, wider = (0, 0), (200, 0)
    deltas = [still, still, wider, wider, *[still] * 4, *[still] * 4]
    builder.setupGvar({"A": [TupleVariation({"wght": (0, 1, 1)}, deltas)]})
    content = io.BytesIO()
    builder.save(content)
    return content.getvalue()


def test_variable_fonts_are_rendered_at_a_setting(variable):
    with opened(variable) as (_, face):
        assert [tuple(axis) for axis in axes(face)] == [
            ("wght", 300, 300, 900),
            ("slnt", -10, 0, 0),
        ]
    light, same, bold = (
        rendering.render(variable, "A", setting=setting)
        for setting in (None, {"wght": 300, "slnt": 0}, {"slnt": 0, "wght": 900})
    )
    np.testing.assert_array_equal(light, same)
    assert (light[0] == 255).sum() == 28 * 7 < (bold[0] == 255).sum() == 28 * 21
    with pytest.raises(ValueError, match="its axes are wght slnt"):
        rendering.render(variable, "A", setting={"wght": 300})


def test_axes_take_precedence_over_tables(variable):
    source = "axes, OS/2, head, post"
    assert read_style(variable, {}) == Style("300", "100", "upright", "OS/2, head, post")
    still = read_style(variable, {"wght": 412.5, "slnt": 0})
    assert still == Style("412.5", "100", "upright", source)
    assert read_style(variable, {"wght": 900, "slnt": -8}) == Style("900", "100", "italic", source)


def test_building_gives_the_recorded_archives_every_time(sample):
    build(sample)
    first = {path.name: path.read_bytes() for path in (sample / "out").iterdir()}
    assert {name: hash_tar(sample / "out" / name) for name in first} == TARS
    build(sample)
    assert first == {path.name: path.read_bytes() for path in (sample / "out").iterdir()}


def test_build_takes_the_letters_and_splits_of_the_table(sample):
    build(sample)
    large = list(read_archive(sample / "out" / "openglyphs_large.tar.gz"))
    small = list(read_archive(sample / "out" / "openglyphs_small.tar.gz"))
    assert len(large) == 29 and len(small) == 20
    assert ("I", "fonts-sample--DejaVuSans.ttf") not in {glyph[:2] for glyph in large}
    assert {font for _, font, _ in small} == {"fonts-sample--cmr10.ttf", "fonts-sample--cmtt10.ttf"}
    unknown = list(read_archive(sample / "out" / "openglyphs_unknown.tar.gz"))
    assert [glyph[:2] for glyph in unknown] == [(c, "fonts-sample--cmr10.ttf") for c in "KLZ09"]
    lowercase = list(read_archive(sample / "out" / "openglyphs_lowercase.tar.gz"))
    assert [glyph[:2] for glyph in lowercase] == [
        (c, "fonts-sample--STIXGeneral.ttf") for c in "abj"
    ]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"package_sha256": "0" * 64}, r"fonts-sample_1%3a2-3_all.deb: sha256 is"),
        ({"font_sha256": "0" * 64}, r"DejaVuSans.ttf has sha256"),
        ({"path": "usr/share/fonts/none.ttf"}, r"does not contain usr/share/fonts/none.ttf"),
        ({"letters": "A\u0bf9"}, r"DejaVuSans.ttf: there is no glyph for"),
        ({"axes": "wght=400"}, r"DejaVuSans.ttf: its axes are none"),
        ({"weight": "700"}, r"DejaVuSans.ttf states Style\(weight='400'"),
    ],
)
def test_bad_input_is_named_and_the_old_archives_stay(sample, columns, message):
    build(sample)
    before = {path.name: path.read_bytes() for path in (sample / "out").iterdir()}
    change(sample, **columns)
    with pytest.raises(NotMNISTError, match=message):
        build(sample)
    assert before == {path.name: path.read_bytes() for path in (sample / "out").iterdir()}


def test_the_command_fails_with_one_line(sample, capsys):
    change(sample, package_sha256="0" * 64)
    folders = ["--packages", sample / "packages", "--out", sample / "out"]
    arguments = ["build", *map(str, folders), "--table", str(sample / "table.csv")]
    assert main(arguments) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_fonts_are_read_out_of_wheels(tmp_path):
    path = tmp_path / "fontpkg_sample-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("fontpkg_sample/a.ttf", b"a font")
    assert fetch("fontpkg-sample", "1.0", digest(path.read_bytes()), tmp_path) == path
    assert read_fonts(path, {"fontpkg_sample/a.ttf"}) == {"fontpkg_sample/a.ttf": b"a font"}


@pytest.mark.parametrize("content", [b"", b"!<arch>\n", b"<html>not a package</html>"])
def test_a_broken_package_is_named(tmp_path, content):
    (tmp_path / "broken.deb").write_bytes(content)
    with pytest.raises(NotMNISTError, match=r"broken\.deb: not a readable package"):
        read_fonts(tmp_path / "broken.deb", {"a"})


def test_a_package_that_cannot_be_fetched_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotMNISTError, match=r"fonts-none 1: apt-get is not installed"):
        fetch("fonts-none", "1", "0" * 64, tmp_path)


def test_fonts_are_read_out_of_npm_packages(tmp_path):
    path = tmp_path / "fontsource-sample-1.0.0.tgz"
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo("package/files/a.woff")
        member.size = 6
        tar.addfile(member, io.BytesIO(b"a font"))
    assert fetch("@fontsource/sample", "1.0.0", digest(path.read_bytes()), tmp_path) == path
    assert read_fonts(path, {"package/files/a.woff"}) == {"package/files/a.woff": b"a font"}


def test_fonts_of_npm_packages_are_named_by_scope_and_file():
    assert font_name("@fontsource/a", "package/files/a.woff") == "fontsource--a.woff"
    assert font_name("fonts-a", "usr/a[wght].ttf", 3) == "fonts-a--a[wght].ttf#3"


def test_settings_are_drawn_from_font_and_number_alone():
    wanted = [Axis("wght", 100, 400, 900), Axis("slnt", -10, 0, 0)]
    settings = draw_settings(wanted, digest(b"a font"))
    assert settings == draw_settings(wanted, digest(b"a font"))
    assert settings[0] not in draw_settings(wanted, digest(b"another font"))
    assert len({tuple(setting.items()) for setting in settings}) == len(settings)
    for setting in settings:
        assert 100 <= setting["wght"] <= 900 and setting["wght"] == int(setting["wght"])
        assert -10 <= setting["slnt"] <= 0


@given(arrays(np.uint8, (12, 10, 28, 28), elements=st.integers(0, 255), fill=st.just(0)))
def test_selected_fonts_keep_their_distance(images):
    present, candidates = images[:1], images[1:]
    chosen = select(present, candidates, "test")
    kept = np.concatenate([present, candidates[chosen]])
    apart = distances(kept, kept)[~np.eye(len(kept), dtype=bool)]
    assert len(kept) <= MOST["test"] and (apart >= CLOSEST - 0.01).all()
    left = np.delete(candidates, chosen, axis=0)
    assert len(kept) == MOST["test"] or all(distances(left, kept).min(axis=1) < CLOSEST + 0.01)


def test_the_most_different_font_is_selected_first():
    grey = np.stack([np.full((10, 28, 28), level, np.uint8) for level in (0, 40, 200, 210, 5)])
    assert select(grey[:1], grey[1:], "train") == [2, 0]


@given(st.text())
def test_every_family_has_a_split(family):
    assert split_of(family) in ("train", "valid", "test")


@pytest.fixture(scope="module")
def table() -> dict[str, Font]:
    return {row.font: row for row in read_table()}


@pytest.fixture(scope="module")
def embedded() -> dict[str, list[tuple[str, str, np.ndarray]]]:
    return {root: list(read_archive(EMBEDDED / f"{root}.tar.gz")) for root in rendering.ARCHIVES}


def test_committed_table_states_every_font_whole(table):
    rows = read_table()
    assert len(table) == len(rows) and rows == sorted(rows)
    assert len({(row.font_sha256, row.axes) for row in rows}) == len(rows)
    may_be_empty = {"weight", "width", "axes", "unknown", "lowercase"}
    for row in rows:
        assert may_be_empty.issuperset(name for name, cell in row._asdict().items() if not cell)
        assert row.category in CATEGORIES and row.slant in ("upright", "italic")
        assert not row.weight or 1 <= float(row.weight) <= 1000
        assert not row.width or 50 <= float(row.width) <= 200
        assert bool(row.setting) == row.style_source.startswith("axes, ")
        number = int(row.font.partition("#")[2] or 0)
        assert row.font == font_name(row.package, row.path, number)
        assert row.since in ("1.0", "1.1") and (row.axes or not number)
        assert row.unknown == "".join(c for c in UNKNOWN if c in row.unknown)
        assert row.lowercase == "".join(c for c in LOWERCASE if c in row.lowercase)
        assert row.font.isascii() and not set("?>~") & set(row.font)  # plain base64 has no slash
        assert row.letters == "".join(sorted(set(row.letters) & set(LETTERS)))


def test_no_committed_family_is_in_two_splits(table):
    assert all(row.split == split_of(row.family) for row in table.values())


def test_committed_archives_and_table_agree_one_to_one(table, embedded):
    for root, (of_splits, characters) in rendering.ARCHIVES.items():
        rows = [row for row in table.values() if row.split in of_splits]
        expected = {(c, row.font) for row in rows for c in row.characters if c in characters}
        members = [(letter, font) for letter, font, _ in embedded[root]]
        assert len(members) == len(expected) and set(members) == expected


def test_no_committed_image_is_in_two_splits_or_has_two_labels(table, embedded):
    found, labels = defaultdict(set), defaultdict(set)
    for members in embedded.values():
        for letter, font, image in members:
            found[image.tobytes()].add(table[font].split)
            labels[image.tobytes()].add(letter)
    assert all(len(names) == 1 for names in [*found.values(), *labels.values()])


def test_committed_unknown_glyphs_are_of_one_font_per_test_family(table):
    fonts = [row for row in table.values() if row.unknown]
    assert {row.split for row in fonts} == {"test"}
    families = Counter(row.family for row in fonts)
    assert len(families) > 150 and set(families.values()) == {1}


def test_committed_small_letters_are_of_one_font_per_training_family(table):
    fonts = [row for row in table.values() if row.lowercase]
    assert {row.split for row in fonts} == {"train"}
    families = Counter(row.family for row in fonts)
    assert len(families) > 700 and set(families.values()) == {1}


@pytest.mark.parametrize("root", ["openglyphs_unknown", "openglyphs_lowercase"])
def test_committed_characters_look_like_no_letter_of_their_font(embedded, root):
    letters = defaultdict(list)
    for _, font, image in embedded["openglyphs_large"] + embedded["openglyphs_small"]:
        letters[font].append(image)
    for _, font, image in embedded[root]:
        assert look_new(image[None], np.stack(letters[font])).all()


def test_what_is_a_little_darker_does_not_look_new():
    letters = np.full((2, 28, 28), [[[0]], [[200]]], np.uint8)
    grey = np.full((4, 28, 28), np.uint8([7, 8, 192, 193])[:, None, None])
    assert look_new(grey, letters).tolist() == [False, True, True, False]


@pytest.mark.parametrize(("root", "tar"), VERSION_1_0.items())
def test_version_1_0_is_in_the_committed_archives_bit_for_bit(tmp_path, table, embedded, root, tar):
    members = [glyph for glyph in embedded[root] if table[glyph[1]].since == "1.0"]
    write_archive(tmp_path / "1.0.tar.gz", root, members, level=1)
    assert hash_tar(tmp_path / "1.0.tar.gz") == tar


def test_committed_images_repeat_only_as_the_solid_i_of_training(table, embedded):
    seen = set()
    for letter, font, image in embedded["openglyphs_large"] + embedded["openglyphs_small"]:
        if image.min() == 255:
            assert (letter, table[font].split) == ("I", "train")
        else:
            assert image.tobytes() not in seen
            seen.add(image.tobytes())


def test_committed_rejections_are_not_in_the_table(table):
    with (EMBEDDED / "rejected.csv").open(newline="", encoding="utf-8") as file:
        rejected = list(csv.DictReader(file))
    assert all(row["reason"] and row["letters"] for row in rejected)
    whole = {row["font_sha256"] for row in rejected if row["letters"] == LETTERS}
    assert not whole & {row.font_sha256 for row in table.values()}
    small = [row for row in rejected if row["letters"] != LETTERS]
    for row in small:
        assert set(row["letters"]) <= set(LOWERCASE)
        assert not set(row["letters"]) & set(table[row["font"]].characters)
    assert whole and small


def test_committed_archives_are_packed_like_notmnist(tmp_path, embedded):
    for root, members in embedded.items():
        path = tmp_path / f"{root}.tar.gz"
        write_archive(path, root, members, level=1)
        assert hash_tar(path) == hash_tar(EMBEDDED / f"{root}.tar.gz")


@given(arrays(np.uint8, st.tuples(st.integers(0, 5), st.just(28), st.just(28))), st.integers(0, 9))
def test_augmentation_takes_any_images(images, seed):
    varied = augment(images, np.random.default_rng(seed))
    assert varied.shape == images.shape and varied.dtype == np.uint8
    np.testing.assert_array_equal(varied, augment(images, np.random.default_rng(seed)))


def test_a_variation_of_nothing_changes_nothing(embedded):
    images = np.stack([image for *_, image in embedded["openglyphs_small"][:100]])
    still = Variations(*np.zeros((3, 100), np.float32), *np.zeros((2, 100), bool))
    np.testing.assert_array_equal(vary(images, still), images)


def test_variations_do_what_they_are_called():
    ring = np.zeros((4, 28, 28), np.uint8)
    ring[:, 4:24, 4:24] = 255
    ring[:, 12:16, 12:16] = 0
    shear, weight = np.float32([0.3, 0, 0, 0]), np.float32([0, 1, 0, 0])
    outlined, inverse = np.arange(4) == 2, np.arange(4) == 3
    still = np.zeros(4, np.float32)
    sheared, bold, outline, box = vary(ring, Variations(shear, still, weight, outlined, inverse))
    assert all(edge.any() for edge in (sheared[0], sheared[-1], sheared[:, 0], sheared[:, -1]))
    assert sheared[0, 0] and sheared[-1, -1]
    assert not sheared[0, -1] and not sheared[-1, 0]
    assert (bold < 128).sum() < 20 < (sheared[8:-8, 8:-8] < 128).sum()  # the hole
    assert outline[0].min() > 128 and outline[2:9, 2:9].max() == 0
    assert box[0].min() == 255 and box[14, 5] == 0


def test_expansion_is_seeded_and_exact(tmp_path):
    for count in (1, 1203):
        expand(tmp_path / "large.tar.gz", count, seed=3)
        members = list(read_archive(tmp_path / "large.tar.gz"))
        assert len(members) == len({glyph[:2] for glyph in members}) == count
        letters = Counter(letter for letter, *_ in members)
        assert max(letters.values()) - min(letters[letter] for letter in LETTERS) <= 1
    first = (tmp_path / "large.tar.gz").read_bytes()
    expand(tmp_path / "large.tar.gz", 1203, seed=3)
    assert (tmp_path / "large.tar.gz").read_bytes() == first
    expand(tmp_path / "large.tar.gz", 1203, seed=4)
    assert (tmp_path / "large.tar.gz").read_bytes() != first


def test_expansion_uses_training_fonts_alone(tmp_path, table):
    expand(tmp_path / "large.tar.gz", 1000)
    files = {font.partition("--")[2] for _, font, _ in read_archive(tmp_path / "large.tar.gz")}
    assert files <= {f.partition("--")[2] for f, row in table.items() if row.split == "train"}


def test_the_data_card_states_the_tables_counts(pytestconfig):
    card = (pytestconfig.rootpath / "data" / "README.md").read_text(encoding="utf-8")
    assert f"<!-- counts: begin -->\n{count_table()}\n<!-- counts: end -->" in card
