"""Interrupts as a person sends them, to real processes: nothing crashes, nothing is half done."""

import os
import random
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from conftest import CHECKOUT
from notmnist.deduplication.threads import in_threads

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="platform: Windows sends interrupts to a whole console"
)

LONGEST_WAIT_SECONDS = 30

# As a Jupyter kernel does, the process lives on after every interrupt.
SEARCHING = """
import sys, threading
import numpy as np, notmnist
from notmnist.deduplication import near_pairs
images = np.array(notmnist.load("openglyphs").test.images)[::2]
expected = near_pairs(images)
for _ in range(int(sys.argv[1])):
    try:
        print("searching", flush=True)
        while True:
            near_pairs(images)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
print(all(map(np.array_equal, near_pairs(images), expected)))
print([thread.name for thread in threading.enumerate() if "Pool" in thread.name])
"""


@pytest.mark.parametrize("interrupts", [12, pytest.param(60, marks=pytest.mark.soak)])
def test_an_interrupted_search_ends_soon_and_the_process_lives_on(interrupts):
    moments = random.Random(interrupts)
    with subprocess.Popen(
        [sys.executable, "-c", SEARCHING, str(interrupts)], cwd=CHECKOUT, text=True,
        stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        for _ in range(interrupts):
            assert process.stdout.readline() == "searching\n"
            time.sleep(moments.uniform(0, 0.3))
            process.send_signal(signal.SIGINT)
            while not select.select([process.stdout], [], [], LONGEST_WAIT_SECONDS)[0]:
                process.send_signal(signal.SIGINT)  # Python drops some, as in a `__del__`
            assert process.stdout.readline() == "interrupted\n"
        output, _ = process.communicate(timeout=LONGEST_WAIT_SECONDS)
    assert (output, process.returncode) == ("True\n[]\n", 0)


def test_an_interrupt_that_breaks_a_lock_is_still_an_interrupt():
    def work(piece):
        try:
            raise KeyboardInterrupt
        finally:
            threading.Lock().release()

    with pytest.raises(KeyboardInterrupt):
        in_threads(work, [1])


@pytest.mark.soak
@pytest.mark.parametrize(
    ("command", "kills", "interrupts"),
    [("run", 12, 8), ("export", 47, 13), ("groups", 47, 13), ("clean_test", 47, 13),
     ("site", 47, 13)],
)  # fmt: skip
def test_after_a_signal_at_any_moment_the_next_run_leaves_the_undisturbed_result(
    command, kills, interrupts, tmp_path
):
    script = Path(__file__).with_name("disturbing.py")
    arguments = [command, str(kills), str(interrupts), str(tmp_path)]
    done = subprocess.run(
        [sys.executable, script, *arguments], cwd=CHECKOUT, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, *lines = [line.split(maxsplit=3) for line in done.stdout.splitlines()]
    assert first[:2] == ["undisturbed", "0"]
    assert len(lines) == kills + interrupts
    assert {line[3] for line in lines} == {first[2]}
    assert {line[2] for line in lines} == {"0"}
    ends = {"SIGKILL": {"0", "-9"}, "SIGINT": {"0", "1"}}
    assert all(ended in ends[name] for name, ended, *_ in lines)
    for said in tmp_path.glob("*/said.txt"):
        assert "Traceback" not in said.read_text()
