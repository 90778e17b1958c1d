"""What the original repository published, and the run behind each of its figures.

Its README and its last notebooks come from different runs, so a figure means something only
together with the recipe of its own run. Recipes and outputs were read from its git history.

Common to all runs, unless a recipe says otherwise: training on the large archive as it is and
testing on the small one; batches of 1,000 in stored order; plain gradient descent; times of a
machine with a GTX 1070, evaluations included. What it calls L2 is a multiple of the squared loss,
which changes the length of a step and lets no weight decay.
"""

from dataclasses import dataclass

REPOSITORY = "https://github.com/AmmarRashed/notMNIST"  # the original's
_LAST = "81d55b4"  # of 7 February 2019


@dataclass(frozen=True, kw_only=True)
class Published:
    """A figure of the original, with the run that gave it.

    Attributes
    ----------
    trained : str
        The model, by what it is; the original calls some of its models otherwise.
    readme : float or None
        Accuracy in percent as the original's README states it; None where only a notebook has it.
    printed : float or None
        Accuracy in percent that the run printed at its end; None where no commit holds the run.
    seconds : float or None
        Duration, as the README states it or else as the run printed it.
    notebook, commit : str
        The notebook with the run's output, and a commit that holds it so; empty where none does.
    recipe : str
        How that run was made.
    model : str
        The model in our results to compare it with; empty where there is none.
    difference : str
        How the model differs from ours, in few words; empty where it does not.
    """

    trained: str
    readme: float | None = None
    printed: float | None = None
    seconds: float | None = None
    notebook: str = ""
    commit: str = _LAST
    recipe: str
    model: str = ""
    difference: str = ""

    def __str__(self) -> str:
        """Word accuracy, duration and difference for a cell of a table."""
        words = f"{self.printed:.1f}%" if self.readme is None else f"{self.readme:g}%"
        words += f", {self.seconds:,g} s" if self.seconds else ""
        return words + (f" ({self.difference})" if self.difference else "")


PUBLISHED = (
    Published(
        trained="logistic regression by scikit-learn",
        readme=84,
        printed=84.2,
        notebook="sklearn_lr.ipynb",
        recipe="50 to 10,000 training images drawn with replacement, solver sag; scored on 1,000 "
        "test images drawn likewise; the result of its grid search is not used",
        model="scikit-learn logistic regression",
    ),
    Published(
        trained="logistic regression on the full batch",
        readme=88,
        commit="",
        recipe="unknown: no commit holds its code",
        model="full-batch logistic regression",
    ),
    Published(
        trained="logistic regression on minibatches",
        readme=90,
        printed=90.02,
        seconds=155,
        notebook="TF_Logistic_Regression.ipynb",
        recipe="60,000 steps at rate 0.1, no penalty; tested every 1,000 steps",
        model="minibatch logistic regression",
    ),
    Published(
        trained="MLP 784-784-10, ReLU",
        readme=95,
        printed=95.00,
        seconds=188,
        notebook="TF_multi_layer_Logistic_Regression_relu.ipynb",
        commit="b056006",
        recipe="60,000 steps at rate 0.01; tested every 1,000 steps",
        model="ReLU MLP",
    ),
    Published(
        trained="the same MLP at ten times the rate",
        printed=95.98,
        seconds=191.2,
        notebook="TF_MLP_relu.ipynb",
        recipe="60,000 steps at rate 0.1; tested every 1,000 steps",
    ),
    Published(
        trained="the same MLP, with its L2",
        readme=95.9,
        printed=95.96,
        seconds=192,
        notebook="TF_MLP_relu_L2_regularization.ipynb",
        recipe="60,000 steps at rate 0.1; tested every 1,000 steps",
        model="ReLU MLP + L2",
        difference="its L2 has no effect",
    ),
    Published(
        trained="the same MLP, with dropout and its L2",
        readme=95.7,
        printed=95.74,
        seconds=208,
        notebook="TF_MLP_relu-dropout.ipynb",
        recipe="60,000 steps at rate 0.1, half of the hidden units dropped; tested every 1,000 "
        "steps",
        model="ReLU MLP + dropout + L2",
        difference="its L2 has no effect",
    ),
    Published(
        trained="convolutional net: strides in the convolutions, none in the pooling",
        readme=95.5,
        printed=95.58,
        seconds=391.5,
        notebook="ConvNet.ipynb",
        commit="10e1b58",
        recipe="30,000 steps at rate 0.05, dropout of half, its L2; tested every 500 steps",
        model="LeNet convnet",
        difference="other layers",
    ),
    Published(
        trained="the same convolutional net, as its last commit has it",
        printed=91.76,
        seconds=488.3,
        notebook="ConvNet.ipynb",
        recipe="5,000 steps at rate 0.01, dropout of half, its L2; tested at every step",
    ),
    Published(
        trained="inception module, concatenation",
        readme=95.1,
        printed=95.11,
        seconds=554,
        notebook="Inception.ipynb",
        commit="10e1b58",
        recipe="30,000 steps at rate 0.05, dropout of half, its L2; tested every 50 steps",
        model="inception, concatenation",
        difference="other layers",
    ),
    Published(
        trained="inception module, mean",
        readme=93.6,
        printed=93.67,
        seconds=528.5,
        notebook="Inception.ipynb",
        commit="10e1b58",
        recipe="30,000 steps at rate 0.05, dropout of half twice over, its L2; tested every 50 "
        "steps",
        model="inception, mean",
        difference="other layers",
    ),
    Published(
        trained="inception module, concatenation, as its last commit has it",
        printed=91.60,
        seconds=626.0,
        notebook="CNN_Inception.ipynb",
        recipe="5,000 steps at rate 0.03, dropout of half, its L2; tested at every step",
    ),
    Published(
        trained="inception module, mean, as its last commit has it",
        printed=89.76,
        seconds=594.7,
        notebook="CNN_Inception.ipynb",
        recipe="5,000 steps at rate 0.03, dropout of half twice over, its L2; tested at every step",
    ),
    Published(
        trained="one simple recurrent layer, its first",
        readme=86.5,
        printed=86.58,
        seconds=589.3,
        notebook="TF_RNN.ipynb",
        commit="852c6c5",
        recipe="1,000 steps at rate 0.05; half of the inputs dropped, in testing too; tested at "
        "every step; in its README until 12 August 2018",
    ),
    Published(
        trained="one simple recurrent layer",
        readme=90.5,
        printed=90.50,
        seconds=125.7,
        notebook="TF_RNNs.ipynb",
        recipe="1,000 steps by Adam at rate 0.001, half of the inputs dropped; scored every 25 "
        "steps, on validation images from its own training set too",
        model="SimpleRNN",
    ),
    Published(
        trained="one LSTM layer",
        readme=94.1,
        printed=94.14,
        seconds=474,
        notebook="TF_RNNs.ipynb",
        recipe="as the simple recurrent layer",
        model="LSTM",
    ),
    Published(
        trained="three stacked LSTM layers, which it calls two GRUs",
        readme=94.4,
        printed=94.43,
        seconds=1_440,
        notebook="TF_RNNs.ipynb",
        recipe="as the simple recurrent layer",
        model="stacked GRU",
        difference="three LSTMs",
    ),
    Published(
        trained="the MLP, from one batch of 100 images",
        printed=68.98,
        seconds=88.1,
        notebook="TF_MLP_limited_training_size.ipynb",
        recipe="100,000 steps at rate 0.1",
        model="ReLU MLP, 100 images",
        difference="not regularised",
    ),
    Published(
        trained="the MLP, from one batch of 100 images, with its L2",
        printed=73.53,
        seconds=86.1,
        notebook="TF_MLP_limited_training_size.ipynb",
        recipe="100,000 steps at rate 0.1",
    ),
    Published(
        trained="the MLP, from one batch of 100 images, with dropout",
        printed=73.29,
        seconds=83.8,
        notebook="TF_MLP_limited_training_size.ipynb",
        recipe="100,000 steps at rate 0.1, half of the hidden units dropped",
    ),
    Published(
        trained="the MLP, from one batch of 100 images, with dropout and its L2",
        printed=74.34,
        seconds=82.7,
        notebook="TF_MLP_limited_training_size.ipynb",
        recipe="100,000 steps at rate 0.01, half of the hidden units dropped",
    ),
)


def published(model: str) -> Published | None:
    """Find what the original published for one of our models; None where it has no such model."""
    return next((figure for figure in PUBLISHED if figure.model == model), None)
