"""Draw the figures that notebooks share: contact sheets, galleries and learning curves."""

from collections.abc import Mapping, Sequence

import numpy as np

from notmnist.dataset import Split
from notmnist.errors import needs_extra
from notmnist.fitting.history import History
from notmnist.sources import IMAGE_SIZE, LETTERS

with needs_extra("notebooks"):
    from matplotlib import pyplot as plt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Executed notebooks are committed: moderate pictures keep each notebook under 300 kB.
plt.rcParams["figure.dpi"] = 80


def contact_sheet(split: Split, columns: int, title: str) -> Figure:
    """Show the first images of every letter, one row per letter.

    Parameters
    ----------
    split : Split
        The images and labels.
    columns : int
        The number of images per row.
    title : str
        The title, which should name the dataset.

    Returns
    -------
    Figure
        Ten rows.
    """
    sheet = np.zeros((len(LETTERS), IMAGE_SIZE, columns, IMAGE_SIZE), np.uint8)
    for label in range(len(LETTERS)):
        images = split.images[split.labels == label][:columns]
        sheet[label, :, : len(images)] = images.transpose(1, 0, 2)
    figure, axes = plt.subplots(figsize=(0.4 * columns, 4.4), layout="constrained")
    axes.imshow(
        sheet.reshape(-1, columns * IMAGE_SIZE),
        cmap="gray",
        vmin=0,
        vmax=255,
        interpolation="nearest",
    )
    axes.set_yticks(IMAGE_SIZE * (np.arange(len(LETTERS)) + 0.5), LETTERS)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.set_title(title)
    return figure


def gallery(images: np.ndarray, captions: Sequence[str], title: str, columns: int = 8) -> Figure:
    """Show images, each with its caption.

    Parameters
    ----------
    images : ndarray, shape (N, 28, 28)
        uint8 grey levels, or any real numbers, which are shown on a diverging scale about 0.
    captions : sequence of str
        One caption per image.
    title : str
        The title, which should name the dataset.
    columns : int
        The number of images per row.

    Returns
    -------
    Figure
        As many rows as needed.
    """
    rows = -(-len(images) // columns)
    figure, grid = plt.subplots(
        rows,
        columns,
        figsize=(1.1 * columns, 1.35 * rows + 0.4),
        layout="constrained",
        squeeze=False,
    )
    if images.dtype == np.uint8:
        style = {"cmap": "gray", "vmin": 0, "vmax": 255}
    else:
        limit = float(np.abs(images).max())
        style = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
    for axes in grid.flat:
        axes.axis("off")
    for axes, image, caption in zip(grid.flat, images, captions, strict=False):
        axes.imshow(image, interpolation="nearest", **style)
        axes.set_title(caption, fontsize=9)
    figure.suptitle(title)
    return figure


def learning_curves(histories: Mapping[str, History], title: str) -> Figure:
    """Plot accuracy and loss over the steps, solid for validation and dashed for training.

    Parameters
    ----------
    histories : mapping of str to History
        The training runs, by their names in the legend.
    title : str
        The title, which should name the model and the dataset.

    Returns
    -------
    Figure
        Two panels.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
    for i, (name, history) in enumerate(histories.items()):
        _draw(left, history.steps, history.valid_accuracy, history.train_accuracy, f"C{i}", name)
        _draw(right, history.steps, history.valid_loss, history.train_loss, f"C{i}", name)
    left.set(xlabel="steps", ylabel="accuracy")
    right.set(xlabel="steps", ylabel="loss (nats)")
    left.plot([], [], color="gray", label="validation")
    left.plot([], [], color="gray", linestyle="--", label="training")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=5)
    figure.suptitle(title)
    return figure


def _draw(
    axes: Axes, steps: Sequence[int], valid: Sequence[float], train: Sequence[float],
    color: str, name: str,
) -> None:  # fmt: skip
    axes.plot(steps, valid, color=color, label=name)
    axes.plot(steps, train, color=color, linestyle="--", alpha=0.6)
    axes.grid(alpha=0.3)
