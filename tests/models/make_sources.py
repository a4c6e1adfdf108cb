"""Writes small sources of every kind into a folder: `python make_sources.py FOLDER`, in the Python that holds TensorFlow."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import keras
import numpy as np
import tensorflow as tf
from keras import layers

ROOT = Path(sys.argv[1])
RANDOM = np.random.default_rng(0)


def image_classifier() -> None:
    """Random augmentation and batch normalisation: both behave differently in training."""
    image = keras.Input((8, 8, 1), name="image")
    flipped = layers.RandomFlip()(image)
    found = layers.BatchNormalization()(layers.Conv2D(16, 3, activation="relu")(flipped))
    label = layers.Dense(10, activation="softmax", name="label")(layers.Flatten()(found))
    keras.Model(image, label).save(ROOT / "cnn.keras")
    np.savez(ROOT / "cnn.npz", image=RANDOM.random((20, 8, 8, 1)), label=np.arange(20))


def two_of_equal_shape() -> None:
    """Inputs and outputs that a converter could swap in silence; names are not in the order of the alphabet."""
    small, large = keras.Input((16,), name="small"), keras.Input((16,), name="large")
    hidden = layers.Dense(64, activation="relu")(layers.Concatenate()([small * 9.0, large]))
    model = keras.Model(
        [small, large], [layers.Dense(8, name="second")(hidden), layers.Dense(8, name="first")(hidden * 2.0)]
    )
    model.save(ROOT / "two.keras")
    given = {
        "small": RANDOM.random((20, 16), dtype=np.float32),
        "large": RANDOM.random((20, 16), dtype=np.float32) * 10,
    }
    np.savez(ROOT / "two.npz", small=given["small"], large=given["large"])
    second, first = model.predict([given["small"], given["large"]], verbose=0)
    np.savez(ROOT / "two_answers.npz", second=second, first=first)


def recurrent() -> None:
    sequence = keras.Input((6, 4), name="sequence")
    keras.Model(sequence, layers.Dense(3)(layers.LSTM(8, name="memory")(sequence))).save(ROOT / "lstm.keras")
    np.savez(ROOT / "lstm.npz", sequence=RANDOM.random((8, 6, 4)))


def pruned() -> None:
    """Every layer has four of five weights at zero, as after training with pruning."""
    image = keras.Input((8, 8, 1), name="image")
    found = layers.Conv2D(32, 3, activation="relu")(layers.Conv2D(16, 3, activation="relu")(image))
    model = keras.Model(image, layers.Dense(10, name="label")(layers.Flatten()(found)))
    for layer in (one for one in model.layers if one.get_weights()):
        kernel, bias = layer.get_weights()
        layer.set_weights([np.where(abs(kernel) < np.quantile(abs(kernel), 0.8), 0, kernel), bias])
    model.save(ROOT / "pruned.keras")


def text() -> None:
    words = layers.TextVectorization(output_sequence_length=4)
    words.adapt(["a good film", "a bad film"])
    line = keras.Input((1,), dtype="string", name="line")
    score = layers.Dense(1)(layers.GlobalAveragePooling1D()(layers.Embedding(8, 4)(words(line))))
    keras.Model(line, score).save(ROOT / "text.keras")


def own_code() -> None:
    @keras.saving.register_keras_serializable("mine")
    class Doubler(layers.Layer):
        def call(self, given: object) -> object:
            return given * 2  # type: ignore[operator]

    given = keras.Input((4,), name="given")
    keras.Model(given, Doubler(name="twice")(given)).save(ROOT / "own_layer.keras")
    keras.Model(given, layers.Lambda(lambda one: one * 2, name="twice")(given)).save(ROOT / "lambda.keras")


def three_signatures() -> None:
    class Coder(tf.Module):
        def __init__(self) -> None:
            self.there = tf.Variable(RANDOM.standard_normal((64, 128)).astype(np.float32))

        @tf.function(input_signature=[tf.TensorSpec([None, 64], tf.float32, name="x")])
        def encode(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"code": x @ self.there}

        @tf.function(input_signature=[tf.TensorSpec([None, 128], tf.float32, name="code")])
        def decode(self, code: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"x": tf.matmul(code, self.there, transpose_b=True)}

        @tf.function(input_signature=[tf.TensorSpec([None, 64], tf.float32, name="x")])
        def length(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"length": tf.reduce_sum(tf.square(x @ self.there), axis=1)}

    coder = Coder()
    signatures = {"encode": coder.encode, "decode": coder.decode, "length": coder.length}
    tf.saved_model.save(coder, str(ROOT / "three"), signatures=signatures)
    np.savez(ROOT / "three.npz", x=RANDOM.random((8, 64)), code=RANDOM.random((8, 128)) * 50)
    np.savez(ROOT / "half.npz", x=RANDOM.random((8, 64)))


def with_a_fixed_batch() -> None:
    module = tf.Module()
    module.weights = tf.Variable(RANDOM.standard_normal((64, 128)).astype(np.float32))

    @tf.function(input_signature=[tf.TensorSpec([1, 64], tf.float32, name="x")])
    def call(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": tf.nn.relu(x @ module.weights)}

    tf.saved_model.save(module, str(ROOT / "fixed"), signatures={"serving_default": call})


keras.utils.set_random_seed(1)
for write in (
    image_classifier,
    two_of_equal_shape,
    recurrent,
    pruned,
    text,
    own_code,
    three_signatures,
    with_a_fixed_batch,
):
    write()
