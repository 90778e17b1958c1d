"""Parse result files, which may come from other machines, by one schema."""

import json
import re
from functools import partial
from typing import Any

from notmnist.errors import NotMNISTError
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


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[\w-]+", value) is not None


def _is_line(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and value != ""


def _are_numbers(value: Any, count: int) -> bool:
    return fits(value, [is_number]) and len(value) == count


def _are_shares(value: Any) -> bool:
    return fits(value, [is_number]) and value != [] and all(0 <= share <= 1 for share in value)


_ENTRY = {
    "model": _is_line,
    **dict.fromkeys(("notebook", "dataset"), _is_name),
    **dict.fromkeys(("parameters", "steps"), is_count),
    "seeds": [is_count],
    "train_seconds": is_number,
    "tests": {
        str: {"n": is_count, "accuracy": _are_shares, "interval": partial(_are_numbers, count=2)}
    },
}


def _is_entry(value: Any) -> bool:
    # Only notebook 12 compares kinds of split.
    return fits(value, _ENTRY) and _are_numbers(value.get("gain_over_by_font", [0, 0, 0]), 3)
