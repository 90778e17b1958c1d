import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

import notmnist
from notmnist import files, original, results, sources
from notmnist.dataset import Split
from notmnist.errors import NotMNISTError, UsageError
from notmnist.scoring import predictions
from tools import recount

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


TESTS = {"openglyphs": split_of([0, 1, 2, 3])}


def trained(*predictions, test="openglyphs"):
    """Describe a model trained from as many seeds as there are predictions of a test set."""
    return results.Trained(
        images=100,
        parameters=7850,
        seeds=list(range(len(predictions))),
        histories=[
            results.History(steps=[5, 10], train_seconds=[0.5, 1.0 + i], valid_accuracy=[0.8, 0.92])
            for i in range(len(predictions))
        ],
        predictions={test: [np.array(letters, np.uint8) for letters in predictions]},
    )


def record(run, model="a model", more=None):
    result = trained([0, 1, 2, 9], [0, 1, 9, 9])
    return run.record({model: result}, TESTS, more)


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
    assert record(run)[0]["command"] == command
    assert not hasattr(results.Run("nb", {"steps": (10, 1_000)}).parameters, "seeds")


@pytest.mark.parametrize("seeds", ["0", "-1", "1.5", "ten", "\u0663"])
def test_a_number_of_seeds_that_is_none_is_wrong_usage(monkeypatch, seeds):
    with pytest.raises(UsageError, match="unknown number of seeds"):
        results.choose(seeds=seeds)
    monkeypatch.setenv("NOTMNIST_SEEDS", seeds)
    with pytest.raises(UsageError, match="choose a number from 1 to 9999"):
        results.Run("nb", TABLE)


def test_an_unknown_budget_is_wrong_usage(monkeypatch):
    monkeypatch.setenv("NOTMNIST_BUDGET", "huge")
    with pytest.raises(UsageError, match="unknown budget 'huge': choose quick or full"):
        results.Run("nb", TABLE)


def test_an_entry_scores_every_seed_and_bounds_the_mean(misc):
    (entry,) = record(results.Run("nb", TABLE))
    score = entry["tests"]["openglyphs"]
    assert score["n"] == 4
    assert score["accuracy"] == [0.75, 0.5]
    # One draw in 16 takes only the family and the seed that make no mistake together.
    assert score["interval"] == [0.5, 1.0]
    assert entry["train_seconds"] == 1.5
    assert (entry["steps"], entry["images"], entry["seeds"]) == (10, 100, [0, 1])
    assert results.own_accuracy(entry) == 0.5
    assert "62.50%" in results.describe([entry])


def test_a_quick_run_never_bears_a_committed_name(misc):
    run = results.Run("nb", TABLE)
    run.save_picture(Figure())
    record(run)
    written = sorted(path.name for path in misc.rglob("*.*"))
    assert written == ["nb-openglyphs-quick.json", "nb-quick.png"]
    assert results.read_results(misc / "results") == {}


def test_a_full_run_keeps_its_predictions_too(full):
    run = results.Run("nb", TABLE)
    run.save_picture(Figure())
    record(run)
    assert (full / "nb.png").exists()
    kept = results.read_predictions(full / "results")
    assert list(kept) == ["a model"]
    assert kept["a model"].dtype == np.uint8
    assert results.read_predictions(full / "results", "notmnist-small") == {}
    assert results.read_probabilities(full / "results") == {}  # only letters were given
    np.testing.assert_array_equal(kept["a model"], [[0, 1, 2, 9], [0, 1, 9, 9]])
    (entry,) = results.read_results(full / "results")["openglyphs"]
    assert entry["model"] == "a model"


def test_full_runs_count_how_often_a_test_set_was_scored(full, monkeypatch):
    monkeypatch.setattr(files, "committed_results", lambda: full / "committed")
    run = results.Run("nb", TABLE)
    for times in (1, 2, 3):
        (entry,) = record(run)
        assert entry["times_scored"] == {"openglyphs": times}
        entries = results.read_results(full / "results")["openglyphs"]
        assert results.times_scored(entries, "openglyphs") == times
    # What `notmnist run` writes elsewhere first counts on from the committed file.
    (full / "results").rename(full / "committed")
    (entry,) = record(run)
    assert entry["times_scored"] == {"openglyphs": 4}


def test_models_of_one_run_are_scored_together_and_uncounted_runs_once():
    counted = RIGHT | {"tests": {"a": 0}, "times_scored": {"a": 3}}
    entries = [
        counted,
        counted | {"model": "other"},
        RIGHT | {"notebook": "old", "tests": {"a": 0}},
    ]
    assert results.times_scored(entries, "a") == 3 + 1
    assert results.times_scored(entries, "b") == 0


def test_a_quick_run_does_not_count(misc):
    assert "times_scored" not in record(results.Run("nb", TABLE))[0]


@pytest.mark.parametrize(
    ("model", "reached"), [("minibatch logistic regression", [1.0, 2.0]), ("a model", [])]
)
def test_an_entry_says_when_the_originals_accuracy_was_reached(misc, model, reached):
    """The original's minibatch regression has 90%; the second point of the curve has 92%."""
    assert record(results.Run("nb", TABLE), model)[0]["seconds_to_published"] == reached


def test_an_entry_holds_what_else_a_notebook_says_of_its_model(misc):
    run = results.Run("nb", TABLE)
    record(run, more={"a model": {"choice": 3}, "another": {"choice": 4}})
    (entry,) = json.loads((misc / "results" / "nb-openglyphs-quick.json").read_text())
    assert (entry["model"], entry["choice"]) == ("a model", 3)


def test_an_entry_holds_choices_searches_and_curves(misc):
    run = results.Run("nb", TABLE)
    searched = {
        "rates by loss": {"rate": np.array([1e-3, 3e-3]), "loss": [np.float32(0.2), np.nan]}
    }
    run.record(
        {"a model": trained([0, 1, 2, 9]), "another": trained([0, 1, 2, 3])}, TESTS,
        choices={"a model": {"rate": np.float64(1e-3), "optimizer": "AdamW", "layers": 2}},
        searches={"a model": searched},
    )  # fmt: skip
    path = misc / "results" / "nb-openglyphs-quick.json"
    entry, another = results.parse_entries(path.read_bytes(), path.name)
    assert entry["choices"] == {"rate": 0.001, "optimizer": "AdamW", "layers": 2}
    assert entry["searches"] == {"rates by loss": {"rate": [0.001, 0.003], "loss": [0.2, None]}}
    assert entry["curves"] == [{"steps": [5, 10], "valid_accuracy": [0.8, 0.92]}]
    assert not {"choices", "searches"} & another.keys()


@pytest.mark.parametrize(
    ("recorded", "message"),
    [
        ({"choices": {"b model": {"rate": 1}}}, "the choices name 'b model', which is not among"),
        ({"choices": {"a model": {"rate": [1]}}}, "the choices of a model are of another shape"),
        ({"searches": {"a model": {"t": {"rate": [1, 2], "loss": [3]}}}}, "columns of one length"),
        ({"searches": {"a model": {"rate": [1, 2]}}}, "the searches of a model are of another"),
    ],
)
def test_choices_and_searches_of_another_shape_are_wrong_usage(misc, recorded, message):
    with pytest.raises(UsageError, match=message):
        results.Run("nb", TABLE).record({"a model": trained([0, 1, 2, 9])}, TESTS, **recorded)
    assert list(misc.iterdir()) == []


def test_a_curve_is_rounded_and_leaves_out_what_was_not_recorded():
    history = results.History(steps=[5, 10], valid_loss=[1 / 3, 0.25], train_accuracy=[0.5, 2 / 3])
    assert history.curve() == {
        "steps": [5, 10], "train_accuracy": [0.5, 0.6667], "valid_loss": [0.3333, 0.25]
    }  # fmt: skip


def test_probabilities_are_scored_and_kept_with_the_likeliest_letter_the_likeliest(full):
    probabilities = np.zeros((4, 10), np.float32)
    probabilities[:, :2] = 0.499999, 0.500001  # the same number in float16
    history = results.History(steps=[1], train_seconds=[1.0])
    result = results.Trained(
        images=1, parameters=1, seeds=[0], histories=[history],
        probabilities={"openglyphs": [probabilities]},
    )  # fmt: skip
    (entry,) = results.Run("nb", TABLE).record({"a model": result}, TESTS)
    score = entry["tests"]["openglyphs"]
    assert score["accuracy"] == [0.25]  # every image is taken for a B
    assert score["negative_log_likelihood"][0] > 1
    assert score["calibration_error"] == [pytest.approx(0.25, abs=1e-3)]
    (path,) = (full / "results").glob("*.npz")
    with np.load(path) as kept:
        assert kept["openglyphs/a model"].dtype == np.float16
        of_model = kept["openglyphs/a model"]
    read = results.read_probabilities(full / "results")
    np.testing.assert_array_equal(read["a model"], of_model)
    np.testing.assert_array_equal(
        results.read_predictions(full / "results")["a model"], result.predictions["openglyphs"]
    )


@given(st.lists(st.floats(0, 1, width=32), min_size=10, max_size=10).filter(any))
def test_rounding_to_float16_changes_no_letter_and_little_else(numbers):
    probabilities = np.array([numbers], np.float64) / sum(numbers)
    rounded = predictions.as_float16(probabilities)
    assert rounded.argmax() == probabilities.argmax()
    assert np.abs(rounded - probabilities).max() < 1e-3
    assert abs(rounded.astype(float).sum() - 1) <= 1e-3


def test_letters_of_the_genuine_set_are_kept_by_letter_and_font(full):
    split = Split(
        np.zeros((4, 28, 28), np.uint8), np.array([1, 0, 1, 0], np.uint8),
        np.array([0, 1, 1, 0], np.int32), np.array(["b", "a"]), np.array(["b", "a"]),
    )  # fmt: skip
    result = trained([6, 7, 8, 9], test="notmnist-small")
    results.Run("nb", TABLE).record({"a model": result}, {"notmnist-small": split})
    kept = results.read_predictions(full / "results", "notmnist-small")
    assert kept["a model"].tolist() == [[7, 9, 8, 6]]


def test_predictions_of_other_test_sets_are_not_kept(full):
    result = trained([0, 1, 2, 3], test="random")
    results.Run("nb", TABLE).record({"a model": result}, {"random": TESTS["openglyphs"]})
    assert [path.name for path in (full / "results").iterdir()] == ["nb-openglyphs.json"]


def test_a_run_loads_its_dataset_and_the_test_sets():
    data, tests = results.Run("nb", TABLE).load()
    assert data.name == "openglyphs" and len(data.train) == 28_431
    assert list(tests) == ["openglyphs"] and len(tests["openglyphs"]) == 3_494


def test_a_failed_save_leaves_the_earlier_file_whole(full):
    run = results.Run("nb", TABLE)
    record(run)
    before = (full / "results" / "nb-openglyphs.json").read_bytes()
    with pytest.raises(TypeError):
        record(run, more={"a model": {"choice": object()}})
    assert (full / "results" / "nb-openglyphs.json").read_bytes() == before


def test_results_of_two_training_sets_stay_apart_though_their_test_sets_share_a_name(
    full, monkeypatch
):
    for dataset, predicted in (("openglyphs", [0, 1]), ("notmnist", [0, 9])):
        monkeypatch.setenv("NOTMNIST_DATASET", dataset)
        run = results.Run("nb", TABLE)
        tests = {"notmnist-small": split_of([0, 1])}
        run.record({"a model": trained(predicted, test="notmnist-small")}, tests)
    entries = results.read_results(full / "results")
    accuracies = {
        dataset: [entry["tests"]["notmnist-small"]["accuracy"] for entry in of_dataset]
        for dataset, of_dataset in entries.items()
    }
    assert accuracies == {"openglyphs": [[1.0]], "notmnist": [[0.5]]}


def test_an_entry_says_which_version_of_the_data_it_is_on(misc):
    (entry,) = record(results.Run("nb", TABLE))
    assert entry["data_version"] == sources.find("openglyphs").version != "1.0"
    assert results.data_version(entry) == entry["data_version"]
    assert results.data_version(RIGHT) == "1.0"
    assert results.data_version(RIGHT | {"dataset": "notmnist-small"}) == ""


def test_predictions_of_another_version_s_test_split_are_left_out(full):
    record(results.Run("nb", TABLE))
    path = full / "results" / "nb-openglyphs.json"
    (entry,) = json.loads(path.read_text())
    assert list(results.read_predictions(full / "results")) == ["a model"]
    path.write_text(json.dumps([entry | {"data_version": "0.9"}]))
    assert results.read_predictions(full / "results") == {}
    del entry["data_version"]
    path.write_text(json.dumps([entry]))
    assert results.read_predictions(full / "results") == {}


def test_predictions_of_two_models_with_one_name_are_not_merged(tmp_path):
    for notebook in ("01", "02"):
        letters = {"openglyphs/a model": np.zeros((1, 4), np.uint8)}
        np.savez(tmp_path / f"{notebook}-openglyphs.npz", **letters)
    with pytest.raises(NotMNISTError, match=r"02-openglyphs\.npz and another file both hold"):
        results.read_predictions(tmp_path)


def test_every_figure_of_the_original_is_that_of_a_run_of_its_own(pytestconfig):
    compared = [figure.model for figure in original.PUBLISHED if figure.model]
    assert len(compared) == len(set(compared))
    entries = results.read_results(pytestconfig.rootpath / "misc" / "results")
    assert {entry["model"] for entry in entries["openglyphs"]} >= set(compared)
    for figure in original.PUBLISHED:
        assert figure.recipe and (figure.printed is None) == (not figure.commit)
        if figure.readme and figure.printed:  # which the README rounds or cuts
            assert figure.readme == pytest.approx(figure.printed, abs=0.21)


def test_a_figure_of_the_original_says_where_its_model_is_another():
    assert results.published("LSTM") == "94.1%, 474 s"
    assert results.published("SimpleRNN") == "90.5%, 125.7 s"
    assert results.published("stacked GRU") == "94.4%, 1,440 s (three LSTMs)"
    assert results.published("ReLU MLP + augmentation") == "-"


RIGHT = {
    "model": "a model", "notebook": "nb", "dataset": "openglyphs", "parameters": 1, "steps": 1,
    "seeds": [0], "train_seconds": 0.5,
    "tests": {"openglyphs": {"n": 9, "accuracy": [0.5], "interval": [0.4, 0.6]}},
}  # fmt: skip


def with_score(**changes):
    score = RIGHT["tests"]["openglyphs"] | changes
    return [RIGHT | {"tests": {"openglyphs": score}}]


BROKEN = {
    "cut": "[{",
    "nested without end": "[" * 100_000,
    "number": 1,
    "null": None,
    "entry without its list": RIGHT,
    "text as an entry": ["entry"],
    "null as an entry": [None],
    "model alone": [{"model": "a model"}],
    "no tests": [{name: RIGHT[name] for name in RIGHT if name != "tests"}],
    "not one test": [RIGHT | {"tests": {}}],
    "escape in the name of a test": [RIGHT | {"tests": {"\x1b[2J": RIGHT["tests"]["openglyphs"]}}],
    "list of tests": [RIGHT | {"tests": [["openglyphs", 0.5]]}],
    "null as a score": [RIGHT | {"tests": {"openglyphs": None}}],
    "list as a model": [RIGHT | {"model": ["a model"]}],
    "model of two lines": [RIGHT | {"model": "a\nmodel"}],
    "script as a notebook": [RIGHT | {"notebook": "nb](javascript:alert(1))"}],
    "path as a dataset": [RIGHT | {"dataset": "../openglyphs"}],
    "text as steps": [RIGHT | {"steps": "1"}],
    "truth as parameters": [RIGHT | {"parameters": True}],
    "null as seconds": [RIGHT | {"train_seconds": None}],
    "one number as the accuracy": with_score(accuracy=0.5),
    "no accuracy": with_score(accuracy=[]),
    "text as an accuracy": with_score(accuracy=["0.5"]),
    "accuracy in percent": with_score(accuracy=[50]),
    "no number as an accuracy": with_score(accuracy=[float("nan")]),
    "one likelihood of two seeds": with_score(negative_log_likelihood=[0.1, 0.2]),
    "text as a calibration error": with_score(calibration_error=["0.1"]),
    "seconds beyond any float": [RIGHT | {"train_seconds": 10**400}],
    "bounds beyond any float": with_score(interval=[-(10**400), 10**400]),
    "half an interval": with_score(interval=[0.4]),
    "words in an interval": with_score(interval=["0.4", "0.6"]),
    "negative count": with_score(n=-1),
    "number as a version": [RIGHT | {"data_version": 1.1}],
    "list of choices": [RIGHT | {"choices": [0.1]}],
    "nested choice": [RIGHT | {"choices": {"rate": {"value": 0.1}}}],
    "choice of two lines": [RIGHT | {"choices": {"rate": "a\nb"}}],
    "search without columns": [RIGHT | {"searches": {"rates": {}}}],
    "columns of two lengths": [RIGHT | {"searches": {"rates": {"rate": [1], "loss": []}}}],
    "title of two lines": [RIGHT | {"searches": {"a\nb": {"rate": [1]}}}],
    "text in a curve": [RIGHT | {"curves": [{"steps": ["1"]}]}],
    "one curve": [RIGHT | {"curves": {"steps": [1]}}],
    "one number as a gain": [RIGHT | {"gain_over_by_font": 0.1}],
    "one number as an effect": [RIGHT | {"effects": {"copies": 0.1}}],
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_result_file_is_named(tmp_path, content):
    path = tmp_path / "nb-openglyphs.json"
    path.write_text(json.dumps([RIGHT]))
    assert results.read_results(tmp_path) == {"openglyphs": [RIGHT]}
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(NotMNISTError, match=r"nb-openglyphs\.json is not a result file") as caught:
        results.read_results(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"no archive", b"\x80\x04N."])
def test_a_broken_file_of_predictions_is_named(tmp_path, content):
    (tmp_path / "nb-openglyphs.npz").write_bytes(content)
    with pytest.raises(NotMNISTError, match=r"nb-openglyphs\.npz holds no predictions"):
        results.read_predictions(tmp_path)


def test_committed_results_come_from_full_runs(pytestconfig):
    for path in (pytestconfig.rootpath / "misc" / "results").glob("*.json"):
        if not path.stem.endswith("-quick"):
            assert {entry["budget"] for entry in json.loads(path.read_text())} == {"full"}


def test_committed_predictions_are_small(pytestconfig):
    kept = (pytestconfig.rootpath / "misc" / "results").glob("*.npz")
    assert 0 < sum(path.stat().st_size for path in kept) < 4e6


def test_committed_scores_are_those_of_the_committed_predictions(pytestconfig):
    folder = pytestconfig.rootpath / "misc" / "results"
    assert recount.recount(folder, notmnist.load("openglyphs").test) == {}


@pytest.mark.parametrize("test", ["openglyphs", "notmnist-small"])
def test_kept_predictions_carry_the_name_of_one_committed_model(test):
    folder = files.committed_results()
    entries = results.read_results(folder)["openglyphs"]
    named = Counter(entry["model"] for entry in entries if test in entry["tests"])
    kept = results.read_predictions(folder, test)
    assert kept and {named[model] for model in kept} == {1}


def test_recounting_replaces_intervals_and_refuses_other_predictions(full):
    record(results.Run("nb", TABLE))
    path = full / "results" / "nb-openglyphs.json"
    (entry,) = json.loads(path.read_text())
    right = entry["tests"]["openglyphs"]["interval"]
    entry["tests"]["openglyphs"]["interval"] = [0.1, 0.2]
    path.write_text(json.dumps([entry]))
    ((changed, text),) = recount.recount(full / "results", TESTS["openglyphs"]).items()
    assert changed == path
    assert json.loads(text)[0]["tests"]["openglyphs"]["interval"] == right
    with pytest.raises(NotMNISTError, match="predictions of a model do not have the accuracies"):
        recount.recount(full / "results", split_of([0, 1, 2, 9]))


def test_the_full_budget_is_told_by_training_set_with_choices_and_searches(full, monkeypatch):
    monkeypatch.setattr(files, "committed_results", lambda: full / "results")
    assert results.full_budget("nb") == "No full run of nb has been recorded yet."
    results.Run("nb", TABLE).record(
        {"a model": trained([0, 1, 2, 9], [0, 1, 9, 9])}, TESTS,
        choices={"a model": {"rate": 0.001, "layers": 2}},
        searches={"a model": {"rates by loss": {"rate": [0.001, 0.03], "loss": [0.25, np.inf]}}},
        more={"a model": {"effects": {"copies": [0.01, -0.005, 0.02]}}},
    )  # fmt: skip
    told = results.full_budget("nb")
    assert told.startswith(
        "Trained on openglyphs 1.1\n"
        "a model: 1.5 s of training per seed, 2 seeds\n"
        "  openglyphs             62.50% [50.00, 100.00] of 4 images\n"
        "  copies                 +1.00 [-0.50, +2.00] points\n"
        "  chosen: rate 0.001, layers 2\n"
        "  rates by loss:\n"
        "     rate  loss\n"
        "    0.001  0.25\n"
        "     0.03     -\n"
        "\n"
        "In brackets: 95% intervals of the mean over seeds, for new families of fonts"
    )
    assert "predates the recording" not in told
    (full / "results" / "nb-openglyphs.txt").write_text("A study\n\na table\n")
    assert "\n     0.03     -\n\nA study\n\na table\n\nIn brackets" in results.full_budget("nb")
    (full / "results" / "old-openglyphs.json").write_text(json.dumps([RIGHT | {"notebook": "old"}]))
    assert "This run predates the recording of choices" in results.full_budget("old")


def test_the_columns_of_a_wide_table_follow_below_beside_the_first(full, monkeypatch):
    monkeypatch.setattr(files, "committed_results", lambda: full / "results")
    columns = {f"column {'abcdefghij'[i]}": [0.25 + i, 0.125] for i in range(10)}
    table = {"method": ["one", "another"]} | columns
    more = {"a model": {"tables": {"wide": table}}}
    results.Run("nb", TABLE).record({"a model": trained([0, 1, 2, 9])}, TESTS, more=more)
    told = results.full_budget("nb").partition("  wide:\n")[2].partition("\n\n")[0].splitlines()
    heads, ones, others = told[::3], told[1::3], told[2::3]
    assert len(heads) > 1 and max(map(len, told)) <= 110
    assert all(line.split()[0] == "method" for line in heads)
    assert " ".join(heads).replace("method", "").split() == " ".join(columns).split()
    assert [of for line in ones for of in line.split()[1:]] == [
        f"{0.25 + i:.4g}" for i in range(10)
    ]
    assert [line.split()[0] for line in others] == ["another"] * len(heads)


def test_the_figure_of_the_full_run_is_shown_where_there_is_one(full, monkeypatch):
    monkeypatch.setattr(files, "committed_results", lambda: full / "results")
    assert results.full_figure("nb") is None
    (full / "nb.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert results.full_figure("nb").data == (full / "nb.png").read_bytes()


def test_a_run_bounds_what_it_trains_on_and_follows_and_tests_on_everything():
    table = {"images": (1_000, None), "valid_images": (500, None)}
    data, tests = results.Run("nb", table).load()
    assert 900 < len(data.train) <= 1_000 and 400 < len(data.valid) <= 500
    assert len(tests["openglyphs"]) == len(data.test) == 3_494
