"""The ways of training with PyTorch.

A way sets everything up, and calls its `turns` before the first epoch and after each.
"""

import os
from typing import Any

import numpy as np

from stages.training.architecture import Architecture, Train
from stages.training.dataset import Dataset
from tools.measuring.turns import Turns

EVALUATION_BATCH = 1000  # images, as in stages.training, which would bring TensorFlow along


def torch_eager(architecture: Architecture, dataset: Dataset, settings: Train, turns: Turns) -> None:
    """PyTorch as it comes."""
    _torch(architecture, dataset, settings, turns)


def torch_channels_last(architecture: Architecture, dataset: Dataset, settings: Train, turns: Turns) -> None:
    """PyTorch with channels last in memory."""
    _torch(architecture, dataset, settings, turns, channels_last=True)


def torch_compiled(architecture: Architecture, dataset: Dataset, settings: Train, turns: Turns) -> None:
    """PyTorch with channels last, model and loss compiled."""
    _torch(architecture, dataset, settings, turns, channels_last=True, compiled=True)


def _torch(
    architecture: Architecture,
    dataset: Dataset,
    settings: Train,
    turns: Turns,
    channels_last: bool = False,
    compiled: bool = False,
) -> None:
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # no pool of compilers, which would outlive the turns
    import torch

    torch.set_num_threads(settings.threads)
    torch.manual_seed(0)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = _torch_model(architecture, dataset).to(memory_format=layout)
    optimizer = torch.optim.Adam(model.parameters(), settings.learning_rate, fused=True)

    def tensors(images: np.ndarray, labels: np.ndarray) -> tuple[Any, Any]:
        scaled = torch.from_numpy(images).float()[:, None] / 127.5 - 1
        return scaled.to(memory_format=layout), torch.from_numpy(labels).long()

    def loss_of(images: Any, labels: Any) -> Any:
        return torch.nn.functional.cross_entropy(model(images), labels)

    loss = torch.compile(loss_of) if compiled else loss_of
    images, labels = tensors(*dataset.indexed(dataset.train))
    test_images, test_labels = tensors(*dataset.indexed(dataset.test))
    turns()
    for _ in range(settings.epochs):
        for chosen in torch.randperm(len(labels)).split(settings.batch_size):
            optimizer.zero_grad()
            loss(images[chosen], labels[chosen]).backward()
            optimizer.step()
        with torch.no_grad():
            pairs = zip(test_images.split(EVALUATION_BATCH), test_labels.split(EVALUATION_BATCH), strict=True)
            sum(loss(*pair).item() for pair in pairs)
        turns()


def _torch_model(architecture: Architecture, dataset: Dataset) -> Any:
    from torch import nn

    wanted = architecture.activation.replace("_", "")  # Keras's leaky_relu is PyTorch's LeakyReLU
    activation = next(getattr(nn, name) for name in dir(nn) if name.lower() == wanted)
    pooling = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}[architecture.pooling]
    normalizes = architecture.normalization == "batch"
    layers: list[Any] = []

    def convolve(inputs: int, outputs: int, around: int) -> None:
        layers.append(nn.Conv2d(inputs, outputs, architecture.kernel_size, padding=around, bias=not normalizes))
        layers.extend([nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)] if normalizes else [])
        layers.append(activation())

    def drop_out() -> None:
        layers.extend([nn.Dropout(architecture.dropout)] if architecture.dropout else [])

    channels, around = 1, architecture.kernel_size // 2
    for block, (first, second) in enumerate(architecture.block_filters, start=1):
        convolve(channels, first, around)
        layers.extend([pooling(3, stride=1)] if architecture.pool_stride == 1 else [])
        convolve(first, second, 0 if architecture.pool_stride == 1 else around)
        layers.extend([pooling(2)] if architecture.pooled(block) else [])
        if architecture.head == "global_average" and block == architecture.blocks:
            layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        drop_out()
        channels = second
    if architecture.dense_units:
        height, width = architecture.image_sizes(*dataset.image_shape)[-1]
        layers += [nn.Flatten(), nn.Linear(channels * height * width, architecture.dense_units), activation()]
        drop_out()
    layers.append(nn.Linear(architecture.dense_units or channels, dataset.classes))
    return nn.Sequential(*layers)


WAYS = [torch_eager, torch_channels_last, torch_compiled]
