"""Turn the name of a dataset into arrays: prepare it once, check it, map it into memory."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from notmnist import files, sources
from notmnist.dataset import Dataset, Split
from notmnist.errors import NotMNISTError, UsageError
from notmnist.prepared import cards, layout
from notmnist.sources import POLICIES, SPLITS, Source

Archives = str | os.PathLike | Sequence[str | os.PathLike] | None


def load(
    name: str | Source = "notmnist",
    *,
    home: str | os.PathLike | None = None,
    archive: Archives = None,
    download: bool = True,
    dedup: Literal["none", "train", "all"] = "train",
) -> Dataset:
    """Load a dataset, memory-mapped, after preparing it if necessary.

    The card is checked by its own hash, and the prepared file by its size and modification time;
    `verify` and `prepare` hash every byte of it.

    Parameters
    ----------
    name : str or Source
        ``"openglyphs"``, ``"notmnist-small"`` or ``"notmnist"``, or a `Source` of your own.
    home : path, optional
        The cache folder. Default: NOTMNIST_HOME, or ``data/`` in a checkout, or the system's.
    archive : path or sequence of paths, optional
        Archives fetched by hand, to use instead of downloads: tar or zip files, or folders.
    download : bool
        Whether missing archives may be downloaded.
    dedup : {"none", "train", "all"}
        ``"train"`` leaves out of train and valid every image that is also in a later split or whose
        copies have conflicting labels, and out of train all repeats; ``"all"`` also leaves repeats
        and conflicts out of test. Only exact copies count, and the first in the order of file names
        is kept. ``"none"`` leaves nothing out.

    Returns
    -------
    Dataset
        Images are uint8 of shape (N, 28, 28). No font is in two splits, except perhaps in the test
        split of ``notmnist``: it is the whole small archive, whose fonts nobody has compared with
        those of the large one.

    Raises
    ------
    UsageError
        When the name or the policy is unknown.
    NotMNISTError
        When the dataset can't be obtained, or its files are damaged beyond repair.
    """
    if dedup not in POLICIES:
        raise UsageError(f"unknown dedup policy {dedup!r}: choose {', '.join(POLICIES)}")
    source, folder = sources.find(name), _home(home)
    card = None if archive else cards.fresh(source, folder)
    if card is None:
        card = prepare(source, home=folder, archive=archive, download=download)
    return _open(source, folder, card, dedup)


def load_data(
    name: str | Source = "notmnist",
    *,
    valid: Literal["join", "drop"] = "join",
    path: str | None = None,
    **options: Any,
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Load a dataset into memory as ``keras.datasets`` modules do.

    Parameters
    ----------
    name, **options
        As for `load`.
    valid : {"join", "drop"}
        Whether the rows of the validation split follow those of training or are left out. Keras'
        ``validation_split`` takes the last rows, so that ``validation_split=len(data.valid) /
        len(x_train)`` restores the validation split.
    path
        Refused with a hint. In Keras, it names a cache file; here, `name` and `home` do.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        uint8 arrays of shapes (N, 28, 28) and (N,).

    Raises
    ------
    UsageError
        When `valid` is neither, or `path` is given.
    NotMNISTError
        As `load`.
    """
    if path is not None:
        raise UsageError(
            "load_data takes no path: give the dataset's name first, its cache folder as home=DIR, "
            "and archives fetched by hand as archive=FILE"
        )
    if valid not in ("join", "drop"):
        raise UsageError(f"unknown choice {valid!r} for the validation split: choose join, drop")
    data = load(name, **options)
    train = [data.train, data.valid] if valid == "join" else [data.train]
    return _in_memory(train), _in_memory([data.test])


def _in_memory(splits: Sequence[Split]) -> tuple[np.ndarray, np.ndarray]:
    images = np.concatenate([np.asarray(split.images) for split in splits])
    return images, np.concatenate([np.asarray(split.labels) for split in splits])


def prepare(
    name: str | Source = "notmnist",
    *,
    home: str | os.PathLike | None = None,
    archive: Archives = None,
    download: bool = True,
    on_error: Literal["raise", "skip"] = "raise",
    groups: bool = False,
) -> dict[str, Any]:
    """Make a dataset ready to load, and return its card.

    If the dataset has been prepared before, every byte of it is hashed, and an undamaged one is
    kept. Several processes may call this at once; one of them does the work.

    Parameters
    ----------
    name, home, archive, download
        As for `load`.
    on_error : {"raise", "skip"}
        What to do with an unreadable member that is not a known one: stop, or leave it out and name
        it in the card.
    groups : bool
        Whether to look for near duplicates too, count them in the card, and write
        ``<home>/<name>-groups.csv`` with one row for every image that has an exact or near copy.
        This takes seconds for the small datasets, and a few minutes for ``notmnist``.

    Returns
    -------
    dict
        The card, also written as ``<home>/<name>.json``.

    Raises
    ------
    UsageError
        When the name is unknown or `archive` does not fit the dataset.
    NotMNISTError
        When an archive can't be obtained, is damaged or has the wrong content, or when `home` can't
        be written.
    """
    # The steps take 0.2 s to import: `import notmnist` stays light.
    from notmnist.archives import published
    from notmnist.prepared import build

    source, folder = sources.find(name), _home(home)
    given = published.match_archives(source, archive)
    # If nothing needs writing, the folder may be read-only.
    card = _reusable(source, folder, given)
    if card is not None and not groups:
        return card
    with files.locked(folder / source.name):
        files.remove_leftovers(folder / source.name, seconds=0)
        card = _reusable(source, folder, given)
        if card is None:
            card = build.build(source, folder, given, download, on_error)
        return _with_groups(source, folder, card) if groups else card


def verify(
    name: str | Source = "notmnist", *, home: str | os.PathLike | None = None
) -> dict[str, Any]:
    """Hash every byte of a prepared dataset and compare with its card.

    Parameters
    ----------
    name, home
        As for `load`.

    Returns
    -------
    dict
        The card.

    Raises
    ------
    NotMNISTError
        When the dataset is not prepared or differs from its card.
    """
    source, folder = sources.find(name), _home(home)
    # Of a folder that may not be entered, Path.exists would raise PermissionError.
    if not os.path.exists(cards.path_of(source, folder)):
        raise NotMNISTError(
            f"{source.name} is not prepared in {folder}: run `notmnist prepare {source.name}`"
        )
    card = cards.whole(source, folder)
    if card is None:
        raise NotMNISTError(
            f"{source.name} in {folder} differs from its card: run `notmnist prepare {source.name}`"
        )
    return card


def prepared_card(
    name: str | Source, *, home: str | os.PathLike | None = None
) -> dict[str, Any] | None:
    """Return the card of a prepared dataset, or None if there is none that fits its file."""
    return cards.fresh(sources.find(name), _home(home))


def test_sets(data: Dataset, *, home: str | os.PathLike | None = None) -> dict[str, Split]:
    """Collect the test sets that results are reported on, by their names in result files.

    Parameters
    ----------
    data : Dataset
        The dataset that the model is trained on.
    home : path, optional
        The cache folder, as for `load`, in which a prepared ``notmnist-small`` is looked up.

    Returns
    -------
    dict of str to Split
        For ``openglyphs``, its own test split and, if ``notmnist-small`` has been prepared, all of
        that dataset's images as ``notmnist-small`` and those that repeat no training image as
        ``notmnist-small-clean``; for ``notmnist-small``, its test split as
        ``notmnist-small-fonts``; for ``notmnist``, the small archive, whole and clean.
    """
    if data.name == "notmnist-small":
        return {"notmnist-small-fonts": data.test}
    if data.name == "notmnist":
        return _whole_and_clean(data.test, data.train)
    tests = {data.name: data.test}
    if prepared_card("notmnist-small", home=home):
        small = load("notmnist-small", home=home, dedup="none")
        whole = Split.joined([small.train, small.valid, small.test])
        tests |= _whole_and_clean(whole, data.train)
    return tests


# Otherwise, pytest would collect it as a test in every test module that imports it.
test_sets.__test__ = False  # type: ignore[attr-defined]  # to mypy, functions have none


def _whole_and_clean(test: Split, train: Split) -> dict[str, Split]:
    from notmnist.deduplication import repeats_of  # scipy: `import notmnist` stays light

    clean = ~repeats_of(test.images, train.images)
    return {"notmnist-small": test, "notmnist-small-clean": test[clean]}


def _with_groups(source: Source, folder: Path, card: dict[str, Any]) -> dict[str, Any]:
    from notmnist.deduplication import groups  # scipy: `import notmnist` stays light

    data = _open(source, folder, card, "none")
    parts = [data.train, data.valid, data.test]
    split = np.repeat(np.arange(len(SPLITS), dtype=np.uint8), [len(part) for part in parts])
    joined = Split.joined(parts)
    table, near = groups.find_groups(joined.images, joined.labels, joined.fonts, split)
    files.write_text(folder / f"{source.name}-groups.csv", table)
    card = card | {"duplicates": card["duplicates"] | {"near": near}}
    return cards.write(source, folder, card)


def _home(home: str | os.PathLike | None) -> Path:
    return files.expanded(home) if home is not None else files.home()


def _reusable(source: Source, folder: Path, given: dict[str, Path]) -> dict[str, Any] | None:
    """Return the card if the dataset is undamaged and was made from the given archives."""
    from notmnist.prepared import build

    card = cards.whole(source, folder)
    return card if card and build.is_made_from(card, source, given) else None


def _open(source: Source, folder: Path, card: dict[str, Any], dedup: str) -> Dataset:
    arrays = layout.read(cards.pickle_path(source, folder), card["arrays"])
    loaded, start = {}, 0
    for split in SPLITS:
        rows = slice(start, start + card["splits"][split][dedup])
        start += card["splits"][split]["none"]
        loaded[split] = Split(
            arrays["images"][rows], arrays["labels"][rows], arrays["font_index"][rows],
            arrays["font_names"], arrays["font_families"], card["name"],
        )  # fmt: skip
    return Dataset(card["name"], card=card, **loaded)
