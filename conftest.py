"""Give every test and every notebook this checkout, an empty cache and a folder for its output."""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent
pytest_plugins = ["pytester"]
# Docstrings are read for examples, which imports the module.
collect_ignore = [] if find_spec("torch") else ["notmnist/exports/torch_dataset.py"]

# Windows can't remove a file that is still memory-mapped.
_EMPTY = tempfile.TemporaryDirectory(prefix="notmnist-", ignore_cleanup_errors=True)

# Set when pytest starts, so that kernels and other processes inherit them too. An editable install
# may be of another checkout.
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, (str(CHECKOUT), os.environ.get("PYTHONPATH")))
)
os.environ["NOTMNIST_HOME"] = str(Path(_EMPTY.name) / "data")
os.environ["NOTMNIST_MISC"] = str(Path(_EMPTY.name) / "misc")
# A notebook's outputs are compared, and nobody watches its progress.
os.environ["NOTMNIST_PROGRESS"] = "0"
# mlcroissant keeps what it extracts by the archive's path, whatever the archive holds by now.
os.environ["CROISSANT_CACHE"] = str(Path(_EMPTY.name) / "croissant")
# So does datasets, which would also ask its hub.
os.environ["HF_HOME"] = str(Path(_EMPTY.name) / "huggingface")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["KERAS_BACKEND"] = "tensorflow"
# Set in many a shell and container; figures would be missing from the notebooks.
for variable in ("MPLBACKEND", "NOTMNIST_DATASET", "NOTMNIST_BUDGET", "NOTMNIST_SEEDS"):
    os.environ.pop(variable, None)

# A shell starts background jobs with interrupts ignored, which processes inherit; tests that
# interrupt one would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A reason to skip a test begins with one of these words and a colon. In CI, where the environment
# says CI=true, a test that skips fails unless its reason is here and holds.
REASONS = {
    "soak": "NOTMNIST_SOAK" not in os.environ,
    "platform": sys.platform != "linux",
    "root": not hasattr(os, "geteuid") or os.geteuid() != 0,
    "accelerator": shutil.which("nvidia-smi") is None,
    "genuine archive": "NOTMNIST_SMALL_ARCHIVE" not in os.environ,
    "torch": find_spec("torch") is None,
}


def pytest_configure(config: pytest.Config) -> None:
    """Run notebooks as tests, in this environment, where nbval is installed."""
    if config.pluginmanager.hasplugin("nbval"):
        config.option.nbval = config.option.nbval_current_env = True


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Spread the whole suite over the cores, where pytest-xdist is installed."""
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    able = config.pluginmanager.hasplugin("xdist") and "PYTEST_XDIST_WORKER" not in os.environ
    if whole and able and config.option.numprocesses is None:
        config.option.numprocesses = "logical"
        config.option.dist = "loadfile"  # a notebook's cells share a kernel


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Skip notebooks, rather than pass over them, where nbval is not installed."""
    if file_path.suffix != ".ipynb" or parent.config.pluginmanager.hasplugin("nbval"):
        return None
    return _UnrunNotebook.from_parent(parent, path=file_path)


class _UnrunNotebook(pytest.File):
    def collect(self) -> list[pytest.Item]:
        pytest.skip("nbval is not installed")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what takes minutes, unless it is asked for."""
    if item.get_closest_marker("soak") and "NOTMNIST_SOAK" not in os.environ:
        pytest.skip("soak: takes minutes; set NOTMNIST_SOAK=1")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """Fail a test that skips in CI without an accepted reason."""
    report = yield
    _fail_unexplained_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    """Fail a module that skips in CI without an accepted reason."""
    report = yield
    _fail_unexplained_skip(report)
    return report


def _fail_unexplained_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if not REASONS.get(reason.partition(":")[0]):
            report.outcome = "failed"
            report.longrepr = f"skipped in CI for a reason that is not accepted: {reason}"


def pytest_unconfigure() -> None:
    """Remove what the tests and notebooks left."""
    _EMPTY.cleanup()
