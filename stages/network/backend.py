"""Keras on TensorFlow as this project runs it: quiet, on the processor, with a fixed number of threads.

Import `keras` and `tf` from here, so that what is set below is set before either is loaded.
"""

import gc
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"  # its convolutions are 3 times as fast, and round their own way
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"


@contextmanager
def _native_log_held_back() -> Iterator[None]:
    """Keep what native code writes to stderr off the terminal; show it if the block fails.

    TensorFlow tells of missing GPU drivers before it reads TF_CPP_MIN_LOG_LEVEL (tensorflow issue 100442).
    """
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        except BaseException:
            log.seek(0)
            os.write(terminal, log.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


@contextmanager
def _hidden(*packages: str) -> Iterator[None]:
    """Keras and TensorFlow import what they find of these, a second a stage, for features that are not used here."""
    absent: dict[str, Any] = {package: None for package in packages if package not in sys.modules}
    sys.modules.update(absent)
    try:
        yield
    finally:
        for package in absent:
            del sys.modules[package]


@contextmanager
def _garbage_collector_held_back() -> Iterator[None]:
    """Spare the collector what the block makes, millions of objects that stay: a third of the time to import them."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


with _native_log_held_back(), _hidden("matplotlib", "pandas", "scipy"), _garbage_collector_held_back():
    import keras
    import tensorflow as tf

__all__ = ["keras", "start", "tf"]


def start(*, intra_op: int = 1, inter_op: int = 1) -> None:
    """Settle, once a process and before any tensor, what the bits of a result depend on besides code and data.

    Operations run side by side on `inter_op` threads; each one is split among `intra_op` threads, and rounds by their
    number, whatever the number of cores. A Keras configuration file in the user's home has no say.
    """
    tf.config.set_visible_devices([], "GPU")
    tf.config.threading.set_intra_op_parallelism_threads(intra_op)
    tf.config.threading.set_inter_op_parallelism_threads(inter_op)
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
