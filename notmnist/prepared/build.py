"""From archives to a prepared dataset: one pickle and its card, built by all the steps in turn."""

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from notmnist import files, splits
from notmnist.archives import extraction, members
from notmnist.archives.members import Extracted
from notmnist.deduplication import exact
from notmnist.errors import NotMNISTError, UsageError
from notmnist.prepared import cards, layout
from notmnist.sources import IMAGE_SIZE, LETTERS, SPLITS, Archive, Source
from notmnist.version import __version__

# RandomState's stream is frozen by NumPy (NEP 19), so the order of rows never changes.
_SHUFFLE_SEED = 133
# The published means have six digits.
_MEAN_TOLERANCE = 1e-5
_BATCH = 8192  # images gathered at a time


def match_archives(
    source: Source, given: str | os.PathLike | Sequence[str | os.PathLike] | None
) -> dict[str, Path]:
    """Tell which of the dataset's archives each given file stands for.

    Parameters
    ----------
    source : Source
        The dataset.
    given : path, sequence of paths or None
        Files fetched by hand. One file for a dataset of one archive may bear any name.

    Returns
    -------
    dict of str to Path
        By the archive's file name.

    Raises
    ------
    UsageError
        When a file's name is none of the dataset's archives', or stands twice.
    """
    if given is None:
        return {}
    paths = [Path(p) for p in ([given] if isinstance(given, str | os.PathLike) else given)]
    names = [archive.filename for archive, _ in source.parts]
    if len(names) == 1 and len(paths) == 1:
        return {names[0]: paths[0]}
    strangers = [path for path in paths if path.name not in names]
    if strangers or len({path.name for path in paths}) < len(paths):
        raise UsageError(
            f"{source.name} is made of {' and '.join(names)}: give each at most once, under that "
            f"name (not {', '.join(str(path) for path in strangers or paths)})"
        )
    return {path.name: path for path in paths}


def _locate(archive: Archive, folder: Path, given: dict[str, Path], may_download: bool) -> Path:
    if archive.filename in given:
        return given[archive.filename]
    if archive.path:
        return archive.path
    from notmnist.archives import download  # requests takes 0.1 s, and most calls need none

    path = download.fetch(archive, folder) if may_download else download.find(archive, folder)
    if path is None:
        raise NotMNISTError(
            f"{archive.filename} is not in {folder} as published, and download is off: pass it as "
            "archive=FILE (--archive FILE), or use load('openglyphs')"
        )
    return path


@dataclass(frozen=True, eq=False)
class _Part:
    """One archive's content with its images' splits and digests, and its entry in the card."""

    extracted: Extracted
    split: np.ndarray
    digests: np.ndarray
    entry: dict[str, Any]


def build(
    source: Source, folder: Path, given: dict[str, Path], may_download: bool, on_error: str
) -> dict[str, Any]:
    """Run every step and write the pickle, then the card.

    Parameters
    ----------
    source : Source
        The dataset.
    folder : Path
        The cache folder; the caller holds its lock.
    given : dict of str to Path
        As `match_archives` gives it.
    may_download : bool
        Whether archives that are neither given nor in `folder` may be downloaded.
    on_error : {"raise", "skip"}
        What to do with unreadable members that are not known to be.

    Returns
    -------
    dict
        The card.

    Raises
    ------
    NotMNISTError
        As `notmnist.prepare`.
    """
    parts = [
        _extract_part(
            source, archive, rule, _locate(archive, folder, given, may_download), on_error
        )
        for archive, rule in source.parts
    ]
    contents = [part.extracted for part in parts]
    labels = np.concatenate([content.labels for content in contents])
    split = np.concatenate([part.split for part in parts])
    first = exact.first_equal(np.concatenate([part.digests for part in parts]))
    ranks = exact.dedup_ranks(first, labels, split)
    order = _row_order(split, ranks)
    font_names, font_index = _font_table(contents)
    arrays = {
        "images": np.broadcast_to(np.uint8(0), (len(order), IMAGE_SIZE, IMAGE_SIZE)),
        "labels": labels[order],
        "font_index": font_index[order],
        "font_names": font_names,
        "font_families": np.array(_families(source, font_names.tolist())),
    }
    card = {
        "name": source.name,
        "description": source.description,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "archives": [part.entry for part in parts],
        "fonts": len(font_names),
        "splits": _lengths(split, ranks),
        "duplicates": exact.duplicate_report(first, labels, split),
        "licence": source.licence,
        "citation": source.citation,
        "versions": {
            "notmnist": __version__,
            "python": platform.python_version(),
            **{package: version(package) for package in ("numpy", "joblib")},
        },
    }
    with files.replacing(cards.pickle_path(source, folder)) as part:
        card["arrays"] = layout.write(arrays, _image_batches(contents, order), part)
    return cards.write(source, folder, card)


def _extract_part(source: Source, archive: Archive, rule: str, path: Path, on_error: str) -> _Part:
    extracted = extraction.extract(path, archive, on_error)
    counts = np.bincount(extracted.labels, minlength=len(LETTERS))
    entry = {
        "filename": archive.filename,
        "size": path.stat().st_size,
        "sha256": files.sha256(path),
        "images": len(extracted.labels),
        "per_letter": dict(zip(LETTERS, counts.tolist(), strict=True)),
        "means": dict(zip(LETTERS, _letter_means(extracted), strict=True)),
        "unreadable": extracted.unreadable,
        "skipped": extracted.skipped,
        "split_rule": rule,
    }
    entry["published"] = entry["sha256"] == archive.sha256
    _check_content(archive, path, entry)
    split_rule = splits.RULES[rule]
    if source.provenance:
        split_rule = partial(split_rule, provenance=source.provenance)
    return _Part(
        extracted,
        split_rule(extracted.fonts)[extracted.font_index],
        exact.digests(extracted.images)[extracted.rows],
        entry,
    )


def _letter_means(extracted: Extracted) -> list[float]:
    grey = extracted.images.mean(axis=(1, 2), dtype=np.float64)[extracted.rows]
    with np.errstate(invalid="ignore"):
        totals = np.bincount(extracted.labels, grey, minlength=len(LETTERS))
        means = totals / np.bincount(extracted.labels, minlength=len(LETTERS))
    return [round(float(mean), 8) for mean in (means - 127.5) / 255]


def _check_content(archive: Archive, path: Path, entry: dict[str, Any]) -> None:
    """Compare an archive's content with what is published about it."""
    if entry["skipped"]:
        return
    wrong = []
    if archive.counts is not None and entry["per_letter"] != archive.counts:
        wrong.append(f"images per letter {entry['per_letter']} instead of {archive.counts}")
    missing = archive.unreadable - set(entry["unreadable"])
    if missing:
        wrong.append(f"the known unreadable members {sorted(missing)} are not there")
    if archive.means is not None:
        off = [
            k
            for k, mean in archive.means.items()
            if abs(entry["means"][k] - mean) > _MEAN_TOLERANCE
        ]
        if off:
            wrong.append(f"the mean grey level of {', '.join(off)} is off")
    if wrong:
        raise NotMNISTError(
            f"{path} is not {archive.filename}: {'; '.join(wrong)}; fetch the archive again"
        )


def _row_order(split: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """Shuffle once, then sort by split and rank: every `dedup` policy is a prefix of its split."""
    shuffled = np.random.RandomState(_SHUFFLE_SEED).permutation(len(split))
    return shuffled[np.lexsort((ranks[shuffled], split[shuffled]))]


def _lengths(split: np.ndarray, ranks: np.ndarray) -> dict[str, dict[str, int]]:
    """Count, for every split and policy, the rows of the prefix."""
    kept = {
        "none": exact.KEPT_BY_NONE,
        "train": exact.KEPT_BY_TRAIN,
        "all": exact.KEPT_BY_ALL,
    }
    return {
        name: {policy: int(((split == i) & (ranks <= rank)).sum()) for policy, rank in kept.items()}
        for i, name in enumerate(SPLITS)
    }


def _font_table(contents: Sequence[Extracted]) -> tuple[np.ndarray, np.ndarray]:
    """Store each font's name once: the sorted names, and each image's row in them."""
    texts = [list(map(members.font_text, content.fonts)) for content in contents]
    names = sorted(set(chain.from_iterable(texts)))
    row = {name: i for i, name in enumerate(names)}
    indices = [
        np.array([row[name] for name in part], np.int32)[content.font_index]
        for part, content in zip(texts, contents, strict=True)
    ]
    return np.array(names), np.concatenate(indices)


def _image_batches(contents: Sequence[Extracted], order: np.ndarray) -> Iterator[np.ndarray]:
    """Gather the images of all archives in the order given, without joining them in memory."""
    part = np.repeat(range(len(contents)), [len(content.rows) for content in contents])[order]
    row = np.concatenate([content.rows for content in contents])[order]
    for start in range(0, len(order), _BATCH):
        batch = slice(start, start + _BATCH)
        images = np.empty((len(row[batch]), IMAGE_SIZE, IMAGE_SIZE), np.uint8)
        for number, content in enumerate(contents):
            here = part[batch] == number
            images[here] = content.images[row[batch][here]]
        yield images


def _families(source: Source, font_names: list[str]) -> list[str]:
    return splits.families(font_names, source.provenance) if source.provenance else font_names
