"""Exact and near duplicates up to full size, beside what one would write or install instead.

``python -m benchmarks.deduplication`` makes up to 529,119 training and 18,724 test images with the
generator, and takes half an hour or so. It looks for the test images' copies in training, then for
all groups within training. References run on a part, stated below, and are extrapolated in
proportion to the pairs or images they see; perceptual hashing is timed without any search for
similar hashes. First it plants near duplicates as the tests do, and compares what is found.
"""

import argparse
import math
import sys
import tempfile
import time
from hashlib import md5
from multiprocessing import get_context
from pathlib import Path

import imagehash
import numpy as np
from PIL import Image

import notmnist
from benchmarks.record import check_room, finish, measurement, save
from notmnist.deduplication import cells, coarse, distance, exact, near
from tools.openglyphs.archives import encode_png, read_archive
from tools.openglyphs.expansion import expand

SIZES, TEST = (18_726, 56_000, 529_119), 18_724
NAIVE_PART = 10  # test images that the naive loop compares with all of training
HASHED_PART = 2_000  # images that perceptual hashing hashes


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="of training")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    check_room(memory=4, disk=3)
    modules = [exact, near, cells, coarse, distance]
    planted = compare_recall()
    measured = []
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            test, train = (
                generate(folder / f"{split}.tar.gz", count, seed)
                for split, count, seed in (("test", TEST, 2), ("train", size, 1))
            )
            rounds = [measure(folder, test, train) for _ in range(options.rounds)]
        runs = {name: [figures[name] for figures in rounds] for name in rounds[0]}
        for what in ("near", "groups"):
            pairs, memory = runs[f"{what}, pairs"][0], max(runs[f"{what}, memory"])
            print(f"{size:,}, {what}: {pairs:,.0f} pairs, peak memory {memory:.2f} GB")
        measured += [
            measurement(name, size, "s", runs[ours], runs[reference], modules)
            | ({"planted": planted} if name.startswith("near") else {})
            for name, ours, reference in (
                ("exact duplicates, hashes of PNG files", "exact", "file hashes"),
                ("near duplicates, naive loop", "near", "naive"),
                ("near duplicates, perceptual hash", "near", "perceptual hash"),
                ("near duplicates, groups", "groups", "perceptual hash of training"),
            )
        ]
    print_growth(measured)
    save(measured)


def print_growth(measured: list[dict]) -> None:
    """Print with which power of the number of images the times grow, from the least to the most."""
    for name in dict.fromkeys(entry["name"] for entry in measured):
        first, *_, last = [entry for entry in measured if entry["name"] == name] * 2
        if last["size"] > first["size"]:
            times = last["size"] / first["size"]
            power = math.log(last["ours"] / first["ours"], times)
            print(f"{name}: grows with the power {power:.2f} from {first['size']:,} images on")


def generate(path: Path, count: int, seed: int) -> np.ndarray:
    """Make images with the generator; they stay in a file, which other processes map."""
    expand(path, count, seed)
    images = np.lib.format.open_memmap(
        path.with_suffix(".npy"), mode="w+", dtype=np.uint8, shape=(count, 28, 28)
    )
    for row, (_, _, image) in enumerate(read_archive(path)):
        images[row] = image
    path.unlink()
    return images


def measure(folder: Path, test: np.ndarray, train: np.ndarray) -> dict[str, float]:
    """Time every way once."""
    files = [encode_png(image) for image in train[:HASHED_PART]]
    hashing = timed(lambda: perceptual_hashes(train[:HASHED_PART])) / HASHED_PART
    hashed_share = HASHED_PART / (len(train) + len(test))
    figures = {
        "exact": timed(lambda: exact.repeats_of(test, train)),
        "file hashes": timed(lambda: {md5(file).digest() for file in files}) / hashed_share,
        "naive": timed(lambda: naive_loop(test[:NAIVE_PART], train)) * len(test) / NAIVE_PART,
        "perceptual hash": hashing * (len(train) + len(test)),
        "perceptual hash of training": hashing * len(train),
    }
    # Each in a process of its own, for its peak of memory.
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        return figures | pool.apply(search_near, (folder,)) | pool.apply(search_groups, (folder,))


def timed(job) -> float:
    """Return the seconds that a job takes."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def search_near(folder: Path) -> dict[str, float]:
    """Search near duplicates of the test images in training."""
    test, train = (mapped(folder, name) for name in ("test", "train"))
    start = time.perf_counter()
    pairs = near.near_pairs(test, train)
    return described("near", start, pairs)


def search_groups(folder: Path) -> dict[str, float]:
    """Search all groups within training."""
    train = mapped(folder, "train")
    start = time.perf_counter()
    pairs = near.near_pairs(train)
    near.near_groups(exact.first_copies(train), pairs)
    return described("groups", start, pairs)


def mapped(folder: Path, name: str) -> np.ndarray:
    """Map what `generate` left in a file."""
    return np.load(folder / f"{name}.tar.npy", mmap_mode="r")


def described(what: str, start: float, pairs: near.Pairs) -> dict[str, float]:
    """Return the seconds since the start, the pairs found and this process's peak of memory."""
    seconds = time.perf_counter() - start
    # Linux' other figure, ru_maxrss, begins with the peak of the process that started this one.
    status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    gigabytes = int(status["VmHWM"].split()[0]) / 1e6
    return {what: seconds, f"{what}, memory": gigabytes, f"{what}, pairs": len(pairs.first)}


def naive_loop(test: np.ndarray, train: np.ndarray) -> None:
    """Compare every test image with every training image by their L2 distance, at one shift."""
    for image in test:
        for start in range(0, len(train), 50_000):
            difference = train[start : start + 50_000].astype(np.float32) - image
            (difference**2).sum(axis=(1, 2)).min()


def perceptual_hashes(images: np.ndarray) -> np.ndarray:
    """Hash by the low frequencies, as imagehash does: 64 bits an image, as -1 and 1."""
    hashes = [imagehash.phash(Image.fromarray(image)).hash.ravel() for image in images]
    return np.where(np.array(hashes), 1, -1).astype(np.int8)


def compare_recall() -> dict[str, dict[str, float]]:
    """Count how many planted near duplicates each way finds, and how many other pairs with them."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from planting import KINDS, plant

    planted = plant(np.array(notmnist.load("openglyphs").test.images), count=1_000, seed=0)
    first = exact.first_copies(planted.images)
    rows = np.unique(first)
    found = near.near_pairs(planted.images)
    ways = {"near_pairs": set(zip(found.first.tolist(), found.second.tolist(), strict=True))}
    bits = perceptual_hashes(planted.images[rows]).astype(np.float32)
    differing = (64 - bits @ bits.T) / 2
    for most in (0, 4, 8):
        a, b = np.nonzero(np.triu(differing <= most, 1))
        ways[f"phash, {most} bits"] = set(zip(rows[a].tolist(), rows[b].tolist(), strict=True))
    figures: dict[str, dict[str, float]] = {}
    for name, pairs in ways.items():
        figures[name] = {}
        for number, kind in enumerate(KINDS):
            made = np.flatnonzero(planted.kind == number)
            ends = np.sort(np.stack([first[planted.source[made]], first[made]]), axis=0)
            hits = [a == b or (a, b) in pairs for a, b in ends.T.tolist()]
            figures[name][f"found of {kind}"] = float(np.mean(hits))
        a, b = np.array(sorted(pairs)).T
        figures[name]["precision of all pairs"] = float(planted.related(a, b).mean())
        print(f"{name:<16}", *(f"{what} {figure:.3f} " for what, figure in figures[name].items()))
    return figures


if __name__ == "__main__":
    finish(main)
