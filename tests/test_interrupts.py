"""Interrupts as a person sends them, to real processes: nothing crashes, nothing is half done."""

import random
import select
import signal
import subprocess
import sys
import time

import pytest

from conftest import CHECKOUT

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
