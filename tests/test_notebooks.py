import base64
import io
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import nbformat
import numpy as np
import pytest
from PIL import Image

from notmnist import cli, files
from notmnist.errors import NotMNISTError, UsageError
from notmnist.fitting import progress
from notmnist.running import local, notebooks
from notmnist.running.execution import Executed, Task, execute


@pytest.fixture
def misc(tmp_path, monkeypatch):
    monkeypatch.setenv("NOTMNIST_MISC", str(tmp_path / "misc"))
    return tmp_path / "misc"


@pytest.fixture
def notebook(tmp_path):
    def write(*sources):
        cells = [nbformat.v4.new_code_cell(source, id=f"c{i}") for i, source in enumerate(sources)]
        path = tmp_path / "99_test.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
        return path

    return write


def run(path, **options):
    options = {"dataset": "openglyphs", "budget": "quick", "inplace": False} | options
    return [finished.notebook for finished in notebooks.run([path], **options)]


def outputs(path):
    return [cell["outputs"][0]["text"] for cell in json.loads(path.read_text())["cells"]]


def test_an_executed_copy_is_written_and_the_notebook_left_as_it_was(notebook, misc):
    path = notebook(
        "import os; print(os.environ['NOTMNIST_DATASET'], os.environ['NOTMNIST_BUDGET'])"
    )
    before = path.read_bytes()
    (copy,) = run(path, budget="full")
    assert copy == misc / "99_test-openglyphs.ipynb"
    assert outputs(copy) == [["openglyphs full\n"]]
    assert path.read_bytes() == before


WORLD = """
import importlib.util, json, os
import matplotlib.pyplot as plt

plt.plot([1, 2])
plt.show()
assert importlib.util.find_spec("notmnist")
print(json.dumps({**os.environ, "debug": __debug__, "dpi": plt.rcParams["savefig.dpi"]}))
"""


def test_a_kernel_lives_in_the_same_world_whatever_shell_started_it(
    notebook, misc, tmp_path, monkeypatch
):
    path = notebook(WORLD)
    for folder in ("keras", "matplotlib", "ipython/profile_default/startup", "kernels/python3"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "keras" / "keras.json").write_text('{"backend": "jax"}')
    (tmp_path / "matplotlib" / "matplotlibrc").write_text("text.usetex: True\nsavefig.dpi: 7")
    (tmp_path / "ipython" / "profile_default" / "startup" / "x.py").write_text("plt = 1 / 0")
    (tmp_path / "kernels" / "python3" / "kernel.json").write_text('{"argv": ["/nowhere"]}')
    settings = {
        "MPLBACKEND": "Agg", "KERAS_BACKEND": "jax", "KERAS_HOME": str(tmp_path / "keras"),
        "IPYTHONDIR": str(tmp_path / "ipython"), "JUPYTER_PATH": str(tmp_path),
        "NOTMNIST_HOME": "cache", "NOTMNIST_MISC": "misc", "PYTHONPATH": "lib",
        "NOTMNIST_SEEDS": "7", "NOTMNIST_CHECKPOINTS": str(tmp_path / "checkpoints"),
        "MPLCONFIGDIR": str(tmp_path / "matplotlib"), "PYTHONOPTIMIZE": "2",
        "PYTHONWARNINGS": "always",
    }  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    (copy,) = run(path)
    figure, printed = json.loads(copy.read_text())["cells"][0]["outputs"]
    assert "image/png" in figure["data"]
    world = json.loads("".join(printed["text"]))
    assert world["KERAS_BACKEND"] == "tensorflow"
    assert not (Path(world["KERAS_HOME"]) / "keras.json").exists()
    assert world["NOTMNIST_HOME"] == str(tmp_path / "cache")
    assert Path(world["NOTMNIST_MISC"]).is_absolute()
    assert world["NOTMNIST_SEEDS"] == world["NOTMNIST_CHECKPOINTS"] == ""
    assert (world["debug"], world["dpi"], world["PYTHONWARNINGS"]) == (True, "figure", "")
    assert str(tmp_path / "lib") in world["PYTHONPATH"].split(os.pathsep)
    assert (tmp_path / "cache" / "openglyphs.json").exists()
    assert copy == Path("misc") / "99_test-openglyphs-quick.ipynb"


def test_what_cannot_be_written_is_told_before_the_notebook_runs(notebook, tmp_path, monkeypatch):
    path = notebook(f"open({str(tmp_path / 'ran')!r}, 'w').close()")
    (tmp_path / "file").touch()
    monkeypatch.setenv("NOTMNIST_MISC", str(tmp_path / "file" / "misc"))
    with pytest.raises(NotMNISTError, match=r"cannot write .*misc: .*NOTMNIST_MISC"):
        run(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "name", ["../evil", "/evil", "a/../../evil", "..\\evil", "C:\\evil", "C:evil", "", ".", "a\nb"]
)
def test_what_a_worker_leaves_is_written_into_misc_or_not_at_all(
    notebook, misc, tmp_path, monkeypatch, name
):
    left = Executed("{}", {"results/good.json": b"[]", name: b"evil"})
    monkeypatch.setattr(local, "execute", lambda task, stop: left)
    path = notebook("1")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(NotMNISTError, match=r"a worker sent a file named .* would lie outside"):
        run(path)
    assert sorted(tmp_path.rglob("*")) == before


def entry(model, **tests):
    scores = {
        name: {"n": 9, "accuracy": accuracy, "interval": [0, 1]} for name, accuracy in tests.items()
    }
    return {
        "model": model, "notebook": "99_test", "dataset": "openglyphs", "parameters": 1, "steps": 1,
        "seeds": [0], "train_seconds": 1, "tests": scores,
    }  # fmt: skip


def test_a_run_ends_with_a_table_of_models_accuracies_and_pictures(
    notebook, misc, monkeypatch, capsys
):
    path = notebook("1")
    monkeypatch.setattr(files, "notebooks", lambda: path.parent)
    entries = [entry("one", openglyphs=[0.9, 0.92], other=[0.5]), entry("two", openglyphs=[0.8])]
    left = {"results/99_test-openglyphs-quick.json": json.dumps(entries), "99_test-quick.png": ""}
    executed = Executed("{}", {name: text.encode() for name, text in left.items()})
    monkeypatch.setattr(local, "execute", lambda task, stop: executed)
    assert cli.main(["run"]) == 0
    picture = misc / "99_test-quick.png"
    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()[-3:]]
    assert [[cell.strip() for cell in line if cell] for line in lines] == [
        ["notebook", "model", "accuracy", "picture"],
        ["99_test-openglyphs-quick", "one", "openglyphs 91.00%, other 50.00%", str(picture)],
        ["99_test-openglyphs-quick", "two", "openglyphs 80.00%", str(picture)],
    ]


def test_inplace_refreshes_the_notebook_from_an_empty_home_and_misc(notebook, misc):
    path = notebook("import os; print(os.path.exists(os.environ['NOTMNIST_HOME']))")
    run(path, inplace=True)
    assert outputs(path) == [["False\n"]]
    assert not misc.exists()
    metadata = json.loads(path.read_text())["metadata"]
    assert metadata["language_info"] == {"name": "python"}


def test_what_a_notebook_leaves_is_kept_when_it_has_succeeded(notebook, misc):
    leave = (
        "import os, pathlib; folder = pathlib.Path(os.environ['NOTMNIST_MISC'], 'results')\n"
        "folder.mkdir(parents=True); (folder / 'left').write_text(os.environ['NOTMNIST_SEEDS'])"
    )
    with pytest.raises(NotMNISTError):
        run(notebook(leave, "1 / 0"), seeds=3)
    assert not misc.exists()
    run(notebook(leave), seeds=3)
    assert (misc / "results" / "left").read_text() == "3"


def test_a_full_run_keeps_what_its_studies_printed(notebook, misc):
    path = notebook("print('not kept')", "print('a table')", "1 + 1")
    cells = nbformat.read(path, as_version=4)
    for cell in cells.cells[1:]:
        cell.metadata["tags"] = ["study"]
    cells.cells.insert(0, nbformat.v4.new_markdown_cell("## Data\n\n**One study.** Why **this**?"))
    nbformat.write(cells, path)
    run(path)
    assert not (misc / "results").exists()
    run(path, budget="full")
    kept = (misc / "results" / "99_test-openglyphs.txt").read_text()
    assert kept == "One study\n\na table\n\nOne study\n\n"


def test_inplace_with_other_settings_is_wrong_usage(notebook):
    for option in ({"budget": "full"}, {"dataset": "notmnist-small"}, {"seeds": 2}):
        with pytest.raises(UsageError, match="quick runs on openglyphs only"):
            run(notebook("1"), inplace=True, **option)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("1 / 0", "99_test.ipynb, cell 2: ZeroDivisionError"),
        ("import os; os._exit(1)", "99_test.ipynb, cell 2: the kernel died"),
    ],
)
def test_a_failing_cell_is_named_and_nothing_is_written(notebook, misc, source, message):
    path = notebook("print(1)", source)
    before = path.read_bytes()
    with pytest.raises(NotMNISTError, match=message):
        run(path)
    assert path.read_bytes() == before
    assert not misc.exists()


@pytest.mark.skipif(os.name == "nt", reason="platform: sends SIGKILL")
@pytest.mark.parametrize("options", [[], ["--inplace"]])
def test_a_killed_kernel_ends_the_command_with_status_1_and_leaves_earlier_results(
    notebook, misc, monkeypatch, capsys, options
):
    path = notebook("print(1)", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    earlier = [path, misc / "99_test-openglyphs-quick.ipynb", misc / "results" / "99_test.json"]
    (misc / "results").mkdir(parents=True)
    for kept in earlier[1:]:
        kept.write_text("earlier")
    before = [kept.read_bytes() for kept in earlier]
    monkeypatch.setattr(files, "notebooks", lambda: path.parent)
    assert cli.main(["run", "99_test", *options]) == 1
    message = capsys.readouterr().err.splitlines()[-1]
    assert message == "notmnist: 99_test.ipynb, cell 2: the kernel died"
    assert [kept.read_bytes() for kept in earlier] == before
    assert sorted(kept for kept in misc.rglob("*") if kept.is_file()) == sorted(earlier[1:])


def test_notebooks_are_found_by_name_in_order():
    names = [path.stem for path in notebooks.find_notebooks(["03_minibatch_lr.ipynb", "00_data"])]
    assert names == ["00_data", "03_minibatch_lr"]
    (found,) = notebooks.find_notebooks([str(files.notebooks() / "00_data.ipynb")])
    assert found.stem == "00_data"
    for name in ("nope", "/elsewhere/00_data.ipynb", "elsewhere/00_data", "../00_data.ipynb"):
        with pytest.raises(UsageError, match=f"unknown notebook '{name}'"):
            notebooks.find_notebooks([name])


MEETING = """
import os, pathlib, time

here = pathlib.Path({folder!r})
(here / "{name}").touch()
deadline = time.monotonic() + 60
while len(list(here.iterdir())) < 2:
    assert time.monotonic() < deadline, "the other notebook did not come"
    time.sleep(0.05)
print(os.environ["TF_NUM_INTRAOP_THREADS"], os.environ["OMP_NUM_THREADS"])
"""


def test_jobs_run_side_by_side_with_one_thread_each(notebook, misc, tmp_path):
    (tmp_path / "met").mkdir()
    paths = []
    for name in ("98_one", "99_two"):
        path = notebook(MEETING.format(folder=str(tmp_path / "met"), name=name))
        paths.append(path.rename(tmp_path / f"{name}.ipynb"))
    options = {"dataset": "openglyphs", "budget": "quick"}
    copies = [finished.notebook for finished in notebooks.run(paths, jobs=2, **options)]
    assert sorted(copy.name[:6] for copy in copies) == ["98_one", "99_two"]
    assert [outputs(copy) for copy in copies] == [[["1 1\n"]], [["1 1\n"]]]


@pytest.mark.parametrize("jobs", [1, 3])
def test_the_failure_of_one_notebook_does_not_cost_the_others(notebook, misc, tmp_path, jobs):
    paths = [
        notebook(source).rename(tmp_path / f"9{i}_test.ipynb")
        for i, source in enumerate(("1 / 0", "print('fine')", "assert False"))
    ]
    with pytest.raises(NotMNISTError, match=r"^2 notebooks failed: .*Error.*; .*Error") as failure:
        list(notebooks.run(paths, dataset="openglyphs", budget="quick", jobs=jobs))
    for name in ("90_test.ipynb, cell 1: ZeroDivisionError", "92_test.ipynb, cell 1: Assertion"):
        assert name in str(failure.value)
    (copy,) = misc.glob("*.ipynb")
    assert copy.name == "91_test-openglyphs-quick.ipynb"


def test_by_default_quick_runs_share_the_cores_and_full_runs_do_not():
    assert local.default_jobs("full") == 1
    assert 1 <= local.default_jobs("quick") <= os.cpu_count()


@pytest.mark.parametrize("jobs", ["0", "-1", "two", "1000", "1.5"])
def test_a_wrong_number_of_jobs_is_wrong_usage(capsys, jobs):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["run", "--jobs", jobs])
    assert f"{jobs!r} is not a number from 1 to 999" in capsys.readouterr().err


def test_jobs_are_for_this_machine_alone(capsys):
    assert cli.main(["run", "--jobs", "2", "--scheduler", "127.0.0.1:1"]) == 2
    assert "omit --jobs" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="platform: sends signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_notebooks_with_status_1_and_one_line(tmp_path, number):
    environment = os.environ | {"NOTMNIST_MISC": str(tmp_path / "misc")}
    process = subprocess.Popen(
        [sys.executable, "-m", "notmnist", "run", "01_sklearn_lr", "03_minibatch_lr", "--jobs=2"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    seen = ""
    while "1/" not in seen:
        seen += process.stderr.read(1)
    os.killpg(process.pid, number)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "notmnist: interrupted" in rest.splitlines()[-1]
    assert "Traceback" not in rest
    assert not (tmp_path / "misc").exists()


RESUMED = """
import os
import numpy as np
from notmnist.fitting import checkpoints

def compute(part):
    with open(os.environ["LOG"], "a") as log:
        log.write(part)
    return {"part": np.array(part)}

for part in "ab":
    print(checkpoints.resumed(lambda: part, lambda: compute(part))["part"])
    if os.environ["FAIL"] == part:
        raise OSError
"""


def test_what_an_interrupted_full_run_had_finished_is_not_done_again(
    notebook, misc, tmp_path, monkeypatch
):
    monkeypatch.setenv("NOTMNIST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    kept, path = tmp_path / "home" / "checkpoints", notebook(RESUMED)

    def run_until(part, **options):
        monkeypatch.setenv("FAIL", part)
        return run(path, **{"budget": "full"} | options)

    with pytest.raises(NotMNISTError, match="OSError"):
        run_until("a")
    with pytest.raises(NotMNISTError, match="OSError"):
        run_until("a", seeds=2)  # other settings: nothing of the first run holds
    run_until("nowhere", budget="quick")  # keeps nothing, and takes nothing away
    assert (tmp_path / "log").read_text() == "aaab"
    (copy,) = run_until("nowhere")
    assert outputs(copy) == [["a\n", "b\n"]]
    assert (tmp_path / "log").read_text() == "aaab" + "b"
    assert list(kept.iterdir()) == []


def test_an_interrupted_full_run_says_that_the_same_command_goes_on(
    notebook, tmp_path, monkeypatch, capfd
):
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    monkeypatch.setenv("FAIL", "nowhere")
    source = notebook(RESUMED, "import time; time.sleep(600)").read_text()
    settings = {"NOTMNIST_DATASET": "openglyphs", "NOTMNIST_BUDGET": "full", "NOTMNIST_SEEDS": ""}
    task = Task("99_test", source, settings, ("openglyphs",), str(tmp_path / "home"))
    stop = Event()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(execute, task, stop)
        while len(list((tmp_path / "home").glob("checkpoints/*/*.npz"))) < 2 and running.running():
            time.sleep(0.1)
        stop.set()
        with pytest.raises(KeyboardInterrupt):
            running.result()
    assert "99_test: the same command goes on after the runs" in capfd.readouterr().err


TRAINED = """
import time
from notmnist.fitting import progress

print("before")
for seed in (0, 1):
    with progress.bar(10, seed) as bar:
        for accuracy in (0.5, 0.75):
            time.sleep(0.2)
            bar.set_postfix_str(f"validation accuracy {accuracy}", refresh=False)
            bar.update(5)
print("after")
"""


def test_pictures_are_kept_with_a_palette(notebook, misc):
    path = notebook("from PIL import Image\nImage.linear_gradient('L').convert('RGBA')")
    (copy,) = run(path)
    (output,) = json.loads(copy.read_text())["cells"][0]["outputs"]
    content = base64.b64decode("".join(output["data"]["image/png"]))
    with Image.open(io.BytesIO(content)) as picture:
        assert (picture.mode, picture.size) == ("P", (256, 256))
        shown = np.asarray(picture.convert("RGB")).astype(int)
    gradient = np.asarray(Image.linear_gradient("L")).astype(int)
    assert np.abs(shown - gradient[:, :, None]).max() <= 4


def test_progress_is_shown_and_not_kept(notebook, misc, monkeypatch, capfd):
    monkeypatch.delenv("NOTMNIST_PROGRESS")
    (copy,) = run(notebook(TRAINED))
    (cell,) = json.loads(copy.read_text())["cells"]
    (output,) = cell["outputs"]
    assert output["text"] == ["before\n", "after\n"]
    shown = capfd.readouterr().err
    for seed in (0, 1):
        assert f"seed {seed}: step 5 of 10, 00:00 left, validation accuracy 0.5" in shown


@pytest.mark.parametrize("path", sorted(files.notebooks().glob("*.ipynb")), ids=lambda p: p.stem)
def test_committed_outputs_hold_no_progress_which_jupyter_would_have_saved(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    left = [output for cell in cells for output in cell.get("outputs", [])]
    assert [output for output in left if output.get("metadata") == progress.METADATA] == []
    assert [output for output in left if output.get("data") == {"text/plain": []}] == []


def test_progress_can_be_turned_off(notebook, misc, capfd):
    run(notebook(TRAINED))
    assert "step" not in capfd.readouterr().err
