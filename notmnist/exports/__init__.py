"""Write datasets in the formats of other programs, one module per format."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal

from notmnist import files
from notmnist.errors import NotMNISTError, UsageError, needs_extra
from notmnist.exports import folder, idx, mat, npz, parquet, pickles
from notmnist.exports.rows import Selection, Splits
from notmnist.sources import SPLITS

Writer = Callable[[str, Mapping[str, Selection], Path], None]


@dataclass(frozen=True)
class Format:
    """Describe a format.

    Attributes
    ----------
    description : str
        The files and their content, in a few words.
    write : callable
        Takes the name of a dataset and the rows of every split in the format, and writes the files
        into an empty folder.
    splits : mapping of str to tuple of str
        The splits in the format, each with the dataset's splits that go into it.
    needs : str or None
        The optional module that the format needs, which the extra ``export`` installs.
    """

    description: str
    write: Writer
    splits: Mapping[str, tuple[str, ...]]
    needs: str | None = None

    @property
    def joins_valid(self) -> bool:
        """Tell whether the format has no validation split, so that it is joined to training."""
        return "valid" in self.splits.get("train", ())


_THREE: dict[str, tuple[str, ...]] = {name: (name,) for name in SPLITS}
_TWO = {"train": ("train", "valid"), "test": ("test",)}
_ONE = {"whole": SPLITS}

FORMATS = {
    "idx": Format("MNIST's four files, plain and gzipped", idx.write, _TWO),
    "npz": Format("x_train, y_train, x_test, y_test, as Keras' mnist.npz", npz.write, _TWO),
    "npz-whole": Format("notMNIST.npz: images and labels of all splits", npz.write_whole, _ONE),
    "mat": Format(
        "MATLAB, as the author published it: all images, and each split", mat.write, _THREE
    ),
    "parquet": Format("PNG images, letters, fonts", parquet.write, _THREE, needs="pyarrow"),
    "folder": Format("train, valid, test / A .. J / NAME.png", folder.write, _THREE),
    "pickle-course": Format("the Udacity course's notMNIST.pickle", pickles.write_course, _THREE),
    "pickle-seed": Format("the original repository's notMNIST.pickle", pickles.write_seed, _TWO),
}


def export(
    data: Splits,
    format: str,
    out: str | os.PathLike,
    *,
    counts: Sequence[int] | None = None,
    valid: Literal["join", "drop"] = "join",
) -> list[Path]:
    """Write a dataset in another program's format.

    Parameters
    ----------
    data : Dataset
        As `load` returns it. The `dedup` passed to `load` decides which copies are left out.
    format : str
        A key of `FORMATS`: ``"idx"``, MNIST's files; ``"npz"``, Keras' arrays; ``"npz-whole"``,
        all images in one array; ``"mat"``, MATLAB files like the author's; ``"parquet"``, for
        Hugging Face and data frames; ``"folder"``, PNG files; ``"pickle-course"``, the Udacity
        course's ``notMNIST.pickle``; ``"pickle-seed"``, the original repository's.
    out : path
        A new or empty folder. It appears once everything in it is complete.
    counts : sequence of int, optional
        The number of images to take from each split in the format, such as ``(60_000, 10_000)`` for
        MNIST's training and test splits. The rows are evenly spaced and keep their order. Default:
        all images.
    valid : {"join", "drop"}
        Whether, in ``idx``, ``npz`` and ``pickle-seed``, which have no validation split, its rows
        follow those of training or are left out.

    Returns
    -------
    list of Path
        The content of `out`, sorted.

    Raises
    ------
    UsageError
        When the format is unknown, or the counts or `valid` do not fit it.
    NotMNISTError
        When `out` is not empty or can't be written, or an extra is missing.
    """
    check(format, out, counts=counts, valid=valid)
    chosen = _choose(data, FORMATS[format].splits, counts, valid)
    target = files.expanded(out)
    with files.new_folder(target) as part:
        FORMATS[format].write(data.name, chosen, part)
    return sorted(target.iterdir())


def check(
    format: str,
    out: str | os.PathLike,
    *,
    counts: Sequence[int] | None = None,
    valid: Literal["join", "drop"] = "join",
) -> None:
    """Refuse what `export` would refuse, before a dataset is prepared for it.

    Parameters
    ----------
    format, out, counts, valid
        As for `export`.

    Raises
    ------
    UsageError, NotMNISTError
        As `export`, except that the sizes of the splits are not checked.
    """
    if format not in FORMATS:
        raise UsageError(f"unknown format {format!r}: choose {', '.join(FORMATS)}")
    splits = FORMATS[format].splits
    if counts is not None and len(counts) != len(splits):
        raise UsageError(f"{format} has the splits {', '.join(splits)}: give one count for each")
    if valid not in ("join", "drop"):
        raise UsageError(f"unknown choice {valid!r} for the validation split: choose join, drop")
    if valid == "drop" and not FORMATS[format].joins_valid:
        joining = ", ".join(name for name in FORMATS if FORMATS[name].joins_valid)
        raise UsageError(f"{format} has a validation split of its own: only {joining} can drop it")
    if needed := FORMATS[format].needs:
        with needs_extra("export"):
            import_module(needed)
    target = files.expanded(out)
    if not files.is_free(target):
        raise NotMNISTError(
            f"{out} is not empty, not a folder, or the current folder: choose a new or empty folder"
        )
    files.check_writable(target.parent)


def _choose(
    data: Splits, splits: Mapping[str, tuple[str, ...]], counts: Sequence[int] | None, valid: str
) -> dict[str, Selection]:
    chosen = {}
    for place, (split, names) in enumerate(splits.items()):
        parts = [getattr(data, name) for name in names if name != "valid" or valid == "join"]
        available = sum(len(part) for part in parts)
        count = available if counts is None else counts[place]
        if counts is not None and not 1 <= count <= available:
            raise UsageError(
                f"{data.name} has {available:,} images in {split}, not {count:,}: give 1 to "
                f"{available:,}"
            )
        chosen[split] = Selection(parts, count)
    return chosen
