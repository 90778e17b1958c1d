"""Build the package with the notebooks and their results in it; pyproject.toml has the rest."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
# The predictions beside the results would weigh more than all the rest.
_CARRIED = (
    ("notebooks", "*.*"),
    ("misc/results", "*.json"),
    ("misc/results", "*.txt"),
    ("misc/results", "suspects-*.csv"),
    ("misc/model", "*.*"),
)


class BuildWithNotebooks(build_py):
    """Copy what lies outside the package into it; an editable install has the checkout's."""

    def run(self) -> None:
        """Build, then copy."""
        super().run()
        if not self.editable_mode:
            for folder, pattern in _CARRIED:
                target = Path(self.build_lib) / "notmnist" / folder
                target.mkdir(parents=True, exist_ok=True)
                for path in sorted((ROOT / folder).glob(pattern)):
                    shutil.copyfile(path, target / path.name)


setup(cmdclass={"build_py": BuildWithNotebooks})
