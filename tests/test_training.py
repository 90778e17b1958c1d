import gc
import itertools

import numpy as np
import pytest

from notmnist import training
from notmnist.dataset import Split
from notmnist.errors import UsageError
from notmnist.training import keras, tf


@pytest.fixture(scope="module")
def bars():
    """Ten easy classes: a bright bar in another row, over noise."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, 600).astype(np.uint8)
    images = generator.integers(0, 100, (600, 28, 28)).astype(np.uint8)
    images[np.arange(600), 2 + 2 * labels] = 255
    index = np.zeros(600, np.int32)
    return Split(images, labels, index, np.array(["a"]), np.array(["a"]))


def softmax_regression(l2=0.0):
    return keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Flatten(),
            keras.layers.Dense(10, kernel_regularizer=keras.regularizers.L2(l2)),
        ]
    )


def fit(model, split, **options):
    options = {"steps": 60, "batch_size": 50, "seed": 0, "points": 3} | options
    optimizer = keras.optimizers.Adam(0.01)
    return training.fit(model, split[:500], split[500:], optimizer=optimizer, **options)


def test_scale_maps_grey_levels_to_minus_one_and_one():
    assert training.scale(np.array([0, 255], np.uint8)).numpy().tolist() == [-1.0, 1.0]


def test_a_model_learns_and_its_history_has_every_point(bars):
    training.set_seed(0)
    model = softmax_regression()
    history = fit(model, bars)
    assert history.steps == [20, 40, 60]
    assert history.valid_accuracy[-1] > 0.95
    assert history.valid_loss[-1] < history.valid_loss[0]
    assert history.train_seconds == sorted(history.train_seconds)
    assert history.evaluation_seconds > 0
    predicted = training.predict(model, bars.images[500:])
    assert predicted.dtype == np.uint8
    assert (predicted == bars.labels[500:]).mean() == history.valid_accuracy[-1]


def test_what_cannot_be_trained_is_told_at_once(bars):
    model, unbuilt = softmax_regression(), keras.Sequential([keras.layers.Dense(10)])
    nine = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(9)])
    for wrong, message in (
        ({"split": bars[:0]}, "the training split is empty"),
        ({"split": bars[:500]}, "the validation split is empty"),
        ({"model": unbuilt}, "begin it with keras.Input"),
        ({"model": nine}, r"has 9 outputs: end it with keras\.layers\.Dense\(10\)"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"steps": 0}, "must be at least 1"),
        ({"points": 0}, "must be at least 1"),
        ({"batch_size": 0}, "must be at least 1"),
    ):
        with pytest.raises(UsageError, match=message):
            fit(**{"model": model, "split": bars} | wrong)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(bars):
    weights = []
    for seed in (0, 0, 1):
        training.set_seed(seed)
        model = softmax_regression()
        fit(model, bars, seed=seed)
        weights.append(model.get_weights()[0])
    assert np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


def test_the_penalty_on_the_weights_reaches_the_gradient(bars):
    """One step of plain gradient descent, with and without: they differ by rate * 2 * l2 * w."""
    stepped = {}
    for l2 in (0.0, 0.1):
        training.set_seed(0)
        model = softmax_regression(l2)
        before = model.get_weights()[0]
        training.fit(
            model, bars[:500], bars[500:], optimizer=keras.optimizers.SGD(0.5),
            steps=1, batch_size=50, seed=0, points=1,
        )  # fmt: skip
        stepped[l2] = model.get_weights()[0]
    np.testing.assert_allclose(stepped[0.0] - stepped[0.1], 0.5 * 2 * 0.1 * before, atol=1e-6)


def test_the_loss_can_be_replaced(bars):
    training.set_seed(0)
    model = softmax_regression()
    before = model.get_weights()[0]
    fit(model, bars, steps=1, points=1, loss=lambda labels, logits: 0.0 * tf.reduce_sum(logits))
    assert np.array_equal(model.get_weights()[0], before)


def test_a_teacher_sees_the_batch_as_the_model_does_and_stands_in_for_the_labels(bars):
    """It names the next letter, of images that were turned upside down first."""
    training.set_seed(0)
    model, seen = softmax_regression(), []

    def teacher(images):
        seen.append(images)
        row = tf.argmax(tf.reduce_mean(images[:, ::-1], axis=2), axis=1)
        return tf.one_hot((row // 2) % 10, 10)

    def loss(probabilities, logits):
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(probabilities, logits))

    fit(model, bars, teacher=teacher, loss=loss, augment=lambda images: images[:, ::-1])
    assert len(seen) == 1  # inside the graph
    predicted = training.predict(model, bars.images[500:, ::-1])
    assert (predicted == (bars.labels[500:] + 1) % 10).mean() > 0.95


def test_every_epoch_visits_every_image_once():
    batches = training._batches(count=10, batch_size=4, seed=0)
    rows = np.concatenate([next(batches) for _ in range(5)])
    assert sorted(rows[:10]) == sorted(rows[10:]) == list(range(10))
    assert rows[:10].tolist() != rows[10:].tolist()


def test_a_batch_may_be_larger_than_the_training_set():
    assert len(next(training._batches(count=3, batch_size=8, seed=0))) == 8


def test_fit_seeds_predicts_every_test_set_with_every_seed(bars):
    from notmnist.dataset import Dataset

    data = Dataset("bars", bars[:400], bars[400:500], bars[500:], {})
    trained = training.fit_seeds(
        softmax_regression, lambda: keras.optimizers.Adam(0.01), data, {"bars": data.test},
        seeds=[0, 1], steps=20, batch_size=50, points=2,
    )  # fmt: skip
    assert len(trained.models) == len(trained.histories) == len(trained.predictions["bars"]) == 2
    (first, _), (letters, _) = trained.probabilities["bars"], trained.predictions["bars"]
    assert first.shape == (100, 10) and np.allclose(first.sum(axis=1), 1, atol=1e-5)
    assert letters.dtype == np.uint8 and np.array_equal(letters, first.argmax(axis=1))
    assert np.array_equal(letters, training.predict(trained.models[0], data.test.images))
    assert (trained.images, trained.parameters, trained.seeds) == (400, 7_850, [0, 1])


def begin_anew(monkeypatch):
    """Number models and runs from the start, as in a process of their own."""
    keras.utils.clear_session()
    monkeypatch.setattr(training, "_FITS", itertools.count())
    training.set_seed(0)


def test_a_run_is_resumed_bit_for_bit_also_where_dropout_is_drawn_afterwards(
    bars, tmp_path, monkeypatch
):
    def train():
        begin_anew(monkeypatch)
        model = keras.Sequential([*softmax_regression().layers, keras.layers.Dropout(0.5)])
        history = fit(model, bars)
        afterwards = model(training.scale(bars.images[:5]), training=True).numpy()
        return history, model.get_weights(), afterwards

    plain = train()
    monkeypatch.setenv("NOTMNIST_CHECKPOINTS", str(tmp_path))
    first = train()
    (kept,) = tmp_path.iterdir()
    monkeypatch.setattr(training, "_train", None)
    second = train()
    assert second[0] == first[0]
    for a, b in ((plain, first), (first, second)):
        assert a[0].valid_loss == b[0].valid_loss
        assert all(map(np.array_equal, a[1], b[1])) and np.array_equal(a[2], b[2])
    kept.write_bytes(kept.read_bytes()[:100])  # as a full disk leaves it
    with pytest.raises(TypeError):
        train()  # trains anew, with what is None here


@pytest.mark.parametrize("change", [{"steps": 30}, {"batch_size": 40}, {"seed": 1}, {"l2": 0.1}])
def test_another_run_is_not_taken_for_the_one_that_was_kept(bars, tmp_path, monkeypatch, change):
    monkeypatch.setenv("NOTMNIST_CHECKPOINTS", str(tmp_path))
    for options in ({}, change):
        begin_anew(monkeypatch)
        fit(softmax_regression(options.pop("l2", 0.0)), bars, **options)
    assert len(list(tmp_path.iterdir())) == 2


def test_two_runs_of_one_notebook_that_differ_in_the_loss_alone_are_kept_apart(
    bars, tmp_path, monkeypatch
):
    monkeypatch.setenv("NOTMNIST_CHECKPOINTS", str(tmp_path))
    begin_anew(monkeypatch)
    for scale in (1.0, 0.0):
        training.set_seed(0)
        loss = lambda labels, logits, scale=scale: scale * training.cross_entropy(labels, logits)  # noqa: E731
        history = fit(softmax_regression(), bars, loss=loss)
    assert history.valid_accuracy[-1] < 0.5


def test_there_are_no_more_points_than_steps(bars):
    assert fit(softmax_regression(), bars, steps=2, points=20).steps == [1, 2]


def test_many_models_in_a_row_bring_no_warning(bars, caplog):
    for _ in range(7):
        fit(softmax_regression(), bars, steps=1, points=1)
    assert "retracing" not in caplog.text


def test_training_leaves_no_images_in_memory(bars):
    fit(softmax_regression(), bars, steps=3)
    gc.collect()
    tensors = [value for value in gc.get_objects() if isinstance(value, tf.Tensor)]
    held = [str(value.shape) for value in tensors if not tf.is_symbolic_tensor(value)]
    assert "(500, 28, 28)" not in held


def test_seconds_to_finds_the_first_point_at_the_accuracy():
    history = training.History(
        steps=[1, 2, 3], train_seconds=[0.5, 1.0, 1.5], valid_accuracy=[0.7, 0.9, 0.95]
    )
    assert history.seconds_to(0.9) == 1.0
    assert history.seconds_to(0.99) is None
