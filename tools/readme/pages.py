"""Replace the generated tables in the pages that contain them."""

from collections.abc import Mapping
from pathlib import Path

from notmnist import files
from notmnist.errors import NotMNISTError
from notmnist.original import PUBLISHED
from notmnist.prediction import load_model
from notmnist.results import read_results
from tools.readme import pictures, speed, studies, tables


def write(root: Path) -> list[Path]:
    """Update every generated table of a checkout.

    Parameters
    ----------
    root : Path
        The checkout. Results and benchmarks are read from its ``misc/``.

    Returns
    -------
    list of Path
        The pages that were written.

    Raises
    ------
    NotMNISTError
        When a page or its markers are missing, or a result file can't be read. In this case, no
        page is written.
    """
    filled = {page: fill(page, of_page) for page, of_page in generated(root).items()}
    for page, text in filled.items():
        files.write_text(page, text)
    return list(filled)


def generated(root: Path) -> dict[Path, dict[str, str]]:
    """Make the tables of every page.

    Parameters
    ----------
    root : Path
        The checkout, as for `write`.

    Returns
    -------
    dict of Path to dict of str to str
        For each page, its tables in Markdown by the names in their markers.

    Raises
    ------
    NotMNISTError
        When a result file, the benchmarks or the trained network can't be read.
    """
    entries = read_results(root / "misc" / "results")
    measured = speed.read_measurements(root / "misc" / "benchmarks.json")
    protocols = tables.PROTOCOLS.items()
    return {
        root / "README.md": {
            name: tables.summary_table(entries, protocol, "notebooks")
            for name, protocol in protocols
        }
        | {"picture": pictures.example()},
        root / "docs" / "predict.md": {
            "network": pictures.network_table(load_model().card),
            "pictures": pictures.pictures_table(),
        },
        root / "docs" / "results.md": {
            name: tables.results_table(entries, protocol, "../notebooks")
            for name, protocol in protocols
        }
        | {"looks": tables.looks(entries), "splits": tables.split_table(entries)}
        | {name: studies.study_table(entries, study) for name, study in studies.STUDIES.items()},
        root / "docs" / "original.md": {"published": tables.published_table(PUBLISHED)},
        root / "benchmarks" / "README.md": {
            "data speed": tables.markdown(speed.data_rows(measured, root)),
            "training speed": tables.markdown(speed.training_rows(measured, root)),
        },
    }


def fill(page: Path, of_page: Mapping[str, str]) -> str:
    """Replace the text between a page's markers.

    Parameters
    ----------
    page : Path
        A Markdown file that contains the two lines ``<!-- NAME: begin -->`` and
        ``<!-- NAME: end -->`` for every table.
    of_page : mapping of str to str
        The tables by name.

    Returns
    -------
    str
        The new text of the page.

    Raises
    ------
    NotMNISTError
        When the page can't be read or lacks a marker.
    """
    try:
        text = page.read_text(encoding="utf-8")
    except OSError as error:
        raise NotMNISTError(f"cannot read {page} ({error.strerror}): restore it") from error
    for name, table in of_page.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        try:
            before, rest = text.split(begin)
            _, after = rest.split(end)
        except ValueError:
            raise NotMNISTError(
                f"{page} lacks the two lines {begin} and {end}: put them where the table belongs"
            ) from None
        text = f"{before}{begin}\n{table}\n{end}{after}"
    return text
