"""Run a command again and again, killed or interrupted at random moments; test_interrupts runs it.

A process of its own, without threads, can fork children that have imported everything.
"""

import json
import os
import random
import signal
import sys
import time
from hashlib import sha256
from pathlib import Path

import numpy as np

import notmnist
from notmnist import cli, exports  # noqa: F401  (so that no child takes its time to import it)
from notmnist.deduplication import groups  # noqa: F401
from notmnist.prepared import build  # noqa: F401
from notmnist.running import execution  # noqa: F401
from tools.gallery import __main__ as gallery
from tools.gallery import site  # noqa: F401

NOTEBOOK = "01_sklearn_lr"


def export(folder: Path) -> int:
    out = folder / "out"
    # What was exported whole before the signal came is in the way of another export.
    return (
        0
        if out.exists()
        else cli.main(["export", "openglyphs", "--format", "npz", "--out", str(out)])
    )


def groups_of(folder: Path) -> int:
    return cli.main(["prepare", "openglyphs", "--groups"])


def run(folder: Path) -> int:
    return cli.main(["run", NOTEBOOK])


def clean_test(folder: Path) -> int:
    np.save(folder / "clean_test.npy", notmnist.load("openglyphs").clean_test)
    return 0


def make_site(folder: Path) -> int:
    return 0 if (folder / "site").exists() else gallery.main([str(folder / "site")])


COMMANDS = {
    "run": run, "export": export, "groups": groups_of, "clean_test": clean_test, "site": make_site,
}  # fmt: skip


def start(command: str, folder: Path) -> int:
    """Run a command in a child, and return its process number."""
    child = os.fork()
    if child == 0:
        try:
            folder.mkdir(exist_ok=True)
            os.environ |= {"NOTMNIST_HOME": f"{folder}/home", "NOTMNIST_MISC": f"{folder}/misc"}
            for stream in (1, 2):
                said = os.open(folder / "said.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
                os.dup2(said, stream)
            status = COMMANDS[command](folder)
        except KeyboardInterrupt:
            status = 1
        os._exit(status)
    return child


def status_of(child: int) -> int:
    """Wait for a child; a signal that ended it is a negative number, as in `subprocess`."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def result(command: str, folder: Path) -> str:
    """Hash the files that a command leaves, except for times, and name unexpected ones."""
    files = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    left = [str(name) for name in files if name.suffix == ".part"]
    content = sha256()
    for name, path in sorted(files.items()):
        if name.parts[0] in ("out", "site") or name.suffix in (".joblib", ".csv", ".npy"):
            content.update(str(name).encode() + sha256(path.read_bytes()).digest())
        elif name.parts[:2] == ("misc", "results") and name.suffix == ".json":
            models = [[entry["model"], entry["tests"]] for entry in json.loads(path.read_text())]
            content.update(json.dumps(models).encode())
    return " ".join([content.hexdigest(), *left])


def main(command: str, kills: int, interrupts: int, folder: Path) -> None:
    """Print one line for each signal: how the process ended, and what the next one left."""
    began = time.monotonic()
    status = status_of(start(command, folder / "undisturbed"))
    duration = time.monotonic() - began
    print("undisturbed", status, result(command, folder / "undisturbed"), flush=True)
    moments = random.Random(kills)
    signals = [signal.SIGKILL] * kills + [signal.SIGINT] * interrupts
    for number, which in enumerate(signals):
        child = start(command, folder / str(number))
        time.sleep(moments.uniform(0, duration))
        os.kill(child, which)
        disturbed = status_of(child)
        status = status_of(start(command, folder / str(number)))
        print(which.name, disturbed, status, result(command, folder / str(number)), flush=True)


if __name__ == "__main__":
    name, kills, interrupts, where = sys.argv[1:]
    main(name, int(kills), int(interrupts), Path(where))
