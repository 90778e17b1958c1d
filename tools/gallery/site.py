"""The site as a whole: every part in one folder, which appears when it is complete."""

import shutil
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
    if not files.is_free(folder):
        raise UsageError(f"{folder} is not empty: give a new folder, or remove it first")
    with files.new_folder(folder) as site:
        shutil.copytree(STATIC, site, dirs_exist_ok=True)
        results = files.committed_results()
        data = pipeline.load(DEFAULT_DATASET, dedup="none")
        predictions = report.read_predictions(results)
        glyph_data.write(site, data, read_table(), predictions)
        notebooks = runner.find_notebooks([])
        pages.write(site, notebooks, checkout / "misc", report.read_results(results))
        api.write(site / "api")
