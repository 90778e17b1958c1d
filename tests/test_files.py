"""Where files lie; a file is replaced as a whole or not at all; one process at a time."""

from pathlib import Path

import pytest

from notmnist import NotMNISTError, files


def listing(folder):
    return sorted(path.name for path in folder.iterdir())


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


def test_what_a_killed_process_left_is_written_over_and_removed(tmp_path):
    (tmp_path / ".file.part").write_text("what a killed process left, which was longer")
    files.write_text(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "new"
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
    message = f"cannot write {path}"
    with pytest.raises(NotMNISTError, match=message), files.new_folder(path) as part:
        (part / "file").write_text("new")
        path.mkdir()
        (path / "file").write_text("old")
    assert (path / "file").read_text() == "old"
    assert listing(tmp_path) == ["folder"]


def test_two_processes_do_not_write_one_folder_and_a_killed_one_is_named(tmp_path, python):
    path = tmp_path / "folder"
    python(
        "import os, pathlib\n"
        "from notmnist import files\n"
        f"writing = files.new_folder(pathlib.Path({str(path)!r}))\n"
        "writing.__enter__()\n"
        "os._exit(0)"
    )
    with (
        pytest.raises(NotMNISTError, match=r"\.folder\.part is in the way: .*remove"),
        files.new_folder(path),
    ):
        pass
    assert listing(tmp_path) == [".folder.part"]


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
    assert files.misc() == tmp_path / "misc"
    assert files.notebooks() == tmp_path / "site-packages" / "notmnist" / "notebooks"
