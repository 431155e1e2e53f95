"""Layers, a model and an optimizer that compute what Keras's do, from the same weights, faster on a CPU.

oneDNN works on vectors of 8 channels (AVX2) or 16 (AVX-512); layers of fewer channels leave part of a vector empty.
These layers pass oneDNN the same numbers in another shape. Results equal those of the stock layers except for the
order of additions; `make bench` measures the gain.

Only what the architectures need is here: channels last, square kernels of an odd size at stride 1, pooling without
padding. Where the stock layer is as fast, such as pooling at stride 2, it is used: that choice is made here.
"""

from collections.abc import Sequence
from typing import Any

from stages.training.backend import keras, tf

VECTOR = 8  # channels, the shortest
LONGEST_VECTOR = 16
PAIRED = 5  # kernel size for which pairs of columns are faster
NORMALIZED = 4  # the fused normalization is fast for multiples of so many channels, up to 25 times faster


class Conv2D(keras.layers.Conv2D):
    """Stock convolution, computed by `convolution`."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        around = self.kernel_size[0] // 2 if self.padding == "same" else 0
        bias = tf.convert_to_tensor(self.bias) if self.use_bias else None
        return self.activation(convolution(inputs, tf.convert_to_tensor(self.kernel), bias, around))


class MaxPooling2D(keras.layers.MaxPooling2D):
    """Stock pooling, at stride 1 computed by `max_pooling`."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return max_pooling(inputs, self.pool_size[0]) if self.strides == (1, 1) else super().call(inputs)


class AveragePooling2D(keras.layers.AveragePooling2D):
    """Stock pooling, at stride 1 with the gradient of `average_pooling`."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return average_pooling(inputs, self.pool_size[0]) if self.strides == (1, 1) else super().call(inputs)


class BatchNormalization(keras.layers.BatchNormalization):
    """Stock normalization, in training computed by `batch_normalization` if the channels suit it.

    The stock layer calls `rsqrt`, which processors of different makers approximate differently. Square root and
    division are exact on all of them.
    """

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None) -> tf.Tensor:
        gamma, beta = tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta)
        if not training:
            mean, variance = tf.convert_to_tensor(self.moving_mean), tf.convert_to_tensor(self.moving_variance)
            return _normalize(inputs, mean, variance, gamma, beta, self.epsilon)
        if inputs.shape[-1] % NORMALIZED:
            mean, variance = tf.nn.moments(inputs, [0, 1, 2])
            outputs = _normalize(inputs, mean, variance, gamma, beta, self.epsilon)
        else:
            outputs, mean, variance = batch_normalization(inputs, gamma, beta, self.epsilon)
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + value * (1 - self.momentum))
        return outputs


class Dropout(keras.layers.Dropout):
    """Stock dropout whose factors (0, or the scale of the remaining units) the training step sets."""

    factors: tf.Tensor

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return inputs * self.factors if training else inputs


class ShardedSequential(keras.Sequential):
    """Stock `Sequential` for class probabilities and cross-entropy that cuts every batch into equal shards.

    Threads that share every layer wait for one another after each layer; threads with images of their own wait once
    per step. It needs as many inter-op threads as shards, and one intra-op thread. A batch that cannot be cut into
    equal shards is padded with blank images, which have weight 0 in the gradients and are dropped from the outputs.
    """

    train_function: Any

    def __init__(self, layers: list[Any], shards: int, seed: int, name: str) -> None:
        super().__init__(layers, name=name)
        self.shards = shards
        self.seed = seed
        self.dropouts = [layer for layer in layers if isinstance(layer, Dropout)]

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None) -> tf.Tensor:
        layer_by_layer = super().call
        outputs = [layer_by_layer(shard, training, mask) for shard in self._cut(inputs)]
        joined = _join(outputs, inputs)
        joined._keras_logits = _join([output._keras_logits for output in outputs], inputs)  # as softmax leaves them
        return joined

    def make_train_function(self, force: bool = False) -> None:
        """Build Keras's function, or for several steps per call a loop, for data that never end within a call."""
        if self.steps_per_execution == 1:
            super().make_train_function(force)
        elif self.train_function is None or force:
            self.train_function = tf.function(self._train_steps, autograph=False)

    def _train_steps(self, batches: Any) -> Any:
        def step(taken: tf.Tensor) -> tf.Tensor:
            self.train_step(next(batches))
            return taken + 1

        tf.while_loop(lambda taken: taken < self.steps_per_execution, step, [0])
        return self.get_metrics_result()

    def train_step(self, data: Any) -> Any:
        """Compute Keras's training step without sample weights; every shard has its gradients from `_gradients`."""
        images, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        count = tf.shape(images)[0]
        weights = tf.fill([count], 1 / tf.cast(count, tf.float32))
        parts = [self._cut(part) for part in (images, labels, weights, *self._dropout_factors(count))]
        outputs, losses, gradients = zip(*(self._gradients(*shard) for shard in zip(*parts, strict=True)), strict=True)
        self.optimizer.apply([tf.add_n(summands) for summands in zip(*gradients, strict=True)], self.trainable_weights)
        (tracker,) = (metric for metric in self.metrics if metric.name == "loss")
        tracker.update_state(tf.reduce_mean(_join(losses, images)), sample_weight=count)
        return self.compute_metrics(images, labels, _join(outputs, images))

    @tf.function(autograph=False, experimental_attributes={"_noinline": True})
    def _gradients(
        self, images: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor, *factors: tf.Tensor
    ) -> tuple[Any, ...]:
        """Return a shard's probabilities `[N, classes]`, its losses `[N]` and the gradients of their weighted sum.

        It is one graph for all shards, so it is built once. It is separate from the loop over several steps because
        TensorFlow passes a max pooling's gradient to oneDNN only if it meets the pooling first (MaxpoolGradRewrite in
        mkl_layout_pass.cc). In a loop it starts anywhere: one training in 200 got Eigen's gradient, which adds in
        another order.
        """
        for layer, of_layer in zip(self.dropouts, factors, strict=True):
            layer.factors = of_layer
        with tf.GradientTape() as tape:
            outputs = super().call(images, training=True)
            losses = keras.losses.categorical_crossentropy(labels, outputs)
        return outputs, losses, tape.gradient(losses, self.trainable_weights, output_gradients=weights)

    def _dropout_factors(self, count: tf.Tensor) -> list[tf.Tensor]:
        """Return the factors of the whole batch for every dropout, a function of seed, layer and step."""
        step = tf.cast(self.optimizer.iterations, tf.int64)
        factors = []
        for number, layer in enumerate(self.dropouts, start=1):
            key = tf.stack([tf.constant(self.seed + (number << 32), tf.int64), step])
            drawn = tf.random.stateless_uniform([count, *layer.output.shape[1:]], key, alg="philox")
            factors.append(tf.cast(drawn >= layer.rate, tf.float32) / (1 - layer.rate))
        return factors

    def _cut(self, batch: tf.Tensor) -> Any:
        missing = -tf.shape(batch)[0] % self.shards
        return tf.split(tf.pad(batch, [[0, missing], *[[0, 0]] * (batch.shape.rank - 1)]), self.shards)


def _join(shards: Sequence[tf.Tensor], batch: tf.Tensor) -> tf.Tensor:
    """Concatenate the rows of the shards, without those that were padded."""
    return tf.concat(shards, axis=0)[: tf.shape(batch)[0]]


class FusedAdam(keras.optimizers.Adam):
    """Adam (Kingma and Ba, 2015, algorithm 1 in the form before section 2.1), one operation per variable."""

    def apply(self, grads: Sequence[tf.Tensor], trainable_variables: Sequence[Any]) -> None:
        if not self.built:
            self.build(trainable_variables)
        step = tf.cast(self.iterations + 1, tf.float32)
        shared = {
            "beta1_power": self.beta_1**step,
            "beta2_power": self.beta_2**step,
            "lr": self.learning_rate.value,
            "beta1": self.beta_1,
            "beta2": self.beta_2,
            "epsilon": self.epsilon,
        }
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            index = self._get_variable_index(variable)
            moments = {"m": self._momentums[index].value.handle, "v": self._velocities[index].value.handle}
            tf.raw_ops.ResourceApplyAdam(var=variable.value.handle, **moments, **shared, grad=gradient)
        self._update_model_variables_moving_average(trainable_variables)  # `use_ema`, as in the stock optimizer
        self.iterations.assign_add(1)


def convolution(images: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor | None, around: int) -> tf.Tensor:
    """Convolve images `[N, H, W, C]`, padded by `around` zeros, with a kernel `[K, K, C, F]`; bias `[F]` or None.

    The result is `[N, H + 2 around - K + 1, W + 2 around - K + 1, F]`. The gradients to images and kernel are
    convolutions as well. Each of the three works on pairs of columns where that is faster.
    """
    filters = kernel.shape[-1]
    by_pairs = _works_on_pairs(images, kernel, filters)

    @tf.custom_gradient
    def differentiable(images: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Any]:
        def gradients(of_output: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            of_pixels = _separate_columns(of_output) if by_pairs else of_output
            return _gradient_to_images(images, kernel, of_pixels, around), (
                _paired_gradient_to_kernel(images, kernel, of_output, around)
                if by_pairs
                else _gradient_to_kernel(images, kernel.shape, of_output, around)
            )

        return (_convolve_pairs if by_pairs else _convolve)(images, kernel, around), gradients

    result = differentiable(images, kernel)
    if bias is not None:
        result = tf.nn.bias_add(result, tf.concat([bias, bias], 0) if by_pairs else bias)
    return _separate_columns(result) if by_pairs else result


def _works_on_pairs(images: tf.Tensor, kernel: tf.Tensor, filters: int) -> bool:
    return kernel.shape[0] == PAIRED and filters < VECTOR and images.shape[2] % 2 == 0


def _convolve(images: tf.Tensor, kernel: tf.Tensor, around: int) -> tf.Tensor:
    return tf.nn.conv2d(images, kernel, 1, _padding(around))


def _padding(around: int) -> str:
    return "SAME" if around else "VALID"


def _convolve_pairs(images: tf.Tensor, kernel: tf.Tensor, around: int) -> tf.Tensor:
    """Convolve to `[N, H, W/2, 2F]`. Padding left and right beforehand is twice as fast."""
    pairs = tf.pad(_pair_columns(images), [[0, 0], [0, 0], [around // 2, around // 2], [0, 0]])
    return tf.nn.conv2d(pairs, _paired_kernel(kernel), 1, [[0, 0], [around, around], [0, 0], [0, 0]])


def _gradient_to_images(images: tf.Tensor, kernel: tf.Tensor, of_output: tf.Tensor, around: int) -> tf.Tensor:
    """Convolve the output's gradient with the kernel rotated by 180 degrees and its channels exchanged."""
    if _works_on_pairs(images, kernel, images.shape[-1]):
        turned = tf.transpose(kernel[::-1, ::-1], [0, 1, 3, 2])
        return _separate_columns(_convolve_pairs(of_output, turned, kernel.shape[0] - 1 - around))
    return tf.raw_ops.Conv2DBackpropInput(
        input_sizes=tf.shape(images),
        filter=kernel,
        out_backprop=of_output,
        strides=[1, 1, 1, 1],
        padding=_padding(around),
    )


def _gradient_to_kernel(images: tf.Tensor, shape: list[int], of_output: tf.Tensor, around: int) -> tf.Tensor:
    return tf.raw_ops.Conv2DBackpropFilter(
        input=images,
        filter_sizes=shape,
        out_backprop=of_output,
        strides=[1, 1, 1, 1],
        padding=_padding(around),
    )


def _paired_gradient_to_kernel(images: tf.Tensor, kernel: tf.Tensor, of_output: tf.Tensor, around: int) -> tf.Tensor:
    """Sum the gradient to `_paired_kernel(kernel)` over the two places of each weight."""
    side, _, channels, filters = kernel.shape
    shape = [side, side // 2 + 1, 2 * channels, 2 * filters]
    left, right = tf.split(_gradient_to_kernel(_pair_columns(images), shape, of_output, around), 2, axis=-1)
    columns = [side, side + 1, channels, filters]
    return tf.reshape(left, columns)[:, :-1] + tf.reshape(right, columns)[:, 1:]


def _paired_kernel(kernel: tf.Tensor) -> tf.Tensor:
    """Return `[K, K, C, F]` as `[K, K // 2 + 1, 2C, 2F]`: the kernel, and the kernel shifted by a column."""
    side, _, channels, filters = kernel.shape
    empty = tf.zeros([side, 1, channels, filters])
    shape = [side, side // 2 + 1, 2 * channels, filters]
    left, right = tf.concat([kernel, empty], axis=1), tf.concat([empty, kernel], axis=1)
    return tf.concat([tf.reshape(left, shape), tf.reshape(right, shape)], axis=-1)


def _pair_columns(images: tf.Tensor) -> tf.Tensor:
    """Reshape `[N, H, W, C]` to `[N, H, W/2, 2C]`: two neighbouring columns become one with twice the channels."""
    _, height, width, channels = images.shape
    return tf.reshape(images, [-1, height, width // 2, 2 * channels])


def _separate_columns(pairs: tf.Tensor) -> tf.Tensor:
    _, height, width, channels = pairs.shape
    return tf.reshape(pairs, [-1, height, 2 * width, channels // 2])


def max_pooling(images: tf.Tensor, size: int) -> tf.Tensor:
    """Return the maximum of each `size` x `size` window: `[N, H, W, C]` to `[N, H - size + 1, W - size + 1, C]`.

    The first of equal values gets the gradient. Rows first, then columns, breaks ties as a single pass does.
    """
    channels = images.shape[-1]
    if channels % LONGEST_VECTOR == 0:
        return tf.nn.max_pool2d(images, size, 1, "VALID")
    if channels >= VECTOR:
        return _max_of_rows(tf.nn.max_pool2d(images, [1, size], 1, "VALID"), size)
    exchanged = [0, 2, 1, 3]
    return _max_of_rows(tf.transpose(_max_of_rows(tf.transpose(images, exchanged), size), exchanged), size)


def _max_of_rows(images: tf.Tensor, size: int) -> tf.Tensor:
    """Return the maximum of each `size` pixels in a column. The pixels of a row act as channels: whole vectors."""
    _, height, width, channels = images.shape
    rows = tf.reshape(images, [-1, height, 1, width * channels])
    return tf.reshape(tf.nn.max_pool2d(rows, [size, 1], 1, "VALID"), [-1, height - size + 1, width, channels])


def average_pooling(images: tf.Tensor, size: int) -> tf.Tensor:
    """Return the mean of each `size` x `size` window: `[N, H, W, C]` to `[N, H - size + 1, W - size + 1, C]`.

    The gradient is the same pooling of the output's gradient, padded by `size - 1` zeros.
    """

    @tf.custom_gradient
    def differentiable(images: tf.Tensor) -> tuple[tf.Tensor, Any]:
        def gradient(of_output: tf.Tensor) -> tf.Tensor:
            around = [size - 1, size - 1]
            return tf.nn.avg_pool2d(tf.pad(of_output, [[0, 0], around, around, [0, 0]]), size, 1, "VALID")

        return tf.nn.avg_pool2d(images, size, 1, "VALID"), gradient

    return differentiable(images)


def batch_normalization(
    images: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Normalize images `[N, H, W, C]` by their own statistics; scale by gamma `[C]` and add beta `[C]`.

    Returns mean and variance `[C]` as well; do not backpropagate through these. Ioffe and Szegedy (2015), algorithm 1,
    in half the passes over the images that the stock layer takes.
    """
    _, height, width, channels = images.shape
    # TensorFlow fuses a ReLU that follows, which is slow except for whole vectors; not across a reshape
    whole_vectors = channels % VECTOR == 0
    rows = images if whole_vectors else tf.reshape(images, [-1, height * width, 1, channels])
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=rows, scale=gamma, offset=beta, mean=[], variance=[], epsilon=epsilon, is_training=True
    )
    pixels = tf.cast(tf.reduce_prod(tf.shape(images)[:3]), tf.float32)
    outputs = outputs if whole_vectors else tf.reshape(outputs, [-1, height, width, channels])
    return outputs, mean, variance * (pixels - 1) / pixels  # biased, as in Keras


def _normalize(
    images: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float
) -> tf.Tensor:
    square = variance + epsilon
    scale = gamma * tf.sqrt(square) / square  # TensorFlow would turn a division by the root into `rsqrt`
    return images * scale + (beta - mean * scale)
