"""The gallery: the folder that the command leaves, and its pages in a real browser."""

import csv
import io
import json
import shutil
import subprocess
import sys
import threading
from collections import defaultdict
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urldefrag, urlencode

import nbformat
import numpy as np
import pytest
from PIL import Image

import notmnist
from conftest import CHECKOUT
from notmnist import files, results, sources
from notmnist.dataset import Split
from notmnist.deduplication import first_copies, near_groups, near_pairs
from notmnist.errors import NotMNISTError
from notmnist.sources import LETTERS, SPLITS
from tools import gallery
from tools.gallery import glyph_data, pages
from tools.gallery.__main__ import main
from tools.openglyphs.provenance import TABLE, Font

NOTEBOOKS = sorted(path.stem for path in (CHECKOUT / "notebooks").glob("*.ipynb"))
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
PER_PAGE = 200


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site once, as a maintainer does."""
    folder = tmp_path_factory.mktemp("gallery") / "site"
    done = subprocess.run(
        [sys.executable, "-m", "tools.gallery", folder], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == str(folder / "index.html")
    assert [path.name for path in folder.parent.iterdir()] == ["site"]
    return folder


@pytest.fixture(scope="module")
def data():
    return notmnist.load("openglyphs", dedup="none")


@pytest.fixture(scope="module")
def glyphs(data):
    """Describe every image from the data set, the provenance table and the predictions alone."""
    with open(TABLE, encoding="utf-8", newline="") as file:
        rows = {row["font"]: row for row in csv.DictReader(file)}
    described = []
    for split in SPLITS:
        part = getattr(data, split)
        for image, label, font in zip(part.images, part.labels, part.fonts.tolist(), strict=True):
            row = rows[font]
            described.append(
                SimpleNamespace(
                    key=(LETTERS[label], font), letter=LETTERS[label], font=font, split=split,
                    family=row["family"], licence=row["licence"], image=image, readings={},
                    category=row["category"], weight=row["weight"], width=row["width"],
                    slant=row["slant"], axes=row["axes"],
                )
            )  # fmt: skip
    test = described[-len(data.test) :]
    version = sources.find("openglyphs").version
    for path in sorted((CHECKOUT / "misc" / "results").glob("*-openglyphs.npz")):
        if json.loads(path.with_suffix(".json").read_text())[0].get("data_version") != version:
            continue
        with np.load(path) as kept:
            for name in (name for name in kept.files if name.startswith("openglyphs/")):
                model = name.removeprefix("openglyphs/")
                letters = kept[name].argmax(-1) if kept[name].ndim == 3 else kept[name]
                for glyph, read in zip(test, letters.T, strict=True):
                    glyph.readings[model] = "".join(LETTERS[i] for i in read)
    for glyph in described:
        glyph.wrong = {m for m, read in glyph.readings.items() if set(read) != {glyph.letter}}
    same = defaultdict(list)
    for glyph in described:
        same[glyph.image.tobytes()].append(glyph)
    for glyph in described:
        glyph.exact = len(same[glyph.image.tobytes()]) > 1
    return described


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip(f"no browser on the PATH: {', '.join(names)}")
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=program)
        yield running
        running.close()


@pytest.fixture
def open_page(browser, site):
    """Open pages of the site from the disk; a complaint or a request elsewhere fails the test."""
    complaints, contexts = [], []

    def complain(kind, text):
        complaints.append(f"{kind}: {text}")

    def fail(request):
        if request.failure != "net::ERR_ABORTED":  # the test went on to another page
            complain(request.failure, request.url)

    def check(request):
        if not request.url.startswith((site.as_uri(), "data:")):
            complain("a request elsewhere", request.url)

    def open_at(address, viewport=DESKTOP, **options):
        context = browser.new_context(viewport=viewport, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda message: complain(message.type, message.text))
        page.on("pageerror", lambda error: complain("error", error))
        page.on("requestfailed", fail)
        page.on("request", check)
        page.goto(f"{site.as_uri()}/{address}")
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert complaints == []


def shown(page):
    """List letter and font of the tiles on the page."""
    labels = page.locator("#glyphs button").evaluate_all("all => all.map(one => one.ariaLabel)")
    return [tuple(label.split(", ", 1)) for label in labels]


def all_shown(page):
    """Turn over all pages and list letter and font of every tile."""
    found = shown(page)
    while page.locator("#next").is_enabled() and page.locator("#pages").is_visible():
        page.locator("#next").click()
        found += shown(page)
    return found


def hash_of(page):
    return page.evaluate("location.hash")  # page.url lags behind


def choose(page, label, value):
    page.get_by_role("combobox", name=label, exact=True).select_option(value)


def keys(glyphs):
    return sorted(glyph.key for glyph in glyphs)


# The folder


class Links(HTMLParser):
    """Collect what a page links to, what it loads, and the places it has."""

    def __init__(self, page):
        super().__init__()
        self.links, self.places = [], set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.places.add(attributes.get("id"))
        for name in ("href", "src"):
            if attributes.get(name):
                self.links.append((tag, attributes[name]))


def test_every_link_leads_to_a_file_of_the_site_and_a_place_in_it(site):
    found = {page.resolve(): Links(page) for page in site.rglob("*.html")}
    assert len(found) > 2 + len(NOTEBOOKS)
    inner = 0
    for page, content in found.items():
        for tag, link in content.links:
            if link.startswith("data:") or (tag == "a" and link.startswith("https://")):
                continue
            path, place = urldefrag(link)
            target = (page.parent / unquote(path)).resolve() if path else page
            assert target.is_file() and target.is_relative_to(site), (page, link)
            assert not place or unquote(place) in found[target].places, (page, link)
            inner += 1
    assert inner > 100


def test_the_site_has_every_notebook_and_curve_and_nothing_of_this_machine(site):
    assert sorted(path.stem for path in (site / "notebooks").iterdir()) == NOTEBOOKS
    committed = results.read_results(CHECKOUT / "misc" / "results")["openglyphs"]
    recorded = {entry["notebook"] for entry in committed}
    # Nothing else of misc/, where pictures of genuine images may lie.
    assert sorted(path.name for path in (site / "misc").iterdir()) == [
        f"{name}.png" for name in NOTEBOOKS if name in {"00_data", "11_summary"} | recorded
    ]
    for path in site.rglob("*"):
        if path.suffix in {".html", ".js", ".css"}:
            text = path.read_text(encoding="utf-8")
            assert str(CHECKOUT) not in text and str(Path.home()) not in text, path


def test_the_start_page_shows_the_committed_results(site):
    text = (site / "index.html").read_text(encoding="utf-8")
    entries = results.read_results(CHECKOUT / "misc" / "results")["openglyphs"]
    scored = [entry for entry in entries if "openglyphs" in entry["tests"]]
    for entry in scored:
        accuracy = 100 * np.mean(entry["tests"]["openglyphs"]["accuracy"])
        link = f'<a href="notebooks/{entry["notebook"]}.html">{entry["model"]}</a>'
        row = text[text.index(link) :].split("</tr>")[0]
        assert f">{accuracy:.1f} [" in row


def test_docstrings_are_laid_out_by_their_sections(site):
    text = (site / "api" / "notmnist.html").read_text(encoding="utf-8")
    load = text[text.index('<section id="load">') :].split("</section>")[0]
    for heading in ("Parameters", "Returns", "Raises"):
        assert f">{heading}</h6>" in load
    assert "<strong>dedup</strong>" in load and "-----" not in load


def test_the_data_lists_every_image_once_and_the_groups_of_copies(site, glyphs):
    text = (site / "glyphs-data.js").read_text(encoding="utf-8")
    content = json.loads(text.removeprefix("const GLYPHS = ").removesuffix(";\n"))
    listed = [(letter, font["font"]) for font in content["fonts"] for letter in font["letters"]]
    assert sorted(listed) == keys(glyphs)

    image_of = {glyph.key: glyph.image for glyph in glyphs}
    grouped = [[n for same in group for n in same] for group in content["copies"]]
    numbers = sorted(n for group in grouped for n in group)
    images = np.stack([image_of[listed[n]] for n in numbers])
    found = near_groups(first_copies(images), near_pairs(images))
    expected = defaultdict(list)
    for number, group in zip(numbers, found, strict=True):
        expected[group].append(number)
    assert sorted(map(sorted, grouped)) == sorted(expected.values())
    assert min(map(len, grouped)) > 1


# The pages in a browser


def test_every_page_is_whole_and_fits_a_phone(open_page, site):
    page = open_page("index.html", PHONE)
    for path in sorted(site.rglob("*.html")):
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        broken = page.evaluate("""async () => {
            const images = [...document.images];
            for (const image of images) image.loading = "eager";
            await Promise.allSettled(images.map((image) => image.decode()));
            return images.filter((image) => !image.naturalWidth).map((image) => image.src);
        }""")
        assert broken == [], path
        assert page.evaluate("[...document.images].every((image) => image.hasAttribute('alt'))")


@pytest.mark.parametrize("address", ["index.html", "glyphs.html", f"notebooks/{NOTEBOOKS[7]}.html"])
def test_pages_fit_a_desk_and_follow_the_colour_scheme(open_page, address):
    grounds = set()
    for scheme in ("light", "dark"):
        page = open_page(address, color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2


def test_the_browser_opens_with_one_sheet_and_every_glyph_counted(open_page, site, glyphs):
    page, loaded = open_page("api/index.html"), []
    page.on("requestfinished", lambda request: loaded.append(Path(request.url).name))
    with page.expect_event("requestfinished", lambda request: request.url.endswith(".png")):
        page.goto(f"{site.as_uri()}/glyphs.html")
    page.wait_for_load_state("networkidle")
    assert [name for name in loaded if name.endswith(".png")] == ["0.png"]
    assert page.locator("#count").inner_text() == f"{len(glyphs):,} of {len(glyphs):,} glyphs"
    assert len(shown(page)) == PER_PAGE
    assert page.locator("#page").inner_text() == f"Page 1 of {-(-len(glyphs) // PER_PAGE)}"


@pytest.mark.parametrize("text", ["Condensed  bold", "zzzz", "fonts-"])
def test_search_narrows_to_the_fonts_that_hold_every_word(open_page, glyphs, text):
    expected = [
        glyph
        for glyph in glyphs
        if all(word in f"{glyph.font} {glyph.family}".lower() for word in text.lower().split())
    ]
    assert len(expected) < len(glyphs)
    page = open_page("glyphs.html")
    page.get_by_role("searchbox", name="Font or family", exact=True).press_sequentially(text)
    page.get_by_text(f"{len(expected):,} of {len(glyphs):,} glyphs").wait_for()
    first = shown(page)
    assert len(first) == min(PER_PAGE, len(expected))
    assert set(first) <= set(keys(expected))


MODEL = "minibatch logistic regression"
FILTERS = {
    ("Letter", "G"): lambda glyph: glyph.letter == "G",
    ("Family", "Barlow"): lambda glyph: glyph.family == "Barlow",
    ("Category", "script"): lambda glyph: glyph.category == "script",
    ("Weight", "light"): lambda glyph: glyph.weight and float(glyph.weight) < 350,
    ("Weight", "bold"): lambda glyph: glyph.weight and float(glyph.weight) >= 550,
    ("Width", "condensed"): lambda glyph: glyph.width and float(glyph.width) < 100,
    ("Width", "normal"): lambda glyph: glyph.width == "100",
    ("Slant", "italic"): lambda glyph: glyph.slant == "italic",
    ("Axes", "with"): lambda glyph: glyph.axes,
    ("Licence", "Apache-2.0"): lambda glyph: glyph.licence == "Apache-2.0",
    ("Split", "valid"): lambda glyph: glyph.split == "valid",
    ("Copies", "exact"): lambda glyph: glyph.exact,
    ("Mistakes", "any"): lambda glyph: glyph.wrong,
    ("Mistakes", "every"): lambda glyph: glyph.readings and len(glyph.wrong) == len(glyph.readings),
    ("Mistakes", "none"): lambda glyph: glyph.readings and not glyph.wrong,
    ("Mistakes", MODEL): lambda glyph: MODEL in glyph.wrong,
}


@pytest.mark.parametrize("label, value", FILTERS)
def test_a_filter_keeps_the_glyphs_it_names(open_page, glyphs, label, value):
    expected = [glyph for glyph in glyphs if FILTERS[label, value](glyph)]
    assert 0 < len(expected) < len(glyphs)
    page = open_page("glyphs.html")
    choose(page, label, value)
    page.get_by_text(f"{len(expected):,} of {len(glyphs):,} glyphs").wait_for()
    assert sorted(all_shown(page)) == keys(expected)
    assert hash_of(page).startswith("#" + urlencode({label.lower(): value}))


def test_near_copies_and_none_share_out_the_rest(open_page, glyphs):
    """Those with exact copies are one group, whose pixels no other glyph comes near."""
    page = open_page("glyphs.html#copies=near")
    near = all_shown(page)
    choose(page, "Copies", "none")
    rest = len(glyphs) - len(near) - sum(glyph.exact for glyph in glyphs)
    page.get_by_text(f"{rest:,} of {len(glyphs):,} glyphs").wait_for()


def test_filters_work_together_and_an_address_holds_them(open_page, glyphs):
    expected = [g for g in glyphs if g.letter == "I" and g.split == "test" and MODEL in g.wrong]
    page = open_page("glyphs.html")
    choose(page, "Letter", "I")
    choose(page, "Split", "test")
    choose(page, "Mistakes", MODEL)
    page.get_by_text(f"{len(expected):,} of {len(glyphs):,} glyphs").wait_for()
    again = open_page(f"glyphs.html{hash_of(page)}")
    assert sorted(all_shown(again)) == keys(expected)
    assert again.get_by_role("combobox", name="Mistakes").input_value() == MODEL
    again.get_by_role("button", name="Clear").click()
    again.get_by_text(f"{len(glyphs):,} of {len(glyphs):,} glyphs").wait_for()


def test_an_address_that_makes_no_sense_shows_everything(open_page, glyphs):
    page = open_page("glyphs.html#letter=Z&copies=foo&mistakes=constructor&page=-3&glyph=%20&x=1")
    assert page.locator("#count").inner_text() == f"{len(glyphs):,} of {len(glyphs):,} glyphs"
    assert page.locator("#page").inner_text().startswith("Page 1 of")
    assert not page.locator("#details").is_visible()


def test_a_glyph_shows_its_details_and_gives_the_focus_back(open_page, glyphs):
    glyph = max(glyphs, key=lambda glyph: len(glyph.wrong))
    page = open_page(f"glyphs.html#{urlencode({'search': glyph.font})}", PHONE)
    tile = page.get_by_role("button", name=", ".join(glyph.key), exact=True)
    tile.press("Enter")
    details = page.get_by_role("dialog", name=f"{glyph.letter} of {glyph.font}")
    facts = details.locator("dl").inner_text()
    stated = (glyph.font, glyph.family, glyph.category, glyph.slant, glyph.licence, glyph.split)
    for text in (*stated, *glyph.wrong):
        assert text in facts
    readings = details.locator("dd li").all_inner_texts()
    assert len(readings) == len(glyph.wrong)
    for model in glyph.wrong:
        letters = set(glyph.readings[model]) - {glyph.letter}
        (line,) = (line for line in readings if line.startswith(f"{model}: "))
        assert all(f"as {letter}" in line for letter in letters)
    box = details.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"]
    page.keyboard.press("Escape")
    details.wait_for(state="hidden")
    assert tile.evaluate("one => one === document.activeElement")
    assert "glyph=" not in hash_of(page)


def test_copies_lead_from_one_to_the_other(open_page):
    page = open_page("glyphs.html#copies=near")
    page.locator("#glyphs button").first.click()
    first = page.locator("#title").inner_text()
    page.locator("#facts button").first.click()
    assert page.locator("#title").inner_text() != first
    page.get_by_role("dialog").get_by_role("link").first.click()
    page.locator("#details").wait_for(state="hidden")
    assert len(shown(page)) <= len(LETTERS)


@pytest.mark.parametrize("place", [0, 0.5, 1])
def test_the_picture_is_the_dataset_s_pixels(open_page, glyphs, place):
    glyph = sorted(glyphs, key=lambda glyph: (glyph.family.lower(), glyph.font, glyph.letter))[
        round(place * (len(glyphs) - 1))
    ]
    page = open_page(f"glyphs.html#{urlencode({'glyph': ' '.join(glyph.key)})}")
    large = page.get_by_role("img")
    large.evaluate("""async (span) => {
        const sheet = new Image();
        sheet.src = getComputedStyle(span).backgroundImage.slice(5, -2);
        await sheet.decode();
    }""")
    drawn = Image.open(io.BytesIO(large.screenshot())).convert("L")
    np.testing.assert_array_equal(np.asarray(drawn)[4::8, 4::8], glyph.image)


def test_the_browser_works_from_a_web_server_too(browser, site, glyphs):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page()
        complaints = []
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(f"http://127.0.0.1:{server.server_port}/glyphs.html#letter=A")
        page.locator("#glyphs button").first.wait_for()
        found = shown(page)
        page.close()
        server.shutdown()
    assert complaints == []
    assert len(found) == PER_PAGE and {letter for letter, _ in found} == {"A"}


# Bad input


def refusal(capsys, folder):
    code = main([str(folder)])
    out, error = capsys.readouterr()
    assert out == "" and error.count("\n") == 1
    return code, error


def test_a_folder_with_other_content_is_left_alone(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    code, error = refusal(capsys, tmp_path)
    assert code == 2 and "is not empty" in error
    code, error = refusal(capsys, tmp_path / "mine.txt")
    assert code == 2 and "is not empty" in error
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("existing", [False, True])
def test_a_failed_build_leaves_nothing_behind(tmp_path, capsys, monkeypatch, existing):
    broken = tmp_path / "results"
    broken.mkdir()
    (broken / "01-openglyphs.npz").write_bytes(b"PK\x03\x04 cut")
    monkeypatch.setattr(files, "committed_results", lambda: broken)
    folder = tmp_path / "out" / "site"
    folder.parent.mkdir()
    if existing:
        folder.mkdir()
    code, error = refusal(capsys, folder)
    assert code == 1 and "holds no predictions" in error
    assert list(folder.parent.iterdir()) == ([folder] if existing else [])
    assert not existing or list(folder.iterdir()) == []


def test_a_missing_extra_is_named_with_its_remedy(tmp_path, capsys, monkeypatch):
    for module in ("site", "api", "pages"):
        monkeypatch.delitem(sys.modules, f"tools.gallery.{module}", raising=False)
        monkeypatch.delattr(gallery, module, raising=False)
    monkeypatch.setitem(sys.modules, "pdoc", None)
    code, error = refusal(capsys, tmp_path / "site")
    assert code == 1
    assert error.startswith('tools.gallery: pdoc is not installed: run pip install -e ".[docs]"')
    assert error.count("\n") == 1


def test_an_installed_package_has_no_gallery_to_build(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(files, "checkout", lambda: None)
    code, error = refusal(capsys, tmp_path / "site")
    assert code == 2 and "run it from one" in error


def test_predictions_of_another_test_split_are_refused(tmp_path):
    split = Split(
        np.zeros((2, 28, 28), np.uint8), np.zeros(2, np.uint8), np.zeros(2, np.int32),
        np.array(["a.ttf"]), np.array(["A"]),
    )  # fmt: skip
    data = notmnist.Dataset("openglyphs", split[:0], split[:0], split, {})
    font = Font(**dict.fromkeys(Font._fields, "") | {"font": "a.ttf", "split": "test"})
    with pytest.raises(NotMNISTError, match="'a model' do not match this test split"):
        glyph_data.write(tmp_path, data, [font], {"a model": np.zeros((3, 5), np.uint8)})
    assert list(tmp_path.iterdir()) == []


def test_a_notebook_that_was_not_run_in_full_says_so_in_place_of_a_picture(tmp_path):
    pages.write(tmp_path, [CHECKOUT / "notebooks" / "12_leakage.ipynb"], tmp_path, {})
    page = (tmp_path / "notebooks" / "12_leakage.html").read_text(encoding="utf-8")
    assert "No full run has been recorded yet" in page
    assert 'src="../misc/12_leakage.png"' not in page
    assert 'src="misc/12_leakage.png"' not in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_a_notebook_with_results_and_no_picture_is_named(tmp_path):
    entries = {"openglyphs": [{"notebook": "12_leakage"}]}
    with pytest.raises(NotMNISTError, match="run 12_leakage --budget full"):
        pages.write(tmp_path, [CHECKOUT / "notebooks" / "12_leakage.ipynb"], tmp_path, entries)
    assert list(tmp_path.iterdir()) == []


def test_links_of_a_notebook_stay_inside_the_site(tmp_path):
    text = "# A title\n\n[one](00_data.ipynb), [docs/results.md](../docs/results.md)"
    path = tmp_path / "99_test.ipynb"
    cells = [nbformat.v4.new_markdown_cell(text)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    assert '<a href="00_data.html">one</a>, docs/results.md' in pages.render(path).body


def test_pictures_from_elsewhere_become_their_words(tmp_path):
    badge = "[![Open it](https://example.org/badge.svg)](https://example.org/nb)"
    cells = [nbformat.v4.new_markdown_cell(f"# A title\n\n{badge}")]
    path = tmp_path / "99_test.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    notebook = pages.render(path)
    assert notebook.title == "A title"
    assert "<img" not in notebook.body
    assert '<a href="https://example.org/nb">Open it</a>' in notebook.body
