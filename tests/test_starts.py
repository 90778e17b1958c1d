"""Where others start: the README's commands and code, Binder, a devcontainer, a wheel."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from itertools import chain

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from conftest import CHECKOUT

README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
EMBEDDED = CHECKOUT / "notmnist" / "openglyphs"
NOTEBOOKS = sorted((CHECKOUT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_at_most_20_code_cells_of_at_most_25_lines(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    lengths = [len(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert len(lengths) <= 20 and max(lengths) <= 25


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_links_to_no_copy_of_itself_and_installs_nothing(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = "".join("".join(cell["source"]) for cell in cells)
    assert not re.search(r"colab\.research|mybinder\.org|pip install", text)


def lines_of(name):
    """Read a file of requirements without its comments."""
    lines = (CHECKOUT / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_the_readmes_commands_are_enough_in_a_fresh_environment():
    assert "pip install -r requirements.txt && notmnist run" in README
    assert "pip install -r requirements-test.txt && pytest" in README
    assert lines_of("requirements.txt") == ["-c constraints.txt", "-e .[notebooks]"]
    assert lines_of("requirements-test.txt") == ["-r requirements.txt", "-e .[test]"]


def test_every_dependency_has_a_lower_bound_and_a_tested_version():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    needed = [Requirement(line) for line in needed]
    tested = {Requirement(line).name: Requirement(line) for line in lines_of("constraints.txt")}
    tested = {canonicalize_name(name): pin.specifier for name, pin in tested.items()}
    for requirement in needed:
        if requirement.name != "notmnist":
            (bound,) = requirement.specifier
            assert bound.operator == ">=", requirement
            (pin,) = tested[canonicalize_name(requirement.name)]
            assert pin.operator == "==" and pin.version in requirement.specifier, requirement


def test_binder_and_the_devcontainer_install_what_the_readme_does():
    # Binder ignores the files at the root where this folder exists.
    assert not (CHECKOUT / ".binder").exists() and not (CHECKOUT / "binder").exists()
    assert re.fullmatch(r"python-3\.1[123]\n", (CHECKOUT / "runtime.txt").read_text("utf-8"))
    container = json.loads((CHECKOUT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))
    assert f"{container['postCreateCommand']} && pytest" in README


def test_the_script_for_several_accelerators_trains_on_two_devices_as_on_one(tmp_path):
    pytest.importorskip("jax", reason="Keras spreads batches with its JAX backend alone")
    page = (CHECKOUT / "docs" / "scaling.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.+?)```", page, re.DOTALL)
    (recipe,) = (block for block in blocks if "DataParallel" in block)
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", recipe], cwd=tmp_path, stdout=subprocess.PIPE, text=True,
            env=os.environ | {
                "PYTHONPATH": str(CHECKOUT),
                "JAX_PLATFORMS": "cpu",
                "JAX_CPU_ENABLE_ASYNC_DISPATCH": "0",
                "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
            },
        )
        for devices in (1, 2)
    ]  # fmt: skip
    printed = [run.communicate()[0].splitlines()[-1] for run in runs]
    one, two = (re.fullmatch(r"(\d) devices, accuracy ([\d.]+)", line).groups() for line in printed)
    assert (one[0], two[0]) == ("1", "2")
    assert float(one[1]) > 0.9
    assert float(two[1]) == pytest.approx(float(one[1]), abs=0.005)


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """Build wheels from a copy, since a build leaves its own folders beside the sources."""
    copy = tmp_path_factory.mktemp("copy")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(CHECKOUT / name, copy)
    unwanted = shutil.ignore_patterns("__pycache__", "*-quick.*")
    for name in ("notmnist", "notebooks", "misc"):
        shutil.copytree(CHECKOUT / name, copy / name, ignore=unwanted)

    def run(hook, out):
        code = f"from setuptools import build_meta; build_meta.{hook}({str(out)!r})"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=copy, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        (path,) = out.glob("*.whl")
        return path

    return run


@pytest.fixture(scope="module")
def wheel(build, tmp_path_factory):
    return build("build_wheel", tmp_path_factory.mktemp("wheel"))


def test_a_folder_of_the_packages_name_does_not_hide_an_editable_install(build, tmp_path):
    site, here = tmp_path / "site", tmp_path / "here"
    (here / "notmnist").mkdir(parents=True)
    with zipfile.ZipFile(build("build_editable", tmp_path)) as archive:
        archive.extractall(site)
    code = (
        f"import site; site.addsitedir({str(site)!r})\n"
        "from importlib.util import find_spec; print(find_spec('notmnist').origin)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    # Without the folders of this environment, which may hold another editable install.
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=here, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.endswith("__init__.py\n"), done.stdout + done.stderr


def test_the_wheel_holds_code_notebooks_results_and_data_and_little_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tracked = [
        *(CHECKOUT / "notmnist").rglob("*.py"),
        *NOTEBOOKS,
        *EMBEDDED.iterdir(),
    ]
    expected = {path.relative_to(CHECKOUT).as_posix() for path in tracked}
    expected = {name if name.startswith("notmnist") else f"notmnist/{name}" for name in expected}
    assert expected <= names
    assert {"notmnist/misc/results/01_sklearn_lr-openglyphs.json", "notmnist/py.typed"} <= names
    arrays = {name for name in names if name.endswith(".npz")}
    assert arrays == {"notmnist/misc/model/weights.npz"}
    assert not any(name.startswith(("tests", "benchmarks", "data")) for name in names)
    archives = sum(path.stat().st_size for path in EMBEDDED.glob("*.tar.gz"))
    assert wheel.stat().st_size - archives < 4.7e6


def test_a_notebook_runs_from_the_wheel_alone_in_an_empty_folder(wheel, tmp_path):
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    environment = {name: value for name, value in os.environ.items() if "NOTMNIST" not in name}
    environment |= {"PYTHONPATH": str(site), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def run(*arguments):
        return subprocess.run(
            [sys.executable, *arguments], cwd=empty, env=environment, capture_output=True, text=True
        )

    where = run("-c", "import notmnist; print(notmnist.__file__)").stdout
    assert where.startswith(str(site))
    code = (
        "import notmnist, numpy; print(notmnist.predict(numpy.zeros((3, 28, 28), 'uint8')).shape)"
    )
    assert run("-c", code).stdout == "(3,)\n"
    done = run("-m", "notmnist", "run", "00_data", "11_summary")
    assert done.returncode == 0, done.stderr
    written = sorted(path.name for path in empty.rglob("*") if path.is_file())
    assert written == [
        f"{name}{end}"
        for name in ("00_data", "11_summary")
        for end in ("-openglyphs-quick.ipynb", "-quick.png")
    ]


def test_a_test_module_may_import_every_public_name(tmp_path):
    (tmp_path / "test_theirs.py").write_text("from notmnist import *\ndef test_theirs(): pass\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", tmp_path],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1].startswith("1 passed"), done.stdout
