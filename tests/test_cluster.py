"""A sweep over a real scheduler and real workers, some of which are killed in mid-run."""

import json
import os
import signal
import socketserver
import struct
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import nbformat
import pytest

from conftest import CHECKOUT
from notmnist import NotMNISTError, cli, files
from notmnist.running.cluster import _checked
from notmnist.running.execution import Executed, Task, execute

pytest.importorskip("distributed", reason="needs the extra `distributed`")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="platform: sends SIGKILL")

CERTIFICATE = str(Path(__file__).with_name("cluster.pem"))
TLS = {
    f"DASK_DISTRIBUTED__COMM__TLS__{name}": CERTIFICATE
    for name in ("CA_FILE", "SCHEDULER__CERT", "WORKER__CERT", "CLIENT__CERT")
}
REAL = ["01_sklearn_lr", "10_limited_training_size"]
# The first kernel that gets here says whose child it is, and waits to be killed with its parent.
STALL = """
import os, time
from pathlib import Path

started = Path(os.environ["STARTED"])
if not started.exists():
    started.write_text(str(os.getppid()))
    time.sleep(600)
"""
TRAIN = """
import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression

import notmnist
from notmnist import results

run = results.Run({name!r}, {{"seeds": ([0], [0, 1, 2])}})
data, predictions = notmnist.load(run.dataset), []
for seed in run.parameters.seeds:
    some = data.train[np.random.default_rng(seed).permutation(len(data.train))[:100]]
    model = LogisticRegression(C=1e-3).fit(some.images.reshape(100, -1), some.labels)
    predictions.append(model.predict(data.test.images.reshape(len(data.test), -1)))
trained = results.Trained(
    images=100, parameters=7850, seeds=run.parameters.seeds,
    predictions={{"openglyphs": predictions}},
    histories=[results.History(steps=[1], train_seconds=[0.0], valid_accuracy=[0.0])],
)
run.record({{"a model": trained}}, {{"openglyphs": data.test}})
run.save_picture(plt.figure())
"""


def write(folder, name, *sources):
    cells = [nbformat.v4.new_code_cell(source, id=f"c{i}") for i, source in enumerate(sources)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / f"{name}.ipynb")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of notebooks, beside the one where this machine keeps what they leave."""
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setattr(files, "notebooks", lambda: tmp_path / "notebooks")
    monkeypatch.setenv("STARTED", str(tmp_path / "started"))
    monkeypatch.setenv("NOTMNIST_MISC", str(tmp_path / "misc"))
    # Results are equal bit for bit at the same number of threads.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    return tmp_path / "notebooks"


@pytest.fixture
def cluster(tmp_path, folder):
    """Start a scheduler and workers with empty caches; return its address and its process."""
    with ExitStack() as running:

        def start(name, *arguments):
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", name, *arguments, "--no-dashboard"],
                env=os.environ | TLS | {
                    "PYTHONPATH": str(CHECKOUT),
                    "NOTMNIST_HOME": str(tmp_path / arguments[-1]),
                    "NOTMNIST_MISC": str(tmp_path / "nowhere"),
                },
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            running.callback(process.wait)
            running.callback(process.kill)
            return process

        def start_worker(address, name="worker"):
            start(
                "worker", address, "--nthreads", "1", "--no-nanny",
                "--local-directory", str(tmp_path), "--name", name,
            )  # fmt: skip

        def start_cluster(workers, protocol="tcp"):
            record = tmp_path / "scheduler.json"
            scheduler = start(
                "scheduler", "--host", "127.0.0.1", "--port", "0", "--dashboard-address", ":0",
                "--protocol", protocol, "--scheduler-file", str(record),
            )  # fmt: skip
            address = json.loads(wait_for(record))["address"]
            for i in range(workers):
                start_worker(address, f"worker-{i}")
            return address, scheduler

        start_cluster.start_worker = start_worker
        yield start_cluster


def wait_for(path):
    """Return the text of a file that another process is about to write."""
    for _ in range(1800):
        if path.exists() and path.read_text():
            return path.read_text()
        time.sleep(0.1)
    raise TimeoutError(path)


def entries(misc, name):
    """Read a result file, without the time that the training took."""
    text = (misc / "results" / f"{name}-openglyphs-quick.json").read_text(encoding="utf-8")
    return [entry | {"train_seconds": 0} for entry in json.loads(text)]


def names(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("real", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_results_are_whole_and_a_local_runs_when_a_worker_is_killed_in_mid_run(
    cluster, folder, tmp_path, monkeypatch, real
):
    notebooks = REAL if real else ["98_first", "99_second"]
    for name in notebooks:
        path = CHECKOUT / "notebooks" / f"{name}.ipynb"
        cells = nbformat.read(path, as_version=4).cells if real else []
        code = [cell.source for cell in cells if cell.cell_type == "code"]
        write(folder, name, STALL, *(code or [TRAIN.format(name=name)]))
    address, _ = cluster(workers=2)
    sweep = subprocess.Popen(
        [sys.executable, "-c", RUN_FROM, str(folder), "--seeds", "2", "--scheduler", address],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    killed = int(wait_for(tmp_path / "started"))
    os.kill(killed, signal.SIGKILL)
    printed, _ = sweep.communicate(timeout=500)
    assert sweep.returncode == 0
    paths, table = printed.split("\n\n")
    assert sorted(Path(line).stem.split("-")[0] for line in paths.splitlines()) == notebooks
    assert all(f"{name}-openglyphs-quick" in table for name in notebooks)

    monkeypatch.setenv("NOTMNIST_MISC", str(tmp_path / "local"))
    assert cli.main(["run", "--seeds", "2"]) == 0
    assert names(tmp_path / "misc") == names(tmp_path / "local")
    assert len(names(tmp_path / "misc")) == 3 * len(notebooks)
    for name in notebooks:
        assert entries(tmp_path / "misc", name) == entries(tmp_path / "local", name)
    assert entries(tmp_path / "misc", notebooks[-1])[0]["seeds"] == [0, 1]
    assert not (tmp_path / "nowhere").exists()


RUN_FROM = """
import sys
from pathlib import Path
from notmnist import cli, files
files.notebooks = lambda: Path(sys.argv[1])
sys.exit(cli.main(["run", *sys.argv[2:]]))
"""


def test_the_only_worker_runs_the_notebook_and_its_failure_is_one_line(
    cluster, folder, tmp_path, capfd
):
    write(folder, "99_fails", "import os", "raise OSError(f'child of {os.getppid()}')")
    address, _ = cluster(workers=1, protocol="tls")
    assert address.startswith("tls://")
    import dask

    with dask.config.set(
        {f"distributed.comm.tls.{name}": CERTIFICATE for name in ("ca-file", "client.cert")}
    ):
        assert cli.main(["run", "--scheduler", address]) == 1
    message = capfd.readouterr().err
    assert message.startswith("notmnist: 99_fails.ipynb, cell 2: OSError: child of ")
    assert message.count("\n") == 1
    assert int(message.split()[-1]) != os.getpid()
    assert not (tmp_path / "misc").exists()


def lines_until(stream, words):
    """Read lines until one holds the words."""
    while words not in (line := stream.readline()):
        assert line, f"ended without {words!r}"
    return line


def test_what_is_waited_for_is_said_until_workers_come(cluster, folder, tmp_path):
    write(folder, "99_test", "1")
    address, scheduler = cluster(workers=0)
    impatient = (
        "from notmnist.running import cluster\n"
        "cluster.PATIENCE_SECONDS, cluster._ANSWER_SECONDS = 0.2, 3\n"
    )
    sweep = subprocess.Popen(
        [sys.executable, "-c", impatient + RUN_FROM, str(folder), "--scheduler", address],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    waiting = lines_until(sweep.stderr, "waiting for workers")
    assert waiting == f"notmnist: waiting for workers: start some with `dask worker {address}`\n"
    scheduler.send_signal(signal.SIGSTOP)
    lines_until(sweep.stderr, f"waiting for the scheduler at {address}, which does not answer")
    scheduler.send_signal(signal.SIGCONT)
    cluster.start_worker(address)
    sweep.communicate(timeout=100)
    assert sweep.returncode == 0
    assert (tmp_path / "misc" / "99_test-openglyphs-quick.ipynb").exists()


def test_a_scheduler_lost_in_mid_run_is_one_line(cluster, folder, tmp_path):
    write(folder, "99_stalls", STALL)
    address, scheduler = cluster(workers=1)
    sweep = subprocess.Popen(
        [sys.executable, "-c", RUN_FROM, str(folder), "--scheduler", address],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_for(tmp_path / "started")
    scheduler.kill()
    _, message = sweep.communicate(timeout=60)
    assert sweep.returncode == 1
    assert message.startswith(f"notmnist: lost the scheduler at {address}")
    assert message.count("\n") == 1


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("nowhere", 2, "give HOST:PORT"),
        ("http://127.0.0.1:1", 2, "give HOST:PORT"),
        ("inproc://127.0.0.1/1/1", 2, "give HOST:PORT"),
        ("tls://127.0.0.1:1", 2, "requires certificates"),
        ("127.0.0.1:99999", 1, "no scheduler answers"),
    ],
)
def test_an_address_of_no_scheduler_is_one_line(folder, monkeypatch, capfd, address, status, words):
    monkeypatch.setattr("notmnist.running.cluster._ANSWER_SECONDS", 1)
    write(folder, "99_test", "1")
    assert cli.main(["run", "--scheduler", address]) == status
    message = capfd.readouterr().err
    assert message.startswith("notmnist: ") and words in message and message.count("\n") == 1


NO_ANSWER, STRANGER = "no scheduler answers at ", "the server at "
OTHERS = {
    "silent": (b"", NO_ANSWER),
    "ssh": (b"SSH-2.0-OpenSSH_9.2\r\n", STRANGER),
    "http": (b"HTTP/1.1 400 Bad Request\r\n\r\n", STRANGER),
    "zeros": (bytes(100), STRANGER),
    "eight gigabytes announced": (struct.pack("<Q", 8 << 30), NO_ANSWER),
    "echo": (None, STRANGER),
}


@pytest.mark.parametrize(("says", "start"), OTHERS.values(), ids=OTHERS)
def test_another_program_at_the_address_is_one_line(
    folder, tmp_path, monkeypatch, capfd, says, start
):
    monkeypatch.setattr("notmnist.running.cluster._ANSWER_SECONDS", 1)
    write(folder, "99_test", "1")

    class Answer(socketserver.BaseRequestHandler):
        def handle(self):
            if says is not None:
                self.request.sendall(says)
            while heard := self.request.recv(1 << 16):
                if says is None:
                    self.request.sendall(heard)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        address = f"127.0.0.1:{server.server_address[1]}"
        assert cli.main(["run", "--scheduler", address]) == 1
        server.shutdown()
    message = capfd.readouterr().err
    assert message.startswith(f"notmnist: {start}{address}") and message.count("\n") == 1
    assert not (tmp_path / "misc").exists()


def test_a_worker_of_another_version_is_told_and_so_is_who_sends_something_else(folder):
    write(folder, "99_test", "1")
    task = Task("99_test", (folder / "99_test.ipynb").read_text(), {}, (), version="9.9")
    with pytest.raises(
        NotMNISTError, match=r"belongs to notmnist 9\.9, but a worker has .*the same"
    ):
        execute(task)
    for sent in (None, ("99_test", "{}", {}), Executed(b"{}", {}), Executed("{}", {"a": "text"})):
        with pytest.raises(NotMNISTError, match="something other than an executed notebook"):
            _checked(sent)


def test_without_the_extra_the_message_says_what_to_install(folder, monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "distributed", None)
    write(folder, "99_test", "1")
    assert cli.main(["run", "--scheduler", "127.0.0.1:8786"]) == 1
    message = capfd.readouterr().err
    assert "pip install" in message and "[distributed]" in message and message.count("\n") == 1
