import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
from matplotlib import pyplot as plt

from notmnist import plotting
from notmnist.dataset import Split
from notmnist.training import History


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def letters():
    labels = np.repeat(np.arange(10, dtype=np.uint8), 3)
    images = np.zeros((30, 28, 28), np.uint8) + 20 * labels[:, None, None]
    return Split(images, labels, np.zeros(30, np.int32), np.array(["a"]), np.array(["a"]))


def test_a_contact_sheet_has_one_row_per_letter(letters):
    figure = plotting.contact_sheet(letters, 2, "letters")
    (axes,) = figure.axes
    assert axes.get_title() == "letters"
    assert [label.get_text() for label in axes.get_yticklabels()] == list("ABCDEFGHIJ")
    sheet = axes.images[0].get_array()
    assert sheet.shape == (280, 56)
    assert (sheet[28 * 3 : 28 * 4] == 60).all()


def test_a_contact_sheet_leaves_missing_letters_black(letters):
    few = letters[letters.labels != 4]
    sheet = plotting.contact_sheet(few, 5, "few").axes[0].images[0].get_array()
    assert sheet.shape == (280, 140)
    assert not sheet[28 * 4 : 28 * 5].any()


def test_a_gallery_captions_its_images_and_hides_the_rest():
    figure = plotting.gallery(np.ones((5, 28, 28), np.uint8), list("abcde"), "five", columns=4)
    assert [axes.get_title() for axes in figure.axes][:5] == list("abcde")
    assert len(figure.axes) == 8
    assert not any(axes.axison for axes in figure.axes)
    assert [len(axes.patches) for axes in figure.axes] == [1] * 5 + [0] * 3  # the frames


def test_a_gallery_of_nothing_says_so_by_its_title():
    figure = plotting.gallery(np.ones((0, 28, 28), np.uint8), [], "no copies")
    assert figure.get_suptitle() == "no copies"
    assert not any(axes.axison for axes in figure.axes)


def test_a_gallery_of_real_numbers_is_centred_on_zero():
    weights = np.linspace(-1, 3, 784).reshape(1, 28, 28)
    (image,) = plotting.gallery(weights, ["w"], "weights").axes[0].images
    assert image.get_clim() == (-3, 3)


def test_learning_curves_draw_accuracy_and_loss():
    history = History(
        steps=[1, 2], train_accuracy=[0.5, 0.8], train_loss=[2, 1], valid_accuracy=[0.4, 0.7],
        valid_loss=[2.1, 1.2],
    )  # fmt: skip
    figure = plotting.learning_curves({"mine": history}, "a model")
    left, right = figure.axes
    assert (left.get_ylabel(), right.get_ylabel()) == ("accuracy (%)", "cross-entropy (nats)")
    assert "mine" in [text.get_text() for text in figure.legends[0].get_texts()]
    assert left.lines[0].get_ydata().tolist() == [40, 70]
    assert right.lines[1].get_ydata().tolist() == [2, 1]


def test_a_forest_has_a_row_and_the_numbers_of_every_difference_and_a_colour_per_group():
    groups = {
        "linear": {"b - a": (0.01, -0.005, 0.02), "c - b": (0.0, 0.0, 0.0)},
        "MLP": {"d - c": (0.03, 0.02, 0.04)},
    }
    figure = plotting.forest(groups, "a row", "a title")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b - a", "c - b", "d - c"]
    assert axes.texts[0].get_text() == "+1.00 [-0.50, +2.00]"
    assert axes.get_xlabel() == "a row (percentage points)"
    points = [container.lines[0] for container in axes.containers]
    assert [point.get_xydata()[0].tolist() for point in points] == [[1, 0], [0, 1], [3, 2]]
    colors = [point.get_color() for point in points]
    assert colors[0] == colors[1] != colors[2]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["linear", "MLP"]
