"""Compare our training loop with the original's: the time per step, and to the same accuracy.

``python -m benchmarks.training`` runs in turn every recipe of `recipes` and the same architecture
in our loop, on the same images, in batches of 1,000, evaluated as often as the recipe does. It then
trains our way, by Adam with a cosine schedule, until the validation accuracy is that of the recipe
at its end. ``--curves`` records these accuracies by running the recipes completely, which takes
hours.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

import notmnist
from benchmarks import architectures, recipes
from benchmarks.recipes import BATCH, RECIPES, Session
from benchmarks.record import check_room, finish, measurement, save
from notmnist import files, training
from notmnist.dataset import Split
from notmnist.training import keras, tf

SIZES = (18_726, 56_000, 529_119)  # the numbers of images of the measured epochs
CURVES = Path(__file__).with_name("recipes.json")
MODULES = (architectures, recipes, training)
# The number of steps that take about a second, by recipe.
STEPS = dict.fromkeys(RECIPES, 25) | {
    "softmax regression": 500,
    "LSTM": 10,
    "three stacked LSTMs": 5,
}
FEED_FORWARD = [name for name, recipe in RECIPES.items() if recipe.notebook != "09_rnn"]
# What we train to a recipe's accuracy, where it is not the recipe's own architecture.
TRAINED_AS = {"SimpleRNN": "SimpleRNN from identity"}
# Our settings: steps, batch size, Adam's initial learning rate, and dropout rate.
OURS = dict.fromkeys(RECIPES, (600, 250, 2e-3, 0.25)) | {
    "softmax regression": (300, 1_000, 5e-3, 0.0),
    "SimpleRNN": (1_200, 128, 2.5e-3, 0.4),
    "LSTM": (700, 250, 7e-3, 0.3),
    "three stacked LSTMs": (700, 250, 5e-3, 0.3),
}


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--models", nargs="+", default=list(RECIPES), choices=list(RECIPES))
    parser.add_argument("--curves", action="store_true", help="only record the recipes' accuracies")
    parser.add_argument(
        "--most-steps", type=int, default=60_000, help="largest number of steps of a recipe"
    )
    options = parser.parse_args()
    check_room(memory=4, disk=0.1)
    data = notmnist.load("openglyphs")
    if options.curves:
        for name in options.models:
            save_curve(name, data, options.most_steps)
        return
    measured = []
    for name in options.models:
        measured += measure(name, data, options.rounds)
    measured += [measure_epoch(size, data, options.rounds) for size in SIZES]
    save(measured)


def save_curve(name: str, data: notmnist.Dataset, most_steps: int) -> None:
    """Run a recipe completely, and save the curve of its validation accuracy."""
    points = list(Session(RECIPES[name], data.train, data.valid).curve(most_steps))
    steps, accuracy = zip(*points, strict=True)
    curve = {"steps": steps, "accuracy": accuracy, "code": files.sha256(recipes.__file__)}
    files.write_text(CURVES, json.dumps(curves() | {name: curve}) + "\n")
    print(f"{name}: {accuracy[-1]:.4f} after {steps[-1]:,} steps")


def measure(name: str, data: notmnist.Dataset, rounds: int) -> list[dict]:
    """Measure one model in every way, one after another in each round."""
    session = Session(RECIPES[name], data.train, data.valid)
    ways = {
        "ours": lambda _: our_step(name, data.train, data.valid, STEPS[name]),
        "reference": lambda _: reference_step(session, STEPS[name]),
        "arithmetic": lambda _: arithmetic(name, data),
    }
    if name in curves():
        ways["to accuracy"] = lambda seed: seconds_to(name, data, target(name), seed)
    if name in FEED_FORWARD:
        ways["bfloat16"] = lambda _: our_step(
            name, data.train, data.valid, STEPS[name], "mixed_bfloat16"
        )[0]
    runs = {way: [] for way in ways}
    for seed in range(rounds):
        for way, timed in ways.items():
            runs[way].append(timed(seed))
    print(name, {way: np.round(figures, 2).tolist() for way, figures in runs.items()}, flush=True)
    return entries(name, len(data.train), runs)


def entries(name: str, size: int, runs: dict[str, list]) -> list[dict]:
    """Return the entries of a model's measurements."""
    label = label_of(name)
    ours, without_evaluation = zip(*runs["ours"], strict=True)
    rows = [
        ("step", "ms", ours, runs["reference"]),
        ("arithmetic", "ms", without_evaluation, runs["arithmetic"]),
    ]
    if "bfloat16" in runs:
        rows.append(("bfloat16", "ms", runs["bfloat16"], runs["reference"]))
    if np.isfinite(runs.get("to accuracy", [np.inf])).all():
        whole, until = (
            [step * steps / 1e3 for step in runs["reference"]]
            for steps in (curves()[name]["steps"][-1], first_step(name))
        )
        rows.append(("accuracy", "s", runs["to accuracy"], whole))
        rows.append(("accuracy, first reached", "s", runs["to accuracy"], until))
    return [
        measurement(f"{kind}/{label}", size, unit, ours, reference, MODULES)
        for kind, unit, ours, reference in rows
    ]


def measure_epoch(size: int, data: notmnist.Dataset, rounds: int) -> dict:
    """Measure an epoch of the softmax regression on a number of images, some repeated."""
    name, steps = "softmax regression", size // BATCH
    train = data.train[np.arange(size) % len(data.train)]
    session = Session(RECIPES[name], train, data.valid)
    ours, reference = [], []
    for _ in range(rounds):
        ours.append(our_step(name, train, data.valid, steps)[0] * steps / 1e3)
        reference.append(reference_step(session, steps) * steps / 1e3)
    return measurement(f"epoch/{label_of(name)}", size, "s", ours, reference, MODULES)


def label_of(name: str) -> str:
    """Name a recipe after its notebook, with its own name if the notebook has several recipes."""
    notebook = RECIPES[name].notebook
    several = sum(recipe.notebook == notebook for recipe in RECIPES.values()) > 1
    return f"{notebook}, {name}" if several else notebook


def reference_step(session: Session, steps: int) -> float:
    """Return the milliseconds per step of the recipe, including its share of an evaluation."""
    session.step()
    start = time.perf_counter()
    for _ in range(steps):
        session.step()
    middle = time.perf_counter()
    session.evaluate()
    end = time.perf_counter()
    return 1e3 * ((middle - start) / steps + (end - middle) / session.recipe.every)


def our_step(
    name: str, train: Split, valid: Split, steps: int, policy: str = "float32"
) -> tuple[float, float]:
    """Return the milliseconds per step of our loop, with and without evaluation.

    The steps up to the first point of the curve do not count, because they include the tracing of
    the graph.
    """
    recipe, points = RECIPES[name], min(10, steps)
    optimizer = keras.optimizers.SGD if name in FEED_FORWARD else keras.optimizers.Adam
    history = training.fit(
        build(name, policy), train, valid, optimizer=optimizer(recipe.rate),
        loss=loss_of(name), steps=2 * steps, batch_size=BATCH, seed=0, points=points,
    )  # fmt: skip
    seconds, done = (values[-1] - values[0] for values in (history.train_seconds, history.steps))
    evaluation = history.evaluation_seconds / (2 * points)  # of two splits of the same size
    return 1e3 * (seconds / done + evaluation / recipe.every), 1e3 * seconds / done


def arithmetic(name: str, data: notmnist.Dataset) -> float:
    """Return the milliseconds to compute the gradients of one batch that is already in memory."""
    model, loss = build(name), loss_of(name)
    images = training.scale(data.train.images[:BATCH])
    labels = tf.constant(data.train.labels[:BATCH].astype(np.int32))

    @tf.function
    def gradients() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            value = loss(labels, model(images, training=True))
        return tape.gradient(value, model.trainable_variables)

    gradients()
    start = time.perf_counter()
    for _ in range(STEPS[name]):
        gradients()
    return 1e3 * (time.perf_counter() - start) / STEPS[name]


def seconds_to(name: str, data: notmnist.Dataset, accuracy: float, seed: int) -> float:
    """Return the seconds to a validation accuracy, including tracing and all evaluations.

    If a run does not reach the accuracy, all of its time counts, and a second run has twice as many
    steps. If that does not reach it either, the result is infinite.
    """
    steps, batch_size, rate, drop = OURS[name]
    spent = 0.0
    for _ in range(2):
        training.set_seed(seed)
        schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
        history = training.fit(
            build(TRAINED_AS.get(name, name), drop=drop), data.train, data.valid,
            optimizer=keras.optimizers.Adam(schedule, global_clipnorm=1.0),
            steps=steps, batch_size=batch_size, seed=seed, points=20,
        )  # fmt: skip
        reached = np.flatnonzero(np.array(history.valid_accuracy) >= accuracy)
        last = reached[0] if len(reached) else -1
        share = history.steps[last] / steps
        spent += history.train_seconds[last] + share * history.evaluation_seconds
        if len(reached):
            return spent
        steps *= 2
    print(f"{name}: our accuracy ends at {history.valid_accuracy[-1]:.4f}, below {accuracy:.4f}")
    return np.inf


def target(name: str) -> float:
    """Return the accuracy that a recipe ends with."""
    return curves()[name]["accuracy"][-1]


def first_step(name: str) -> int:
    """Return the step at which a recipe first had the accuracy that it ends with."""
    curve = curves()[name]
    points = zip(curve["steps"], curve["accuracy"], strict=True)
    return next(step for step, accuracy in points if accuracy >= target(name))


def curves() -> dict[str, dict]:
    """Read the accuracy curves of the recipes that have been run completely."""
    known = json.loads(CURVES.read_text(encoding="utf-8")) if CURVES.exists() else {}
    code = files.sha256(recipes.__file__)
    return {name: curve for name, curve in known.items() if curve["code"] == code}


def build(name: str, policy: str = "float32", drop: float | None = None) -> keras.Model:
    """Build a recipe's architecture with a dtype policy, and with its dropout rate or another."""
    keras.config.set_dtype_policy(policy)
    try:
        return architectures.build(name, RECIPES[name].drop if drop is None else drop)
    finally:
        keras.config.set_dtype_policy("float32")


def loss_of(name: str):
    """Return the loss of a recipe, including its penalty on the loss itself."""
    factor = RECIPES[name].loss_penalty

    def loss(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        value = training.cross_entropy(labels, logits)
        return value + factor * tf.nn.l2_loss(value) if factor else value

    return loss


if __name__ == "__main__":
    finish(main)
