"""What Windows and macOS do otherwise, simulated where it can be."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from archives import letters, record, source_of, tar_gz

import notmnist
from conftest import CHECKOUT
from notmnist import NotMNISTError, files

SOURCES = sorted((CHECKOUT / "notmnist").rglob("*.py"))
POSIX_MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
# What the package uses of these modules; all of it is there on Windows too.
EVERYWHERE = {
    "os": {
        "DirEntry", "O_WRONLY", "PathLike", "close", "cpu_count", "devnull", "dup", "dup2",
        "environ", "fsencode", "fspath", "fstat", "fsync", "open", "path", "pathsep", "replace",
        "scandir", "stat", "urandom",
    },
    "signal": {"SIGINT", "SIGTERM", "SIG_DFL", "default_int_handler", "getsignal", "signal"},
}  # fmt: skip


def posix_only(path):
    """Name what a source file uses that may be missing elsewhere."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names):
                yield from (name.name for name in names if name.name in POSIX_MODULES)
            case ast.ImportFrom(module=module) if module in {*POSIX_MODULES, *EVERYWHERE}:
                yield module
            case ast.Attribute(ast.Name(module), name) if module in EVERYWHERE:
                if name not in EVERYWHERE[module]:
                    yield f"{module}.{name}"


def test_no_module_uses_what_only_posix_has(tmp_path):
    bad = tmp_path / "bad.py"
    bad.write_text("import os, resource, signal\nos.fork()\nsignal.SIGKILL\nfrom pwd import x\n")
    assert sorted(posix_only(bad)) == ["os.fork", "pwd", "resource", "signal.SIGKILL"]
    assert [(path.name, name) for path in SOURCES for name in posix_only(path)] == []


def test_no_tracked_name_is_one_that_windows_refuses_or_folds():
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    ).stdout.split("\0")[:-1]
    if not names:
        pytest.skip("needs git and a checkout")
    reserved = {"con", "prn", "aux", "nul", *(f"{d}{i}" for d in ("com", "lpt") for i in range(10))}
    for name in names:
        assert not set('<>:"\\|?*') & set(name), name
        assert not any(part.endswith((".", " ")) for part in name.split("/")), name
        assert not {part.split(".")[0].lower() for part in name.split("/")} & reserved, name
    assert len({name.lower() for name in names}) == len(names)


def run_cli(home, *arguments, encoding):
    return subprocess.run(
        [sys.executable, "-X", "warn_default_encoding", "-W", "error::EncodingWarning",
         "-m", "notmnist", *arguments],
        env=os.environ | {
            "PYTHONPATH": str(CHECKOUT), "NOTMNIST_HOME": str(home), "PYTHONUTF8": "0",
            "PYTHONIOENCODING": encoding,
        },
        cwd=home.parent, capture_output=True, encoding=encoding,
    )  # fmt: skip


@pytest.mark.parametrize("encoding", ["cp1252", "cp932", "ascii"])
def test_commands_work_in_a_folder_that_the_terminals_encoding_cannot_name(tmp_path, encoding):
    home = tmp_path / "Zo\u00eb \u4e2d\u6587 \U0001f600" / "my data"
    home.parent.mkdir()
    for arguments in (["prepare", "openglyphs"], ["info", "openglyphs"], ["list"], ["--help"]):
        done = run_cli(home, *arguments, encoding=encoding)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout
    (home / "openglyphs.joblib").write_bytes(b"damaged")
    done = run_cli(home, "verify", "openglyphs", encoding=encoding)
    assert done.returncode == 1
    assert done.stderr.startswith("notmnist: openglyphs in ") and done.stderr.count("\n") == 1


@pytest.fixture
def windows_files(monkeypatch):
    """Let no file that this process has open or mapped be replaced or removed, as Windows does."""
    if not Path("/proc/self/maps").exists():
        pytest.skip("platform: needs Linux's /proc")
    refused = []

    def refuse_if_open(path):
        path = os.path.realpath(path)
        opened = {os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()}
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
        if path in opened or any(line.endswith(path) for line in maps.splitlines()):
            refused.append(path)
            raise PermissionError(13, "Access is denied", path)

    def checked(function):
        def call(*paths, **options):
            for path in paths:
                refuse_if_open(path)
            return function(*paths, **options)

        return call

    for name in ("replace", "rename", "unlink", "remove"):
        monkeypatch.setattr(os, name, checked(getattr(os, name)))
    return refused


def test_a_dataset_is_prepared_loaded_and_grouped_where_open_files_cannot_be_replaced(
    windows_files, tmp_path
):
    archive = tar_gz(tmp_path / "letters.tar.gz", letters())
    source = source_of(record(archive), name="letters")
    data = notmnist.load(source, home=tmp_path / "home", archive=archive)
    notmnist.prepare(source, home=tmp_path / "home", archive=archive, groups=True)
    files.write_text(tmp_path / "home" / "text", "old")
    files.write_text(tmp_path / "home" / "text", "new")
    assert len(data.train) > 0
    assert windows_files == []


def test_a_prepared_file_that_is_in_use_is_kept_and_the_message_says_so(windows_files, tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with (
        open(path, encoding="utf-8"),
        pytest.raises(NotMNISTError, match=r"Access is denied; .*close the programs that use it"),
    ):
        files.write_text(path, "new")
    assert windows_files == [str(path)]
    assert path.read_text() == "old"
    assert [left.name for left in tmp_path.iterdir()] == ["file"]
