"""Compute the scores of committed results again, from the committed predictions.

``python -m tools.recount`` rewrites the result files of models trained on OpenGlyphs whose scores
on its test split are no longer what `notmnist.results.score` makes of the predictions, such as
after a change of how intervals are computed. Accuracies must agree: where they do not, the
predictions are those of another run, and nothing is written.
"""

import argparse
from pathlib import Path

import numpy as np

import notmnist
from notmnist import files, results
from notmnist.dataset import Split
from notmnist.errors import NotMNISTError
from notmnist.results import DEFAULT_DATASET
from notmnist.scoring.entries import format_entries, parse_entries


def recount(folder: Path, test: Split) -> dict[Path, str]:
    """Find the result files whose scores change.

    Parameters
    ----------
    folder : Path
        ``misc/results``.
    test : Split
        The test split of OpenGlyphs.

    Returns
    -------
    dict of Path to str
        The new text of each file that changes.

    Raises
    ------
    NotMNISTError
        When a file can't be read, or predictions do not have the accuracies that are stated.
    """
    predictions = results.read_predictions(folder)
    changed = {}
    for path in sorted(folder.glob(f"*-{DEFAULT_DATASET}.json")):
        entries = parse_entries(path.read_bytes(), str(path))
        before = format_entries(entries)
        for entry in entries:
            if entry["model"] in predictions and DEFAULT_DATASET in entry["tests"]:
                stated = entry["tests"][DEFAULT_DATASET]
                scores = results.score(test, predictions[entry["model"]])
                if not np.allclose(scores["accuracy"], stated["accuracy"], atol=1e-6):
                    raise NotMNISTError(
                        f"{path}: the predictions of {entry['model']} do not have the accuracies "
                        "that are stated; run the notebook again"
                    )
                stated["interval"] = scores["interval"]
        if (text := format_entries(entries)) != before:
            changed[path] = text
    return changed


if __name__ == "__main__":
    argparse.ArgumentParser(
        prog="python -m tools.recount",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    test = notmnist.load(DEFAULT_DATASET).test
    for path, text in recount(files.committed_results(), test).items():
        files.write_text(path, text)
        print(path)
