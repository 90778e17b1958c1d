"""The loader with its own dependencies alone: nothing that an extra brings can be imported."""

import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from conftest import CHECKOUT

# Not what the package needs, but what measures it.
MEASURING = {"coverage"}
ONLY_CORE = """
import sys

class Uninstalled:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {uninstalled!r}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)

sys.meta_path.insert(0, Uninstalled())
"""


def closure(lines):
    """Name the distributions that requirements install, including their dependencies."""
    found, waiting = set(), [Requirement(line) for line in lines]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if name in found or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        try:
            needs = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        found.add(name)
        waiting += [Requirement(line) for line in needs]
    return found


@pytest.fixture(scope="module")
def run_with_core_only(tmp_path_factory):
    """Run code in a process that can import only the core dependencies."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    installed = closure(project["dependencies"]) | {"notmnist"} | MEASURING
    uninstalled = {
        module
        for module, names in packages_distributions().items()
        if not installed & {canonicalize_name(name) for name in names}
    }
    assert {"tensorflow", "keras", "matplotlib", "sklearn", "nbclient", "pandas"} <= uninstalled
    folder = tmp_path_factory.mktemp("core")

    def run(code):
        return subprocess.run(
            [sys.executable, "-c", ONLY_CORE.format(uninstalled=uninstalled) + code],
            cwd=folder, capture_output=True, text=True,
        )  # fmt: skip

    return run


def test_the_loader_prepares_loads_and_exports(run_with_core_only):
    done = run_with_core_only(
        """
import notmnist
from notmnist import cli, exports

card = notmnist.prepare("openglyphs", home="home")
data = notmnist.load("openglyphs", home="home")
assert notmnist.verify("openglyphs", home="home") == card == data.card
assert 0 < data.clean_test.sum() < len(data.test)
assert notmnist.predict(data.test.images[:9]).shape == (9,)
assert data.train.as_sklearn()[0].shape == (len(data.train), 784)
for name, format in exports.FORMATS.items():
    if not format.needs:
        assert notmnist.export(data, name, f"out/{name}")
        print(name)
"""
    )
    assert done.returncode == 0, done.stderr
    assert {"idx", "npz", "mat", "pickle-course", "pickle-seed"} <= set(done.stdout.split())


@pytest.mark.parametrize(
    ("code", "missing", "extra"),
    [
        ("from notmnist import training", "keras", "notebooks"),
        ("from notmnist import augmentation", "keras", "notebooks"),
        ("from notmnist import plotting", "matplotlib", "notebooks"),
        ("notmnist.load('openglyphs').train.as_tf()", "tensorflow", "notebooks"),
        ("notmnist.load('openglyphs').train.as_torch()", "torch", "torch"),
        ("notmnist.load('openglyphs').train.font_table()", "pandas", "pandas"),
    ],
)
def test_what_needs_an_extra_says_so_in_one_line(run_with_core_only, code, missing, extra):
    done = run_with_core_only(f"import notmnist; {code}")
    assert done.returncode == 1
    message = done.stderr.splitlines()[-1]
    assert done.stderr.count("Traceback") == 1
    assert f'{missing} is not installed: run pip install -e ".[{extra}]"' in message


def test_the_command_that_runs_notebooks_does_too(run_with_core_only):
    done = run_with_core_only("from notmnist import cli; sys.exit(cli.main(['run']))")
    assert done.returncode == 1
    (message,) = done.stderr.splitlines()
    assert message.startswith("notmnist: nbformat is not installed: run pip install -e")
