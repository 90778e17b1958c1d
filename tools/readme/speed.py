"""Make the speed tables of ``benchmarks/README.md`` from the committed benchmarks."""

import ast
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from notmnist.errors import NotMNISTError
from notmnist.schemas import fits, is_count, is_number

_CHANGED = " (code changed since)"


def code_hash(root: Path, modules: Sequence[str]) -> str:
    """Hash the code that a benchmark measured, but not its documentation.

    The hash covers the syntax trees of the modules without docstrings and import statements. A
    measurement therefore stays current when comments, layout or the source of an imported name
    change; any other change of the code makes it outdated.

    Parameters
    ----------
    root : Path
        The checkout.
    modules : sequence of str
        The paths of the modules in the checkout. A module that no longer exists counts as empty.

    Returns
    -------
    str
        The sha256 in hexadecimal, which is the same in every version of Python.
    """
    paths = [root / module for module in modules]
    sources = [path.read_text(encoding="utf-8") if path.exists() else "" for path in paths]
    return hashlib.sha256(repr([_outline(ast.parse(s)) for s in sources]).encode()).hexdigest()


def _outline(node: object) -> object:
    """Turn a syntax tree into nested tuples without the parts that do not affect measurements."""
    if isinstance(node, list):
        return [
            _outline(part) for part in node if not isinstance(part, ast.Import | ast.ImportFrom)
        ]
    if not isinstance(node, ast.AST):
        return node
    fields = dict(ast.iter_fields(node))
    documented = ast.AsyncFunctionDef | ast.ClassDef | ast.FunctionDef | ast.Module
    if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
        fields["body"] = node.body[1:]
    # Python 3.12 ends some f-strings with an empty string, and versions differ in empty fields.
    if isinstance(node, ast.JoinedStr):
        fields["values"] = [part for part in node.values if getattr(part, "value", None) != ""]
    kept = [(name, value) for name, value in fields.items() if value not in (None, [])]
    return type(node).__name__, [(name, _outline(value)) for name, value in kept]


_MEASUREMENT = {
    **dict.fromkeys(("name", "unit", "code"), str),
    **dict.fromkeys(("ours", "reference", "ratio"), is_number),
    "size": is_count,
    "modules": [str],
}


def read_measurements(path: Path) -> list[dict[str, Any]]:
    """Read what the benchmarks measured.

    Parameters
    ----------
    path : Path
        The path of ``misc/benchmarks.json``. If it does not exist, nothing was measured.

    Returns
    -------
    list of dict
        The measurements.

    Raises
    ------
    NotMNISTError
        When the file can't be read.
    """
    if not path.exists():
        return []
    try:
        measured = json.loads(path.read_text(encoding="utf-8"))
        if fits(measured, [_MEASUREMENT]):
            return measured
        reason = "an entry has the wrong structure"
    except (OSError, ValueError, RecursionError) as error:
        reason = str(error)
    raise NotMNISTError(
        f"cannot read {path} ({reason}): restore it, or delete it and run the benchmarks"
    )


def data_rows(entries: Sequence[Mapping[str, Any]], root: Path) -> list[list[str]]:
    """Tabulate the measurements from archive to arrays, each at its largest size.

    Parameters
    ----------
    entries : sequence of mapping
        The measurements, as `read_measurements` returns them.
    root : Path
        The checkout. If the code of a row has changed since it was measured, the row says so.

    Returns
    -------
    list of list of str
        A header, and one row of cells for every name.
    """
    largest = {entry["name"]: entry for entry in sorted(entries, key=lambda entry: entry["size"])}
    rows = [["what", "images", "times faster", "ours", "reference"]]
    for name, entry in sorted(largest.items()):
        if name.partition("/")[0] not in _TRAINING:
            changed = "" if _is_current(entry, root) else _CHANGED
            rows.append([
                name + changed, f"{entry['size']:,}", _digits(entry["ratio"]),
                *(f"{_digits(entry[side])} {entry['unit']}" for side in ("ours", "reference")),
            ])  # fmt: skip
    return rows


def training_rows(entries: Sequence[Mapping[str, Any]], root: Path) -> list[list[str]]:
    """Tabulate the measurements of training, with one row per model.

    Parameters
    ----------
    entries, root
        As for `data_rows`.

    Returns
    -------
    list of list of str
        A header, and one row of cells for every model.
    """
    models: dict[str, dict[str, Mapping[str, Any]]] = {}
    for entry in entries:
        kind, _, model = entry["name"].partition("/")
        if kind in _TRAINING:
            models.setdefault(model, {})[kind] = entry
    rows = [["notebook", "ours, ms per step", *_TRAINING.values()]]
    for model, kinds in sorted(models.items()):
        changed = "" if all(_is_current(entry, root) for entry in kinds.values()) else _CHANGED
        ours = _digits(kinds["step"]["ours"]) if "step" in kinds else "-"
        ratios = [_digits(kinds[kind]["ratio"]) if kind in kinds else "-" for kind in _TRAINING]
        rows.append([model + changed, ours, *ratios])
    return rows


# The kinds of training measurements, and what the ratio of each means.
_TRAINING = {
    "step": "a step, times faster",
    "arithmetic": "share of bare arithmetic",
    "bfloat16": "a step in bfloat16, times faster",
    "accuracy": "to its last accuracy, times faster than its whole run",
    "accuracy, first reached": "times faster than until it first had it",
}


def _digits(value: float) -> str:
    """Format a number with three significant digits and without an exponent."""
    return f"{float(f'{value:.3g}'):,g}"


def _is_current(entry: Mapping[str, Any], root: Path) -> bool:
    return entry.get("code") == code_hash(root, entry.get("modules", ()))
