"""The site as a whole: every part in one folder, which appears when it is complete."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from notmnist import files, pipeline, report, runner
from notmnist.errors import UsageError
from notmnist.gallery import api, glyph_data, pages
from notmnist.glyphs.provenance import read_table
from notmnist.results import DEFAULT_DATASET

STATIC = Path(__file__).parent / "static"


def build(folder: Path) -> None:
    """Build the site.

    Parameters
    ----------
    folder : Path
        Where to; a new folder or an empty one.

    Raises
    ------
    UsageError
        When `folder` has content, or the package is not imported from a checkout.
    NotMNISTError
        When a result can't be read, or `folder` can't be written.
    """
    checkout = files.checkout()
    if checkout is None:
        raise UsageError("the gallery shows a checkout's notebooks and curves: run it from one")
    with _appearing(folder) as site:
        shutil.copytree(STATIC, site)
        results = files.committed_results()
        data = pipeline.load(DEFAULT_DATASET, dedup="none")
        predictions = report.read_predictions(results)
        glyph_data.write(site, data, read_table(), predictions)
        notebooks = runner.find_notebooks([])
        pages.write(site, notebooks, checkout / "misc", report.read_results(results))
        api.write(site / "api")


@contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """Give a path beside `folder` to build at, and rename it into place once the block succeeds."""
    folder = folder.resolve()
    try:
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise UsageError(f"{folder} is not empty: give a new folder, or remove it first")
        parent = files.make_folder(folder.parent)
        with tempfile.TemporaryDirectory(dir=parent, prefix=f".{folder.name}-") as beside:
            yield Path(beside) / "site"
            if folder.exists():
                folder.rmdir()  # Windows renames to no folder, be it empty
            (Path(beside) / "site").rename(folder)
    except OSError as error:
        raise files.unwritable(folder, error) from error
