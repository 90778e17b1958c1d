import json
import shutil

import numpy as np
import pytest
from matplotlib.figure import Figure

from notmnist import original, results
from notmnist.dataset import Split
from notmnist.errors import NotMNISTError, UsageError
from tools.readme import tables

TABLE = {"seeds": ([0], [0, 1, 2]), "steps": (10, 1_000)}


@pytest.fixture
def misc(tmp_path, monkeypatch):
    monkeypatch.setenv("NOTMNIST_MISC", str(tmp_path))
    return tmp_path


@pytest.fixture
def full(misc, monkeypatch):
    monkeypatch.setenv("NOTMNIST_BUDGET", "full")
    return misc


def split_of(labels):
    """Make a split whose images come in turn from two families."""
    count = len(labels)
    return Split(
        np.zeros((count, 28, 28), np.uint8), np.array(labels, np.uint8),
        np.arange(count, dtype=np.int32) % 2, np.array(["a", "b"]), np.array(["a", "b"]),
    )  # fmt: skip


def entry_of(run, model="a model"):
    return run.entry(
        model,
        seeds=run.parameters.seeds,
        parameters=7850,
        steps=run.parameters.steps,
        train_seconds=[1.0, 2.0],
        tests={"openglyphs": split_of([0, 1, 2, 3])},
        predictions={"openglyphs": [np.array([0, 1, 2, 9]), np.array([0, 1, 9, 9])]},
    )


def test_the_environment_chooses_the_column(monkeypatch):
    assert results.Run("nb", TABLE).parameters.steps == 10
    monkeypatch.setenv("NOTMNIST_BUDGET", "full")
    monkeypatch.setenv("NOTMNIST_DATASET", "notmnist-small")
    run = results.Run("nb", TABLE)
    assert (run.parameters.steps, run.dataset) == (1_000, "notmnist-small")
    assert repr(run).splitlines()[0].split() == ["dataset", "notmnist-small"]


def test_the_number_of_seeds_replaces_the_columns_and_is_part_of_the_command(misc, monkeypatch):
    monkeypatch.setenv("NOTMNIST_SEEDS", "2")
    run = results.Run("nb", TABLE)
    assert (run.parameters.seeds, run.parameters.steps) == ([0, 1], 10)
    command = "notmnist run nb --dataset openglyphs --budget quick --seeds 2"
    assert entry_of(run)["command"] == command
    assert not hasattr(results.Run("nb", {"steps": (10, 1_000)}).parameters, "seeds")


@pytest.mark.parametrize("seeds", ["0", "-1", "1.5", "ten", "\u0663"])
def test_a_number_of_seeds_that_is_none_is_wrong_usage(monkeypatch, seeds):
    with pytest.raises(UsageError, match="unknown number of seeds"):
        results.choose(seeds=seeds)
    monkeypatch.setenv("NOTMNIST_SEEDS", seeds)
    with pytest.raises(UsageError, match="choose a whole number from 1 on"):
        results.Run("nb", TABLE)


def test_an_unknown_budget_is_wrong_usage(monkeypatch):
    monkeypatch.setenv("NOTMNIST_BUDGET", "huge")
    with pytest.raises(UsageError, match="unknown budget 'huge': choose quick or full"):
        results.Run("nb", TABLE)


def test_an_entry_scores_every_seed_and_bounds_the_mean(misc):
    entry = entry_of(results.Run("nb", TABLE))
    score = entry["tests"]["openglyphs"]
    assert score["n"] == 4
    assert score["accuracy"] == [0.75, 0.5]
    # One draw in 16 takes only the family and the seed that make no mistake together.
    assert score["interval"] == [0.5, 1.0]
    assert entry["train_seconds"] == 1.5
    assert "62.50%" in results.describe([entry])


def test_a_quick_run_never_bears_a_committed_name(misc):
    run = results.Run("nb", TABLE)
    run.save_picture(Figure())
    run.save([entry_of(run)], {"a model": {"openglyphs": [np.zeros(4, np.uint8)]}})
    written = sorted(path.name for path in misc.rglob("*.*"))
    assert written == ["nb-openglyphs-quick.json", "nb-quick.png"]
    assert results.read_results(misc / "results") == []


def test_a_full_run_keeps_its_predictions_too(full):
    run = results.Run("nb", TABLE)
    run.save_picture(Figure())
    predictions = {"a model": {"openglyphs": [np.arange(4, dtype=np.uint8)] * 3}}
    run.save([entry_of(run)], predictions)
    assert (full / "nb.png").exists()
    kept = results.read_predictions(full / "results")
    assert list(kept) == ["a model"]
    assert kept["a model"].dtype == np.uint8
    np.testing.assert_array_equal(kept["a model"], [np.arange(4)] * 3)
    assert results.read_results(full / "results")[0]["model"] == "a model"


def test_a_failed_save_leaves_the_earlier_file_whole(full):
    run = results.Run("nb", TABLE)
    run.save([entry_of(run)], {"a model": {"openglyphs": [np.zeros(4, np.uint8)]}})
    before = (full / "results" / "nb-openglyphs.json").read_bytes()
    with pytest.raises(TypeError):
        run.save([{"model": object()}], {})
    assert (full / "results" / "nb-openglyphs.json").read_bytes() == before


def test_the_table_merges_a_models_two_datasets_into_one_row():
    score = {"n": 100, "accuracy": [0.9, 0.92], "interval": [0.84, 0.95]}
    entries = [
        {"model": "minibatch logistic regression", "notebook": "03", "dataset": dataset,
         "parameters": 7850, "steps": steps, "train_seconds": 2.0, "tests": {test: score}}
        for dataset, steps, test in (
            ("notmnist-small", 7, "notmnist-small-fonts"), ("openglyphs", 5_000, "openglyphs"),
        )
    ]  # fmt: skip
    header, _, row = tables.results_table(entries).splitlines()
    cells = dict(zip(header.split(" | "), row.split(" | "), strict=True))
    assert cells["OpenGlyphs"] == cells["small, by font"] == "91.0 [84.0, 95.0]"
    assert cells["notMNIST small"] == "-"
    assert cells["steps"] == "5,000"
    assert row.endswith("| 90%, 155 s |")


def test_every_figure_of_the_original_is_that_of_a_run_of_its_own():
    compared = [figure.model for figure in original.PUBLISHED if figure.model]
    assert len(compared) == len(set(compared))
    for figure in original.PUBLISHED:
        assert figure.recipe and (figure.printed is None) == (not figure.commit)
        if figure.readme and figure.printed:  # which the README rounds or cuts
            assert figure.readme == pytest.approx(figure.printed, abs=0.21)


def test_a_figure_of_the_original_says_where_its_model_is_another():
    assert results.published("LSTM") == "94.1%, 474 s"
    assert results.published("SimpleRNN") == "90.5%, 125.7 s"
    assert results.published("stacked GRU") == "94.4%, 1,440 s (three LSTMs)"
    assert results.published("ReLU MLP + augmentation") == "-"


def test_kinds_of_split_make_a_table_of_their_own():
    entries = [
        {"model": f"convnet, {kind}", "notebook": "12", "dataset": "openglyphs",
         "tests": {kind: {"n": 100, "accuracy": [accuracy], "interval": [0.84, 0.95]}}, **more}
        for kind, accuracy, more in (
            ("random", 0.92, {"gain_over_by_font": [0.02, -0.001, 0.05]}), ("by font", 0.9, {}),
        )
    ]  # fmt: skip
    row = tables.split_table(entries).splitlines()[-1]
    assert row.startswith("| openglyphs | convnet | 92.0 [84.0, 95.0] | - | 90.0 [84.0, 95.0] |")
    assert row.endswith("| +2.0 [-0.1, +5.0] |")
    assert len(tables.results_table(entries).splitlines()) == 2


def test_a_broken_result_file_is_named(tmp_path):
    (tmp_path / "nb-openglyphs.json").write_text("[{")
    with pytest.raises(NotMNISTError, match=r"nb-openglyphs\.json is no result file"):
        results.read_results(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"no archive", b"\x80\x04N."])
def test_a_broken_file_of_predictions_is_named(tmp_path, content):
    (tmp_path / "nb-openglyphs.npz").write_bytes(content)
    with pytest.raises(NotMNISTError, match=r"nb-openglyphs\.npz holds no predictions"):
        results.read_predictions(tmp_path)


def test_the_report_replaces_what_is_between_the_markers_and_nothing_else(tmp_path):
    readme = tmp_path / "README.md"
    names = ("results", "splits", "data speed", "training speed")
    marked = [f"<!-- {name}: begin -->\nold\n<!-- {name}: end -->" for name in names]
    readme.write_text("\n".join(["top", marked[0], "middle", *marked[1:], "bottom\n"]))
    tables.update_readme(readme, tmp_path / "none")
    text = readme.read_text()
    assert text.startswith("top\n") and text.endswith("\nbottom\n") and "old" not in text
    assert "| model | curve" in text.split("middle")[0]
    assert "| random | deduplicated |" in text.split("middle")[1]
    assert text.count("times faster") == 4


def test_a_readme_without_markers_is_left_alone(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("no markers")
    with pytest.raises(NotMNISTError, match="lacks the two lines"):
        tables.update_readme(readme, tmp_path)
    assert readme.read_text() == "no markers"


def test_the_committed_readme_shows_the_committed_results(pytestconfig, tmp_path):
    root = pytestconfig.rootpath
    written = tmp_path / "README.md"
    shutil.copy(root / "README.md", written)
    for folder in ("notmnist", "benchmarks"):  # whose code the rows of speed are of
        shutil.copytree(root / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.gz"))
    tables.update_readme(written, root / "misc" / "results")
    assert written.read_text(encoding="utf-8") == (root / "README.md").read_text(encoding="utf-8")


def test_committed_results_come_from_full_runs(pytestconfig):
    for path in (pytestconfig.rootpath / "misc" / "results").glob("*.json"):
        if not path.stem.endswith("-quick"):
            assert {entry["budget"] for entry in json.loads(path.read_text())} == {"full"}
