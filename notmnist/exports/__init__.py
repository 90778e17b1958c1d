"""A dataset in the formats that other programs read, one module a format."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np

from notmnist import files
from notmnist.errors import NotMNISTError, UsageError, needs_extra
from notmnist.exports import idx, mat, npz, parquet, pickles
from notmnist.exports.protocols import Rows, Sample, Splits
from notmnist.sources import SPLITS


@dataclass(frozen=True)
class Format:
    """Describe a format.

    Attributes
    ----------
    write : callable
        Writes the files of a dataset into an empty folder.
    splits : tuple of str
        The splits that it holds.
    needs : str or None
        The optional module that writes it, of the extra ``export``.
    """

    write: Callable[[Splits, Path], None]
    splits: tuple[str, ...]
    needs: str | None = None


_WITHOUT_VALID = ("train", "test")

FORMATS = {
    "idx": Format(idx.write, _WITHOUT_VALID),
    "npz": Format(npz.write, _WITHOUT_VALID),
    "mat": Format(mat.write, SPLITS),
    "parquet": Format(parquet.write, SPLITS, needs="pyarrow"),
    "pickle-course": Format(pickles.write_course, SPLITS),
    "pickle-seed": Format(pickles.write_seed, _WITHOUT_VALID),
}


def export(
    data: Splits,
    format: str,
    out: str | os.PathLike,
    *,
    counts: Sequence[int] | None = None,
) -> list[Path]:
    """Write a dataset in another program's format.

    The formats that know training and test alone (``idx``, ``npz``, ``pickle-seed``) leave the
    validation split out, as `load_data` does; the others hold all three.

    Parameters
    ----------
    data : Dataset
        As `load` gives it: its `dedup` says which copies are left out.
    format : {"idx", "npz", "mat", "parquet", "pickle-course", "pickle-seed"}
        MNIST's files; Keras' arrays; MATLAB, as the author published; Hugging Face; the course's
        ``notMNIST.pickle``; the original repository's pickle.
    out : path
        A folder that is new or empty. It appears when everything in it is whole.
    counts : sequence of int, optional
        How many images of each split that the format holds, such as ``(60_000, 10_000)`` for
        MNIST's training and test: rows at equal distances, in their order. Default: all.

    Returns
    -------
    list of Path
        The files, sorted.

    Raises
    ------
    UsageError
        When the format is unknown or the counts don't fit.
    NotMNISTError
        When `out` holds anything or can't be written, or an extra is missing.
    """
    check(format, out, counts=counts)
    with files.new_folder(Path(out)) as folder:
        FORMATS[format].write(_sampled(data, format, counts), folder)
    return sorted(Path(out).iterdir())


def check(format: str, out: str | os.PathLike, *, counts: Sequence[int] | None = None) -> None:
    """Refuse what `export` would refuse, before a dataset is prepared for it.

    Parameters
    ----------
    format, out, counts
        As for `export`.

    Raises
    ------
    UsageError, NotMNISTError
        As `export`; only the sizes of the splits are left to it.
    """
    if format not in FORMATS:
        raise UsageError(f"unknown format {format!r}: choose {', '.join(FORMATS)}")
    splits = FORMATS[format].splits
    if counts is not None and len(counts) != len(splits):
        raise UsageError(f"{format} holds {', '.join(splits)}: give {len(splits)} counts")
    if FORMATS[format].needs:
        with needs_extra("export"):
            import_module(FORMATS[format].needs)
    if not files.is_free(Path(out)):
        raise NotMNISTError(
            f"{out} holds something or is the current folder: give one that is new or empty"
        )


def _sampled(data: Splits, format: str, counts: Sequence[int] | None) -> Splits:
    if counts is None:
        return data
    wanted = dict(zip(FORMATS[format].splits, counts, strict=True))
    parts = {
        name: _sample(data, name, wanted[name]) if name in wanted else getattr(data, name)
        for name in SPLITS
    }
    return Sample(data.name, **parts)


def _sample(data: Splits, name: str, count: int) -> Rows:
    split = getattr(data, name)
    if not 1 <= count <= len(split):
        raise UsageError(f"{data.name} has {len(split):,} images in {name}, not {count:,}")
    # The first rows would not do: a split's repeats, where they are kept, are its last rows.
    return split[np.arange(count) * len(split) // count]
