"""Build the whole site in one folder, which appears once it is complete."""

import shutil
from pathlib import Path

from notmnist import files, pipeline, results
from notmnist.errors import UsageError
from notmnist.results import DEFAULT_DATASET
from notmnist.running import notebooks
from tools.gallery import api, glyph_data, pages
from tools.openglyphs.provenance import read_table

STATIC = Path(__file__).parent / "static"


def build(folder: Path) -> None:
    """Build the site.

    Parameters
    ----------
    folder : Path
        A new or empty folder.

    Raises
    ------
    UsageError
        When `folder` is not empty, or the package is not imported from a checkout.
    NotMNISTError
        When a result can't be read, or `folder` can't be written.
    """
    checkout = files.checkout()
    if checkout is None:
        raise UsageError(
            "the gallery shows the notebooks and curves of a checkout: run it from one"
        )
    if not files.is_free(folder):
        raise UsageError(f"{folder} is not empty: give a new folder, or remove this one first")
    with files.new_folder(folder) as site:
        shutil.copytree(STATIC, site, dirs_exist_ok=True)
        folder = files.committed_results()
        data = pipeline.load(DEFAULT_DATASET, dedup="none")
        predictions = results.read_predictions(folder)
        glyph_data.write(site, data, read_table(), predictions)
        pages.write(
            site,
            notebooks.find_notebooks([]),
            checkout / "misc",
            results.read_results(folder),
        )
        api.write(site / "api")
