"""Trains a small CNN on scikit-learn's digits, and variants of it that only training can make: quantisation-aware, and pruned.

Writes into its own folder (or the one that you name):

    digits.keras          float weights; `suite.yaml` converts it to fp32, and to int8 after training (PTQ)
    digits_qat.h5         trained on with quantisation in the loop (QAT); becomes int8 without calibration
    digits_pruned.keras   trained on with 80 % of its weights held at zero; becomes fp32 and int8
    calibration.npz       100 images of the training set: `image`
    test.npz              450 images that no training saw, with their digits: `image`, `label`

Usage: python train.py [FOLDER]
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

# tensorflow-model-optimization works on Keras 2, which TensorFlow takes only if this is set before it is imported.
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 7
EPOCHS = 25
MORE_EPOCHS = 5
"""Of quantisation-aware training, and of training while pruned."""
SPARSITY = 0.8
BATCH = 32


def data() -> tuple[Any, Any, Any, Any]:
    """Return images from 0 to 1 and their digits: for training, and for testing."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    return tuple(train_test_split(images, labels.astype(np.int32), test_size=450, random_state=SEED, stratify=labels))


def network() -> Any:
    """Return an untrained CNN with 151,000 weights, which are nearly all of its file."""
    layers = tf.keras.layers
    image = layers.Input((8, 8, 1), name="image")
    x = layers.Conv2D(32, 3, padding="same", activation="relu", name="conv_1")(image)
    x = layers.Conv2D(64, 3, padding="same", activation="relu", name="conv_2")(x)
    x = layers.MaxPooling2D(name="pool")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(128, activation="relu", name="dense")(x)
    digit = layers.Dense(10, activation="softmax", name="digit")(x)
    return tf.keras.Model(image, digit, name="digits")


def fit(model: Any, images: Any, labels: Any, *, epochs: int, rate: float, callbacks: Any = ()) -> None:
    """Train a model."""
    model.compile(tf.keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images, labels, batch_size=BATCH, epochs=epochs, verbose=0, callbacks=list(callbacks))


def quantisation_aware(model: Any, images: Any, labels: Any) -> Any:
    """Return a copy that was trained on with rounding to int8 in its forward pass."""
    aware = tfmot.quantization.keras.quantize_model(model)
    fit(aware, images, labels, epochs=MORE_EPOCHS, rate=1e-4)
    return aware


def pruned(model: Any, images: Any, labels: Any) -> Any:
    """Return a copy that was trained on with the smallest weights held at zero."""
    schedule = tfmot.sparsity.keras.ConstantSparsity(SPARSITY, begin_step=0, frequency=10)
    masked = tfmot.sparsity.keras.prune_low_magnitude(copy_of(model), pruning_schedule=schedule)
    step = tfmot.sparsity.keras.UpdatePruningStep()
    fit(masked, images, labels, epochs=MORE_EPOCHS, rate=1e-3, callbacks=[step])
    return tfmot.sparsity.keras.strip_pruning(masked)


def copy_of(model: Any) -> Any:
    """Return a model of the same weights, since pruning changes those of the one that it wraps."""
    twin = tf.keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    return twin


def main() -> None:
    """Train and write everything."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent
    folder.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore", message="You are saving your model as an HDF5 file")
    tf.keras.utils.set_random_seed(SEED)
    images, test_images, labels, test_labels = data()
    np.savez(folder / "calibration.npz", image=images[:100])
    np.savez(folder / "test.npz", image=test_images, label=test_labels)
    began_s = time.monotonic()
    model = network()
    fit(model, images, labels, epochs=EPOCHS, rate=1e-3)
    for name, trained in (
        ("digits.keras", lambda: model),
        # As .h5: Keras 2 cannot load a .keras file with layers of quantisation-aware training ("expected 5 variables, but received 3").
        ("digits_qat.h5", lambda: quantisation_aware(copy_of(model), images, labels)),
        ("digits_pruned.keras", lambda: pruned(model, images, labels)),
    ):
        made = trained()
        made.save(folder / name)
        right = (made.predict(test_images, verbose=0).argmax(axis=1) == test_labels).mean()
        print(f"{name}: {right:.3f} of {len(test_labels)} test images right, {time.monotonic() - began_s:.0f} s so far")
    print(f"wrote {folder}")


if __name__ == "__main__":
    main()
