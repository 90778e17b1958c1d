"""The card beside a prepared dataset: written last, carrying its own hash, checked before use."""

import hashlib
import json
from pathlib import Path
from typing import Any

from notmnist import files
from notmnist.sources import Source

# A dataset prepared in another format is prepared anew.
FORMAT = 1


def path_of(source: Source, folder: Path) -> Path:
    """Name the file of a dataset's card in the cache folder."""
    return folder / f"{source.name}.json"


def write(source: Source, folder: Path, card: dict[str, Any], pickle_path: Path) -> dict[str, Any]:
    """Complete a card with what identifies its pickle, and write it.

    Parameters
    ----------
    source : Source
        The dataset.
    folder : Path
        The cache folder.
    card : dict
        Everything else about the dataset.
    pickle_path : Path
        The prepared pickle in its final place.

    Returns
    -------
    dict
        The card as `read` will give it back.

    Raises
    ------
    NotMNISTError
        When `folder` can't be written.
    """
    stat = pickle_path.stat()
    card = card | {
        "format": FORMAT,
        "pickle": {
            "filename": pickle_path.name,
            "sha256": files.sha256(pickle_path),
            "size": stat.st_size,
            "mtime_ns": stat.st_mtime_ns,
        },
    }
    text = json.dumps(card | {"sha256": _hash(card)}, indent=1)
    files.write_text(path_of(source, folder), text + "\n")
    return card


def read(source: Source, folder: Path) -> dict[str, Any] | None:
    """Read a card; None when it is missing, altered, of another format or of another dataset."""
    try:
        card = json.loads(path_of(source, folder).read_text(encoding="utf-8"))
        unaltered = card.pop("sha256") == _hash(card)
        return card if unaltered and _describes(card, source) else None
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return None


def fresh(source: Source, folder: Path) -> dict[str, Any] | None:
    """Read a card whose pickle has the size and time that it states; None when there is none.

    Where only the time differs, as in a copied cache, every byte is hashed instead.
    """
    card = read(source, folder)
    if card is None:
        return None
    try:
        stat = (folder / card["pickle"]["filename"]).stat()
    except OSError:
        return None
    if stat.st_size != card["pickle"]["size"]:
        return None
    return card if stat.st_mtime_ns == card["pickle"]["mtime_ns"] else whole(source, folder)


def whole(source: Source, folder: Path) -> dict[str, Any] | None:
    """Read a card whose pickle is what it states in every byte; None when there is none."""
    card = read(source, folder)
    if card is None:
        return None
    try:
        digest = files.sha256(folder / card["pickle"]["filename"])
    except OSError:
        return None
    return card if digest == card["pickle"]["sha256"] else None


def _describes(card: dict[str, Any], source: Source) -> bool:
    """Tell whether a card is of this format and of archives that are the record's or by hand."""
    return (card["format"], card["name"]) == (FORMAT, source.name) and all(
        entry["filename"] == archive.filename
        and (entry["sha256"] == archive.sha256 or not entry["published"])
        for entry, (archive, _) in zip(card["archives"], source.parts, strict=True)
    )


def _hash(card: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(card, sort_keys=True).encode()).hexdigest()
