"""The shell's environment and files in a user's home do not change a training's bytes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from stages.training.backend import OWNED, SET
from tests.conftest import ENVIRONMENT, contents, edit_params, training
from tests.processes import bare_project

CONFIGURATION = '{"floatx": "float64", "epsilon": 0.5, "image_data_format": "channels_first", "nnx_enabled": true}'
HOSTILE = {  # each one alone changes or ends the training below, unless it is removed
    "DNNL_DEFAULT_FPMATH_MODE": "ANY",
    "DNNL_MAX_CPU_ISA": "SSE41",
    "KERAS_BACKEND": "jax",
    "KERAS_MAX_EPOCHS": "1",
    "KERAS_MAX_STEPS_PER_EPOCH": "2",
    "KERAS_NNX_ENABLED": "1",
    "ONEDNN_DEFAULT_FPMATH_MODE": "BF16",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "TF_DETERMINISTIC_OPS": "1",
    "TF_ENABLED_DEVICE_TYPES": "GPU",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_FLAG_TF_SHAPE_DEFAULT_INT64": "1",
    "TF_FUNCTION_JIT_COMPILE_DEFAULT": "1",
    "TF_MKL_ALLOC_MAX_BYTES": "1000",
    "TF_ONEDNN_ASSUME_FROZEN_WEIGHTS": "1",
    "TF_PLUGGABLE_DEVICE_LIBRARY_PATH": "/nowhere",
    "TF_SET_ONEDNN_FPMATH_MODE": "BF16",
    "TF_USE_MODULAR_FILESYSTEM": "1",
    "TF_XLA_FLAGS": "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit",
}
OTHERS = {  # read before they are removed, or by no operation of a training
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4",
    "OMP_NUM_THREADS": "7",
    "OPENBLAS_CORETYPE": "Prescott",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "7",
    "TF_NUM_INTEROP_THREADS": "7",
    "TF_NUM_INTRAOP_THREADS": "7",
    "TF_OVERRIDE_GLOBAL_THREADPOOL": "1",
}
LEFT = {  # read by libraries in Python and not removed: none changes a number
    "ABSL_PYTHON_PROFILE_FILE",
    "ABSL_RELOAD_DETECTOR",
    "ENABLE_RUNTIME_UPTIME_TELEMETRY",
    "NPY_PROMOTION_STATE",  # without effect since NumPy 2.2
    "NUMPY_MADVISE_HUGEPAGE",
    "OPENBLAS_MAIN_FREE",
    "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION",
    "TEMPORARILY_DISABLE_PROTOBUF_VERSION_CHECK",
    "TEST_RANDOM_SEED",  # of absl's own tests, as the next two
    "TEST_SRCDIR",
    "TEST_TMPDIR",
    "WRAPT_DISABLE_EXTENSIONS",
}
RECORDING = """
import json, os, sys
from pathlib import Path

read = set()
LIBRARIES = ("absl", "flatbuffers", "google", "h5py", "keras", "ml_dtypes", "numpy", "opt_einsum", "optree",
             "tensorflow", "wrapt")

class Recording(type(os.environ)):
    def __getitem__(self, name):
        frame = sys._getframe(1)
        while frame.f_code.co_filename in (os.__file__, "<frozen os>", "<frozen _collections_abc>"):
            frame = frame.f_back
        package = frame.f_code.co_filename.rpartition("site-packages/")[2].partition("/")[0]
        if package in LIBRARIES:
            read.add(name)
        return super().__getitem__(name)

os.environ.__class__ = Recording
from stages.train import main
main(["w2-4"])
environment = {name: os.environ[name] for name in os.environ}
Path("environment.json").write_text(json.dumps({"read": sorted(read), "left": environment}))
"""


class Trained(NamedTuple):
    stderr: str
    project: Path
    home: Path

    @property
    def environment(self) -> dict[str, Any]:
        """The names that libraries `read`, and the variables that were `left` at the end."""
        content: dict[str, Any] = json.loads((self.project / "environment.json").read_text())
        return content

    @property
    def files(self) -> dict[str, str]:
        return contents(self.project / "data/models/w2-4")


def trained(place: Path, command: list[str], **variables: str) -> Trained:
    """Train many steps on few images in a clean environment with `variables` and a home of its own."""
    project, home = bare_project(place / "project"), place / "home"
    for old, new in (("epochs: 20", "epochs: 2"), ("size: 128", "size: 16"), ("rate: 0.001", "rate: 0.01")):
        edit_params(project, old, new)
    home.mkdir(exist_ok=True)
    clean = {name: value for name, value in ENVIRONMENT.items() if not name.startswith((*OWNED, "OPENBLAS_", "NPY_"))}
    done = subprocess.run(
        command, cwd=project, env=clean | {"HOME": str(home)} | variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return Trained(done.stderr, project, home)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained(tmp_path_factory.mktemp("plain"), training("w2-4"))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Run the training with all variables set, and Keras's configuration in the user's home and elsewhere."""
    place = tmp_path_factory.mktemp("hostile")
    for folder in ("home/.keras", "keras-home"):
        (place / folder).mkdir(parents=True)
        (place / folder / "keras.json").write_text(CONFIGURATION)
    variables = HOSTILE | OTHERS | {"KERAS_HOME": str(place / "keras-home")}
    return trained(place, [sys.executable, "-c", RECORDING], **variables)


def test_environment_and_home_do_not_change_the_bytes_of_a_training(plain: Trained, hostile: Trained) -> None:
    assert set(plain.files) == {"history.csv", "layers.csv", "predictions.npz", "results.json", "seed-0.keras"}
    assert hostile.files == plain.files
    line = "KERAS_MAX_EPOCHS and KERAS_MAX_STEPS_PER_EPOCH ignored: params.yaml decides how long a training is"
    assert [line for line in hostile.stderr.splitlines() if "ignored" in line] == [line]
    assert "ignored" not in plain.stderr
    assert list(plain.home.iterdir()) == []


def test_variables_that_libraries_read_are_removed_or_known_to_change_nothing(hostile: Trained) -> None:
    read = set(hostile.environment["read"])
    assert {"KERAS_MAX_EPOCHS", "TF_FUNCTION_JIT_COMPILE_DEFAULT", "WRAPT_DISABLE_EXTENSIONS"} <= read
    assert {name for name in read if not name.startswith(OWNED)} - LEFT == set()
    assert {name: hostile.environment["left"].get(name) for name in HOSTILE} == {
        name: SET.get(name) for name in HOSTILE
    }
