"""Why a training learns or fails: activations, saturation and gradients of every layer, epoch by epoch.

Glorot and Bengio (2010, *Understanding the difficulty of training deep feedforward neural networks*) monitor the same
quantities: sigmoid layers whose units saturate pass no gradient to the layers below.
"""

from typing import Any

import numpy as np

from stages.training.architecture import Architecture, build_model, model_input
from stages.training.backend import keras, tf
from stages.training.dataset import Dataset

IMAGES = 200  # the first training images, the same at every epoch
SATURATED_BELOW = 0.1  # of the activation's steepest slope


class Diagnosis:
    """Measures an architecture's layers for given weights. It shares nothing with a training."""

    def __init__(self, architecture: Architecture, dataset: Dataset) -> None:
        without = architecture.model_copy(update={"activation": "linear"})  # they are applied here
        self.model = build_model(without, dataset.image_shape, dataset.classes)
        self.layers = [self.model.get_layer(name) for name in architecture.layer_names]
        self.activated = [
            layer
            for layer in self.model.layers[:-1]
            if isinstance(layer, keras.layers.Activation) or (layer in self.layers and layer.use_bias)
        ]  # a convolution without bias is normalized before its activation
        self.activation = keras.activations.get(architecture.activation)
        self.steepest = float(np.max(np.abs(self._slope(tf.linspace(-10.0, 10.0, 2001)))))
        self.images = model_input(dataset.train.images[:IMAGES])
        self.labels = dataset.index_labels(dataset.train).labels[:IMAGES]

    def __call__(self, weights: list[np.ndarray]) -> np.ndarray:
        """Return mean activation, saturated fraction and gradient norm per layer, float64 `[layers, 3]`.

        `weights` are in the order of Keras's `get_weights`, layers in that of `Architecture.layer_names`. The mean is
        over units and images; a unit is saturated for an image if the activation's slope is below SATURATED_BELOW of
        its steepest (NaN for the softmax); the norm is Euclidean, of the gradient of the mean loss to the kernel.
        Batch normalization uses the statistics of these images, as in training, because moving statistics mean nothing
        in the first steps; dropout is off.
        """
        self.model.set_weights(weights)
        inner: list[tuple[float, float]] = []
        with tf.GradientTape() as tape:
            output = self.images
            for layer in self.model.layers:
                normalizes = isinstance(layer, keras.layers.BatchNormalization)
                output = layer(output, training=True) if normalizes else layer(output)
                if layer in self.activated:
                    slope = np.abs(self._slope(output))
                    output = self.activation(output)
                    inner.append((float(np.mean(output)), float(np.mean(slope < SATURATED_BELOW * self.steepest))))
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(self.labels, output))
        gradients = tape.gradient(loss, [layer.kernel.value for layer in self.layers])
        norms = [float(tf.norm(gradient)) for gradient in gradients]
        measured = [*inner, (float(np.mean(output)), np.nan)]
        return np.array([(*pair, norm) for pair, norm in zip(measured, norms, strict=True)])

    def _slope(self, inputs: tf.Tensor) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = self.activation(inputs)
        return tape.gradient(outputs, inputs).numpy()
