"""Parse result files, which may come from other machines, by one schema."""

import json
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from notmnist.errors import NotMNISTError, UsageError
from notmnist.schemas import fits, is_count, is_number


def parse_entries(content: bytes, name: str) -> list[dict[str, Any]]:
    """Parse a result file, and refuse one that no notebook could have written.

    Parameters
    ----------
    content : bytes
        JSON, normally written by `notmnist.results.Run.record`.
    name : str
        The file's name, for the message.

    Returns
    -------
    list of dict
        One entry per model.

    Raises
    ------
    NotMNISTError
        When it is not JSON, or has the wrong structure.
    """
    try:
        entries = json.loads(content)
        if fits(entries, [_is_entry]):
            return entries
        reason = "an entry has the wrong structure"
    except (ValueError, RecursionError) as error:
        reason = str(error)
    raise NotMNISTError(f"{name} is not a result file ({reason}): delete it or run its notebook")


def read_results(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Read the entries of every full run in a folder.

    A score belongs to a pair, what a model was trained on and what it was tested on, so entries
    come apart by training set, and each holds its scores by test set.

    Parameters
    ----------
    folder : Path
        ``misc/results``.

    Returns
    -------
    dict of str to list of dict
        By the dataset trained on, in the order of the files' names.

    Raises
    ------
    NotMNISTError
        When a result file can't be read.
    """
    entries: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path in sorted(folder.glob("*.json")):
        if path.stem.endswith("-quick"):
            continue
        try:
            content = path.read_bytes()
        except OSError as error:
            raise NotMNISTError(f"cannot read {path}: {error.strerror}; delete it") from error
        for entry in parse_entries(content, str(path)):
            entries[entry["dataset"]].append(entry)
    return dict(entries)


def times_scored(entries: Sequence[Mapping[str, Any]], test: str) -> int:
    """Count how many full runs have scored a test set.

    Whoever scores a test set often, and reports the best, chooses by it. Each full run therefore
    counts on from the result file that it replaces. A file of a run before runs were counted
    stands for one.

    Parameters
    ----------
    entries : sequence of mapping
        The entries of any result files.
    test : str
        The name of the test set.

    Returns
    -------
    int
        Of every file the number of its runs, added up. Models of one run are scored together.
    """
    runs: dict[tuple[str, str], int] = defaultdict(int)
    for entry in entries:
        if test in entry["tests"]:
            file = entry["notebook"], entry["dataset"]
            runs[file] = max(runs[file], entry.get("times_scored", {}).get(test, 1))
    return sum(runs.values())


def data_version(entry: Mapping[str, Any]) -> str:
    """Return the version of the dataset that a model was trained on.

    Parameters
    ----------
    entry : mapping
        As `parse_entries` returns it.

    Returns
    -------
    str
        Such as ``"1.1"``; empty for datasets without versions. Entries that name none are from
        before the second version.
    """
    return entry.get("data_version") or _FIRST_VERSIONS.get(entry["dataset"], "")


def format_entries(entries: Sequence[Mapping[str, Any]]) -> str:
    """Write entries as the text of a result file: one line per key, so that changes can be read.

    Parameters
    ----------
    entries : sequence of mapping
        One per model.

    Returns
    -------
    str
        JSON.

    Raises
    ------
    UsageError
        When an entry's choices or searches are not what `parse_entries` accepts.
    """
    written = []
    for entry in entries:
        for name, shape in _OPTIONAL.items():
            if name in entry and not fits(entry[name], shape):
                raise UsageError(
                    f"the {name} of {entry['model']} are of another shape: give numbers or text by "
                    "name, for searches in columns of one length"
                )
        lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in entry.items()]
        written.append("{\n" + ",\n".join(lines) + "\n}")
    return "[\n" + ",\n".join(written) + "\n]\n"


def plain(value: Any) -> Any:
    """Turn values of a notebook into those of JSON.

    Parameters
    ----------
    value : object
        A mapping, a sequence or an array of values, or one value.

    Returns
    -------
    object
        Dicts, lists, and numbers to six digits; None for NaN and infinities, which JSON lacks.
    """
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[\w-]+", value) is not None


def _is_line(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and value != ""


def _are_numbers(value: Any, count: int) -> bool:
    return fits(value, [is_number]) and len(value) == count


def _are_shares(value: Any) -> bool:
    return fits(value, [is_number]) and value != [] and all(0 <= share <= 1 for share in value)


def _is_value(value: Any) -> bool:
    return value is None or is_number(value) or _is_line(value)


def _are_choices(value: Any) -> bool:
    return fits(value, {str: _is_value}) and all(map(_is_line, value))


def _are_tables(value: Any) -> bool:
    return fits(value, {str: _are_columns}) and all(map(_is_line, value))


def _are_columns(value: Any) -> bool:
    """Tell whether a value is a table, by the names of its columns."""
    return (
        fits(value, {str: [_is_value]})
        and all(map(_is_line, value))
        and len({len(column) for column in value.values()}) == 1
    )


def _are_effects(value: Any) -> bool:
    """Tell whether a value holds differences with their intervals, by what causes them."""
    return fits(value, {str: partial(_are_numbers, count=3)}) and all(map(_is_line, value))


def _is_score(value: Any) -> bool:
    shape = {"n": is_count, "accuracy": _are_shares, "interval": partial(_are_numbers, count=2)}
    return fits(value, shape) and all(
        _are_numbers(value[name], count=len(value["accuracy"]))
        for name in ("negative_log_likelihood", "calibration_error")
        if name in value
    )


def _are_scores(value: Any) -> bool:
    """Tell whether a value holds scores, by the names of test sets."""
    return fits(value, {str: _is_score}) and value != {} and all(map(_is_line, value))


_ENTRY = {
    "model": _is_line,
    **dict.fromkeys(("notebook", "dataset"), _is_name),
    **dict.fromkeys(("parameters", "steps"), is_count),
    "seeds": [is_count],
    "train_seconds": is_number,
    "tests": _are_scores,
}


_FIRST_VERSIONS = {"openglyphs": "1.0"}

# What earlier runs did not record, and what only some notebooks do.
_OPTIONAL = {
    "data_version": _is_line,
    "choices": _are_choices,
    "searches": _are_tables,
    "curves": [{str: [is_number]}],
    "times_scored": {str: is_count},
    "effects": _are_effects,  # notebook 12 compares kinds of split
    "tables": _are_tables,  # what the studies measured besides accuracy
    "gain_over_by_font": partial(_are_numbers, count=3),  # an earlier notebook 12 did
}


def _is_entry(value: Any) -> bool:
    return fits(value, _ENTRY) and all(
        fits(value[name], shape) for name, shape in _OPTIONAL.items() if name in value
    )
