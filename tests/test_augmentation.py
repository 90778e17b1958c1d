"""Augmentation inside the graph: shapes, range, shares, repeatability, and letters that stay."""

import numpy as np
import pytest

from notmnist import training
from notmnist.augmentation import Augmentation
from notmnist.dataset import Split
from notmnist.training import keras, tf

CHANGES = list(vars(Augmentation()))


def only(**shares: float) -> Augmentation:
    return Augmentation(**(dict.fromkeys(CHANGES, 0.0) | shares))


@pytest.fixture
def glyphs() -> np.ndarray:
    """Draw 60 crosses of all weights, each filling its box, with a narrow gap left of the stem."""
    images = np.zeros((60, 28, 28), np.uint8)
    for i, image in enumerate(images):
        width, column, row = 2 + i % 5, 4 + i % 3 * 8, 2 + i % 4 * 6
        image[:, column : column + width] = 255
        image[:, column - 4] = 255
        image[row : row + width] = 255
    return images


def scaled(images: np.ndarray) -> tf.Tensor:
    return training.scale(tf.constant(images))


@pytest.mark.parametrize("change", [*CHANGES, "all"])
def test_every_change_keeps_shape_range_and_ink(glyphs, change):
    training.set_seed(0)
    augment = Augmentation() if change == "all" else only(**{change: 1.0})
    varied = augment(scaled(glyphs))
    assert varied.shape == (60, 28, 28) and varied.dtype == tf.float32
    assert np.isfinite(varied).all() and np.abs(varied).max() <= 1.0
    assert np.ptp(varied, axis=(1, 2)).min() > 0.5  # no image is wiped out
    assert len(np.unique(varied.numpy().reshape(60, -1), axis=0)) == 60


@pytest.mark.parametrize("change", CHANGES)
def test_the_share_of_changed_images_is_the_one_asked_for(glyphs, change):
    training.set_seed(0)
    images = scaled(glyphs)
    differs = np.any(only(**{change: 0.25})(images) != images, axis=(1, 2))
    assert differs.sum() == 15
    assert np.any(only(**{change: 1.0})(images) != images, axis=(1, 2)).sum() >= 55


def test_zero_shares_change_nothing(glyphs):
    images = scaled(glyphs)
    assert only()(images) is images


def test_rows_to_change_are_drawn_anew_each_time(glyphs):
    training.set_seed(0)
    images = scaled(glyphs)
    augment = only(inverse=0.5)
    first, second = (np.any(augment(images) != images, axis=(1, 2)) for _ in range(2))
    assert first.sum() == second.sum() == 30 and (first != second).any()


def test_a_seed_repeats_bit_for_bit(glyphs):
    images, drawn = scaled(glyphs), []
    for seed in (3, 3, 4):
        training.set_seed(seed)
        augment = tf.function(Augmentation())
        drawn.append(np.stack([augment(images) for _ in range(2)]))
    assert (drawn[0] == drawn[1]).all()
    assert (drawn[0] != drawn[2]).any() and (drawn[0][0] != drawn[0][1]).any()


def test_warped_ink_fills_the_box_again(glyphs):
    training.set_seed(0)
    varied = only(warp=1.0)(scaled(glyphs)).numpy()
    for sides in (varied[:, :2], varied[:, -2:], varied[:, :, :2], varied[:, :, -2:]):
        assert sides.max(axis=(1, 2)).min() > -0.9
    assert not (varied == np.asarray(scaled(glyphs))).all(axis=(1, 2)).any()


def test_letters_stay_themselves():
    """A bar stays a bar: its top is left of its foot, or right, but it has no hole."""
    training.set_seed(0)
    bar = np.zeros((40, 28, 28), np.uint8)
    bar[:, :, 9:19] = 255
    for change in ("weight", "warp", "bend", "perspective"):
        ink = only(**{change: 1.0})(scaled(bar)).numpy() > 0
        runs = np.diff(ink.astype(int), axis=2, prepend=0).clip(0).sum(axis=2)
        assert runs[:, 4:-4].max() == 1  # the ends of a bent bar are wavy


def test_inverse_letters_are_dark_on_bright(glyphs):
    training.set_seed(0)
    images = scaled(glyphs)
    varied = only(inverse=1.0)(images)
    assert (np.mean(varied, axis=(1, 2)) > np.mean(images, axis=(1, 2))).mean() > 0.8


def test_narrow_counters_are_filled_and_wide_ones_stay():
    training.set_seed(0)
    images = np.zeros((40, 28, 28), np.uint8)
    images[:, :, [4, 8, 26]] = 255
    closed = only(closing=1.0)(scaled(images)).numpy()
    assert (closed[:, :, 5:8] == 1).all() and (closed[:, :, 9:26] == -1).all()


def test_a_swash_is_one_more_stroke():
    training.set_seed(0)
    bar = np.zeros((60, 28, 28), np.uint8)
    bar[:, :, 9:19] = 255
    ink = only(swash=1.0)(scaled(bar)).numpy() > 0
    runs = np.diff(ink.astype(int), axis=2, prepend=0).clip(0).sum(axis=2)
    assert (runs.max(axis=1) > 1).mean() > 0.5


def test_an_enclosed_letter_is_small_in_a_shape_that_fills_the_box(glyphs):
    training.set_seed(0)
    varied = only(enclosure=1.0)(scaled(glyphs)).numpy()
    assert (varied[:, 9:19, 9:19].max(axis=(1, 2)) > 0).all()
    for sides in (varied[:, :1], varied[:, -1:], varied[:, :, :1], varied[:, :, -1:]):
        assert (sides.max(axis=(1, 2)) > -0.5).all()


def test_thinning_leaves_hairlines():
    training.set_seed(0)
    hairline = np.zeros((50, 28, 28), np.uint8)
    hairline[:, :, 13] = 255
    assert only(weight=1.0)(scaled(hairline)).numpy().max(axis=(1, 2)).min() > 0.5


@pytest.mark.parametrize("level", [0, 255])
def test_empty_and_solid_images_do_no_harm(level):
    training.set_seed(0)
    images = scaled(np.full((20, 28, 28), level, np.uint8))
    for change in CHANGES:
        varied = only(**{change: 1.0})(images).numpy()
        assert np.isfinite(varied).all() and np.abs(varied).max() <= 1.0


@pytest.mark.parametrize("count", [0, 1])
def test_tiny_batches(count, glyphs):
    training.set_seed(0)
    assert Augmentation()(scaled(glyphs[:count])).shape == (count, 28, 28)


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_what_is_no_share_is_refused(share):
    with pytest.raises(ValueError, match="stripes is a share of the images, 0 to 1"):
        Augmentation(stripes=share)


def train(glyphs: np.ndarray, augment, rate: float = 1e-3) -> tuple[list[np.ndarray], list[float]]:
    count, names = len(glyphs), np.array(["font"])
    split = Split(glyphs, np.arange(count, dtype=np.uint8) % 10, np.zeros(count, int), names, names)
    training.set_seed(0)
    model = keras.Sequential(
        [keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10)]
    )
    history = training.fit(
        model, split, split[:20], optimizer=keras.optimizers.SGD(rate), seed=0,
        steps=5, batch_size=20, points=2, augment=augment,
    )  # fmt: skip
    return model.get_weights(), history.train_loss + history.valid_loss


def test_fit_augments_its_batches_and_repeats(glyphs):
    plain, _ = train(glyphs, None)
    first, second = (train(glyphs, Augmentation()) for _ in range(2))
    assert first[1] == second[1]
    assert all((a == b).all() for a, b in zip(first[0], second[0], strict=True))
    assert any((a != b).any() for a, b in zip(plain, first[0], strict=True))


def test_fit_evaluates_images_as_they_are(glyphs):
    _, plain = train(glyphs, None, rate=0.0)
    _, varied = train(glyphs, Augmentation(), rate=0.0)
    assert plain == varied
