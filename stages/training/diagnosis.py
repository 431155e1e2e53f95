"""Why a training starts or does not: activations, saturation and gradients of every layer, epoch by epoch.

After Glorot and Bengio (2010, *Understanding the difficulty of training deep feedforward neural networks*), who watch
the same quantities: sigmoid layers whose units saturate pass no gradient on to the layers below.
"""

from typing import Any

import numpy as np

from stages.training.architecture import Architecture, build_model, model_input
from stages.training.backend import keras, tf
from stages.training.dataset import Dataset

IMAGES = 200  # the first of the training part, the same at every epoch
SATURATED_BELOW = 0.1  # of the activation's steepest slope


class Diagnosis:
    """Measures an architecture's layers with weights that are handed to it. It shares nothing with a training."""

    def __init__(self, architecture: Architecture, dataset: Dataset) -> None:
        without = architecture.model_copy(update={"activation": "linear"})  # activations are applied here, to see both
        self.model = build_model(without, dataset.image_shape, dataset.classes)
        self.layers = [self.model.get_layer(name) for name in architecture.layer_names]
        self.activated = [
            layer
            for layer in self.model.layers[:-1]
            if isinstance(layer, keras.layers.Activation) or (layer in self.layers and layer.use_bias)
        ]  # a convolution without bias is normalized first
        self.activation = keras.activations.get(architecture.activation)
        self.steepest = float(np.max(np.abs(self._slope(tf.linspace(-10.0, 10.0, 2001)))))
        self.images = model_input(dataset.train.images[:IMAGES])
        self.labels = dataset.indexed(dataset.train).labels[:IMAGES]

    def __call__(self, weights: list[np.ndarray]) -> np.ndarray:
        """Mean activation, saturated share and gradient norm of `Architecture.layer_names`, float64 `[layers, 3]`.

        `weights` are in the order of Keras's `get_weights`. Normalized by statistics of these images, as in training,
        since those that are gathered for the evaluation say nothing in the first steps; nothing is dropped out.
        The mean over units and images of a layer's output; the share of its units and images where the activation's
        slope is less than SATURATED_BELOW of its steepest (NaN for the last layer, whose softmax has no slope of that
        kind); the Euclidean norm of the gradient of the mean loss to its kernel.
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
