import csv
import io
import re
import shlex
import tarfile
from contextlib import suppress
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss

import notmnist
from notmnist import cli, files, results, sources
from notmnist.archives import members
from notmnist.errors import NotMNISTError, UsageError
from notmnist.scoring import calibration, intervals, submissions
from notmnist.sources import LETTERS, OPENGLYPHS_SMALL


@pytest.fixture(scope="module")
def test():
    return notmnist.load("openglyphs", dedup="none").test


@pytest.fixture(scope="module")
def probabilities(test):
    """Make up the probabilities of a model that is mostly right."""
    random = np.random.default_rng(0)
    scores = random.normal(size=(len(test), 10)) + 4 * np.eye(10)[test.labels]
    made_up = np.exp(scores)
    return made_up / made_up.sum(axis=1, keepdims=True)


def text_of(header, rows):
    """Write a CSV file as text."""
    file = io.StringIO()
    csv.writer(file).writerows([header, *rows])
    return file.getvalue()


def letters_by_row(letters):
    return text_of(["row", "letter"], ((row, LETTERS[n]) for row, n in enumerate(letters)))


def committed():
    """Yield every committed model: its name in full, its scores, its seeds' letters."""
    folder = files.committed_results()
    kept = results.read_predictions(folder)
    for entry in results.read_results(folder)["openglyphs"]:
        if entry["model"] in kept:
            name = f"{entry['notebook']}:{entry['model']}"
            yield name, entry["tests"]["openglyphs"], kept[entry["model"]]


def test_a_committed_models_own_predictions_have_the_accuracy_of_its_results():
    models = list(committed())
    of_this_version = [
        f"{entry['notebook']}:{entry['model']}"
        for entry in results.read_results(files.committed_results())["openglyphs"]
        if "openglyphs" in entry["tests"]
        and results.data_version(entry) == sources.find("openglyphs").version
    ]
    assert models and [name for name, _, _ in models] == of_this_version
    for _, score, seeds in models:
        scores = notmnist.evaluate(seeds[-1], "openglyphs")
        assert round(scores.accuracy, 6) == score["accuracy"][-1]
        assert scores.images == score["n"]


def test_a_committed_model_is_compared_with_itself_by_the_command(tmp_path, capsys):
    model, score, seeds = next(case for case in committed() if len(case[2]) > 1)
    np.savez(tmp_path / "own.npz", letters=seeds[0])
    arguments = ["evaluate", str(tmp_path / "own.npz"), "--dataset", "openglyphs"]
    assert cli.main([*arguments, "--against", model]) == 0
    report = capsys.readouterr().out
    accuracies = " ".join(f"{100 * accuracy:.2f}%" for accuracy in score["accuracy"])
    assert f"  against                     {model}: {accuracies} (its seeds)\n" in report
    assert re.search(rf"^  accuracy +{100 * score['accuracy'][0]:.2f}% \[", report, re.MULTILINE)
    assert re.search(r"^  McNemar's exact test +p = 1 ", report, re.MULTILINE)
    found = re.search(r" (\S+) points \[(\S+), (\S+)\]", report)
    difference, low, high = map(float, found.groups())
    expected = 100 * (score["accuracy"][0] - np.mean(score["accuracy"]))
    assert low <= difference <= high and difference == pytest.approx(expected, abs=0.01)


def plain(scores):
    return asdict(scores) | {"confusion": scores.confusion.tolist()}


def test_every_form_of_the_same_predictions_has_the_same_scores(test, probabilities, tmp_path):
    random = np.random.default_rng(1)
    with tarfile.open(OPENGLYPHS_SMALL.path) as archive:
        named = [name.split("/", 1)[1] for name in archive.getnames() if name.endswith(".png")]
    row_of = {key: row for row, key in enumerate(zip(test.labels, test.fonts, strict=True))}
    by_name = [(name, probabilities[row_of[members.label_and_font(name)]]) for name in named]
    by_row = [(row, probabilities[row]) for row in random.permutation(len(test))]
    np.savez_compressed(tmp_path / "rows.npz", probabilities=probabilities)
    for stem, key, rows in (("names", "name", by_name), ("rows", "row", by_row)):
        text = text_of([key, *LETTERS], ([key, *map(repr, map(float, p))] for key, p in rows))
        (tmp_path / f"{stem}.csv").write_text(text, encoding="utf-8")
    expected = notmnist.evaluate(probabilities, "openglyphs")
    for name in ("rows.npz", "names.csv", "rows.csv"):
        assert plain(notmnist.evaluate(tmp_path / name, "openglyphs")) == plain(expected)


def test_letters_may_be_numbers_or_text_and_tell_nothing_of_calibration(test, tmp_path):
    path = tmp_path / "letters.csv"
    path.write_text(letters_by_row(test.labels), encoding="utf-8-sig")
    for given_so in (path, test.labels, np.array(list(LETTERS))[test.labels]):
        scores = notmnist.evaluate(given_so, "openglyphs")
        assert scores.accuracy == 1
        assert scores.negative_log_likelihood is None and scores.calibration_error is None
        assert "likelihood" not in repr(scores) and "against" not in repr(scores)


def test_the_scores_are_what_scikit_learn_and_the_intervals_say(test, probabilities):
    scores = notmnist.evaluate(probabilities, "openglyphs")
    letters = probabilities.argmax(axis=1)
    np.testing.assert_array_equal(scores.confusion, confusion_matrix(test.labels, letters))
    assert scores.accuracy == accuracy_score(test.labels, letters)
    assert scores.negative_log_likelihood == pytest.approx(log_loss(test.labels, probabilities))
    correct = (letters == test.labels)[np.newaxis]
    assert scores.interval == intervals.accuracy_interval(correct, test.families)


def test_the_report_names_every_letters_errors(test):
    letters = test.labels.copy()
    letters[np.flatnonzero(test.labels == 8)[:3]] = [9, 9, 5]
    report = repr(notmnist.evaluate(letters, "openglyphs"))
    assert report.startswith("openglyphs: 3,494 test images of 162 families\n  accuracy")
    assert re.search(r"^  I +265 +3 +1\.1%  J 2, F 1$", report, re.MULTILINE)
    assert re.search(r"^  A +359 +0 +0\.0%$", report, re.MULTILINE)


def by_hand(probabilities, labels):
    """Compute the expected calibration error bin by bin."""
    confidence, total = probabilities.max(axis=1), 0.0
    for number in range(calibration.BINS):
        low, high = number / calibration.BINS, (number + 1) / calibration.BINS
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            accuracy = (probabilities[inside].argmax(axis=1) == labels[inside]).mean()
            total += inside.mean() * abs(accuracy - confidence[inside].mean())
    return total


@given(arrays.arrays(float, (20, 10), elements=st.floats(0.01, 1)), st.randoms())
def test_the_calibration_error_is_that_of_its_definition(weights, random):
    probabilities = weights / weights.sum(axis=1, keepdims=True)
    labels = np.array([random.randrange(10) for _ in range(20)])
    error = calibration.expected_calibration_error(probabilities, labels)
    assert error == pytest.approx(by_hand(probabilities, labels))
    assert 0 <= error <= 1


@given(arrays.arrays(float, (20, 10), elements=st.floats(0.01, 1)), st.randoms())
def test_a_weight_counts_as_so_many_images(weights, random):
    probabilities = weights / weights.sum(axis=1, keepdims=True)
    labels = np.array([random.randrange(10) for _ in range(20)])
    times = np.array([random.randrange(3) for _ in range(19)] + [1])
    repeated = np.repeat(probabilities, times, axis=0), np.repeat(labels, times)
    for measure in (calibration.expected_calibration_error, calibration.negative_log_likelihood):
        assert measure(probabilities, labels, times) == pytest.approx(measure(*repeated))


def test_a_reliability_diagram_leaves_empty_bins_out():
    probabilities = np.full((4, 10), 0.5 / 9)
    probabilities[:, 2] = 0.5
    bins = calibration.reliability(probabilities, np.array([2, 2, 2, 0]))
    (used,) = np.nonzero(bins.weight)
    assert used.tolist() == [7]  # 7/15 to 8/15
    assert (bins.weight[7], bins.confidence[7], bins.accuracy[7]) == (4, 0.5, 0.75)
    assert np.isnan(np.delete(bins.accuracy, 7)).all()


def test_a_model_that_is_sure_and_wrong_has_a_finite_loss():
    sure = np.eye(10, dtype=np.float16)[[3, 3]]
    loss = calibration.negative_log_likelihood(sure, np.array([3, 4]))
    assert loss == pytest.approx(-np.log(calibration.SMALLEST) / 2)
    assert calibration.expected_calibration_error(sure, np.array([3, 4])) == 0.5


WRONG = {
    "no such file": (None, "cannot read predictions from"),
    "no header": ("", "found the columns ''"),
    "other columns": ("row,label\n0,A\n", "found the columns 'row, label'"),
    "two keys": ("row,name,letter\n0,A/a.png,A\n", "found the columns 'row, name, letter'"),
    "a column twice": ("row,letter,letter\n0,A,A\n", "found the columns 'row, letter, letter'"),
    "a column missing": ("row,A,B,C,D,E,F,G,H,I\n", "give name or row, and letter or A to J"),
    "a short line": ("row,letter\n0,A\n1\n", "line 3: found 1 values for 2 columns"),
    "an open quote": ('row,letter\n0,"A\n', "cannot read predictions from"),
    "other letters": ("row,letter\n0,A\n1,K\n", "row 1: 'K' is not a letter from A to J"),
    "no letter": ("row,letter\n0,\n", "row 0: '' is not a letter from A to J"),
    "other rows": ("row,letter\n3494,A\n", "row 3494 is not a test image of openglyphs"),
    "odd rows": ("row,letter\n-1,A\n", "row -1 is not a test image of openglyphs"),
    "other names": ("name,letter\nA/a.png,A\n", "name A/a.png is not a test image of openglyphs"),
    "no names": ("name,letter\na.png,A\n", "name a.png is not a test image of openglyphs"),
    "repeated rows": ("row,letter\n7,A\n0,A\n7,B\n", "row 7 appears more than once"),
    "missing rows": ("row,letter\n0,A\n", "lacks 3,493 of the 3,494 test images of openglyphs"),
    "nothing": ("row,letter\n", "such as row 0, "),
    "NaN": (f"row,{','.join(LETTERS)}\n0{',0.1' * 9},nan\n", "row 0: the least probability is nan"),
    "infinity": (f"row,{','.join(LETTERS)}\n0{',0' * 9},inf\n", "their sum inf"),
    "negative": (f"row,{','.join(LETTERS)}\n0{',0' * 8},2,-1\n", "the least probability is -1"),
    "no sum of 1": (f"row,{','.join(LETTERS)}\n0{',0.101' * 10}\n", "and their sum 1.01"),
    "no numbers": (f"row,{','.join(LETTERS)}\n0{',x' * 10}\n", "could not convert string"),
}


@pytest.mark.parametrize(("content", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_csv_file_is_one_line_and_status_1(content, message, tmp_path, capsys):
    path = tmp_path / "predictions.csv"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    refused(path, message, capsys)


def refused(path, message, capsys):
    assert cli.main(["evaluate", str(path), "--dataset", "openglyphs"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err and str(path) in printed.err and printed.err.count("\n") == 1


WRONG_ARRAYS = {
    "too few": ({"letters": np.zeros(3, np.uint8)}, "found 3 predictions for the 3,494"),
    "numbers above 9": ({"letters": np.array([0, 10])}, "row 1: '10' is not a letter from A to J"),
    "numbers below 0": ({"letters": np.array([-1, 0])}, "row 0: '-1' is not a letter from A to J"),
    "NaN for letters": ({"letters": np.array([np.nan])}, "row 0: 'nan' is not a letter"),
    "columns of letters": ({"letters": np.zeros((3, 1), int)}, "letters of shape (3, 1)"),
    "nine columns": ({"probabilities": np.ones((3, 9)) / 9}, "probabilities of shape (3, 9)"),
    "text": ({"probabilities": np.full((3, 10), "0.1")}, "probabilities are <U3; give numbers"),
    "logits": ({"probabilities": np.arange(30.0).reshape(3, 10)}, "and their sum 45"),
    "another name": ({"arr_0": np.zeros(3)}, "found arr_0 of shape (3,); give letters"),
    "both": ({"letters": np.zeros(3), "probabilities": np.zeros((3, 10))}, "found letters of"),
    "none": ({}, "found no array"),
    "objects": ({"letters": np.array([{}], object)}, "(not an npz file of numbers or text): give"),
}


@pytest.mark.parametrize(("held", "message"), WRONG_ARRAYS.values(), ids=WRONG_ARRAYS)
def test_a_wrong_npz_file_is_one_line_and_status_1(held, message, tmp_path, capsys):
    np.savez(tmp_path / "predictions.npz", **held)
    refused(tmp_path / "predictions.npz", message, capsys)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"\x80\x04N.", b"row,letter\n0,A\n"])
def test_a_damaged_npz_file_is_one_line_and_status_1(content, tmp_path, capsys):
    (tmp_path / "predictions.npz").write_bytes(content)
    refused(tmp_path / "predictions.npz", "(not an npz file of numbers or text): give a", capsys)


def test_a_file_that_is_no_text_or_of_another_kind_is_refused(tmp_path, capsys):
    (tmp_path / "predictions.csv").write_bytes(b"row,letter\n0,\xff\n")
    refused(tmp_path / "predictions.csv", "cannot read predictions from", capsys)
    refused(tmp_path / "predictions.json", "give a .csv or .npz file", capsys)


@given(st.binary(max_size=300) | st.text('row,nameletterA/\n"0.15', max_size=80).map(str.encode))
def test_any_bytes_are_predictions_or_one_clear_error(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp()
    for suffix in ("csv", "npz"):
        path = folder / f"any.{suffix}"
        path.write_bytes(content)
        with suppress(NotMNISTError):
            submissions.read(path)


@given(st.lists(st.sampled_from(LETTERS)), st.randoms())
def test_what_is_written_is_what_is_read(tmp_path_factory, letters, random):
    path = tmp_path_factory.getbasetemp() / "written.csv"
    rows = random.sample(range(10**6), len(letters))
    path.write_text(text_of(["letter", "row"], zip(letters, rows, strict=True)))
    read = submissions.read(path)
    assert [LETTERS[number] for number in read.letters] == letters
    assert (read.key, list(read.keys)) == ("row", list(map(str, rows)))


def test_a_name_is_known_with_folders_before_it_and_without_base64():
    assert members.label_and_font("test/B/MDEtMDEtMDAudHRm.png") == (1, "01-01-00.ttf")
    assert members.label_and_font("J/not base64!.png") == (9, "not base64!")
    assert members.label_and_font("K/MDEtMDEtMDAudHRm.png") is None
    assert members.label_and_font("A/MDEtMDEtMDAudHRm.gif") is None


def test_letter_and_font_tell_every_genuine_image_from_every_other(genuine_home):
    small = notmnist.load("notmnist-small", home=genuine_home, dedup="none")
    whole = notmnist.Split.joined([small.train, small.valid, small.test])
    assert len(set(zip(whole.labels.tolist(), whole.fonts.tolist(), strict=True))) == len(whole)


def test_genuine_fonts_stand_for_families(genuine_home):
    test = notmnist.load("notmnist-small", home=genuine_home, dedup="none").test
    scores = notmnist.evaluate(test.labels, "notmnist-small", home=genuine_home)
    fonts = len(np.unique(test.fonts))
    assert scores.groups == f"{fonts} fonts"
    assert scores.interval == (pytest.approx(0.025 ** (1 / fonts)), 1)


def commit(folder, monkeypatch, tests, models=("a model",), **predicted):
    """Leave what a full run leaves of models that predicted these test sets, as committed."""
    monkeypatch.setenv("NOTMNIST_BUDGET", "full")
    monkeypatch.setenv("NOTMNIST_MISC", str(folder))
    history = results.History(steps=[1], train_seconds=[1.0])
    trained = results.Trained(
        images=1, parameters=1, seeds=[0], histories=[history], **predicted
    )  # fmt: skip
    entry, *_ = results.Run("nb", {}).record(dict.fromkeys(models, trained), tests)
    monkeypatch.setattr(files, "committed_results", lambda: folder / "results")
    return entry


def test_the_model_to_compare_with_must_be_one(test, tmp_path, monkeypatch):
    right = {"openglyphs": [test.labels]}
    commit(tmp_path, monkeypatch, {"openglyphs": test}, models=["a", "b"], predictions=right)
    with pytest.raises(UsageError, match="unknown model 'nb': choose nb:a, nb:b"):
        notmnist.evaluate(test.labels, "openglyphs", against="nb")
    with pytest.raises(UsageError, match="unknown model 'nope': choose nb:a"):
        notmnist.evaluate(test.labels, "openglyphs", against="nope")


def test_a_committed_model_is_found_by_its_notebook_alone(test):
    scores = notmnist.evaluate(test.labels, "openglyphs", against="03_minibatch_lr")
    assert scores.comparison.model == "03_minibatch_lr:minibatch logistic regression"
    assert scores.comparison.difference == pytest.approx(1 - np.mean(scores.comparison.accuracies))
    assert scores.comparison.interval[0] > 0 and max(scores.comparison.p_values) < 1e-9


def test_the_probabilities_that_a_full_run_keeps_have_the_scores_of_its_result_file(
    test, probabilities, tmp_path, monkeypatch
):
    given = {"openglyphs": [probabilities.astype(np.float32)]}
    entry = commit(tmp_path, monkeypatch, {"openglyphs": test}, probabilities=given)
    with np.load(tmp_path / "results" / "nb-openglyphs.npz") as kept:
        (own,) = kept["openglyphs/a model"]
    scores = notmnist.evaluate(own, "openglyphs", against="nb")
    score = entry["tests"]["openglyphs"]
    assert own.dtype == np.float16 and scores.comparison.difference == 0
    assert [scores.accuracy] == pytest.approx(score["accuracy"], abs=1e-6)
    assert scores.interval == pytest.approx(score["interval"], abs=1e-6)
    assert [scores.negative_log_likelihood] == pytest.approx(
        score["negative_log_likelihood"], abs=1e-6
    )
    assert [scores.calibration_error] == pytest.approx(score["calibration_error"], abs=1e-6)


def test_a_committed_model_is_compared_on_the_genuine_set_whatever_the_order_of_its_images(
    genuine_home, tmp_path, monkeypatch
):
    small = notmnist.load("notmnist-small", home=genuine_home, dedup="none")
    whole = notmnist.Split.joined([small.train, small.valid, small.test])
    letters = np.random.default_rng(0).integers(10, size=len(whole), dtype=np.uint8)
    shuffled = np.random.default_rng(1).permutation(len(whole))
    tests = {"notmnist-small": whole[shuffled]}
    commit(
        tmp_path, monkeypatch, tests, predictions={"notmnist-small": [letters[shuffled]]}
    )  # fmt: skip
    own = letters[-len(small.test) :]
    scores = notmnist.evaluate(own, "notmnist-small", against="nb:a model", home=genuine_home)
    assert scores.comparison.p_values == (1,) and scores.comparison.interval == (0, 0)
    assert scores.comparison.accuracies == (scores.accuracy,)


def test_other_datasets_have_no_committed_predictions(test, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "committed_results", lambda: tmp_path)  # as in a wheel
    with pytest.raises(NotMNISTError, match="no committed predictions of notmnist-small"):
        notmnist.evaluate(test.labels, "notmnist-small", against="03_minibatch_lr", home=tmp_path)
    with pytest.raises(NotMNISTError, match="only in a checkout of the repository"):
        notmnist.evaluate(test.labels, "openglyphs", against="03_minibatch_lr")


def test_the_worked_example_prints_what_its_page_shows(pytestconfig, tmp_path, monkeypatch, capsys):
    page = (pytestconfig.rootpath / "docs" / "evaluate.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.+?)```", page, re.DOTALL)
    (command,) = re.findall(r"```sh\n(.+?)```", page, re.DOTALL)
    report = re.search(r"```text\n(.+?)```", page, re.DOTALL)[1]
    against = re.search(r"`(--against .+?)`", page)[1]
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    _, *arguments = shlex.split(command)
    assert cli.main(arguments) == 0
    assert capsys.readouterr().out == report
    assert cli.main([*arguments, *shlex.split(against)]) == 0
    assert "difference to their mean    -" in capsys.readouterr().out
