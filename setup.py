"""Package metadata; notebooks and results travel in the wheel as package data."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
PACKAGE = (ROOT / "notmnist/version.py").read_text(encoding="utf-8")
VERSION = re.search(r'__version__ = "(.+)"', PACKAGE)[1]


class BuildWithNotebooks(build_py):
    """Copy notebooks and results into the built package; an editable install has the checkout's."""

    def run(self) -> None:
        """Build, then copy."""
        super().run()
        if not self.editable_mode:
            for folder in ("notebooks", "misc/results"):
                target = Path(self.build_lib) / "notmnist" / folder
                target.mkdir(parents=True, exist_ok=True)
                for path in sorted((ROOT / folder).glob("*.*")):
                    shutil.copyfile(path, target / path.name)


setup(
    name="notmnist",
    version=VERSION,
    description="notMNIST, honestly: verified, deduplicated data and one notebook per model",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    url="https://github.com/AmmarRashed/notMNIST",
    license="MIT AND CC0-1.0",
    license_files=["LICENSE", "NOTICE"],
    python_requires=">=3.11,<3.14",
    packages=find_packages(include=["notmnist", "notmnist.*"]),
    package_dir={"": "."},
    package_data={"notmnist": ["openglyphs/*"]},
    cmdclass={"build_py": BuildWithNotebooks},
    entry_points={"console_scripts": ["notmnist = notmnist.cli:main"]},
    install_requires=[
        "filelock",
        "ipykernel",
        "joblib>=1.6",
        "matplotlib",
        "nbclient",
        "nbformat",
        "numpy>=2",
        "pillow",
        "platformdirs",
        "psutil",
        "requests",
        "scikit-learn",
        "scipy",
        "tensorflow>=2.18",
        "tqdm",
        "urllib3>=2",
    ],
    extras_require={
        "benchmarks": ["datasets", "freetype-py", "imagehash", "imageio"],
        "distributed": ["distributed"],
        "docs": ["jinja2", "nbconvert", "pdoc", "pygments"],
        "export": ["pyarrow"],
        "glyphs": ["freetype-py"],
        "gpu": ["tensorflow[and-cuda]>=2.18; platform_system == 'Linux'"],
        "pandas": ["pandas"],
        "test": [
            "datasets",
            "distributed",
            "freetype-py",
            "hypothesis",
            "imageio",
            "jax",
            "jinja2",
            "mlcroissant",
            "nbconvert",
            "nbval",
            "pandas",
            "pdoc",
            "playwright",
            "pyarrow",
            "pygments",
            "pytest",
            "python-mnist",
            "ruff",
            "setuptools>=77",
        ],
        "torch": ["torch"],
    },
)
