"""What `load` gives back: a dataset of three splits and its card. Plain data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from notmnist.sources import POLICIES, SPLITS

if TYPE_CHECKING:
    import pandas
    import tensorflow
    import torch


@dataclass(frozen=True, eq=False)
class Split:
    """Hold the images of one split, row by row.

    Attributes
    ----------
    images : ndarray of uint8, shape (N, 28, 28)
        Grey levels, ink 255 on 0; read-only and memory-mapped when loaded from the cache.
    labels : ndarray of uint8, shape (N,)
        A = 0 .. J = 9.
    font_index : ndarray of int32, shape (N,)
        Row of each image's font in `font_names`.
    font_names : ndarray of str, shape (F,)
        The file names of the dataset's fonts, sorted.
    font_families : ndarray of str, shape (F,)
        Each font's family, where the dataset knows it; else the font's own name.
    """

    images: np.ndarray
    labels: np.ndarray
    font_index: np.ndarray
    font_names: np.ndarray
    font_families: np.ndarray

    @cached_property
    def fonts(self) -> np.ndarray:
        """Name the font of every image: ndarray of str, shape (N,), made on first use."""
        return self.font_names[self.font_index]

    @cached_property
    def families(self) -> np.ndarray:
        """Name the font family of every image: ndarray of str, shape (N,), made on first use."""
        return self.font_families[self.font_index]

    def __len__(self) -> int:
        """Count the images."""
        return len(self.labels)

    def __getitem__(self, rows: slice | np.ndarray) -> "Split":
        """Select rows by slice (a view), index array or boolean mask (a copy)."""
        return replace(
            self,
            images=self.images[rows],
            labels=self.labels[rows],
            font_index=self.font_index[rows],
        )

    def pieces(self, rows: int = 1_000) -> Iterator["Split"]:
        """Yield all rows in order, so many at a time (views)."""
        for start in range(0, len(self), rows):
            yield self[start : start + rows]

    @classmethod
    def joined(cls, parts: Sequence["Split"]) -> "Split":
        """Join splits of one dataset into one, in memory."""
        columns = ("images", "labels", "font_index")
        joined = {name: np.concatenate([getattr(p, name) for p in parts]) for name in columns}
        return replace(parts[0], **joined)

    def as_tf(self) -> "tensorflow.data.Dataset":
        """Give TensorFlow's view: a `tf.data.Dataset` that streams from the mapped file.

        Returns
        -------
        tensorflow.data.Dataset
            Elements (image, label) in row order: uint8 of shape (28, 28, 1), 0 to 255, and a
            scalar int64. Its length is known; shuffle, batch and scale it as any other.
        """
        from notmnist.exports import views  # here and below: few programs need one

        return views.as_tf(self)

    def as_torch(self) -> "torch.utils.data.Dataset":
        """Give PyTorch's view: a map-style dataset for `torch.utils.data.DataLoader`.

        Returns
        -------
        torch.utils.data.Dataset
            Items (image, label): uint8 of shape (1, 28, 28), 0 to 255, and a scalar int64, copied
            from the mapped file when asked for. A slice gives tensors of many rows at once, and
            ``[:]`` those of the whole split.

        Raises
        ------
        NotMNISTError
            When PyTorch is not installed.
        """
        from notmnist.exports import views

        return views.as_torch(self)

    def as_sklearn(self) -> tuple[np.ndarray, np.ndarray]:
        """Give scikit-learn's view, ``(X, y)``, without a copy.

        Returns
        -------
        X : ndarray of uint8, shape (N, 784)
            A view of `images`, grey levels 0 to 255.
        y : ndarray of uint8, shape (N,)
            `labels`.
        """
        from notmnist.exports import views

        return views.as_sklearn(self)

    def font_table(self) -> "pandas.DataFrame":
        """Tabulate the fonts with pandas; ``polars.from_pandas`` takes the table.

        Returns
        -------
        pandas.DataFrame
            A row a font that has an image here, sorted by name: ``font``, ``family``, ``images``
            and the number of images of each letter, ``A`` to ``J``.

        Raises
        ------
        NotMNISTError
            When pandas is not installed.
        """
        from notmnist.exports import views

        return views.font_table(self)

    def __repr__(self) -> str:
        """Say how many images and fonts there are."""
        fonts = len(np.unique(self.font_index))
        return f"Split({len(self):,} images, {fonts:,} fonts)"


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Hold a dataset's three splits and its card.

    Attributes
    ----------
    name : str
        The dataset's name in the registry.
    train, valid, test : Split
        For training, for every choice, and for the final score.
    card : dict
        What the dataset is and where it came from: archives, counts, hashes, duplicates.
    """

    name: str
    train: Split
    valid: Split
    test: Split
    card: dict[str, Any]

    @cached_property
    def clean_test(self) -> np.ndarray:
        """Tell which test images have no copy in training, exact or near.

        ndarray of bool, shape (len(test),), found on first use: a second on the small datasets, a
        minute or two on ``notmnist``. Near is what `near.near_pairs` finds.
        """
        from notmnist.deduplication import near  # scipy takes 0.3 s: `import notmnist` stays light

        pairs = near.near_pairs(self.test.images, self.train.images)
        first = near.first_copies(self.test.images)
        return ~np.isin(first, pairs.first)

    def __repr__(self) -> str:
        """Print the card."""
        return format_card(self.card)


def format_card(card: Mapping[str, Any]) -> str:
    """Lay out a card for people.

    Parameters
    ----------
    card : mapping
        As in `Dataset.card`.

    Returns
    -------
    str
        About fifteen lines.
    """
    lines = [f"{card['name']}: {card['description']}"]
    header = "".join(f"{policy:>10}" for policy in POLICIES)
    lines.append(f"  {'images by dedup':<16}{header}")
    for split in SPLITS:
        lengths = card["splits"][split]
        lines.append(f"  {split:<16}" + "".join(f"{lengths[policy]:>10,}" for policy in POLICIES))
    for archive in card["archives"]:
        origin = "as published" if archive["published"] else "not the published file"
        lines.append(f"  archive {archive['filename']}: {archive['images']:,} images, {origin}")
        if archive["unreadable"]:
            lines.append(f"    unreadable: {', '.join(archive['unreadable'])}")
    lines += _duplicate_lines(card["duplicates"])
    lines.append(f"  licence: {card['licence']}")
    lines.append(f"  cite: {card['citation']}")
    return "\n".join(lines)


def _duplicate_lines(report: Mapping[str, Any]) -> list[str]:
    lines = [
        f"  {report['distinct']:,} distinct of {report['images']:,} images",
        *_group_lines("copies", report),
    ]
    if "near" in report:
        near = report["near"]
        lines.append(f"  {near['pairs']:,} pairs within {near['threshold']:g} grey levels")
        lines += _group_lines("near duplicates", near)
    return lines


def _group_lines(kind: str, report: Mapping[str, Any]) -> list[str]:
    leaks = ", ".join(f"{pair} {count:,}" for pair, count in report["leaks"].items())
    return [
        f"    {kind}: {report['groups']:,} groups of {report['grouped']:,} images, "
        f"the largest of {report['largest']:,}",
        f"    {kind} with conflicting letters: {report['conflicting_groups']:,} groups "
        f"of {report['conflicting_images']:,} images",
        f"    images with {kind} in a later split: {leaks}",
    ]
