"""Tables of results and of the original's figures, and the pages that hold them."""

import json
import re
import shutil
from html import escape

import pytest
from nbconvert.filters import markdown2html

from notmnist import results
from notmnist.errors import NotMNISTError
from tools.readme import pages, studies, tables

OPENGLYPHS, BY_FONT, LARGE = (tables.PROTOCOLS[n] for n in ("openglyphs", "by font", "large"))
PAGES = (
    "README.md",
    "docs/results.md",
    "docs/predict.md",
    "docs/original.md",
    "benchmarks/README.md",
)


def entry(trained_on, *tests, model="ReLU MLP", notebook="04_mlp_relu", accuracy=0.91, **more):
    score = {"n": 1_000, "accuracy": [accuracy, accuracy + 0.02], "interval": [0.84, 0.95]}
    return {
        "model": model, "notebook": notebook, "dataset": trained_on, "parameters": 623_290,
        "steps": 5_000, "seeds": [0, 1], "train_seconds": 2.0,
        "tests": dict.fromkeys(tests, score), **more,
    }  # fmt: skip


def cells(table):
    """Read a Markdown table: for each row, its cells by their headers."""
    header, _, *rows = (line.strip("| ").split(" | ") for line in table.splitlines())
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_a_header_says_what_was_trained_on_and_tested_on_and_the_number_of_images():
    entries = {"openglyphs": [entry("openglyphs", "openglyphs", "notmnist-small")]}
    (row,) = cells(tables.results_table(entries, OPENGLYPHS, "notebooks"))
    assert row == {
        "model": "[ReLU MLP](notebooks/04_mlp_relu.ipynb)",
        "parameters": "623,290",
        "steps": "5,000",
        "training, s": "2.0",
        "OpenGlyphs 1.0 → OpenGlyphs, n = 1,000": "92.0 [84.0, 95.0]",
        "OpenGlyphs 1.0 → notMNIST small, n = 1,000": "92.0 [84.0, 95.0]",
        "OpenGlyphs 1.0 → notMNIST small without copies, n = -": "-",
    }


def test_a_models_name_can_be_no_markup():
    """Pages show tables as Markdown, and the gallery as HTML."""
    name = "<script>alert(1)</script> | [x](y) `z` &amp; *w*"
    entries = {"openglyphs": [entry("openglyphs", "openglyphs", "random", model=name)]}
    for table in (
        tables.results_table(entries, OPENGLYPHS, "notebooks"),
        tables.split_table(entries),
    ):
        html = markdown2html(table)
        assert "<script" not in html and "<em" not in html and "<code" not in html
        assert escape(name, quote=False) in html


def test_a_table_shows_the_results_of_one_training_set_alone():
    entries = {
        "openglyphs": [entry("openglyphs", "openglyphs", accuracy=0.5)],
        "notmnist-small": [entry("notmnist-small", "notmnist-small-fonts", accuracy=0.6)],
        "notmnist": [entry("notmnist", "notmnist-small", accuracy=0.7)],
    }
    shown = {
        name: tables.results_table(entries, protocol, "notebooks")
        for name, protocol in tables.PROTOCOLS.items()
    }
    for name, accuracy in (("openglyphs", "51.0"), ("by font", "61.0"), ("large", "71.0")):
        assert [other for other, table in shown.items() if accuracy in table] == [name]


def test_a_study_that_scores_the_genuine_set_is_a_look_without_a_row():
    of_study = entry(
        "openglyphs", "test families", "notmnist-small", notebook="16_calibration",
        times_scored={"test families": 2, "notmnist-small": 2},
    )  # fmt: skip
    entries = {"openglyphs": [entry("openglyphs", "openglyphs", "notmnist-small"), of_study]}
    (row,) = cells(tables.results_table(entries, OPENGLYPHS, "notebooks"))
    assert row["model"] == "[ReLU MLP](notebooks/04_mlp_relu.ipynb)"
    assert "scored: 3 on notMNIST small, 0 on" in tables.looks(entries)


def test_the_originals_figure_stands_beside_its_own_protocol_alone():
    models = ("ReLU MLP", "ReLU MLP + augmentation", "stacked GRU")
    entries = {
        trained_on: [entry(trained_on, "notmnist-small", model=model) for model in models]
        for trained_on in ("openglyphs", "notmnist")
    }
    rows = cells(tables.results_table(entries, LARGE, "notebooks"))
    assert [row["the original's"] for row in rows] == [
        "95%, 188 s",
        "-",
        "94.4%, 1,440 s (three LSTMs)",
    ]
    assert "the original's" not in tables.results_table(entries, OPENGLYPHS, "notebooks")


def test_a_summary_has_one_row_per_notebook():
    models = ("ReLU MLP", "ReLU MLP + augmentation")
    for protocol, shown in ((BY_FONT, models[1]), (LARGE, models[0])):
        of_protocol = [
            entry(protocol.trained_on, *protocol.tested_on, model=model) for model in models
        ]
        entries = {protocol.trained_on: of_protocol}
        (row,) = cells(tables.summary_table(entries, protocol, "notebooks"))
        assert row["model"].startswith(f"[{shown}]")


def test_kinds_of_split_make_a_table_of_their_own():
    effects = {"mates": [-0.002, -0.004, 0.001], "copies": [0.02, -0.001, 0.05]}
    kinds = {"random": {"effects": effects}, "by font": {}}
    entries = {
        "openglyphs": [
            entry("openglyphs", kind, model=f"convnet, {kind}", notebook="12", **more)
            for kind, more in kinds.items()
        ],
        "notmnist-small": [  # as an earlier notebook recorded it
            entry("small", "random", model="convnet, random", gain_over_by_font=[0.01, 0.0, 0.02])
        ],
    }
    assert cells(tables.split_table(entries)) == [
        {
            "dataset": "openglyphs",
            "model": "convnet",
            "random split": "92.0 [84.0, 95.0]",
            "mates": "-0.2 [-0.4, +0.1]",
            "copies": "+2.0 [-0.1, +5.0]",
            "random - by font": "-",
        },
        {
            "dataset": "notmnist-small",
            "model": "convnet",
            "random split": "92.0 [84.0, 95.0]",
            "mates": "-",
            "copies": "-",
            "random - by font": "+1.0 [+0.0, +2.0]",
        },
    ]
    no_result = "No full run on OpenGlyphs has been recorded yet."
    assert tables.results_table(entries, OPENGLYPHS, "notebooks") == no_result


@pytest.fixture
def checkout(pytestconfig, tmp_path):
    """The committed pages and results, where they may change."""
    for page in PAGES:
        (tmp_path / page).parent.mkdir(exist_ok=True)
        shutil.copy(pytestconfig.rootpath / page, tmp_path / page)
    shutil.copytree(pytestconfig.rootpath / "misc" / "results", tmp_path / "misc" / "results")
    return tmp_path


def without_looks(page):
    """Leave out the count of scored runs, which each of them changes."""
    return re.sub(r"(?<=looks: begin -->\n).*", "", page)


def test_a_run_on_the_large_archive_appears_and_changes_no_other_table(checkout):
    pages.write(checkout)
    before = {page: (checkout / page).read_text("utf-8") for page in PAGES}
    assert "No full run on notMNIST large" in before["README.md"]
    committed = results.read_results(checkout / "misc" / "results")["openglyphs"]
    made_up = [
        entry("notmnist", *LARGE.tested_on, model=ours["model"], notebook=ours["notebook"])
        for ours in committed
        if {"openglyphs", "notmnist-small"} <= ours["tests"].keys()
    ]
    (checkout / "misc" / "results" / "all-notmnist.json").write_text(json.dumps(made_up))
    pages.write(checkout)
    after = {page: (checkout / page).read_text("utf-8") for page in PAGES}
    for page in ("README.md", "docs/results.md"):
        head, rest = after[page].split("<!-- large: begin -->\n")
        table, tail = rest.split("\n<!-- large: end -->")
        was = before[page]
        assert was.startswith(head) and without_looks(was).endswith(without_looks(tail))
        (mlp,) = (row for row in cells(table) if row["model"].startswith("[ReLU MLP]"))
        assert mlp["notMNIST large → notMNIST small, n = 1,000"] == "92.0 [84.0, 95.0]"
        assert mlp["the original's"] == "95%, 188 s"
    assert len(after["README.md"].splitlines()) <= 150


def test_what_stands_between_the_markers_is_replaced_and_nothing_else(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("top\n<!-- a: begin -->\nold\n<!-- a: end -->\nbottom\n")
    new = "top\n<!-- a: begin -->\nnew\n<!-- a: end -->\nbottom\n"
    assert pages.fill(page, {"a": "new"}) == new


def test_no_page_is_written_when_one_lacks_its_markers(checkout):
    shutil.rmtree(checkout / "misc")  # so that every table would change
    (checkout / PAGES[-1]).write_text("no markers")
    before = [(checkout / page).read_bytes() for page in PAGES]
    with pytest.raises(NotMNISTError, match=r"README\.md lacks the two lines"):
        pages.write(checkout)
    assert [(checkout / page).read_bytes() for page in PAGES] == before


def test_the_committed_pages_show_the_committed_results(pytestconfig):
    generated = pages.generated(pytestconfig.rootpath)
    assert {page.relative_to(pytestconfig.rootpath).as_posix() for page in generated} == {*PAGES}
    for page, of_page in generated.items():
        hint = f"{page} is out of date: run python -m tools.readme"
        assert pages.fill(page, of_page) == page.read_text("utf-8"), hint


def test_the_readme_is_short(pytestconfig):
    assert len((pytestconfig.rootpath / "README.md").read_text("utf-8").splitlines()) <= 150


def study_entry(notebook="15_label_noise", **columns):
    return {"notebook": notebook, "model": "m", "tables": {"found": columns}}


def test_a_study_shows_its_table_with_bounds_in_brackets():
    columns = {
        "noise": ["look-alikes", "any|thing"], "wrong": ["2%", "6.5%"], "method": ["loss", "loss"],
        "precision": [0.91234, None], "precision, low": [0.9, 0.0], "precision, high": [1.0, 100.0],
    }  # fmt: skip
    entries = {"openglyphs": [study_entry("16_calibration"), study_entry(**columns)]}
    table = studies.study_table(entries, studies.STUDIES["wrong labels"])
    assert table.splitlines() == [
        "| noise | wrong | method | precision |",
        "| --- | --- | --- | ---: |",
        "| look-alikes | 2% | loss | 0.912 [0.900, 1.00] |",
        r"| any\|thing | 6.5% | loss | - [0.00, 100] |",
    ]


def test_a_study_without_a_full_run_says_so():
    entries = {"notmnist-small": [study_entry(noise=["a"])]}
    found = studies.study_table(entries, studies.STUDIES["wrong labels"])
    assert found == "No full run of notebook 15 has been recorded yet."
