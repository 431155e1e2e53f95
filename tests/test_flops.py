"""Arithmetic counted from shapes, against what TensorFlow counts in the graph."""

import pytest

from stages.flops import forward_flops, parameter_count, training_flops
from stages.params import load_params
from stages.training.architecture import build_model
from stages.training.backend import tf
from tests.kinds import KINDS

ARCHITECTURES = {named.name: named.architecture for named in load_params().study_architectures()} | KINDS


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_forward_operations_are_those_that_tensorflow_counts(name: str) -> None:
    model = build_model(ARCHITECTURES[name], (28, 28), 10)
    graph = tf.function(model).get_concrete_function(tf.TensorSpec([1, 28, 28, 1])).graph
    counted = {}
    for operation in graph.get_operations():
        if operation.type in {"Conv2D", "MatMul"}:
            figures = tf.compat.v1.profiler.profile(
                graph,
                cmd="scope",
                options=tf.compat.v1.profiler.ProfileOptionBuilder(
                    tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
                )
                .with_node_names(start_name_regexes=[operation.name])
                .with_empty_output()
                .build(),
            )
            counted[operation.name] = figures.total_float_ops
    assert list(counted.values()) == forward_flops(ARCHITECTURES[name], (28, 28), 10)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_parameters_are_those_that_keras_counts(name: str) -> None:
    model = build_model(ARCHITECTURES[name], (28, 30), 7)
    assert parameter_count(ARCHITECTURES[name], (28, 30), 7) == model.count_params()


def test_training_takes_three_times_forward_but_for_the_images_gradient() -> None:
    first, second, hidden, last = forward_flops(ARCHITECTURES["w2-4"], (28, 28), 10)
    assert first == 2 * 28 * 28 * 25 * 2
    assert second == 2 * 22 * 22 * 25 * 2 * 4
    assert hidden == 2 * 22 * 22 * 4 * 80
    assert last == 2 * 80 * 10
    assert training_flops(ARCHITECTURES["w2-4"], (28, 28), 10) == 2 * first + 3 * (second + hidden + last)
