"""Check whether JSON from outside has the structure that this package writes."""

import sys
from typing import Any


def fits(value: Any, shape: Any) -> bool:
    """Tell whether a value from `json` fits a shape.

    Parameters
    ----------
    value : object
        The value.
    shape : object
        A class fits its instances, and a function fits the values for which it returns true. A list
        of one shape fits lists of any length. A dict fits dicts that have at least its keys; a dict
        with the key ``str`` fits dicts with any keys.

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
    """Tell whether a value is a whole number from 0 to the size of the largest file."""
    return type(value) is int and 0 <= value <= sys.maxsize


def is_number(value: Any) -> bool:
    """Tell whether a value is a number that a float can hold, and not a truth value."""
    return type(value) is float or (type(value) is int and abs(value) <= sys.maxsize)
