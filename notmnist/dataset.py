"""Define what `load` returns: a dataset with three splits and a card."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, NamedTuple, overload

import numpy as np

from notmnist import files, splits
from notmnist.errors import NotMNISTError, UsageError, printable
from notmnist.exports import views
from notmnist.sources import DATASETS, POLICIES, SPLITS

# The datasets that have a list of suspected labels.
SUSPECTED = ("openglyphs", "notmnist-small")


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
        The place of each image's font in `font_names`.
    font_names : ndarray of str, shape (F,)
        The file names of the dataset's fonts, sorted.
    font_families : ndarray of str, shape (F,)
        The family of each font if the dataset knows it, otherwise the font's own name.
    dataset : str
        The name of the dataset; empty for images of your own.
    """

    images: np.ndarray
    labels: np.ndarray
    font_index: np.ndarray
    font_names: np.ndarray
    font_families: np.ndarray
    dataset: str = ""

    @cached_property
    def fonts(self) -> np.ndarray:
        """Return the font of every image: ndarray of str, shape (N,), made on first use."""
        return self.font_names[self.font_index]

    @cached_property
    def families(self) -> np.ndarray:
        """Return the family of each image's font: ndarray of str, shape (N,), made on first use."""
        return self.font_families[self.font_index]

    @cached_property
    def suspect(self) -> np.ndarray:
        """Tell which images probably show another letter than their label, or none.

        ndarray of bool, shape (N,), made on first use from a list that is part of the package, for
        ``notmnist-small`` and ``openglyphs``: notebook 15 explains how it was made, and what a look
        at its images confirmed. ``split[~split.suspect]`` leaves them out. For any other dataset,
        there is no list: UsageError.
        """
        if self.dataset not in SUSPECTED:
            raise UsageError(
                f"there is no list of suspected labels for {self.dataset or 'these images'}: only "
                f"{' and '.join(SUSPECTED)} have one"
            )
        # Few programs need them: `import notmnist` stays light.
        from notmnist.archives.members import label_and_font
        from notmnist.scoring import suspects

        listed = suspects.read(suspects.path_of(files.committed_results(), self.dataset))
        wanted = {label_and_font(each.name) for each in listed if each.look != "right"}
        rows = zip(self.labels.tolist(), self.fonts.tolist(), strict=True)
        return np.fromiter((row in wanted for row in rows), bool, len(self))

    def __len__(self) -> int:
        """Count the images."""
        return len(self.labels)

    @overload
    def __getitem__(self, rows: int) -> tuple[np.ndarray, int]: ...

    @overload
    def __getitem__(self, rows: slice | Sequence[int] | np.ndarray) -> "Split": ...

    def __getitem__(self, rows: Any) -> "tuple[np.ndarray, int] | Split":
        """Return the image and the label of one row, or a split of many rows.

        A slice gives a view; an index array or a boolean mask gives a copy.
        """
        if isinstance(rows, int | np.integer):
            return np.asarray(self.images[rows]), int(self.labels[rows])
        return replace(
            self,
            images=self.images[rows],
            labels=self.labels[rows],
            font_index=self.font_index[rows],
        )

    def __iter__(self) -> Iterator[tuple[np.ndarray, int]]:
        """Yield the image and the label of every row, in order."""
        for piece in self.pieces():
            yield from zip(np.asarray(piece.images), piece.labels.tolist(), strict=True)

    def pieces(self, rows: int = 1_000) -> Iterator["Split"]:
        """Yield all rows in order, `rows` at a time, as views."""
        for start in range(0, len(self), rows):
            yield self[start : start + rows]

    def sample(self, images: int | None) -> "Split":
        """Select whole font families that together have at most a given number of images.

        The choice depends only on the names and sizes of the families: they are added in the order
        of the hashes of their names until the next one would be too many.

        Parameters
        ----------
        images : int or None
            The largest number of images. None, or a number that is not exceeded, selects all.

        Returns
        -------
        Split
            The selected rows in their order: the split itself, or a copy of a part of it.
        """
        if images is None or len(self) <= images:
            return self
        families, family_of_font = np.unique(self.font_families, return_inverse=True)
        family = family_of_font[self.font_index]
        order = splits.hash_order(families)
        sizes = np.bincount(family, minlength=len(families))[order]
        return self[np.isin(family, order[sizes.cumsum() <= images])]

    @classmethod
    def joined(cls, parts: Sequence["Split"]) -> "Split":
        """Join splits of one dataset into one, in memory."""
        columns = ("images", "labels", "font_index")
        joined: dict[str, Any] = {
            name: np.concatenate([getattr(part, name) for part in parts]) for name in columns
        }
        return replace(parts[0], **joined)

    # Views of a split for other libraries.
    as_tf = views.as_tf
    as_torch = views.as_torch
    as_sklearn = views.as_sklearn
    font_table = views.font_table

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle mapped arrays as places in their file, which other processes then map too."""
        columns = (getattr(self, field.name) for field in fields(self))
        return _restored, tuple(
            _place_of(column) if isinstance(column, np.ndarray) else column for column in columns
        )

    def __repr__(self) -> str:
        """Show the numbers of images and fonts."""
        fonts = len(np.unique(self.font_index))
        return f"Split({len(self):,} images, {fonts:,} fonts)"


class _Place(NamedTuple):
    """Describe where in a prepared file an array is; size and time identify the file."""

    path: str
    stamp: tuple[int, int]
    dtype: np.dtype
    offset: int
    shape: tuple[int, ...]


def _place_of(array: np.ndarray) -> np.ndarray | _Place:
    """Return the place of an array that is mapped for reading; return other arrays unchanged."""
    is_mapped = isinstance(array, np.memmap) and array.mode == "r"
    if not (is_mapped and array.size and array.flags.c_contiguous):
        return np.asarray(array)
    whole: Any = array  # the offset of a slice is that of the whole array, not its own
    while isinstance(whole.base, np.memmap):
        whole = whole.base
    offset = whole.offset + array.ctypes.data - whole.ctypes.data
    try:
        stamp = _stamp(whole.filename)
    except OSError:
        return np.asarray(array)  # the file was removed, and is only still mapped
    return _Place(whole.filename, stamp, array.dtype, offset, array.shape)


def _stamp(path: str) -> tuple[int, int]:
    stat = os.stat(path)
    return stat.st_size, stat.st_mtime_ns


def _restored(*columns: Any) -> Split:
    found: list[Any] = [_mapped(each) if isinstance(each, _Place) else each for each in columns]
    return Split(*found)


def _mapped(place: _Place) -> np.ndarray:
    try:
        changed = _stamp(place.path) != place.stamp
    except OSError:
        changed = True
    if changed:
        raise NotMNISTError(
            f"a pickled split maps {place.path}, which no longer exists or has changed since: load "
            "the dataset again"
        )
    return np.memmap(place.path, place.dtype, "r", place.offset, place.shape)


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Hold a dataset's three splits and its card.

    Attributes
    ----------
    name : str
        The dataset's name in the registry.
    train, valid, test : Split
        The splits for training, for making choices, and for the final score.
    card : dict
        The description of the dataset and its origin: archives, counts, hashes, duplicates.
    """

    name: str
    train: Split
    valid: Split
    test: Split
    card: dict[str, Any]

    @cached_property
    def clean_test(self) -> np.ndarray:
        """Tell which test images have no copy in training, exact or near.

        ndarray of bool, shape (len(test),), computed on first use: this takes seconds for the small
        datasets, and less than a minute for ``notmnist``. `deduplication.near_pairs` defines near.
        """
        # Importing SciPy takes 0.3 s, and `import notmnist` should stay fast.
        from notmnist.deduplication import first_copies, near_pairs

        pairs = near_pairs(self.test.images, self.train.images)
        first = first_copies(self.test.images)
        return ~np.isin(first, pairs.first)

    def __repr__(self) -> str:
        """Return the card as text."""
        return format_card(self.card)


def format_card(card: Mapping[str, Any]) -> str:
    """Format a card as text.

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
        lines.append(
            f"  archive {archive['filename']}: {archive['images']:,} images, {_origin(archive)}"
        )
        if archive["unreadable"]:
            lines.append(f"    unreadable: {', '.join(archive['unreadable'])}")
        if archive["skipped"]:
            lines.append(f"    skipped: {', '.join(archive['skipped'])}")
        if archive["aside"]:
            lines.append(f"    other files, ignored: {archive['aside']:,}")
    lines += _duplicate_lines(card["duplicates"])
    lines.append(f"  licence: {card['licence']}")
    lines.append(f"  cite: {card['citation']}")
    # The names of members, and of a stranger's card, may hold what would command the terminal.
    return "\n".join(map(printable, lines))


def _origin(archive: Mapping[str, Any]) -> str:
    if archive["published"]:
        return "as published"
    # `prepare` has compared the grey levels too, and accepts no others.
    same = any(
        (known.filename, known.counts) == (archive["filename"], archive["per_letter"])
        for source in DATASETS.values()
        for known, _ in source.parts
    )
    return f"not the published file{', but the same content' if same else ''}"


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
    if not report["groups"]:
        return [f"    {kind}: none"]
    conflicts = "none"
    if report["conflicting_groups"]:
        conflicts = _groups(report["conflicting_groups"], report["conflicting_images"])
    leaks = ", ".join(f"{pair} {count:,}" for pair, count in report["leaks"].items())
    return [
        f"    {kind}: {_groups(report['groups'], report['grouped'])}, "
        f"the largest of {report['largest']:,}",
        f"    {kind} with conflicting letters: {conflicts}",
        f"    images with {kind} in a later split: {leaks}",
    ]


def _groups(groups: int, images: int) -> str:
    return f"{groups:,} group{'' if groups == 1 else 's'} of {images:,} images"
