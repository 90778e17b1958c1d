import ast
import csv
import json
import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from contextlib import redirect_stdout
from io import StringIO

import pytest

import notmnist
from notmnist import cli, pipeline
from notmnist.errors import say


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("NOTMNIST_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_list_says_what_is_prepared(capsys):
    assert cli.main(["list"]) == 0
    assert capsys.readouterr().out.count("not prepared") == 3
    card = pipeline.prepare("openglyphs")
    cli.main(["list"])
    assert f"{card['splits']['train']['train']:,} / " in capsys.readouterr().out


def test_info_prints_the_card_as_text_and_as_json(capsys):
    assert cli.main(["info", "openglyphs"]) == 0
    assert capsys.readouterr().out.startswith("openglyphs: embedded")
    assert cli.main(["info", "openglyphs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "openglyphs"


def test_info_of_what_is_not_prepared_says_what_to_do(capsys):
    assert cli.main(["info", "notmnist-small"]) == 1
    assert "run `notmnist prepare notmnist-small`" in capsys.readouterr().err


def test_verify_after_prepare(capsys, home):
    assert cli.main(["verify", "openglyphs"]) == 1
    assert cli.main(["prepare", "openglyphs"]) == 0
    assert cli.main(["verify", "openglyphs"]) == 0
    with open(home / "openglyphs.joblib", "r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x00")
    capsys.readouterr()
    assert cli.main(["verify", "openglyphs"]) == 1
    assert "differs from its card" in capsys.readouterr().err


def test_verify_in_a_folder_that_cannot_be_looked_into_is_one_line(tmp_path, capsys):
    unusable = tmp_path / ("a" * 300)  # a folder without permission is none to root
    assert cli.main(["verify", "openglyphs", "--home", str(unusable)]) == 1
    message = capsys.readouterr().err
    assert "is not prepared in" in message and message.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [["info", "nope"], ["prepare", "nope"], ["run", "nope"], ["run", "--budget", "nope"],
     ["run", "--dataset", "nope"], ["run", "--seeds", "0"]],
)  # fmt: skip
def test_wrong_usage_is_one_line_and_status_2(arguments, capsys):
    assert cli.main(arguments) == 2
    message = capsys.readouterr().err
    assert message.startswith("notmnist: unknown ") and message.count("\n") == 1
    assert "choose" in message


def test_a_failure_is_one_line_and_status_1_without_debug(tmp_path, capsys):
    page = tmp_path / "page.tar.gz"
    page.write_text("<html>gone</html>")
    assert cli.main(["prepare", "notmnist-small", "--archive", str(page)]) == 1
    message = capsys.readouterr().err
    assert str(page) in message and message.count("\n") == 1
    with pytest.raises(Exception, match=r"page\.tar\.gz"):
        cli.main(["prepare", "notmnist-small", "--archive", str(page), "--debug"])


def test_the_help_of_every_command_has_examples_that_it_understands(capsys):
    listed = re.search(r"commands:\n  COMMAND\n(.+?)\n\n", help_of(capsys), re.DOTALL)[1]
    commands = re.findall(r"^    (\w+)", listed, re.MULTILINE)
    assert {"list", "info", "prepare", "verify", "run"} <= set(commands)
    for command in commands:
        _, examples = help_of(capsys, command).split("examples:\n")
        assert examples
        for example in examples.splitlines():
            program, *arguments = shlex.split(re.split("  +| >", example.strip())[0])
            assert program == "notmnist"
            assert cli._parser().parse_args(arguments).command


def help_of(capsys, *command):
    with pytest.raises(SystemExit):
        cli.main([*command, "--help"])
    return capsys.readouterr().out


COMMANDS = [
    ["prepare", "openglyphs"],
    ["list"],
    ["info", "openglyphs"],
    ["verify", "openglyphs"],
    ["export", "openglyphs", "--format", "idx", "--out", "~/exported"],
]


def test_every_command_takes_the_cache_folder_and_a_tilde_is_the_users_home(
    home, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for command in COMMANDS:
        assert cli.main([*command, "--home", "~/cache"]) == 0
    assert (tmp_path / "cache" / "openglyphs.joblib").is_file()
    assert (tmp_path / "exported" / "train-images-idx3-ubyte").is_file()
    assert not home.exists()
    assert cli.main(["prepare", "notmnist-small", "--archive", "~/none.tar.gz"]) == 1
    assert f"cannot read {tmp_path / 'none.tar.gz'} " in capsys.readouterr().err
    monkeypatch.setenv("NOTMNIST_HOME", "~nobody-of-that-name/cache")
    assert cli.main(["list"]) == 2
    assert "write the path without ~" in capsys.readouterr().err


def test_what_uses_no_cache_takes_no_folder_of_it(capsys):
    with pytest.raises(SystemExit):
        cli.main(["predict", "--home", "cache", "A.png"])
    assert "--home" in capsys.readouterr().err
    assert "--home" not in help_of(capsys, "predict")


def test_the_help_of_predict_tells_how_to_print_the_card(capsys):
    (command,) = re.findall(r"^  (python -c .+)$", help_of(capsys, "predict"), re.MULTILINE)
    program, *arguments = shlex.split(command)
    assert program == "python"
    shown = subprocess.run([sys.executable, *arguments], capture_output=True, text=True).stdout
    assert ast.literal_eval(shown) == notmnist.load_model().card
    assert {"A to J", "K to Z", "digits"} <= ast.literal_eval(shown)["doubted"].keys()


def test_what_is_said_is_one_line_that_does_not_command_the_terminal(capsys):
    say("two\nlines, \x1b[31mred\x1b[0m and \udcff")
    assert capsys.readouterr().err == "notmnist: two lines, \\x1b[31mred\\x1b[0m and \\udcff\n"


def test_a_reader_that_leaves_early_is_no_failure_to_tell_of(home):
    notmnist.prepare("openglyphs", home=home)
    with subprocess.Popen(
        [sys.executable, "-m", "notmnist", "info", "openglyphs"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="platform: needs Linux's /dev/full")
@pytest.mark.parametrize("arguments", [["list"], ["info", "openglyphs", "--json"]])
def test_an_output_that_takes_nothing_more_is_one_line(arguments, home):
    notmnist.prepare("openglyphs", home=home)
    command = [sys.executable, "-m", "notmnist", *arguments]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("notmnist: cannot use the output: No space left on device")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [["list"], ["prepare", "openglyphs"], ["info", "nope"]])
def test_commands_need_no_stdout_and_no_stderr(arguments):
    code = (
        "import sys\n"
        "sys.stdout = sys.stderr = None\n"
        "from notmnist import cli\n"
        f"sys.exit(cli.main({arguments}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert done.returncode == (2 if "nope" in arguments else 0)
    assert done.stdout == done.stderr == b""


def test_a_command_runs_in_a_notebook_whose_stdout_is_no_file():
    with redirect_stdout(StringIO()) as shown:
        assert cli.main(["list"]) == 0
    assert "openglyphs" in shown.getvalue()


INTERRUPTED = """
import runpy, sys

class CtrlC:
    def find_spec(self, name, *_):
        if name == {module!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, CtrlC())
sys.argv = ["notmnist", "list"]
runpy.run_module("notmnist", run_name="__main__")
"""


@pytest.mark.parametrize("module", ["notmnist.cli", "numpy", "notmnist.pipeline"])
def test_ctrl_c_while_a_command_still_imports_is_one_line(module):
    code = INTERRUPTED.format(module=module)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "notmnist: interrupted before anything was done\n"


def test_with_debug_an_interrupt_has_its_traceback():
    code = INTERRUPTED.format(module="numpy").replace('"list"', '"list", "--debug"')
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("KeyboardInterrupt\n")


EXPORTING = """
import os, signal, sys
from notmnist import cli, exports

def write(name, chosen, folder):
    (folder / "half.npz").touch()
    os.kill(os.getpid(), signal.{name})
    if signal.getsignal(signal.{name}) != signal.SIG_IGN:
        raise AssertionError("the signal did not end it")

signal.signal(signal.SIGHUP, signal.{before})
exports.FORMATS["npz"].__dict__["write"] = write
sys.exit(cli.main(["export", "openglyphs", "--format", "npz", "--out", {out!r}]))
"""


@pytest.mark.skipif(os.name == "nt", reason="platform: sends signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_that_ends_a_command_leaves_nothing_half_written(tmp_path, name):
    code = EXPORTING.format(name=name, before="SIG_DFL", out=str(tmp_path / "out" / "npz"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "notmnist: interrupted; earlier results are untouched\n"
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="platform: sends signals")
def test_a_closed_terminal_does_not_end_what_nohup_started(tmp_path):
    code = EXPORTING.format(name="SIGHUP", before="SIG_IGN", out=str(tmp_path / "npz"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in (tmp_path / "npz").iterdir()] == ["half.npz"]


@pytest.mark.parametrize(
    "arguments",
    [["export", "openglyphs", "--format", "idx", "--out", "out", "--counts", "9" * 400, "1"],
     ["export", "openglyphs", "--format", "idx", "--out", "out", "--counts", "9" * 5_000, "1"],
     ["run", "--seeds", "9" * 5_000]],
)  # fmt: skip
def test_numbers_of_many_digits_are_not_repeated_in_full(arguments, capsys):
    try:
        status = cli.main(arguments)
    except SystemExit as end:  # argparse's own
        status = end.code
    assert status == 2
    message = capsys.readouterr().err
    assert "9" * 10 in message and "9" * 21 not in message


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--home", ""],
        ["prepare", "notmnist-small", "--archive", ""],
        ["export", "openglyphs", "--format", "npz", "--out", ""],
        ["run", "01_sklearn_lr", "--scheduler", ""],
        ["run", "01_sklearn_lr", "--dataset", ""],
        ["run", "01_sklearn_lr", "--budget", ""],
        ["run", "01_sklearn_lr", "--seeds", ""],
        ["evaluate", "letters.csv", "--dataset", "openglyphs", "--against", ""],
    ],
)
def test_a_variable_that_is_not_set_is_not_taken_for_the_current_folder_nor_the_default(
    arguments, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        cli.main(arguments)
    assert f"{arguments[-2]}: it is empty: perhaps a variable" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_help_imports_little():
    heavy = {"joblib", "matplotlib", "nbclient", "scipy", "sklearn", "tensorflow", "distributed"}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "notmnist", "--help"],
        capture_output=True, text=True,
    )  # fmt: skip
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert "numpy" in imported
    assert heavy & imported == set()


def test_the_module_runs_as_a_command():
    result = subprocess.run(
        [sys.executable, "-m", "notmnist", "nope"], capture_output=True, text=True
    )
    assert result.returncode == 2
    assert "invalid choice" in result.stderr


def test_prepare_writes_the_groups_on_request_and_info_counts_them(capsys, home):
    assert cli.main(["prepare", "openglyphs", "--groups"]) == 0
    assert "near duplicates with conflicting letters" in capsys.readouterr().out
    near = notmnist.load("openglyphs", home=home).card["duplicates"]["near"]
    with open(home / "openglyphs-groups.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == near["grouped"]
    assert len({row["group"] for row in rows}) == near["groups"]
    exact = Counter(row["exact"] for row in rows)
    assert sum(count for count in exact.values() if count > 1) == 633  # the solid I
    assert cli.main(["info", "openglyphs"]) == 0
    assert f"{near['pairs']:,} pairs within 0.85 grey levels" in capsys.readouterr().out


def test_the_data_card_states_the_near_duplicates(pytestconfig):
    text = (pytestconfig.rootpath / "data" / "README.md").read_text(encoding="utf-8")
    data_card = " ".join(text.split())
    near = pipeline.prepare("openglyphs", groups=True)["duplicates"]["near"]
    assert f"{near['groups']} groups of {near['grouped']:,} images are near duplicates" in data_card
    leaked = (~notmnist.load("openglyphs").clean_test).sum()
    assert f"{leaked} test images have one in training" in data_card
