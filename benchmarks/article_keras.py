"""The article's autoencoder in Keras, and the whole of its program: import, train, plot.

    KERAS_BACKEND=tensorflow python benchmarks/article_keras.py FOLDER EPOCHS LOSS.png

``FOLDER`` holds ``x_train.npy`` and ``x_test.npy`` (:func:`common.save_mnist`): the article
downloads them, which is not what is measured.
"""

import sys
from collections.abc import Iterator
from typing import Any

from common import load_mnist

BATCH_SIZE = 64


def build() -> tuple[Any, Any, Any]:
    """Encoder, decoder and the compiled whole: 784-100-20-100-784, ReLU throughout, raw pixels."""
    import keras
    from keras import layers

    items = layers.Input((28, 28))
    hidden = layers.Dense(100, activation="relu")(layers.Flatten()(items))
    encoder = keras.Model(items, layers.Dense(20, activation="relu")(hidden), name="encoder")

    codes = layers.Input((20,))
    hidden = layers.Dense(100, activation="relu")(codes)
    pixels = layers.Dense(784, activation="relu")(hidden)
    decoder = keras.Model(codes, layers.Reshape((28, 28))(pixels), name="decoder")

    autoencoder = keras.Model(items, decoder(encoder.output), name="autoencoder")
    autoencoder.compile(optimizer="adam", loss=keras.losses.MeanSquaredError())
    return encoder, decoder, autoencoder


def dense_layers(encoder: Any, decoder: Any) -> Iterator[tuple[Any, str]]:
    """Each dense layer, and what the arrays of narrows' preset ``simple`` call it."""
    for model, part, first in ((encoder, "encoder", 1), (decoder, "decoder", 0)):
        layers = [layer for layer in model.layers if layer.weights]
        for place, layer in enumerate(layers, first):
            yield layer, f"{part}.{place}"


def main(folder: str, epochs: str, picture: str) -> None:
    import matplotlib.pyplot as plt

    x_train, x_test = load_mnist(folder)
    _, _, autoencoder = build()
    history = autoencoder.fit(
        x_train,
        x_train,
        epochs=int(epochs),
        batch_size=BATCH_SIZE,
        validation_data=(x_test, x_test),
    ).history
    figure, axes = plt.subplots(figsize=(15, 15))
    axes.plot(history["loss"], label="Train")
    axes.plot(history["val_loss"], label="Val")
    axes.set(title="Training Loss vs Validation Loss", xlabel="Epochs", ylabel="Loss")
    axes.legend()
    figure.savefig(picture)


if __name__ == "__main__":
    main(*sys.argv[1:])
