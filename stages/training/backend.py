"""Keras on TensorFlow as this project runs it: quiet, on the processor, with a fixed number of threads.

Import `keras` and `tf` from here, so that what is set below is set before either is loaded. Neither the shell's
environment nor a file in the user's home has a say in what they compute.
"""

import gc
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# How the names begin of what TensorFlow, Keras, oneDNN, XLA and OpenMP read. Whatever begins so is removed: a list of
# those that are known to change a result would miss the next release's. NumPy is loaded before this, and a training
# uses nothing of it that its variables change.
OWNED = (
    "AUTOGRAPH_", "DNNL_", "GOMP_", "KERAS_", "KMP_", "MKL_", "OMP_", "ONEDNN_", "TENSORFLOW_", "TF2_", "TF_", "XLA_",
)  # fmt: skip
SET = {
    "KERAS_BACKEND": "tensorflow",
    "KERAS_HOME": os.devnull,  # no folder, so Keras and TensorFlow neither find a keras.json there nor leave one
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "1",  # its convolutions are 3 times as fast, and round their own way
}
SHORTEN = "KERAS_MAX_"  # what begins so is set for one run, to have a short one: that it has no say here is said


def _settle_environment() -> list[str]:
    """Leave what has no say in a result; give the names of what would have made a training shorter."""
    owned = [name for name in os.environ if name.startswith(OWNED)]
    for name in owned:
        del os.environ[name]
    os.environ.update(SET)
    return sorted(name for name in owned if name.startswith(SHORTEN))


_IGNORED = _settle_environment()


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


def start(threads: int, *, split_operations: bool = False) -> None:
    """Settle, once a process and before any tensor, what the bits of a result depend on besides code and data.

    Operations run side by side on the threads; and if they are to be split, each one among as many, whose number it
    rounds by, whatever the number of cores.
    """
    if _IGNORED:
        print(f"{' and '.join(_IGNORED)} ignored: params.yaml says how long a training is", file=sys.stderr)
    tf.config.set_visible_devices([], "GPU")
    tf.config.threading.set_intra_op_parallelism_threads(threads if split_operations else 1)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
