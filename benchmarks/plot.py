"""Plot how time grows with the number of images, as ``misc/benchmarks.png``."""

import argparse
import sys

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullLocator

from benchmarks.record import finish
from notmnist import files
from tools.readme import speed


def main() -> None:
    """Plot every measurement that was made at three or more sizes, ours beside the reference's."""
    argparse.ArgumentParser(prog="python -m benchmarks.plot", description=__doc__).parse_args()
    entries = speed.read_measurements(files.misc() / "benchmarks.json")
    grown = {}
    for entry in sorted(entries, key=lambda entry: entry["size"]):
        grown.setdefault(entry["name"], []).append(entry)
    grown = {name: rows for name, rows in grown.items() if len(rows) > 2}
    if not grown:
        sys.exit("no measurement has three sizes yet: run the other benchmarks first")
    columns = min(3, len(grown))
    figure, grid = plt.subplots(
        -(-len(grown) // columns), columns, layout="constrained", squeeze=False,
        figsize=(4 * columns, 3.2 * -(-len(grown) // columns)),
    )  # fmt: skip
    for axes, (name, rows) in zip(grid.flat, grown.items(), strict=False):
        sizes = [row["size"] for row in rows]
        for side, marker in (("reference", "s--"), ("ours", "o-")):
            seconds = [row[side] for row in rows]
            exponent = np.polyfit(np.log(sizes), np.log(seconds), 1)[0]
            axes.loglog(sizes, seconds, marker, label=f"{side}: exponent {exponent:.2f}")
            print(f"{name:<40} {side:<10} grows like images ** {exponent:.2f}")
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes], fontsize=8)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_title(name, fontsize=9)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    for axes in grid.flat[len(grown) :]:
        axes.set_axis_off()
    figure.supxlabel("images")
    figure.supylabel("seconds")
    figure.savefig(files.misc() / "benchmarks.png", dpi=110)


if __name__ == "__main__":
    finish(main)
