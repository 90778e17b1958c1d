"""No address may claim to be this repository's: it stands in pyproject.toml, once it has one."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
ORIGINAL = "AmmarRashed/notMNIST"
NAME = r"([\w.-]+/[\w.-]+)"
# What opens or installs a repository's content; nobody writes it about a repository of others.
OPENS = re.compile(rf"(?:colab\.research\.google\.com/github|mybinder\.org/v2/gh)/{NAME}")
INSTALLS = re.compile(rf"git(?:\+https?|\+ssh|\+git)?(?:://|@)github\.com[/:]{NAME}")
HOSTS = re.compile(
    r"(?:github|gitlab|githubusercontent|bitbucket|codeberg)\.(?:com|org)[/:]"
    rf"{NAME}|([\w-]+)\.(?:github|gitlab|readthedocs)\.io/?([\w-]*)"
)
AT_A_COMMIT = re.compile(r"/blob/[0-9a-f]{7,40}/")


def claims(text):
    """Yield the addresses in a text that a reader would take for this repository's.

    The original may be linked beside the word "original", or at one of its commits.
    """
    lines = text.splitlines()
    for number, line in enumerate(lines):
        around = " ".join(lines[max(0, number - 1) : number + 2])
        for pattern in (OPENS, INSTALLS):
            yield from (found[0] for found in pattern.finditer(line))
        for found in HOSTS.finditer(line):
            credited = found[1] == ORIGINAL and (
                "original" in around.lower() or AT_A_COMMIT.match(line, found.end())
            )
            if "notmnist" in found[0].lower() and not credited:
                yield found[0]


@pytest.mark.parametrize("text", [
    "[Colab](https://colab.research.google.com/github/AmmarRashed/notMNIST/blob/main/a.ipynb)",
    "The original: https://mybinder.org/v2/gh/AmmarRashed/notMNIST/main",
    "%pip install git+https://github.com/someone/anything",
    "git clone git@github.com:AmmarRashed/notMNIST.git",
    'url="https://github.com/AmmarRashed/notMNIST",',
    "https://github.com/someone/notmnist",
    "https://raw.githubusercontent.com/AmmarRashed/notMNIST/master/a.png",
    "https://someone.github.io/notMNIST/",
])  # fmt: skip
def test_an_address_that_claims_to_be_this_repository_is_found(text):
    assert list(claims(f"before\n\n{text}\n\nthe original"))


@pytest.mark.parametrize("text", [
    "It grew from the [original](https://github.com/AmmarRashed/notMNIST).",
    "[a run](https://github.com/AmmarRashed/notMNIST/blob/81d55b4/sklearn_lr.ipynb)",
    "`https://mybinder.org/v2/gh/<owner>/<repository>/<branch>`",
    "https://github.com/googlefonts/dm-mono",
])  # fmt: skip
def test_credit_and_placeholders_are_no_claims(text):
    assert list(claims(text)) == []


def test_no_tracked_file_claims_an_address():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    names = set(filter(None, listed.split("\0"))) - {"tests/test_addresses.py"}
    found = {}
    for name in sorted(names):
        content = (CHECKOUT / name).read_bytes() if (CHECKOUT / name).is_file() else b""
        if b"\0" in content:
            continue  # archives and pictures
        text = content.decode("utf-8")
        if name == "pyproject.toml":
            for address in tomllib.loads(text)["project"].get("urls", {}).values():
                text = text.replace(f'"{address}"', '""')
        if addresses := list(claims(text)):
            found[name] = addresses
    assert len(names) > 100 and found == {}
