"""Figures that several notebooks draw: contact sheets, galleries and learning curves."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from notmnist.dataset import Split
from notmnist.errors import needs_extra
from notmnist.fitting.history import History
from notmnist.sources import IMAGE_SIZE, LETTERS

with needs_extra("notebooks"):
    from matplotlib import pyplot as plt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Executed notebooks are committed; pictures of moderate size keep each of them under 300 kB.
plt.rcParams["figure.dpi"] = 80
# Colours that people with any kind of colour vision can tell apart (Okabe and Ito, 2008).
COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000")
plt.rcParams["axes.prop_cycle"] = plt.cycler(color=COLORS)


def contact_sheet(split: Split, columns: int, title: str) -> Figure:
    """Show the first images of every letter, one row per letter.

    Parameters
    ----------
    split : Split
        Images and labels.
    columns : int
        Images per row; where a letter has fewer, the rest of its row is black.
    title : str
        Names the dataset.

    Returns
    -------
    Figure
        Ten rows of images.
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
    """Show images, each with a caption.

    Parameters
    ----------
    images : ndarray, shape (N, 28, 28)
        Grey levels as uint8, or real numbers, which are shown on a diverging scale around 0.
    captions : sequence of str
        One per image.
    title : str
        Names the dataset.
    columns : int
        Images per row.

    Returns
    -------
    Figure
        As many rows as needed; an empty one, with its title, where there are no images.
    """
    rows = max(1, -(-len(images) // columns))
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
        # Without a frame, a white image would vanish on the white page.
        axes.add_patch(plt.Rectangle((-0.5, -0.5), *image.shape, fill=False, edgecolor="gray"))
        axes.set_title(caption, fontsize=9)
    figure.suptitle(title)
    return figure


def learning_curves(histories: Mapping[str, History], title: str) -> Figure:
    """Draw accuracy and loss against steps: validation as solid lines, training as dashed lines.

    Parameters
    ----------
    histories : mapping of str to History
        The runs to draw, by their names in the legend.
    title : str
        Names the model, the dataset and its numbers of images.

    Returns
    -------
    Figure
        Accuracy in percent on the left, loss in nats on the right.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
    for i, (name, history) in enumerate(histories.items()):
        valid, train = (100 * np.array(a) for a in (history.valid_accuracy, history.train_accuracy))
        _draw(left, history.steps, valid, train, f"C{i}", name)
        _draw(right, history.steps, history.valid_loss, history.train_loss, f"C{i}", name)
    left.set(xlabel="steps", ylabel="accuracy (%)")
    right.set(xlabel="steps", ylabel="cross-entropy (nats)")
    left.plot([], [], color="gray", label="validation")
    left.plot([], [], color="gray", linestyle="--", label="training")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=5)
    figure.suptitle(title)
    return figure


def forest(
    differences: Mapping[str, Mapping[str, tuple[float, float, float]]], xlabel: str, title: str
) -> Figure:
    """Draw differences with their intervals, one row each, around a line at 0 (a forest plot).

    Parameters
    ----------
    differences : mapping of str to mapping of str to (difference, low, high)
        As shares, such as `scoring.intervals.paired_difference` returns them, by row and group;
        each group has a colour of its own.
    xlabel : str
        What is subtracted from what; the unit is added.
    title : str
        Names the dataset and its number of images.

    Returns
    -------
    Figure
        In percentage points, with the numbers beside the rows.
    """
    rows = sum(map(len, differences.values()))
    figure, axes = plt.subplots(figsize=(10, 0.36 * rows + 1.6), layout="constrained")
    axes.axvline(0, color="gray", linewidth=1)
    names: list[str] = []
    for color, (group, of_group) in zip(COLORS, differences.items(), strict=False):
        axes.plot([], [], "o", color=color, label=group)
        for name, bounds in of_group.items():
            difference, low, high = (100 * bound for bound in bounds)
            axes.errorbar(
                difference, len(names), xerr=[[difference - low], [high - difference]],
                fmt="o", capsize=3, color=color,
            )  # fmt: skip
            axes.text(
                1.01, len(names), f"{difference:+.2f} [{low:+.2f}, {high:+.2f}]", fontsize=9,
                va="center", transform=axes.get_yaxis_transform(),
            )  # fmt: skip
            names.append(name)
    axes.set_yticks(range(rows), names)
    axes.set(xlabel=f"{xlabel} (percentage points)", ylim=(rows - 0.5, -0.5))
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=len(differences))
    figure.suptitle(title)
    return figure


def _draw(
    axes: Axes, steps: Sequence[int], valid: ArrayLike, train: ArrayLike, color: str, name: str
) -> None:  # fmt: skip
    axes.plot(steps, valid, color=color, label=name)
    axes.plot(steps, train, color=color, linestyle="--", alpha=0.6)
    axes.grid(alpha=0.3)
