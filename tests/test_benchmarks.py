"""Tables of speed, and what a benchmark leaves behind."""

import json
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager, suppress

import pytest

from notmnist import NotMNISTError
from tools.readme import speed

MODULES = ["notmnist/archives/png.py", "benchmarks/original.py"]


@pytest.fixture
def checkout(tmp_path):
    for module in MODULES:
        path = tmp_path / module
        path.parent.mkdir(parents=True)
        path.write_text("code")
    return tmp_path


def entry(checkout, name, size=100, ratio=20.0):
    return {
        "name": name, "size": size, "unit": "s", "ours": 1.0, "reference": ratio, "ratio": ratio,
        "modules": MODULES, "code": speed.code_hash(checkout, MODULES),
    }  # fmt: skip


def test_data_rows_show_the_largest_size_of_each_name(checkout):
    entries = [entry(checkout, "pipeline", size, size * 41.151) for size in (300, 100)]
    entries.append(entry(checkout, "step/03_minibatch_lr"))
    _, row = speed.data_rows(entries, checkout)
    assert row == ["pipeline", "300", "12,300", "1 s", "12,300 s"]


def test_training_rows_gather_a_models_measurements(checkout):
    entries = [entry(checkout, "step/03_minibatch_lr", ratio=1.5), entry(checkout, "load")]
    entries.append(entry(checkout, "accuracy/03_minibatch_lr", ratio=12))
    header, row = speed.training_rows(entries, checkout)
    cells = dict(zip(header, row, strict=True))
    assert cells["notebook"] == "03_minibatch_lr"
    assert cells["a step, times faster"] == "1.5"
    assert cells["to its last accuracy, times faster than its whole run"] == "12"
    assert cells["a step in bfloat16, times faster"] == "-"


def hash_of(folder, text):
    (folder / "module.py").write_text(text)
    return speed.code_hash(folder, ["module.py"])


def test_the_hash_ignores_what_no_measurement_depends_on(tmp_path):
    plain = "from a import b\n\n\ndef f(x):\n    return b(x, f'{x:>{x}}')\n"
    documented = """
        '''Say what it is.'''
        from c import (  # moved
            b,
        )
        import d
        def f(
            x
        ):
            '''Say more.'''
            import e
            return b(x, f"{x:>{x}}")  # a comment
    """
    assert hash_of(tmp_path, textwrap.dedent(documented)) == hash_of(tmp_path, plain)
    for other in ("b(x, x)", "b(x, f'{x:<{x}}')", "c(x, f'{x:>{x}}')", "'b(x)'", "''"):
        changed = plain.replace("b(x, f'{x:>{x}}')", other)
        assert hash_of(tmp_path, changed) != hash_of(tmp_path, plain)


def test_the_hash_is_the_same_in_every_version_of_python(tmp_path):
    text = "@a\nclass B(C):\n    x: int = None\n    def f(self, *y): return f'{y:{self.x}}'\n"
    known = "3ea09f79543d1ae9ec0abf750ea737542cab892ec551e41f6ea71259bc59540b"
    assert hash_of(tmp_path, text) == known


@pytest.mark.parametrize("change", ["altered", None])
def test_a_row_whose_code_has_changed_says_so(checkout, change):
    entries = [entry(checkout, "pipeline"), entry(checkout, "step/03_minibatch_lr")]
    module = checkout / MODULES[0]
    module.write_text(change) if change else module.unlink()
    for rows in (speed.data_rows, speed.training_rows):
        assert rows(entries, checkout)[1][0].endswith("(code changed since)")


def test_measurements_that_cannot_be_read_are_an_error(tmp_path):
    path = tmp_path / "benchmarks.json"
    assert speed.read_measurements(path) == []
    for broken in ("[{", "1", "null", "[null]", "{}", '[{"name": "load"}]', "[" * 100_000):
        path.write_text(broken)
        with pytest.raises(NotMNISTError, match=r"benchmarks\.json .*restore it, or delete it"):
            speed.read_measurements(path)


@contextmanager
def benchmark(root, misc, *options, **environment):
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.pipeline", *options],
        cwd=root,
        env={"NOTMNIST_MISC": str(misc), "PATH": "", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process


def test_a_benchmark_replaces_its_own_rows_alone(pytestconfig, checkout):
    path = checkout / "benchmarks.json"
    other, earlier = entry(checkout, "near duplicates"), entry(checkout, "pipeline", 200)
    path.write_text(json.dumps([other, earlier]))
    with benchmark(pytestconfig.rootpath, checkout, "--sizes", "200", "--rounds", "1") as process:
        assert process.wait(60) == 0, process.stderr.read()
    entries = {entry["name"]: entry for entry in json.loads(path.read_text())}
    assert entries["near duplicates"] == other
    assert entries.keys() >= {"pipeline", "pipeline, bare arithmetic", "load"}
    assert entries["pipeline"]["ours"] != earlier["ours"]
    assert "notmnist/archives/png.py" in entries["pipeline"]["modules"]


def test_a_benchmark_that_is_broken_off_leaves_all_rows(pytestconfig, checkout):
    path, work = checkout / "benchmarks.json", checkout / "work"
    path.write_text("[]")
    work.mkdir()
    root = pytestconfig.rootpath
    with benchmark(root, checkout, "--sizes", "20000", TMPDIR=str(work)) as process:
        while not any(work.iterdir()) and process.poll() is None:
            time.sleep(0.05)
        # Python may be in a callback, which lets no exception out.
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
        assert process.returncode == 1
        assert "no figure was replaced" in process.stderr.read()
    assert path.read_text() == "[]"


def test_a_benchmark_without_room_does_not_start(pytestconfig, tmp_path):
    with benchmark(pytestconfig.rootpath, tmp_path, "--sizes", "1000000000") as process:
        assert process.wait(60) == 1
        assert "needs" in process.stderr.read()
    assert not list(tmp_path.iterdir())


def test_a_whole_command_is_timed_beside_its_imports(pytestconfig, tmp_path):
    subprocess.run(
        [sys.executable, "-m", "benchmarks.prediction", "--rounds", "2"],
        cwd=pytestconfig.rootpath, env={"NOTMNIST_MISC": str(tmp_path), "PATH": ""},
        capture_output=True, check=True, timeout=120,
    )  # fmt: skip
    (row,) = json.loads((tmp_path / "benchmarks.json").read_text())
    assert row["name"] == "predict, imports alone" and row["size"] == 1
    assert len(row["runs"]["ours"]) == 2 and min(row["ours"], row["reference"]) > 0
    assert "notmnist/prediction/pictures.py" in row["modules"]


def test_all_benchmarks_can_be_asked_for_help_without_being_started():
    command = [sys.executable, "-m", "benchmarks", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "usage: python -m benchmarks" in done.stdout
