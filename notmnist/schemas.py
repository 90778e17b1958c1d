"""Tell whether JSON that comes from outside has the shape that this package writes."""

import sys
from typing import Any


def fits(value: Any, shape: Any) -> bool:
    """Tell whether a value that `json` read has a shape.

    Parameters
    ----------
    value : object
        What was read.
    shape : object
        A class fits its instances, and a function the values that it returns true for. A list of
        one shape fits lists of any length. A dict fits dicts that hold at least its keys; one with
        the key ``str`` fits dicts of any keys.

    Returns
    -------
    bool
    """
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return False
        if str in shape:
            return all(fits(each, shape[str]) for each in value.values())
        return all(key in value and fits(value[key], of_key) for key, of_key in shape.items())
    if isinstance(shape, list):
        return isinstance(value, list) and all(fits(each, shape[0]) for each in value)
    return isinstance(value, shape) if isinstance(shape, type) else shape(value)


def is_count(value: Any) -> bool:
    """Tell whether a value is a whole number from 0 on, as large as a file at most."""
    return type(value) is int and 0 <= value <= sys.maxsize


def is_number(value: Any) -> bool:
    """Tell whether a value is a number, and no truth value."""
    return type(value) in (int, float)
