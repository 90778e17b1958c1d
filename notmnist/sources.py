"""State the facts about the three datasets: archives, mirrors, hashes and counts.

The sizes and sha256 of the genuine archives come from ``tensorflow/datasets`` (url_checksums in its
pull request 2107). Mirrors, unreadable files, counts per letter and means come from published
loaders and course notebooks; those of the small archive were measured again on its genuine content.
Zenodo's zip files and their md5 come from ``torch-uncertainty``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from notmnist.errors import UsageError

LETTERS = "ABCDEFGHIJ"
LOWERCASE = LETTERS.lower()
UNKNOWN = "KLMNOPQRSTUVWXYZ0123456789"  # what a reader of A to J should not recognise
IMAGE_SIZE = 28
SPLITS = ("train", "valid", "test")
POLICIES = ("none", "train", "all")

EMBEDDED = Path(__file__).parent / "openglyphs"

_NOTMNIST_CITATION = (
    "Yaroslav Bulatov, notMNIST dataset, 2011, "
    "yaroslavvb.blogspot.com/2011/09/notmnist-dataset.html"
)
_NOTMNIST_LICENCE = "none stated by its author; the fonts are third parties' work"


@dataclass(frozen=True)
class Packing:
    """Describe one file that holds an archive's members, and where to get it.

    Attributes
    ----------
    filename : str
        The name under which a cache keeps it.
    urls : tuple of str
        Mirrors, in the order in which they are tried.
    digest : str
        The published hash of the file, as ``"sha256:<digits>"`` or ``"md5:<digits>"``.
    size : int or None
        The size in bytes; None if nobody has published it.
    """

    filename: str
    urls: tuple[str, ...]
    digest: str
    size: int | None = None


@dataclass(frozen=True)
class Archive:
    """Describe one archive of letter folders as its source publishes it.

    Attributes
    ----------
    filename : str
        The archive's file name.
    size : int
        The size in bytes.
    sha256 : str
        The hash of the file, in hexadecimal.
    urls : tuple of str
        Mirrors, in the order in which they are tried.
    path : Path or None
        The path of an archive that is embedded in the package.
    unreadable : frozenset of str
        Members known to be broken, as ``"A/<name>.png"``; any other unreadable member is an error.
    counts : mapping of str to int, or None
        Readable images per letter; with None, they are not checked.
    means : mapping of str to float, or None
        Mean of ``(pixel - 127.5) / 255`` per letter, to six decimals.
    by_hand : str
        Where else people can get the file.
    named_after_fonts : bool
        Whether the files are named after their fonts, so that images without such names must be
        refused.
    other_packings : tuple of Packing
        Files of other formats with the same members, tried if no mirror in `urls` works.
    """

    filename: str
    size: int
    sha256: str
    urls: tuple[str, ...] = ()
    path: Path | None = None
    unreadable: frozenset[str] = frozenset()
    counts: Mapping[str, int] | None = None
    means: Mapping[str, float] | None = None
    by_hand: str = ""
    other_packings: tuple[Packing, ...] = ()
    named_after_fonts: bool = False

    @property
    def folder(self) -> str:
        """Name the folder that the archive holds."""
        return self.filename.partition(".")[0]

    @property
    def packings(self) -> tuple[Packing, ...]:
        """List all files that hold the archive's members, its own file first."""
        own = Packing(self.filename, self.urls, f"sha256:{self.sha256}", self.size)
        return (own, *self.other_packings)


@dataclass(frozen=True)
class Source:
    """Describe a dataset: its archives and how each is divided into splits.

    Attributes
    ----------
    name : str
        The name to pass to ``load``, which the names of cached files begin with.
    description : str
        A description in one line.
    parts : tuple of (Archive, str)
        Each archive with the name of its split rule, a key of ``splits.RULES``.
    citation, licence : str
        What to cite, and the licence of the images.
    provenance : Path or None
        A CSV table with one row per font (columns ``font`` and ``split``), for the rule
        ``"family"``.
    version : str
        The version of the images; empty if there has only been one.
    """

    name: str
    description: str
    parts: tuple[tuple[Archive, str], ...]
    citation: str
    licence: str
    provenance: Path | None = field(default=None)
    version: str = ""


_Number = TypeVar("_Number", int, float)


def _per_letter(*values: _Number) -> dict[str, _Number]:
    return dict(zip(LETTERS, values, strict=True))


def _mirrors(filename: str) -> tuple[str, ...]:
    return (
        f"https://commondatastorage.googleapis.com/books1000/{filename}",
        f"http://yaroslavvb.com/upload/notMNIST/{filename}",
        f"http://cn-static.udacity.com/mlnd/{filename}",
    )


def _zenodo(filename: str, md5: str) -> tuple[Packing, ...]:
    url = f"https://zenodo.org/record/8274268/files/{filename}"
    return (Packing(filename, (url,), f"md5:{md5}"),)


NOTMNIST_LARGE = Archive(
    filename="notMNIST_large.tar.gz",
    size=247_336_696,
    sha256="1e8261b75484b520dc76027f5c22af50fe608e3bb16277caec086eb928f9b61c",
    urls=_mirrors("notMNIST_large.tar.gz"),
    unreadable=frozenset(
        {
            "A/RnJlaWdodERpc3BCb29rSXRhbGljLnR0Zg==.png",
            "A/SG90IE11c3RhcmQgQlROIFBvc3Rlci50dGY=.png",
            "A/Um9tYW5hIEJvbGQucGZi.png",
            "B/TmlraXNFRi1TZW1pQm9sZEl0YWxpYy5vdGY=.png",
            "D/VHJhbnNpdCBCb2xkLnR0Zg==.png",
        }
    ),
    counts=_per_letter(
        52909, 52911, 52912, 52911, 52912, 52912, 52912, 52912, 52912, 52911
    ),
    means=_per_letter(
        -0.12825, -0.00756303, -0.142258, -0.0573678, -0.069899,
        -0.125583, -0.0945814, -0.0685221, 0.0307862, -0.153358,
    ),
    by_hand="Kaggle jwjohnson314/notmnist",
    other_packings=_zenodo("notMNIST_large.zip", "c3f9e0862df000a897766593044e366a"),
    named_after_fonts=True,
)  # fmt: skip

NOTMNIST_SMALL = Archive(
    filename="notMNIST_small.tar.gz",
    size=8_458_043,
    sha256="76b2ef7ccc56452964780569db37b279c9cbe1bf442c3b38be784752683b3cec",
    urls=_mirrors("notMNIST_small.tar.gz"),
    unreadable=frozenset(
        {
            "A/RGVtb2NyYXRpY2FCb2xkT2xkc3R5bGUgQm9sZC50dGY=.png",
            "F/Q3Jvc3NvdmVyIEJvbGRPYmxpcXVlLnR0Zg==.png",
        }
    ),
    counts=_per_letter(1872, 1873, 1873, 1873, 1873, 1872, 1872, 1872, 1872, 1872),
    means=_per_letter(
        -0.132626, 0.00535609, -0.141521, -0.0492167, -0.0599148,
        -0.118185, -0.0925503, -0.0586893, 0.0526451, -0.151689,
    ),
    by_hand="Kaggle jwjohnson314/notmnist or lubaroli/notmnist",
    other_packings=_zenodo("notMNIST_small.zip", "3de91fb69221d9c2d5c57387101ebc6c"),
    named_after_fonts=True,
)  # fmt: skip

OPENGLYPHS_LARGE = Archive(
    filename="openglyphs_large.tar.gz",
    size=7_539_945,
    sha256="87d92c59f9f537b49ddd2f8fc2033b244950ed7fc96db2213d842ba293ee5686",
    path=EMBEDDED / "openglyphs_large.tar.gz",
    counts=_per_letter(3175, 3178, 3173, 3183, 3171, 3170, 3178, 3170, 3009, 3170),
    means=_per_letter(
        -0.136691, 0.004819, -0.15756, -0.059282, -0.069613,
        -0.13629, -0.097893, -0.075468, 0.080523, -0.167376,
    ),
)  # fmt: skip
OPENGLYPHS_SMALL = Archive(
    filename="openglyphs_small.tar.gz",
    size=865_742,
    sha256="e10bc673c79b5379fe17310d22f8318f39bb55f292fafb008e8bb7fd98249226",
    path=EMBEDDED / "openglyphs_small.tar.gz",
    counts=_per_letter(359, 358, 360, 359, 360, 360, 360, 356, 265, 357),
    means=_per_letter(
        -0.117083, 0.009301, -0.152014, -0.055181, -0.069029,
        -0.136582, -0.088633, -0.069606, -0.023804, -0.165714,
    ),
)  # fmt: skip
OPENGLYPHS_UNKNOWN = Archive(
    filename="openglyphs_unknown.tar.gz",
    size=1_201_162,
    sha256="968dd922c33e2966c1c5e1532aba6df590ed2f059b218fcf7b67df337e7be925",
    path=EMBEDDED / "openglyphs_unknown.tar.gz",
)
OPENGLYPHS_LOWERCASE = Archive(
    filename="openglyphs_lowercase.tar.gz",
    size=1_963_813,
    sha256="fe5ec83831151d2db66dd6fa502cc6897263eac2bb496e966d11c563d25ef87a",
    path=EMBEDDED / "openglyphs_lowercase.tar.gz",
)

DATASETS = {
    source.name: source
    for source in (
        Source(
            name="openglyphs",
            description="embedded: A to J from openly licensed fonts, split by font family",
            parts=((OPENGLYPHS_LARGE, "family"), (OPENGLYPHS_SMALL, "family")),
            citation="OpenGlyphs, part of the notMNIST repository (CITATION.cff)",
            licence="CC0-1.0 (images); the fonts' licences are in provenance.csv",
            provenance=EMBEDDED / "provenance.csv",
            version="1.1",
        ),
        Source(
            name="notmnist-small",
            description="the genuine small archive alone, cleaned by hand, split by font",
            parts=((NOTMNIST_SMALL, "font-tenths"),),
            citation=_NOTMNIST_CITATION,
            licence=_NOTMNIST_LICENCE,
        ),
        Source(
            name="notmnist",
            description="the genuine large archive for training, all of the small one for testing",
            parts=((NOTMNIST_LARGE, "font-twentieths"), (NOTMNIST_SMALL, "test")),
            citation=_NOTMNIST_CITATION,
            licence=_NOTMNIST_LICENCE,
        ),
    )
}


def find(name: str | Source) -> Source:
    """Look a dataset up by name.

    Parameters
    ----------
    name : str or Source
        A key of `DATASETS`, or a `Source` of your own, which is returned unchanged.

    Raises
    ------
    UsageError
        When there is no dataset of that name.
    """
    if isinstance(name, Source):
        return name
    try:
        return DATASETS[name]
    except (KeyError, TypeError):
        raise UsageError(f"unknown dataset {name!r}: choose {', '.join(DATASETS)}") from None


def folders_beside(source: Source, archive: Archive) -> set[str]:
    """List the folders of other archives that people pack together with an archive.

    Parameters
    ----------
    source : Source
        The dataset.
    archive : Archive
        One of its archives.
    """
    datasets = [
        dataset
        for dataset in (source, *DATASETS.values())
        if archive.filename in (part.filename for part, _ in dataset.parts)
    ]
    return {part.folder for dataset in datasets for part, _ in dataset.parts} - {archive.folder}
