"""Write, read and check the card beside a prepared dataset, which carries its own hash."""

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from notmnist import files
from notmnist.errors import NotMNISTError
from notmnist.prepared import layout
from notmnist.schemas import fits, is_count, is_number
from notmnist.sources import LETTERS, POLICIES, SPLITS, Source

# A dataset in another format is prepared again.
FORMAT = 2

_GROUPS = {
    **dict.fromkeys(("distinct", "groups", "grouped", "largest"), is_count),
    **dict.fromkeys(("conflicting_groups", "conflicting_images"), is_count),
    "leaks": {str: is_count},
}
_CARD = {
    **dict.fromkeys(("name", "description", "created", "licence", "citation"), str),
    "archives": [
        {
            **dict.fromkeys(("filename", "sha256", "split_rule"), str),
            **dict.fromkeys(("size", "images"), is_count),
            "per_letter": dict.fromkeys(LETTERS, is_count),
            "means": dict.fromkeys(LETTERS, is_number),
            "unreadable": [str],
            "skipped": [str],
            "aside": is_count,
            "published": bool,
        }
    ],
    "fonts": is_count,
    "splits": dict.fromkeys(SPLITS, dict.fromkeys(POLICIES, is_count)),
    "duplicates": {"images": is_count, "within": dict.fromkeys(SPLITS, is_count)} | _GROUPS,
    "versions": {str: str},
    "pickle": {"filename": str, "sha256": str, "size": is_count, "mtime_ns": is_count},
}
_NEAR = {"threshold": is_number, "pairs": is_count} | _GROUPS


def path_of(source: Source, folder: Path) -> Path:
    """Return the path of a dataset's card in the cache folder."""
    return folder / f"{source.name}.json"


def pickle_path(source: Source, folder: Path) -> Path:
    """Return the path of the prepared file that a dataset's card describes."""
    return folder / f"{source.name}.joblib"


def write(source: Source, folder: Path, card: dict[str, Any]) -> dict[str, Any]:
    """Add the identity of the prepared file to a card, and write it.

    Parameters
    ----------
    source : Source
        The dataset, whose prepared file is in its final place.
    folder : Path
        The cache folder.
    card : dict
        The other facts about the dataset.

    Returns
    -------
    dict
        The card as `read` will return it.

    Raises
    ------
    NotMNISTError
        When `folder` can't be written.
    """
    path = pickle_path(source, folder)
    stat = path.stat()
    identity = {
        "filename": path.name,
        "sha256": files.sha256(path),
        "size": stat.st_size,
        "mtime_ns": stat.st_mtime_ns,
    }
    return _write(source, folder, card | {"format": FORMAT, "pickle": identity})


def read(source: Source, folder: Path) -> dict[str, Any] | None:
    """Read a card; None if it is missing, altered, malformed, or not of this dataset or format."""
    try:
        card = json.loads(path_of(source, folder).read_text(encoding="utf-8"))
        unaltered = card.pop("sha256") == _hash(card)
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return None
    return card if unaltered and _is_sound(card, source) else None


def fresh(source: Source, folder: Path) -> dict[str, Any] | None:
    """Read a card if its prepared file has the size and time that it states; otherwise None.

    If only the time differs, as in a copied cache, every byte is hashed instead, and the new time
    is written to the card if possible.
    """
    card = read(source, folder)
    if card is None:
        return None
    try:
        stat = pickle_path(source, folder).stat()
    except OSError:
        return None
    if stat.st_size != card["pickle"]["size"]:
        return None
    if stat.st_mtime_ns == card["pickle"]["mtime_ns"]:
        return card
    if not _is_whole(card, source, folder):
        return None
    anew = card | {"pickle": card["pickle"] | {"mtime_ns": stat.st_mtime_ns}}
    with suppress(NotMNISTError), files.locked(folder / source.name, wait=False):
        # Another process may have prepared the dataset again in the meantime.
        if read(source, folder) == card:
            _write(source, folder, anew)
    return anew


def whole(source: Source, folder: Path) -> dict[str, Any] | None:
    """Read a card if every byte of its prepared file is as stated; otherwise None."""
    card = read(source, folder)
    return card if card and _is_whole(card, source, folder) else None


def _is_whole(card: dict[str, Any], source: Source, folder: Path) -> bool:
    try:
        return files.sha256(pickle_path(source, folder)) == card["pickle"]["sha256"]
    except OSError:
        return False


def _is_sound(card: dict[str, Any], source: Source) -> bool:
    """Tell whether a card could be that of a dataset, from published or other archives."""
    if card.get("format") != FORMAT or not fits(card, _CARD) or card["name"] != source.name:
        return False
    if "near" in card["duplicates"] and not fits(card["duplicates"]["near"], _NEAR):
        return False
    archives = [archive for archive, _ in source.parts]
    if [entry["filename"] for entry in card["archives"]] != [a.filename for a in archives]:
        return False
    if any(
        entry["published"] and entry["sha256"] != archive.sha256
        for entry, archive in zip(card["archives"], archives, strict=True)
    ):
        return False
    lengths = card["splits"].values()
    rows = sum(length["none"] for length in lengths)
    return all(length["none"] >= max(length.values()) for length in lengths) and layout.is_sound(
        card.get("arrays"), rows, card["fonts"], card["pickle"]["size"]
    )


def _write(source: Source, folder: Path, card: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(card | {"sha256": _hash(card)}, indent=1)
    files.write_text(path_of(source, folder), text + "\n")
    return card


def _hash(card: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(card, sort_keys=True).encode()).hexdigest()
