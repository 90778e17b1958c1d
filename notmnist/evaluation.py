"""Score anybody's predictions of a test split as the committed results are scored."""

import os
from dataclasses import dataclass

import numpy as np

from notmnist import files, pipeline, sources
from notmnist.dataset import Split
from notmnist.errors import NotMNISTError, UsageError
from notmnist.scoring import calibration, intervals, submissions
from notmnist.scoring.predictions import BY_NAME, BY_ROW, archive_order
from notmnist.scoring.submissions import Submission
from notmnist.sources import LETTERS, Source

Home = str | os.PathLike | None


@dataclass(frozen=True)
class Comparison:
    """Compare predictions with those of a committed model, image by image.

    Attributes
    ----------
    model : str
        ``NOTEBOOK:MODEL``.
    accuracies : tuple of float
        The accuracies of the committed model, one per seed.
    difference : float
        The accuracy of the predictions minus the mean of `accuracies`.
    interval : tuple of float
        The 95% interval of the difference: bootstrap over families and the committed model's seeds
        together.
    p_values : tuple of float
        The p-values of McNemar's exact test against each seed, which takes images as independent.
    """

    model: str
    accuracies: tuple[float, ...]
    difference: float
    interval: tuple[float, float]
    p_values: tuple[float, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """Hold the scores of predictions; its `repr` is a report.

    Attributes
    ----------
    dataset : str
        The name of the dataset whose test split was predicted.
    groups : str
        The number of families that the test images come from, in words, or of fonts if no families
        are known.
    confusion : ndarray of int64, shape (10, 10)
        The number of images of each letter (row) that were taken for each letter (column).
    interval : tuple of float
        The 95% interval of the accuracy: bootstrap over families (`scoring.intervals`).
    negative_log_likelihood : float or None
        The mean over the images, in nats; None without probabilities.
    calibration_error : float or None
        Expected calibration error (`scoring.calibration`); None without probabilities.
    comparison : Comparison or None
        The comparison with a committed model, if one was named.
    """

    dataset: str
    groups: str
    confusion: np.ndarray
    interval: tuple[float, float]
    negative_log_likelihood: float | None = None
    calibration_error: float | None = None
    comparison: Comparison | None = None

    @property
    def images(self) -> int:
        """Count the images."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Return the share of the images that were classified correctly."""
        return float(np.trace(self.confusion) / self.images)

    def __repr__(self) -> str:
        """Format the scores as a report."""
        scores = {"accuracy": f"{100 * self.accuracy:.2f}% {_brackets(self.interval)}"}
        if self.negative_log_likelihood is not None:
            scores["negative log-likelihood"] = f"{self.negative_log_likelihood:.4f} nats"
        if self.calibration_error is not None:
            scores["expected calibration error"] = (
                f"{100 * self.calibration_error:.2f} points, {calibration.BINS} bins"
            )
        if self.comparison:
            scores |= _comparison_rows(self.comparison)
        return "\n".join(
            [
                f"{self.dataset}: {self.images:,} test images of {self.groups}",
                *(f"  {name:<28}{value}" for name, value in scores.items()),
                f"  In brackets: 95% intervals for new {self.groups.split()[-1]} (bootstrap); "
                "another seed of a model may lie outside.",
                *_letter_lines(self.confusion),
            ]
        )


def evaluate(
    predictions: str | os.PathLike | np.ndarray,
    dataset: str | Source,
    *,
    against: str | None = None,
    home: Home = None,
) -> Evaluation:
    """Score predictions of a dataset's test split.

    Parameters
    ----------
    predictions : path or ndarray
        A ``.csv`` or ``.npz`` file, as `scoring.submissions.read` describes them; or letters (whole
        numbers with A = 0 .. J = 9, or text), shape (N,), or probabilities, shape (N, 10). Arrays,
        also those in a file, must be in the order of ``load(dataset, dedup="none").test``.
    dataset : str or Source
        As for `load`; it is prepared first if necessary.
    against : str, optional
        A committed model to compare with, as ``NOTEBOOK:MODEL``, or ``NOTEBOOK`` if that notebook
        trains one model. Only a checkout of the repository keeps predictions: those that models
        trained on OpenGlyphs made of its test split, and of the genuine small set where a full run
        scored it.
    home : path, optional
        As for `load`.

    Returns
    -------
    Evaluation
        Its `repr` is a report.

    Raises
    ------
    UsageError
        When the dataset or the model is unknown.
    NotMNISTError
        When the predictions can't be read, are neither letters nor probabilities, or are not
        exactly one for each test image.
    """
    given = (
        submissions.read(predictions)
        if isinstance(predictions, str | os.PathLike)
        else submissions.of_array(np.asarray(predictions))
    )
    source = sources.find(dataset)
    committed = _committed(source.name, against) if against else None
    test = pipeline.load(source, home=home, dedup="none").test
    order = _row_order(given, source.name, test)
    letters = given.letters[order]
    comparison = loss = error = None
    if committed:
        model, kept = committed
        comparison = _compare(letters, model, kept[:, _committed_places(source, test, home)], test)
    if given.probabilities is not None:
        probabilities = given.probabilities[order]
        loss = calibration.negative_log_likelihood(probabilities, test.labels)
        error = calibration.expected_calibration_error(probabilities, test.labels)
    return Evaluation(
        dataset=source.name,
        groups=_count_groups(test),
        confusion=_confusion(test.labels, letters),
        interval=intervals.accuracy_interval((letters == test.labels)[np.newaxis], test.families),
        negative_log_likelihood=loss,
        calibration_error=error,
        comparison=comparison,
    )


def _committed(dataset: str, against: str) -> tuple[str, np.ndarray]:
    """Find the committed model called NOTEBOOK or NOTEBOOK:MODEL: its full name and letters."""
    from notmnist import results  # takes a while to import: `import notmnist` stays light

    folder = files.committed_results()
    test = BY_NAME if dataset == "notmnist" else dataset
    kept = results.read_predictions(folder, test)
    if not kept:
        raise NotMNISTError(
            f"there are no committed predictions of {dataset} to compare with: those of openglyphs "
            "(of its present version) and of the genuine small set are kept, only in a checkout of "
            "the repository"
        )
    models = {
        f"{entry['notebook']}:{entry['model']}": kept[entry["model"]]
        for entry in results.read_results(folder).get(results.DEFAULT_DATASET, [])
        if entry["model"] in kept and test in entry["tests"]
    }
    meant = [name for name in models if against in (name, name.partition(":")[0])]
    if len(meant) != 1:
        raise UsageError(f"unknown model {against!r}: choose {', '.join(meant or models)}")
    return meant[0], models[meant[0]]


def _committed_places(source: Source, test: Split, home: Home) -> np.ndarray:
    """Find the place of each test image in the order in which predictions are kept."""
    if source.name == BY_ROW:
        return np.arange(len(test))
    whole = test
    if source.name == BY_NAME:
        small = pipeline.load(source, home=home, dedup="none")
        whole = Split.joined([small.train, small.valid, small.test])
    return np.argsort(archive_order(whole.labels, whole.fonts))[-len(test) :]


def _compare(letters: np.ndarray, model: str, committed: np.ndarray, test: Split) -> Comparison:
    correct, other = (letters == test.labels)[np.newaxis], committed == test.labels
    difference, low, high = intervals.paired_difference(correct, other, test.families)
    return Comparison(
        model=model,
        accuracies=tuple(other.mean(axis=1).tolist()),
        difference=difference,
        interval=(low, high),
        p_values=tuple(intervals.mcnemar(correct[0], seed) for seed in other),
    )


def _row_order(given: Submission, dataset: str, test: Split) -> np.ndarray:
    """Find the place of each test image among the predictions."""
    count = len(test)
    if given.key is None:
        if len(given.letters) != count:
            raise NotMNISTError(
                f"{given.origin}: found {len(given.letters):,} predictions for the {count:,} test "
                f"images of {dataset}; give one for each"
            )
        return np.arange(count)
    rows = np.array(_rows(given, test), int)
    if np.any(rows < 0):
        raise NotMNISTError(f"{given.place(int(np.argmin(rows)))} is not a test image of {dataset}")
    times = np.bincount(rows, minlength=count)
    if np.any(times > 1):
        second = np.flatnonzero(rows == np.argmax(times > 1))[1]
        raise NotMNISTError(f"{given.place(int(second))} appears more than once; give it once")
    if np.any(times == 0):
        first = np.argmin(times)
        raise NotMNISTError(
            f"{given.origin} lacks {np.sum(times == 0):,} of the {count:,} test images of "
            f"{dataset}, such as row {first}, {LETTERS[test.labels[first]]} of {test.fonts[first]}"
        )
    return np.argsort(rows)


def _rows(given: Submission, test: Split) -> list[int]:
    """Look up the row of each prediction's image; -1 if there is none."""
    if given.key == "row":
        row_of_number = {str(row): row for row in range(len(test))}
        return [row_of_number.get(key, -1) for key in given.keys]
    from notmnist.archives import members  # imports tqdm: `import notmnist` stays light

    images = zip(test.labels.tolist(), test.fonts.tolist(), strict=True)
    row_of_image: dict[object, int] = {image: row for row, image in enumerate(images)}
    return [row_of_image.get(members.label_and_font(name), -1) for name in given.keys]


def _confusion(labels: np.ndarray, letters: np.ndarray) -> np.ndarray:
    confusion = np.zeros((len(LETTERS), len(LETTERS)), np.int64)
    np.add.at(confusion, (labels, letters), 1)
    return confusion


def _count_groups(test: Split) -> str:
    kind = "fonts" if np.array_equal(test.font_families, test.font_names) else "families"
    return f"{len(np.unique(test.families)):,} {kind}"


def _comparison_rows(comparison: Comparison) -> dict[str, str]:
    accuracies = " ".join(f"{100 * accuracy:.2f}%" for accuracy in comparison.accuracies)
    p_values = " ".join(f"{p:.2g}" for p in comparison.p_values)
    return {
        "against": f"{comparison.model}: {accuracies} (its seeds)",
        "difference to their mean": f"{100 * comparison.difference:+.2f} points "
        + _brackets(comparison.interval, sign="+"),
        "McNemar's exact test": f"p = {p_values}, as if images were independent",
    }


def _letter_lines(confusion: np.ndarray) -> list[str]:
    """Format the errors of each letter, and the three letters it was most often taken for."""
    lines = [f"  {'letter':<8}{'images':>8}{'wrong':>8}{'error':>8}  most often taken for"]
    for label, row in enumerate(confusion):
        others = row.copy()
        others[label] = 0
        most = [other for other in np.argsort(-others, kind="stable")[:3] if others[other]]
        taken_for = ", ".join(f"{LETTERS[other]} {others[other]:,}" for other in most)
        images, wrong = row.sum(), others.sum()
        share = f"{100 * wrong / images:.1f}%" if images else "-"
        lines.append(
            f"  {LETTERS[label]:<8}{images:>8,}{wrong:>8,}{share:>8}  {taken_for}".rstrip()
        )
    return lines


def _brackets(interval: tuple[float, float], sign: str = "") -> str:
    low, high = (100 * bound for bound in interval)
    return f"[{low:{sign}.2f}, {high:{sign}.2f}]"
