"""Keras on TensorFlow as this project runs it: quiet, on the CPU, with a fixed number of threads.

Import `keras` and `tf` from here, so that the variables below are set before either is loaded. Neither the shell's
environment nor a file in the user's home changes what they compute.
"""

import gc
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Prefixes of the variables that TensorFlow, Keras, oneDNN, XLA and OpenMP read. All such variables are removed: a list
# of those known to change a result would miss those of the next release. NumPy is loaded before this, and a training
# uses nothing of NumPy that its variables change.
OWNED = (
    "AUTOGRAPH_", "DNNL_", "GOMP_", "KERAS_", "KMP_", "MKL_", "OMP_", "ONEDNN_", "TENSORFLOW_", "TF2_", "TF_", "XLA_",
)  # fmt: skip
SET = {
    "KERAS_BACKEND": "tensorflow",
    "KERAS_HOME": os.devnull,  # no folder, so nobody reads or writes a keras.json there
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",  # processors with newer instructions (AMX, FP16) use the same kernels
    "TF_ENABLE_ONEDNN_OPTS": "1",  # its convolutions are 3 times as fast, and round differently
}
SHORTEN = "KERAS_MAX_"  # set by users to shorten one run; that these are ignored is reported


def _settle_environment() -> list[str]:
    """Remove the variables that could change a result; return the names of those that would shorten a training."""
    owned = [name for name in os.environ if name.startswith(OWNED)]
    for name in owned:
        del os.environ[name]
    os.environ.update(SET)
    return sorted(name for name in owned if name.startswith(SHORTEN))


_IGNORED = _settle_environment()


@contextmanager
def _hold_back_native_log() -> Iterator[None]:
    """Keep the messages of native code off the terminal; show them if the block fails.

    TensorFlow reports missing GPU drivers before it reads TF_CPP_MIN_LOG_LEVEL (tensorflow issue 100442).
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
def _hide(*packages: str) -> Iterator[None]:
    """Hide packages that Keras and TensorFlow import for features not used here, a second per stage."""
    absent: dict[str, Any] = {package: None for package in packages if package not in sys.modules}
    sys.modules.update(absent)
    try:
        yield
    finally:
        for package in absent:
            del sys.modules[package]


@contextmanager
def _pause_garbage_collection() -> Iterator[None]:
    """Pause garbage collection while millions of permanent objects are made: a third of the import time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


with _hold_back_native_log(), _hide("matplotlib", "pandas", "scipy"), _pause_garbage_collection():
    import keras
    import tensorflow as tf

__all__ = ["keras", "start", "tf"]


def start(threads: int, *, split_operations: bool = False) -> None:
    """Set the number of threads and hide every GPU. Call it once per process, before the first tensor.

    Operations run side by side on the threads. With `split_operations`, the threads also share each operation. Rounding
    then depends on the number of threads, whatever the number of cores.
    """
    if _IGNORED:
        print(f"{' and '.join(_IGNORED)} ignored: params.yaml decides how long a training is", file=sys.stderr)
    tf.config.set_visible_devices([], "GPU")
    tf.config.threading.set_intra_op_parallelism_threads(threads if split_operations else 1)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
