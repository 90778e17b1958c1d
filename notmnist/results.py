"""Write and read the results of notebooks: curves as pictures, and scores as JSON."""

import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from notmnist import files, original, pipeline, sources
from notmnist.dataset import Dataset, Split
from notmnist.errors import UsageError
from notmnist.fitting.history import History as History
from notmnist.fitting.history import Trained as Trained
from notmnist.scoring import calibration, intervals
from notmnist.scoring.entries import data_version as data_version
from notmnist.scoring.entries import format_entries, plain
from notmnist.scoring.entries import parse_entries as parse_entries
from notmnist.scoring.entries import read_results as read_results
from notmnist.scoring.predictions import (
    BY_NAME,
    BY_ROW,
    archive_order,
    as_float16,
    write_predictions,
)
from notmnist.scoring.predictions import read_predictions as read_predictions
from notmnist.scoring.predictions import read_probabilities as read_probabilities
from notmnist.scoring.reports import describe as describe
from notmnist.scoring.reports import full_budget as full_budget
from notmnist.version import __version__, version_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUDGETS = ("quick", "full")
DEFAULT_DATASET = "openglyphs"
# The names of all test sets in tables and plots.
TESTS = {
    "openglyphs": "OpenGlyphs",
    "notmnist-small": "notMNIST small",
    "notmnist-small-clean": "notMNIST small without copies",
    "notmnist-small-fonts": "notMNIST small, other fonts",
}

_CALIBRATION = {
    "negative_log_likelihood": calibration.negative_log_likelihood,
    "calibration_error": calibration.expected_calibration_error,
}
# What results depend on, by the module that is imported.
_PACKAGES = {"numpy": "numpy", "sklearn": "scikit-learn", "tensorflow": "tensorflow"}


def choose(
    dataset: str | None = None, budget: str | None = None, seeds: str | None = None
) -> tuple[str, str, int | None]:
    """Choose dataset, budget and seeds from the arguments, the environment or the defaults.

    Parameters
    ----------
    dataset, budget, seeds : str, optional
        Values from the command line, which take precedence.

    Returns
    -------
    dataset, budget : str
        Default: NOTMNIST_DATASET and NOTMNIST_BUDGET, or ``openglyphs`` and ``quick``.
    seeds : int or None
        The number of seeds to train from (0, 1, 2 ...). Default: NOTMNIST_SEEDS, or None for the
        seeds of the budget.

    Raises
    ------
    UsageError
        When the budget is unknown, or the number of seeds is not from 1 to 9999.
    """
    dataset = dataset or os.environ.get("NOTMNIST_DATASET") or DEFAULT_DATASET
    budget = budget or os.environ.get("NOTMNIST_BUDGET") or BUDGETS[0]
    if budget not in BUDGETS:
        raise UsageError(f"unknown budget {budget!r}: choose {' or '.join(BUDGETS)}")
    seeds = seeds or os.environ.get("NOTMNIST_SEEDS") or None
    if seeds and not re.fullmatch(r"[1-9][0-9]{0,3}", seeds):
        raise UsageError(f"unknown number of seeds {seeds!r:.20}: choose a number from 1 to 9999")
    return dataset, budget, int(seeds) if seeds else None


class Run:
    """Represent one run of one notebook, with its dataset, its budget and its result files.

    Parameters
    ----------
    notebook : str
        The notebook's name without ``.ipynb``.
    table : mapping of str to (quick, full)
        The value of each parameter under the two budgets.

    Attributes
    ----------
    dataset, budget : str
        From NOTMNIST_DATASET and NOTMNIST_BUDGET; by default ``openglyphs`` and ``quick``.
    parameters : SimpleNamespace
        The values of the budget. NOTMNIST_SEEDS replaces `seeds` by 0, 1, 2 ...
    caption : str
        The dataset and, once it is loaded, its numbers of images, for the titles of figures.

    Raises
    ------
    UsageError
        As `choose`.
    """

    def __init__(self, notebook: str, table: Mapping[str, tuple[Any, Any]]) -> None:
        self.notebook = notebook
        self.dataset, self.budget, seeds = choose()
        column = BUDGETS.index(self.budget)
        self.parameters = SimpleNamespace(**{name: row[column] for name, row in table.items()})
        self.caption = self.dataset
        self._command = f"notmnist run {notebook} --dataset {self.dataset} --budget {self.budget}"
        if seeds and "seeds" in table:
            self.parameters.seeds = list(range(seeds))
            self._command += f" --seeds {seeds}"

    def __repr__(self) -> str:
        """List dataset, budget and parameters, one per line."""
        values = {"dataset": self.dataset, "budget": self.budget} | vars(self.parameters)
        width = max(map(len, values))
        return "\n".join(f"{name:<{width}}  {value}" for name, value in values.items())

    def save_picture(self, figure: "Figure") -> None:
        """Save the notebook's figure: ``misc/<notebook>.png`` for a full run on OpenGlyphs.

        Parameters
        ----------
        figure : Figure
            The curve. Other runs add the dataset's name and ``-quick`` to the file name.
        """
        with files.replacing(
            files.misc() / picture_name(self.notebook, self.dataset, self.budget)
        ) as part:
            figure.savefig(part, format="png", dpi=100, metadata={"Software": None})

    def load(self) -> tuple[Dataset, dict[str, Split]]:
        """Load the images to train on and the test sets that results are reported on.

        The parameters `images` and `valid_images`, if the table has them, bound the training and
        validation images: from a larger dataset, whole font families are taken (`Split.sample`).

        Returns
        -------
        data : Dataset
            The dataset as `notmnist.load` returns it, within these bounds.
        tests : dict of str to Split
            As `notmnist.test_sets` returns them.

        Raises
        ------
        NotMNISTError
            As `notmnist.load`.
        """
        data = pipeline.load(self.dataset)
        tests = pipeline.test_sets(data)
        bounds = vars(self.parameters)
        train = data.train.sample(bounds.get("images"))
        valid = data.valid.sample(bounds.get("valid_images"))
        self.caption = (
            f"{self.dataset}: {len(train):,} training and {len(valid):,} validation images"
        )
        return replace(data, train=train, valid=valid), tests

    def record(
        self,
        trained: Mapping[str, Trained],
        tests: Mapping[str, Split],
        more: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        choices: Mapping[str, Mapping[str, Any]] | None = None,
        searches: Mapping[str, Mapping[str, Mapping[str, Sequence[Any]]]] | None = None,
    ) -> list[dict[str, Any]]:
        """Score trained models and write the notebook's result file.

        The interval of each mean accuracy is a bootstrap over families and seeds together
        (`intervals.accuracy_interval`). A full run also keeps its predictions of the OpenGlyphs
        test split and of the genuine small set, in an npz file beside the result file
        (`scoring.predictions`).

        Parameters
        ----------
        trained : mapping of str to Trained
            The models by their names in tables.
        tests : mapping of str to Split
            The test sets that the models predicted, by name.
        more : mapping of str to mapping, optional
            What else a model's entry holds, by the model's name.
        choices : mapping of str to mapping, optional
            What was chosen for a model, such as ``{"L2": 0.003}``, by the model's name.
        searches : mapping of str to mapping, optional
            What a model's choices were made from, by the model's name: tables by title, each a
            mapping of str to sequence, its columns, such as ``{"L2": [...], "loss": [...]}``.

        Returns
        -------
        list of dict
            The entries of the result file, one per model.

        Raises
        ------
        NotMNISTError
            When a file can't be written.
        UsageError
            When a choice or a search is of a model that was not trained, or of another shape.
        """
        recorded = {"choices": plain(choices or {}), "searches": plain(searches or {})}
        for name, of_models in recorded.items():
            if unknown := of_models.keys() - trained.keys():
                raise UsageError(f"the {name} name {min(unknown)!r}, which is not among the models")
        entries = [
            self._entry(model, result, tests)
            | plain((more or {}).get(model, {}))
            | {name: of[model] for name, of in recorded.items() if model in of}
            for model, result in trained.items()
        ]
        folder = files.misc() / "results"
        stem = result_stem(self.notebook, self.dataset, self.budget)
        files.write_text(folder / f"{stem}.json", format_entries(entries))
        kept = _kept(trained, tests)
        if kept and self.budget == "full":
            write_predictions(folder / f"{stem}.npz", kept)
        return entries

    def _entry(self, model: str, result: Trained, tests: Mapping[str, Split]) -> dict[str, Any]:
        figure = original.published(model)
        goal = (figure.readme or figure.printed) if figure else None
        reached = [history.seconds_to(goal / 100) for history in result.histories] if goal else []
        seconds = [history.train_seconds[-1] for history in result.histories]
        return {
            "model": model,
            "notebook": self.notebook,
            "dataset": self.dataset,
            **_version(self.dataset),
            "budget": self.budget,
            "seeds": list(result.seeds),
            "images": result.images,
            "parameters": int(result.parameters),
            "steps": max(history.steps[-1] for history in result.histories),
            "train_seconds": round(float(np.mean(seconds)), 3),
            "seconds_to_published": [s if s is None else round(s, 3) for s in reached],
            "tests": {
                name: score(tests[name], letters, result.probabilities.get(name, []))
                for name, letters in result.predictions.items()
            },
            "curves": [history.curve() for history in result.histories],
            "date": date.today().isoformat(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "command": self._command,
            "versions": {"notmnist": __version__}
            | {package: version_of(module) for module, package in _PACKAGES.items()},
        }


def score(
    split: Split, predictions: Sequence[np.ndarray], probabilities: Sequence[np.ndarray] = ()
) -> dict[str, Any]:
    """Score what the models of several seeds predicted for a test set.

    Parameters
    ----------
    split : Split
        The test set.
    predictions : sequence of ndarray of uint8, shape (N,)
        Letters, one array per seed.
    probabilities : sequence of ndarray of float, shape (N, 10)
        Of A to J, one array per seed, if the models give any.

    Returns
    -------
    dict of str to object
        As result files hold it: the number of images, the accuracy of each seed, the interval of
        their mean, and with probabilities the calibration of each seed.
    """
    right = np.stack(predictions) == split.labels
    interval = intervals.accuracy_interval(right, split.families)
    scores = {
        "n": len(split),
        "accuracy": [round(float(accuracy), 6) for accuracy in right.mean(axis=1)],
        "interval": [round(bound, 6) for bound in interval],
    }
    # Of the numbers that are kept, so that they can be computed again.
    rounded = [as_float16(of_seed) for of_seed in probabilities]
    if rounded:
        scores |= {
            name: [round(measure(of_seed, split.labels), 6) for of_seed in rounded]
            for name, measure in _CALIBRATION.items()
        }
    return scores


def own_accuracy(entry: Mapping[str, Any]) -> float:
    """Return the accuracy of a model on its first test set, for the worst of its seeds.

    Parameters
    ----------
    entry : mapping
        An entry from `Run.record`, whose first test set belongs to the training dataset.
    """
    return min(next(iter(entry["tests"].values()))["accuracy"])


def result_stem(notebook: str, dataset: str, budget: str) -> str:
    """Name the files of a run, without suffix; a quick run never has a committed file's name."""
    return f"{notebook}-{dataset}" + ("" if budget == "full" else f"-{budget}")


def picture_name(notebook: str, dataset: str, budget: str) -> str:
    """Name the picture of a run, without the name of the default dataset."""
    stem = result_stem(notebook, dataset, budget)
    return f"{stem.replace(f'-{DEFAULT_DATASET}', '', 1)}.png"


def published(model: str) -> str:
    """Describe what the original published for one of our models; "-" if it has no such model."""
    return str(original.published(model) or "-")


def _version(dataset: str) -> dict[str, str]:
    version = sources.find(dataset).version
    return {"data_version": version} if version else {}


def _kept(
    trained: Mapping[str, Trained], tests: Mapping[str, Split]
) -> dict[tuple[str, str], np.ndarray]:
    """Gather what `scoring.predictions` keeps, by test set and model."""
    kept = {}
    for model, result in trained.items():
        if BY_ROW in result.predictions:
            probabilities = [
                as_float16(of_seed) for of_seed in result.probabilities.get(BY_ROW, [])
            ]
            kept[BY_ROW, model] = np.stack(probabilities or result.predictions[BY_ROW])
        if BY_NAME in result.predictions:
            order = archive_order(tests[BY_NAME].labels, tests[BY_NAME].fonts)
            kept[BY_NAME, model] = np.stack(result.predictions[BY_NAME])[:, order]
    return kept
