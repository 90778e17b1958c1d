"""Alter pickles, archives and images, and see that each ends in a value or in NotMNISTError.

``python tests/fuzz.py --minutes 10`` keeps what ends otherwise in tests/corpus, for test_faults.
"""

import argparse
import gzip
import random
import resource
import signal
import sys
import tempfile
import time
import zlib
from collections import Counter
from pathlib import Path

import test_extraction
import test_pickling
from archives import tar_gz

from notmnist import NotMNISTError, read_pickle
from notmnist.archives import extraction

CORPUS = Path(__file__).with_name("corpus")
ENDS = {"value", "refused"}
LONGEST_SECONDS, MOST_MEGABYTES = 5, 256
FORBIDDEN = {signal.SIGALRM, "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen"}
TOKENS = [
    *test_pickling.TOKENS, b"\x7f\xff\xff\xff", b"\xff" * 8, bytes(8), bytes(512), b"77777777777",
    b"L", b"x", b"g", b"IHDR", b"IDAT", b"tRNS", b"iCCP", b"acTL", b"fdAT", b"zTXt", b"../",
]  # fmt: skip


def seeds(folder: Path) -> dict[str, list[bytes]]:
    """Make the inputs to alter; those that run code would leave ``folder/marker``."""
    members = [pair for pair in test_extraction.ODD.values() if len(pair[1]) < 5000]
    tars = [gzip.decompress(packed(folder, member)) for member in members]
    start = test_extraction.TWO[: 2 * test_extraction.BLOCKS]
    tars += [test_extraction.TWO, *(start + tar for tar in test_extraction.HOSTILE.values())]
    return {
        "pickle": test_pickling.plain_pickles() * 4 + test_pickling.hostile_pickles(folder),
        "tar": [tar for tar in tars if len(tar) < 50_000],
        "gzip": [gzip.compress(tar) for tar in tars],
        "png": [test_extraction.GOOD, *(content for _, content in members)],
    }


def alter(rng: random.Random, corpus: list[bytes]) -> bytes:
    """Alter an input in a few places, or cross it with another."""
    content, other = bytearray(rng.choice(corpus)), rng.choice(corpus)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at, start = rng.randrange(len(content) + 1), rng.randrange(len(other) + 1)
        length = rng.choice((0, 1, 1, 2, 4, 8, 64, 512))
        pieces = (b"", rng.randbytes(length), rng.choice(TOKENS), other[start : start + length])
        content[at : at + rng.choice((0, length))] = rng.choice(pieces)
    return bytes(content)


# Behind a wrong checksum the reader would not look.
def repair_tar(content: bytes) -> bytes:
    repaired = bytearray(content)
    for at in range(0, len(content), 512):
        if content[at + 257 : at + 262] == b"ustar":
            repaired[at + 148 : at + 156] = b" " * 8
            repaired[at + 148 : at + 156] = b"%06o\0 " % sum(repaired[at : at + 512])
    return bytes(repaired)


def repair_png(content: bytes) -> bytes:
    repaired, at = bytearray(content), 8
    while (end := at + 8 + int.from_bytes(content[at : at + 4], "big")) + 4 <= len(content):
        repaired[end : end + 4] = zlib.crc32(content[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(repaired)


def packed(folder: Path, member: tuple) -> bytes:
    good = ("A/good.png", test_extraction.GOOD)
    return tar_gz(folder / "packed", [good, member]).read_bytes()


def megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def outcome(target: str, content: bytes, folder: Path, lenient: bool) -> str:
    """Read an input as users would, and tell how it ended."""
    if target == "png":
        content = packed(folder, ("B/altered.png", content))
    path = folder / "input"
    path.write_bytes(gzip.compress(content, 1) if target == "tar" else content)
    try:
        if target == "pickle":
            read_pickle(path)
        else:
            extraction.extract(path, test_extraction.ANY, "skip" if lenient else "raise")
        end = "value"
    except NotMNISTError as error:
        end = "refused" if "\n" not in str(error) else "refused in two lines"
    return "ran code" if (folder / "marker").exists() else end


def forbid(event: str | int, _: object) -> None:
    if event in FORBIDDEN:
        raise SystemExit  # nothing on the way catches it


def guarded(*arguments) -> str:
    before = megabytes()
    signal.setitimer(signal.ITIMER_REAL, LONGEST_SECONDS)
    try:
        end = outcome(*arguments)
    except (Exception, SystemExit) as error:
        end = type(error).__name__
    signal.setitimer(signal.ITIMER_REAL, 0)
    return "took much memory" if megabytes() - before > MOST_MEGABYTES else end


def fuzz(seconds: float, rng: random.Random, folder: Path) -> int:
    """Print what became of the inputs, and return 1 when one did not end as it should."""
    corpora, counts, slowest = seeds(folder), Counter(), Counter()
    at_start, deadline = megabytes(), time.monotonic() + seconds
    while (start := time.monotonic()) < deadline:
        target = rng.choice(list(corpora))
        content = alter(rng, corpora[target])
        if rng.random() < 0.7:
            content = {"tar": repair_tar, "png": repair_png}.get(target, bytes)(content)
        end = guarded(target, content, folder, rng.random() < 0.5)
        slowest[target] = max(slowest[target], time.monotonic() - start)
        counts[target, end] += 1
        if end not in ENDS:
            CORPUS.mkdir(exist_ok=True)
            (CORPUS / f"{target}-{zlib.crc32(content):08x}").write_bytes(content)
    for target in corpora:
        ends = {end: number for (name, end), number in counts.items() if name == target}
        print(f"{target}: {sum(ends.values()):,} inputs, {ends}, slowest {slowest[target]:.3f} s")
    print(f"peak memory: {megabytes():.0f} MB, {at_start:.0f} MB before")
    return int(any(end not in ENDS for _, end in counts))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    sys.addaudithook(forbid)
    signal.signal(signal.SIGALRM, forbid)
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(fuzz(options.minutes * 60, random.Random(options.seed), Path(temporary)))
