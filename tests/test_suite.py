"""The tests themselves: what they test, and that none is left out in silence."""

from pathlib import Path

import pytest

import notmnist
from conftest import CHECKOUT


def test_the_package_under_test_is_this_checkouts_in_every_process(python):
    assert Path(notmnist.__file__).parents[1] == CHECKOUT
    assert python("import notmnist; print(notmnist.__file__)").strip() == notmnist.__file__


SKIPPING = """
import pytest

def test_without_a_program():
    pytest.skip("no browser")

@pytest.mark.skipif(True, reason="torch is slow")
def test_for_a_reason_that_only_begins_like_one():
    pass

def test_without_a_package():
    pytest.importorskip("nothing_of_that_name")

@pytest.mark.soak
def test_that_takes_minutes():
    pass

def test_for_a_reason_that_does_not_hold():
    pytest.skip("genuine archive: not here")

@pytest.mark.xfail(reason="known", strict=True)
def test_that_is_known_to_fail():
    assert False
"""


@pytest.fixture
def suite(pytester, monkeypatch):
    """A suite of tests that skip, with this checkout's conftest.py."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("NOTMNIST_SOAK", raising=False)
    monkeypatch.setenv("NOTMNIST_SMALL_ARCHIVE", "there.tar.gz")
    pytester.makepyprojecttoml('[tool.pytest.ini_options]\nmarkers = ["soak"]')
    pytester.makeconftest((CHECKOUT / "conftest.py").read_text(encoding="utf-8"))
    pytester.makepyfile(
        test_skipping=SKIPPING,
        test_module="import pytest; pytest.importorskip('nothing_of_that_name')",
    )
    pytester.path.joinpath("01_unrun.ipynb").write_text("{}")
    return pytester


def test_in_ci_a_skip_fails_unless_its_reason_is_accepted_and_holds(suite, monkeypatch):
    suite.runpytest_subprocess("-p", "no:nbval").assert_outcomes(skipped=7, xfailed=1)
    monkeypatch.setenv("CI", "true")
    done = suite.runpytest_subprocess("-p", "no:nbval", "--continue-on-collection-errors")
    done.assert_outcomes(failed=3, errors=3, skipped=1, xfailed=1)
    done.stdout.fnmatch_lines(["*is not accepted: nbval is not*", "*is not accepted: no browser*"])
