"""Provide the command line: ``notmnist`` and ``python -m notmnist``."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from threading import current_thread, main_thread
from typing import Any

from notmnist import evaluation, exports, files, pipeline, sources
from notmnist.dataset import format_card
from notmnist.errors import NotMNISTError, UsageError, printable, say
from notmnist.sources import POLICIES, SPLITS
from notmnist.version import __version__

_EXAMPLES = """\
examples:
  notmnist run                              every notebook on the embedded OpenGlyphs, offline
  notmnist run 03_minibatch_lr --budget full
  notmnist prepare notmnist-small           download, check and prepare the genuine small set
  notmnist prepare notmnist-small --archive notMNIST_small.tar.gz
  notmnist info openglyphs
  notmnist export openglyphs --format idx --out MNIST/raw
  notmnist evaluate letters.csv --dataset openglyphs
  notmnist predict scan.png photo.jpg       which letter does each picture show?
`notmnist COMMAND --help` says more about each command.
"""
_PREDICTIONS = """\
FILE holds one prediction for each image of load(NAME, dedup="none").test:
  .csv    with a header: the column row (the image's number there) or name (A/<member>.png), and
          the column letter, or the columns A to J with probabilities
  .npz    with one array in the same order: letters (N,), or probabilities (N, 10)
"""
_PICTURES = """\
IMAGE is a picture of one letter in any format that Pillow reads, of any size and colour, dark on
light or light on dark, with a margin around the letter. A grey one of 28 x 28 pixels is taken as it
is, ink bright; save a small letter with a margin, or of dark ink, larger than that.

One line says the picture's name, the letter and the probability that the network gives it. Where
this is below a limit chosen on validation data, "none of A to J?" follows: the picture may show
another character, or a letter in a style that the network does not know. Some letters are doubted,
and many other characters are not. The network's card says which share of each ("doubted", on
fonts that it has not seen), and how often the network errs; to print it:
  python -c "import notmnist; print(notmnist.load_model().card)"
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default: the arguments of the process.

    Returns
    -------
    int
        0 on success, 2 on wrong usage, 1 on failure, with one line on stderr.
    """
    _mend_streams()
    options = _parser().parse_args(arguments)
    try:
        with _endings_as_interrupts():
            failed = options.command(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has enough
        _discard_output()
        return 1
    except OSError as error:  # of the output: a file that can't be used is a NotMNISTError
        _discard_output()
        if options.debug:
            raise
        place = error.filename or "the output"
        say(f"cannot use {place}: {error.strerror or error}; free some space, or give another")
        return 1
    except (NotMNISTError, KeyboardInterrupt) as error:
        if options.debug:
            raise
        say(str(error) or "interrupted; earlier results are untouched")
        return 2 if isinstance(error, UsageError) else 1
    return 1 if failed else 0


def _mend_streams() -> None:
    """Make sure that anything can be printed, with or without a terminal."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the shell, or a program without a console
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    # Names of folders may contain characters that the terminal's encoding lacks.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


@contextmanager
def _endings_as_interrupts() -> Iterator[None]:
    """Make SIGTERM, and the SIGHUP of a terminal that closes, clean up as Ctrl-C does."""
    numbers = (getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP"))
    # Windows lacks SIGHUP; nohup ignores it, and that should stay so.
    ending = [number for number in numbers if number and signal.getsignal(number) == signal.SIG_DFL]
    if current_thread() is not main_thread():  # only the main thread can handle signals
        ending = []
    for number in ending:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in ending:
            signal.signal(number, signal.SIG_DFL)


def _discard_output() -> None:
    """Drop what is left to print, since Python would fail again when it flushes at exit."""
    with suppress(OSError):  # a notebook's stdout is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="notmnist",
        description="notMNIST: get the data, verified and deduplicated, and run the notebooks.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"notmnist {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    _command(
        commands, "list", _list, "list the datasets and say which are prepared", "notmnist list"
    )
    info = _command(
        commands, "info", _info, "print a dataset's card",
        "notmnist info openglyphs",
        "notmnist info openglyphs --json > card.json",
    )  # fmt: skip
    info.add_argument("name", metavar="NAME")
    info.add_argument("--json", action="store_true", help="as JSON")
    prepare = _command(
        commands, "prepare", _prepare, "get a dataset ready to load",
        "notmnist prepare notmnist-small                                    from its mirrors",
        "notmnist prepare notmnist-small --archive notMNIST_small.tar.gz    fetched by hand",
        "notmnist prepare openglyphs --groups                               with near duplicates",
    )  # fmt: skip
    prepare.add_argument("name", metavar="NAME")
    prepare.add_argument(
        "--archive",
        metavar="PATH",
        type=_given,
        action="append",
        help="an archive fetched by hand: a tar or zip file, or the unpacked folder (repeatable)",
    )
    prepare.add_argument(
        "--skip-unreadable",
        action="store_true",
        help="leave out members that can't be read, and list them in the card",
    )
    prepare.add_argument(
        "--groups", action="store_true", help="also find near duplicates, and write NAME-groups.csv"
    )
    verify = _command(
        commands, "verify", _verify, "check every byte of a prepared dataset",
        "notmnist verify openglyphs",
    )  # fmt: skip
    verify.add_argument("name", metavar="NAME")
    export = _command(
        commands, "export", _export, "write a dataset in another program's format",
        "notmnist export openglyphs --format idx --out MNIST/raw",
        "notmnist export notmnist --format idx --counts 60000 10000 --out MNIST/raw",
        "notmnist export notmnist-small --format mat --dedup none --out mat",
        "notmnist export notmnist --format pickle-seed --out data",
    )  # fmt: skip
    formats = (f"  {name:<15}{format.description}" for name, format in exports.FORMATS.items())
    export.epilog = "\n".join(("formats:", *formats, "", str(export.epilog)))
    export.add_argument("name", metavar="NAME")
    export.add_argument(
        "--format", required=True, metavar="{" + ",".join(exports.FORMATS) + "}", help="see below"
    )
    export.add_argument(
        "--out", required=True, metavar="DIR", type=_given, help="a new or empty folder"
    )
    export.add_argument(
        "--dedup",
        metavar="{" + ",".join(POLICIES) + "}",
        default="train",
        help="which exact copies to leave out, as in notmnist.load (default: train)",
    )
    export.add_argument(
        "--valid",
        metavar="{join,drop}",
        default="join",
        help="whether, in formats without a validation split (idx, npz, pickle-seed), its rows "
        "follow the training rows or are left out (default: join)",
    )
    export.add_argument(
        "--counts",
        metavar="N",
        nargs="+",
        type=_count,
        help="how many images to take from each split, evenly spaced: three numbers for train, "
        "valid and test; two for train and test in idx, npz and pickle-seed; one in npz-whole "
        "(default: all)",
    )
    run = _command(
        commands, "run", _run, "execute notebooks; results go to misc/",
        "notmnist run                                     every notebook, quick, on openglyphs",
        "notmnist run 03_minibatch_lr --budget full       one notebook, for its best result",
        "notmnist run 07_convnet_lenet --dataset notmnist-small",
        "notmnist run --seeds 10 --scheduler HOST:8786    ten seeds, spread over a cluster",
        "notmnist run --inplace                           refresh the committed notebooks",
    )  # fmt: skip
    run.add_argument("notebooks", metavar="NOTEBOOK", nargs="*", help="default: all")
    run.add_argument(
        "--dataset", metavar="NAME", type=_given, help="default: NOTMNIST_DATASET, or openglyphs"
    )
    run.add_argument(
        "--budget", metavar="{quick,full}", type=_given, help="default: NOTMNIST_BUDGET, or quick"
    )
    run.add_argument(
        "--seeds", metavar="N", type=_given,
        help="number of seeds; default: NOTMNIST_SEEDS, or the budget's",
    )  # fmt: skip
    run.add_argument(
        "--jobs", metavar="N", type=_jobs,
        help="how many notebooks run side by side; default: quick ones as cores and memory allow, "
        "full ones one after another",
    )  # fmt: skip
    run.add_argument(
        "--scheduler", metavar="ADDRESS", type=_given,
        help="distribute the notebooks over a Dask cluster",
    )  # fmt: skip
    run.add_argument(
        "--inplace", action="store_true", help="replace the outputs stored in the notebooks"
    )
    evaluate = _command(
        commands, "evaluate", _evaluate, "score your own predictions for a test split",
        "notmnist evaluate letters.csv --dataset openglyphs",
        'notmnist evaluate probabilities.npz --dataset openglyphs --against "04_mlp_relu:ReLU MLP"',
        "notmnist evaluate letters.csv --dataset notmnist-small",
    )  # fmt: skip
    evaluate.epilog = f"{_PREDICTIONS}\n{evaluate.epilog}"
    evaluate.add_argument("file", metavar="FILE", help="a .csv or .npz file; see below")
    evaluate.add_argument("--dataset", metavar="NAME", required=True)
    evaluate.add_argument(
        "--against",
        metavar="NOTEBOOK[:MODEL]",
        type=_given,
        help="a committed model to compare with, image by image",
    )
    predict = _command(
        commands, "predict", _predict, "tell which letter from A to J each picture shows",
        "notmnist predict scan.png photo.jpg",
        cached=False,
    )  # fmt: skip
    predict.epilog = f"{_PICTURES}\n{predict.epilog}"
    predict.add_argument("pictures", metavar="IMAGE", nargs="+", help="a file; see below")
    return parser


def _command(
    commands: Any, name: str, function: Callable, text: str, *examples: str, cached: bool = True
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=text,
        epilog="\n  ".join(("examples:", *examples)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=function)
    if cached:
        parser.add_argument(
            "--home",
            metavar="DIR",
            type=_given,
            help="cache folder (default: NOTMNIST_HOME; if that is unset, data/ in a checkout, "
            "otherwise the system's cache folder)",
        )
    parser.add_argument("--debug", action="store_true", help="show the traceback of a failure")
    return parser


def _given(text: str) -> str:
    if not text:  # Path would read it as the current folder, and `run` as the default
        raise argparse.ArgumentTypeError("it is empty: perhaps a variable of your shell is not set")
    return text


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise argparse.ArgumentTypeError(f"{text!r:.20} is not a number of images")
    return int(text)


def _jobs(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 4 and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r:.20} is not a number from 1 to 999")
    return int(text)


def _list(options: argparse.Namespace) -> None:
    for source in sources.DATASETS.values():
        card = pipeline.prepared_card(source, home=options.home)
        state = "not prepared"
        if card:
            sizes = (f"{card['splits'][split]['train']:,}" for split in SPLITS)
            state = " / ".join(sizes)
        print(f"{source.name:<16}{state:<28}{source.description}")


def _info(options: argparse.Namespace) -> None:
    source = sources.find(options.name)
    card = pipeline.prepared_card(source, home=options.home)
    if card is None and all(archive.path for archive, _ in source.parts):
        card = pipeline.prepare(source, home=options.home)
    if card is None:
        home = options.home or files.home()
        raise NotMNISTError(
            f"{source.name} is not prepared in {home}: run `notmnist prepare {source.name}`"
        )
    print(json.dumps(card, indent=1) if options.json else format_card(card))


def _prepare(options: argparse.Namespace) -> None:
    card = pipeline.prepare(
        options.name,
        home=options.home,
        archive=options.archive,
        on_error="skip" if options.skip_unreadable else "raise",
        groups=options.groups,
    )
    print(format_card(card))


def _verify(options: argparse.Namespace) -> None:
    card = pipeline.verify(options.name, home=options.home)
    print(f"{card['name']}: every byte is as its card states ({card['pickle']['sha256']})")


def _export(options: argparse.Namespace) -> None:
    choices = {"counts": options.counts, "valid": options.valid}
    exports.check(options.format, options.out, **choices)
    data = pipeline.load(options.name, home=options.home, dedup=options.dedup)
    for path in exports.export(data, options.format, options.out, **choices):
        print(path)


def _run(options: argparse.Namespace) -> None:
    from tqdm import tqdm

    from notmnist import results
    from notmnist.running import notebooks  # nbclient and matplotlib: `--help` stays quick

    dataset, budget, seeds = results.choose(options.dataset, options.budget, options.seeds)
    finished = []
    try:
        for one in notebooks.run(
            notebooks.find_notebooks(options.notebooks),
            dataset=dataset,
            budget=budget,
            seeds=seeds,
            home=options.home,
            scheduler=options.scheduler,
            jobs=options.jobs,
            inplace=options.inplace,
        ):
            finished.append(one)
            tqdm.write(str(one.notebook))
    finally:
        if finished:
            print(f"\n{notebooks.summary_table(finished)}")


def _evaluate(options: argparse.Namespace) -> None:
    print(
        evaluation.evaluate(
            options.file, options.dataset, against=options.against, home=options.home
        )
    )


def _predict(options: argparse.Namespace) -> bool:
    """Print a line for every picture; return whether any could not be read."""
    from notmnist import prediction  # Pillow: `--help` stays quick

    model = prediction.load_model()
    failed = False
    names = [printable(path) for path in options.pictures]
    width = max(map(len, names))
    for name, path in zip(names, options.pictures, strict=True):
        try:
            image = prediction.read_picture(files.expanded(path))
        except NotMNISTError as error:
            say(str(error))
            failed = True
            continue
        (probabilities,) = model.predict_probabilities(image[None])
        letter, probability = sources.LETTERS[probabilities.argmax()], probabilities.max()
        doubt = "  none of A to J?" if probability < model.doubt_below else ""
        print(f"{name:<{width}}  {letter}  {probability:>6.1%}{doubt}")
    return failed
