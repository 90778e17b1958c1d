"""Alter pickles, archives and images, and see that each ends in a value or in NotMNISTError.

What is accepted of a tar archive or an image must also be what tarfile, or the decoder by the book
in test_png, makes of it. ``python tests/fuzz.py --minutes 10`` keeps what ends otherwise in
tests/corpus, for test_faults.
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

import numpy as np
import test_extraction
import test_packings
import test_pickling
import test_plain_tar
import test_png
from archives import pack

from notmnist import NotMNISTError, read_pickle
from notmnist.archives import extraction, png
from notmnist.archives.tars import Tar

CORPUS = Path(__file__).with_name("corpus")
ENDS = {"value", "refused"}
LONGEST_SECONDS, MOST_MEGABYTES = 5, 256
FORBIDDEN = {signal.SIGALRM, "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen"}
TOKENS = [
    *test_pickling.TOKENS, b"\x7f\xff\xff\xff", b"\xff" * 8, bytes(8), bytes(512), b"77777777777",
    b"L", b"x", b"g", b"IHDR", b"IDAT", b"tRNS", b"iCCP", b"acTL", b"fdAT", b"zTXt", b"../",
    b"PK\3\4", b"PK\1\2", b"PK\5\6", b"PK\6\6",
]  # fmt: skip


def seeds(folder: Path) -> dict[str, list[bytes]]:
    """Make the inputs to alter; those that run code would leave ``folder/marker``."""
    start = test_extraction.TWO[: 2 * test_extraction.BLOCKS]
    members = [*test_plain_tar.PLAIN.values(), *test_plain_tar.ODD.values()]
    tars = [test_extraction.TWO, *(start + tar for tar in test_extraction.HOSTILE.values())]
    tars += [start + tar + test_plain_tar.END for tar in members]
    images = [*test_png.SOUND.values(), *test_png.UNSOUND.values()]
    letters = {f"{letter}/x.png": image for letter, image in zip("ABCDE", images, strict=False)}
    return {
        "pickle": test_pickling.plain_pickles() * 4 + test_pickling.hostile_pickles(folder),
        "tar": [tar for tar in tars if len(tar) < 50_000],
        "gzip": [gzip.compress(tar) for tar in tars],
        "png": [image for image in images if len(image) < 50_000],
        "zip": [
            pack(folder / "seed.zip", content).read_bytes()
            for content in (letters, letters | test_packings.JUNK, {})
        ],
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
def repair_png(content: bytes) -> bytes:
    repaired, at = bytearray(content), 8
    while (end := at + 8 + int.from_bytes(content[at : at + 4], "big")) + 4 <= len(content):
        repaired[end : end + 4] = zlib.crc32(content[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(repaired)


MUTATIONS = {"tar": test_plain_tar.mutated, "png": test_png.mutated}
REPAIRS = {"tar": test_plain_tar.with_checksums, "png": repair_png}


def megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def outcome(target: str, content: bytes, folder: Path, lenient: bool) -> str:
    """Read an input as users would, and tell how it ended."""
    path = folder / "input"
    path.write_bytes(content)
    try:
        if target == "pickle":
            read_pickle(path)
        elif target == "png":
            return compared_with_the_book(content)
        else:
            if target != "zip":
                compare_with_tarfile(path, target)
            extraction.extract(path, test_extraction.ANY, "skip" if lenient else "raise")
        end = "value"
    except NotMNISTError as error:
        end = "refused" if "\n" not in str(error) else "refused in two lines"
    return "ran code" if (folder / "marker").exists() else end


def compared_with_the_book(content: bytes) -> str:
    (image,), (problem,) = png.decode([content])
    expected = test_png.by_the_book(content)
    if problem:
        return "refused" if expected is None else "refused, and the book accepts it"
    return "value" if np.array_equal(image, expected) else "other pixels than the standard's"


def compare_with_tarfile(path: Path, target: str) -> None:
    members = list(Tar(path).members(lambda name: True))
    content = path.read_bytes()
    tar = gzip.decompress(content) if target == "gzip" else content
    if members != test_plain_tar.by_tarfile(tar):
        raise AssertionError("other members than by tarfile")


def forbid(event: str | int, _: object) -> None:
    if event in FORBIDDEN:
        raise SystemExit  # nothing on the way catches it


def altered(rng: random.Random, target: str, corpus: list[bytes]) -> bytes:
    """Alter an input with or without regard for its format."""
    if target in MUTATIONS and rng.random() < 0.5:
        return MUTATIONS[target](rng)
    content = alter(rng, corpus)
    return REPAIRS[target](content) if target in REPAIRS and rng.random() < 0.7 else content


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
        content = altered(rng, target, corpora[target])
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
