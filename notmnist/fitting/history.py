"""Define the results of training: the curve of each run, and each model's predictions."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class History:
    """Record a training run at every point of its curve.

    Attributes
    ----------
    steps : list of int
        The number of minibatch updates, or of a solver's iterations.
    train_accuracy, train_loss : list of float
        The scores on the first training images, as many as the validation split has.
    valid_accuracy, valid_loss : list of float
        The scores on the whole validation split.
    train_seconds : list of float
        The time spent on training up to each point, including the building of the graph but not
        evaluation.
    evaluation_seconds : float
        The time spent on evaluation during the whole run.
    """

    steps: list[int] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    valid_accuracy: list[float] = field(default_factory=list)
    valid_loss: list[float] = field(default_factory=list)
    train_seconds: list[float] = field(default_factory=list)
    evaluation_seconds: float = 0.0

    def seconds_to(self, accuracy: float) -> float | None:
        """Return the training seconds until validation first reaches `accuracy`, or None.

        Parameters
        ----------
        accuracy : float
            A share of the validation images, 0 to 1.
        """
        reached = zip(self.train_seconds, self.valid_accuracy, strict=True)
        return next((seconds for seconds, value in reached if value >= accuracy), None)

    def curve(self) -> dict[str, list[float]]:
        """Return the points of the curve in few digits, for a result file.

        Returns
        -------
        dict of str to list of float
            ``steps``, and of accuracies and losses those that were recorded, to four decimals.
        """
        columns = ("train_accuracy", "train_loss", "valid_accuracy", "valid_loss")
        rounded = {name: [round(value, 4) for value in getattr(self, name)] for name in columns}
        return {"steps": self.steps} | {name: column for name, column in rounded.items() if column}


@dataclass(frozen=True, kw_only=True)
class Trained:
    """Hold one model that was trained from several seeds.

    Attributes
    ----------
    images : int
        The number of training images.
    parameters : int
        The number of learned parameters.
    seeds : list of int
        The seeds that it was trained from.
    histories : list of History
        One per seed.
    probabilities : dict of str to list of ndarray of float, shape (N, 10)
        For every test set, the probabilities of A to J, one array per seed; empty for a model that
        gives none.
    predictions : dict of str to list of ndarray of uint8, shape (N,)
        For every test set, the predicted letters, one array per seed; where they are not given, the
        likeliest letters.
    models : list
        The trained model of each seed.
    """

    images: int
    parameters: int
    seeds: list[int]
    histories: list[History]
    probabilities: dict[str, list[np.ndarray]] = field(default_factory=dict)
    predictions: dict[str, list[np.ndarray]] = field(default_factory=dict)
    models: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Take the likeliest letters as predictions."""
        for test, of_seeds in self.probabilities.items():
            letters = [each.argmax(axis=1).astype(np.uint8) for each in of_seeds]
            self.predictions.setdefault(test, letters)
