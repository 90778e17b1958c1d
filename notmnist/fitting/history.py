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
        The training run of each seed.
    predictions : dict of str to list of ndarray of uint8, shape (N,)
        The predicted letters for every test set, one array per seed.
    models : list
        The trained model of each seed.
    """

    images: int
    parameters: int
    seeds: list[int]
    histories: list[History]
    predictions: dict[str, list[np.ndarray]]
    models: list[Any] = field(default_factory=list)
