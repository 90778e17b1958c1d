"""Build a prepared dataset, one pickle and its card, from archives."""

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

from notmnist import files, sources, splits
from notmnist.archives import extraction, members, published
from notmnist.archives.members import Extracted, OnError
from notmnist.deduplication import exact
from notmnist.errors import NotMNISTError
from notmnist.prepared import cards, layout
from notmnist.sources import IMAGE_SIZE, SPLITS, Archive, Source
from notmnist.version import __version__

# NumPy guarantees the stream of RandomState (NEP 19), so the order of rows never changes.
_SHUFFLE_SEED = 133
_BATCH = 8192  # images gathered at a time


def _locate(archive: Archive, folder: Path, given: dict[str, Path], may_download: bool) -> Path:
    if archive.filename in given:
        return given[archive.filename]
    if archive.path:
        return archive.path
    from notmnist.archives import (
        download,
    )  # imports requests, which takes 0.1 s and is rarely needed

    path = download.fetch(archive, folder) if may_download else download.find(archive, folder)
    if path is None:
        raise NotMNISTError(
            f"the published {archive.filename} is not in {folder}, and downloads are disabled: "
            "pass it as archive=PATH (--archive PATH), or use load('openglyphs')"
        )
    return path


@dataclass(frozen=True, eq=False)
class _Part:
    """Hold the content of one archive, its splits and digests, and its entry in the card."""

    extracted: Extracted
    split: np.ndarray
    digests: np.ndarray
    entry: dict[str, Any]


def build(
    source: Source, folder: Path, given: dict[str, Path], may_download: bool, on_error: OnError
) -> dict[str, Any]:
    """Run all steps, and write the pickle and then the card.

    Parameters
    ----------
    source : Source
        The dataset.
    folder : Path
        The cache folder; the caller holds its lock.
    given : dict of str to Path
        As `published.match_archives` returns it.
    may_download : bool
        Whether archives that are neither given nor in `folder` may be downloaded.
    on_error : {"raise", "skip"}
        What to do with unreadable members that are not known ones.

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


def _extract_part(
    source: Source, archive: Archive, rule: str, path: Path, on_error: OnError
) -> _Part:
    extracted = extraction.extract(path, archive, on_error, sources.folders_beside(source, archive))
    published.check(archive, path, extracted)
    entry = {
        "filename": archive.filename,
        "size": extracted.size,
        "sha256": extracted.sha256,
        "published": extracted.sha256 == archive.sha256,
        "images": len(extracted.labels),
        "per_letter": published.letter_counts(extracted),
        "means": published.letter_means(extracted),
        "unreadable": extracted.unreadable,
        "skipped": extracted.skipped,
        "aside": extracted.aside,
        "split_rule": rule,
    }
    split_rule = splits.RULES[rule]
    if source.provenance:
        split_rule = partial(split_rule, provenance=source.provenance)
    return _Part(
        extracted,
        split_rule(extracted.fonts)[extracted.font_index],
        exact.digests(extracted.images)[extracted.rows],
        entry,
    )


def is_made_from(card: dict[str, Any], source: Source, given: dict[str, Path]) -> bool:
    """Tell whether a dataset was prepared from the given archives, by every byte of them."""
    for (archive, _), entry in zip(source.parts, card["archives"], strict=True):
        path = given.get(archive.filename)
        beside = sources.folders_beside(source, archive)
        if path and extraction.sha256(path, archive, beside) != entry["sha256"]:
            return False
    return True


def _row_order(split: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """Shuffle, then sort by split and rank, so that every `dedup` policy is a prefix."""
    shuffled = np.random.RandomState(_SHUFFLE_SEED).permutation(len(split))
    return shuffled[np.lexsort((ranks[shuffled], split[shuffled]))]


def _lengths(split: np.ndarray, ranks: np.ndarray) -> dict[str, dict[str, int]]:
    """Count the rows of every split under every policy."""
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
    """List the names of the fonts, sorted, and the place of each image's font among them."""
    texts = [list(map(members.font_text, content.fonts)) for content in contents]
    names = sorted(set(chain.from_iterable(texts)))
    row = {name: i for i, name in enumerate(names)}
    indices = [
        np.array([row[name] for name in part], np.int32)[content.font_index]
        for part, content in zip(texts, contents, strict=True)
    ]
    return np.array(names), np.concatenate(indices)


def _image_batches(contents: Sequence[Extracted], order: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the images of all archives in the given order, without joining them in memory."""
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
