from importlib.metadata import version as metadata_version

import numpy as np

from notmnist import version


def test_versions_are_those_of_the_packages_that_brought_the_modules():
    assert version.version_of("numpy") == np.__version__
    assert version.version_of("sklearn") == metadata_version("scikit-learn")


def test_a_package_of_another_name_or_without_metadata_is_no_failure(monkeypatch):
    packages = {"tensorflow": ["numpy"], "nothing": []}
    monkeypatch.setattr(version, "_packages", lambda: packages)
    assert version.version_of("tensorflow") == np.__version__
    assert version.version_of("nothing") == version.version_of("sklearn") == "unknown"
