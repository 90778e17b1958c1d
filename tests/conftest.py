"""Provide fixtures: a server on the loopback interface and the genuine small archive."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from server import Server

import notmnist

CHECKOUT = Path(__file__).parents[1]

# A busy machine must not fail a test.
settings.register_profile(
    "bounded",
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("bounded")


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    running = Server()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def genuine() -> Path:
    """Return the path of the genuine small archive, repacked."""
    beside = CHECKOUT.parent / "shared" / "data" / "notMNIST_small.tar.gz"
    path = Path(os.environ.get("NOTMNIST_SMALL_ARCHIVE", beside))
    if not path.is_file():
        pytest.skip("genuine archive: the small one is not here; set NOTMNIST_SMALL_ARCHIVE")
    return path


@pytest.fixture(scope="session")
def genuine_home(genuine, tmp_path_factory) -> Path:
    """Return a cache in which the genuine small archive was prepared from a local file."""
    home = tmp_path_factory.mktemp("genuine")
    notmnist.prepare("notmnist-small", home=home, archive=genuine)
    return home


@pytest.fixture
def python() -> Callable[[str], str]:
    """Run code in a second process and return what it prints."""

    def run(code: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
