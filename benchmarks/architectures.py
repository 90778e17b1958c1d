"""Build the same architectures as the recipes in Keras, for our own training loop."""

from collections.abc import Callable

from notmnist.training import keras

layers = keras.layers
NORMAL = keras.initializers.RandomNormal(stddev=0.1)
TRUNCATED = keras.initializers.TruncatedNormal(stddev=0.1)


def build(name: str, drop: float) -> keras.Model:
    """Build the model of a recipe in `recipes.RECIPES`, with a given dropout rate."""
    inputs = keras.Input((28, 28))
    # The logits stay float32 even if the other layers have a lower precision.
    logits = dense(10, initial=FINAL.get(name, NORMAL), dtype="float32")
    return keras.Model(inputs, logits(HIDDEN[name](inputs, drop)))


def dense(units: int, initial=TRUNCATED, **options) -> keras.layers.Dense:
    """Make a dense layer with the initial weights of the recipes."""
    return layers.Dense(units, kernel_initializer=initial, **options)


def softmax_regression(x, drop):
    """Flatten the images, without any hidden layer."""
    return layers.Flatten()(x)


def mlp(x, drop):
    """Add one hidden layer."""
    return dropout(dense(784, NORMAL, activation="relu")(layers.Flatten()(x)), drop)


def dropout(x, drop: float):
    """Add dropout if the recipe has it."""
    return layers.Dropout(drop)(x) if drop else x


def convnet(x, drop):
    """Stack two strided convolutions, each pooled without stride, and two hidden layers."""
    x = layers.Reshape((28, 28, 1))(x)
    for _ in range(2):
        x = layers.Conv2D(16, 5, strides=2, padding="same", kernel_initializer=TRUNCATED)(x)
        x = layers.ReLU()(layers.MaxPooling2D(5, strides=1, padding="same")(x))
    x = layers.Flatten()(x)
    for _ in range(2):
        x = dropout(dense(64, activation="relu")(x), drop)
    return x


def branches(x) -> list:
    """Make the four branches of the original's inception module."""

    def convolve(x, size):
        options = {"strides": 2, "padding": "same", "activation": "relu"}
        return layers.Conv2D(16, size, kernel_initializer=TRUNCATED, **options)(x)

    x = layers.Reshape((28, 28, 1))(x)
    narrow = convolve(x, 1)
    pooled = layers.AveragePooling2D(5, strides=1, padding="same")(x)
    wide = [convolve(narrow, 3), convolve(narrow, 5), convolve(pooled, 5)]
    return [layers.Flatten()(branch) for branch in (narrow, *wide)]


def inception_concatenation(x, drop):
    """Put one hidden layer on all branches together."""
    return dropout(dense(64, activation="relu")(layers.Concatenate()(branches(x))), drop)


def inception_mean(x, drop):
    """Put one hidden layer on each branch, and take their mean."""
    hidden = [dense(64, activation="relu")(branch) for branch in branches(x)]
    return dropout(layers.Average()(hidden), drop)


def recurrent(layer: type[keras.layers.Layer], count: int, **options) -> Callable:
    """Make a builder of layers that read an image by rows."""

    def hidden(x, drop):
        x = dropout(x, drop)
        for number in range(count):
            x = layer(128, return_sequences=number < count - 1, **options)(x)
        return x

    return hidden


def relu(x):
    """Apply ReLU; TensorFlow logs errors where its own stands in a loop."""
    return keras.ops.maximum(x, 0)


HIDDEN = {
    "softmax regression": softmax_regression,
    "ReLU MLP": mlp,
    "ReLU MLP, L2": mlp,
    "ReLU MLP, dropout, L2": mlp,
    "convnet": convnet,
    "inception, concatenation": inception_concatenation,
    "inception, mean": inception_mean,
    # Unrolled where that shortens a step by more than the longer graph takes to build.
    "SimpleRNN": recurrent(layers.SimpleRNN, 1, unroll=True),
    # Of no recipe: Le, Jaitly and Hinton (2015) start from a memory that keeps all that it reads.
    "SimpleRNN from identity": recurrent(
        layers.SimpleRNN, 1, unroll=True, activation=relu, recurrent_initializer="identity"
    ),
    "LSTM": recurrent(layers.LSTM, 1),
    "three stacked LSTMs": recurrent(layers.LSTM, 3, unroll=True),
}
FINAL = dict.fromkeys(("convnet", "inception, concatenation", "inception, mean"), TRUNCATED)
