"""Where files lie; a file is replaced as a whole or not at all; one process at a time."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock
from folders import listing

from conftest import CHECKOUT
from notmnist import NotMNISTError, UsageError, files


def test_a_file_appears_under_its_name_only_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "file"
    with files.replacing(path) as part:
        part.write_text("half")
        assert not path.exists()
        part.write_text("whole")
    assert path.read_text() == "whole"
    assert listing(path.parent) == ["file"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path, error):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(error), files.replacing(path) as part:
        part.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert listing(tmp_path) == ["file"]


def leave_behind(python, writer, path):
    """Let a process be killed while it writes."""
    python(
        "import os, pathlib\n"
        "from notmnist import files\n"
        f"part = files.{writer}(pathlib.Path({str(path)!r})).__enter__()\n"
        "(part / 'file' if part.is_dir() else part).write_text('half')\n"
        "os._exit(0)"
    )
    (left,) = path.parent.glob(f".{path.name}.*.part")
    return left


@pytest.mark.parametrize("writer", ["replacing", "new_folder"])
def test_what_a_killed_process_left_is_removed_after_a_day(tmp_path, python, writer):
    path = tmp_path / "name"
    yesterdays = leave_behind(python, writer, path)
    os.utime(yesterdays, ns=(0, time.time_ns() - 25 * 3600 * 10**9))
    todays = path.with_name(".name.0000.part")  # it may be that of a process that still writes
    todays.touch()
    with getattr(files, writer)(path) as part:
        if writer == "replacing":
            part.write_text("new")
    assert listing(tmp_path) == [".name.0000.part", "name"]


def test_where_a_lock_keeps_others_out_all_that_was_left_is_removed(tmp_path, python):
    leave_behind(python, "replacing", tmp_path / "letters.joblib")
    leave_behind(python, "replacing", tmp_path / "letters.json")
    leave_behind(python, "replacing", tmp_path / "letters-small.json")
    files.remove_leftovers(tmp_path / "letters", seconds=0)
    assert [name.startswith(".letters-small.json.") for name in listing(tmp_path)] == [True]


WRITE = """
import os, pathlib, sys
from notmnist import files
for number in range(100):
    with files.replacing(pathlib.Path(sys.argv[1])) as part, open(part, "wb") as file:
        for _ in range(50):
            file.write(sys.argv[2].encode() * 1000)
"""


def test_of_two_processes_that_write_one_file_both_succeed_and_no_reader_sees_a_mixture(tmp_path):
    path = tmp_path / "file"
    path.write_text("a" * 50_000)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITE, path, letter], cwd=CHECKOUT)
        for letter in "ab"
    ]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        seen.add(path.read_text())
    assert [writer.returncode for writer in writers] == [0, 0]
    assert seen <= {"a" * 50_000, "b" * 50_000}
    assert listing(tmp_path) == ["file"]


@pytest.mark.parametrize("exists", [False, True])
def test_a_folder_appears_under_its_name_only_when_it_is_whole(tmp_path, exists):
    path = tmp_path / "new" / "folder"
    if exists:
        path.mkdir(parents=True)
    with files.new_folder(path) as part:
        (part / "file").write_text("whole")
        assert path.exists() == exists
        assert not (path / "file").exists()
    assert listing(path.parent) == ["folder"]
    assert (path / "file").read_text() == "whole"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_no_new_folder(tmp_path, error):
    with pytest.raises(error), files.new_folder(tmp_path / "folder") as part:
        (part / "file").write_text("half")
        raise error
    assert listing(tmp_path) == []


def test_what_has_appeared_in_a_folder_meanwhile_is_not_overwritten(tmp_path):
    path = tmp_path / "folder"
    message = f"{path} has been filled in the meantime"
    with pytest.raises(NotMNISTError, match=message), files.new_folder(path) as part:
        (part / "file").write_text("new")
        path.mkdir()
        (path / "file").write_text("old")
    assert (path / "file").read_text() == "old"
    assert listing(tmp_path) == ["folder"]


def test_of_two_that_write_one_folder_the_first_wins_and_the_second_is_told(tmp_path):
    path = tmp_path / "folder"
    with (
        pytest.raises(NotMNISTError, match=f"{path} has been filled in the meantime"),
        files.new_folder(path) as second,
    ):
        (second / "file").write_text("second")
        with files.new_folder(path) as first:
            (first / "file").write_text("first")
    assert (path / "file").read_text() == "first"
    assert listing(tmp_path) == ["folder"]


def test_only_a_name_without_content_is_free(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    names = {"new": True, "empty": True, "file": False, ".": False, "new/inner": True}
    assert {name: files.is_free(tmp_path / name) for name in names} == names
    monkeypatch.chdir(tmp_path / "empty")
    assert not files.is_free(Path())


def test_text_is_utf8_with_unix_line_ends(tmp_path):
    files.write_text(tmp_path / "file", "\u00e9\n")
    assert (tmp_path / "file").read_bytes() == b"\xc3\xa9\n"


def open_replacing(path):
    with files.replacing(path):
        pass


def open_new_folder(path):
    with files.new_folder(path):
        pass


@pytest.mark.parametrize(
    "write", [files.make_folder, files.locked, open_replacing, open_new_folder]
)
def test_a_parent_that_is_a_file_is_one_clear_line(tmp_path, write):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotMNISTError) as caught:
        write(tmp_path / "file" / "home" / "name")
    message = str(caught.value)
    assert message.startswith(f"cannot write {tmp_path / 'file' / 'home'}")
    assert "choose another folder (NOTMNIST_HOME" in message
    assert "\n" not in message
    assert listing(tmp_path) == ["file"]


def test_a_lock_keeps_other_processes_out_until_it_ends(tmp_path, python):
    attempt = (
        "import filelock, sys\n"
        f"try: filelock.FileLock({str(tmp_path / '.name.lock')!r}, timeout=0).acquire()\n"
        "except filelock.Timeout: print('locked')\n"
    )
    with files.locked(tmp_path / "name"):
        assert python(attempt) == "locked\n"
    assert python(attempt) == ""


def test_who_waits_for_a_lock_says_so_again_and_again(tmp_path):
    waiting = (
        "import pathlib\n"
        "from notmnist import files\n"
        "files.PATIENCE_SECONDS = 0.1\n"
        f"files.locked(pathlib.Path({str(tmp_path / 'name')!r}))"
    )
    with files.locked(tmp_path / "name"):
        process = subprocess.Popen(
            [sys.executable, "-c", waiting], cwd=CHECKOUT, stderr=subprocess.PIPE, text=True
        )
        lines = {process.stderr.readline() for _ in range(3)}
        with pytest.raises(NotMNISTError, match=r"another process holds .*\.name\.lock"):
            files.locked(tmp_path / "name", wait=False)
    process.communicate()
    assert process.returncode == 0
    assert lines == {
        f"notmnist: still waiting for the process that holds {tmp_path / '.name.lock'}; "
        "stop it if it hangs\n"
    }


@pytest.mark.parametrize("reason", [errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_file_system_without_locks_is_one_line_with_a_remedy(tmp_path, monkeypatch, reason):
    def acquire(*_, **__):
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(FileLock, "acquire", acquire)
    with pytest.raises(
        NotMNISTError, match=r"cannot lock .*a file system that supports locks.*--home"
    ):
        files.locked(tmp_path / "name")


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("use", [files.locked, files.check_writable])
def test_a_folder_that_takes_no_files_at_all_is_one_line_at_once(use):
    with pytest.raises(NotMNISTError, match=r"cannot write /proc/name: .*choose another folder"):
        use(Path("/proc/name"))


def test_what_can_be_written_is_told_without_creating_anything(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    files.check_writable(tmp_path)
    files.check_writable(tmp_path / "new" / "folder")
    for name in ("file", "file/folder", "loop", "loop/folder"):
        with pytest.raises(NotMNISTError, match=f"cannot write {tmp_path / name}: "):
            files.check_writable(tmp_path / name)
    assert listing(tmp_path) == ["file", "loop"]


@pytest.mark.parametrize("name", ["loop", "loop/folder"])
def test_no_folder_is_made_from_a_symlink_to_itself(tmp_path, name):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(NotMNISTError, match="cannot write "), files.new_folder(tmp_path / name):
        pass
    assert listing(tmp_path) == ["loop"]


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no folder that is in use")
@pytest.mark.parametrize("use", [files.check_writable, files.make_folder, open_new_folder])
def test_a_working_folder_that_was_removed_is_one_line(tmp_path, monkeypatch, use):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(NotMNISTError, match="cannot write out: "):
        use(Path("out"))


def test_a_lock_that_a_killed_process_left_does_not_hold(tmp_path, python):
    python(
        "import os, pathlib, signal\n"
        "from notmnist import files\n"
        f"lock = files.locked(pathlib.Path({str(tmp_path / 'name')!r}))\n"
        "os._exit(0)"
    )
    assert listing(tmp_path) == [".name.lock"]
    with files.locked(tmp_path / "name"):
        pass


def test_the_environment_names_the_folders(monkeypatch):
    monkeypatch.setenv("NOTMNIST_HOME", "here")
    monkeypatch.setenv("NOTMNIST_MISC", "there")
    assert (files.home(), files.misc()) == (Path("here"), Path("there"))


def test_in_a_notebook_a_relative_folder_is_refused_since_it_would_be_another_one(monkeypatch):
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    for variable, folder in (("NOTMNIST_HOME", files.home), ("NOTMNIST_MISC", files.misc)):
        monkeypatch.setenv(variable, "cache")
        with pytest.raises(UsageError, match=f"{variable} is cache, .*give an absolute path"):
            folder()


@pytest.mark.skipif(os.name == "nt", reason="Windows always knows the user's folder")
def test_without_a_home_folder_the_message_says_what_to_set(monkeypatch, tmp_path):
    def nobody(_):
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", nobody)
    monkeypatch.setattr(files, "_PACKAGE", tmp_path / "site-packages" / "notmnist")
    for variable in ("NOTMNIST_HOME", "HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(NotMNISTError, match="name a cache folder in NOTMNIST_HOME"):
        files.home()


def test_a_checkout_keeps_everything_in_its_own_folders(monkeypatch, tmp_path):
    monkeypatch.delenv("NOTMNIST_HOME")
    monkeypatch.delenv("NOTMNIST_MISC")
    monkeypatch.setattr(files, "_PACKAGE", tmp_path / "notmnist")
    (tmp_path / "setup.py").touch()
    (tmp_path / "notebooks").mkdir()
    folders = (files.home(), files.misc(), files.notebooks())
    assert folders == (tmp_path / "data", tmp_path / "misc", tmp_path / "notebooks")


def test_an_installed_package_keeps_data_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("NOTMNIST_HOME")
    monkeypatch.delenv("NOTMNIST_MISC")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(files, "_PACKAGE", tmp_path / "site-packages" / "notmnist")
    monkeypatch.chdir(tmp_path)
    assert tmp_path in files.home().parents
    assert files.home().name == "notmnist"
    assert files.misc().absolute() == tmp_path / "misc"
    assert files.notebooks() == tmp_path / "site-packages" / "notmnist" / "notebooks"
