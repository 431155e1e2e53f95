"""What a training follows from besides code, parameters and data: not the shell's environment, nor a user's home."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from stages.training.backend import OWNED, SET
from tests.conftest import ENVIRONMENT, contents, edit_params, run

CONFIGURATION = '{"floatx": "float64", "epsilon": 0.5, "image_data_format": "channels_first", "nnx_enabled": true}'
HOSTILE = {  # each of these alone makes the training below another one, or end, where nothing removes it
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
OTHERS = {  # read too, by what is loaded before these are removed or by none of a training's operations: no say
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4",
    "OMP_NUM_THREADS": "7",
    "OPENBLAS_CORETYPE": "Prescott",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "7",
    "TF_NUM_INTEROP_THREADS": "7",
    "TF_NUM_INTRAOP_THREADS": "7",
    "TF_OVERRIDE_GLOBAL_THREADPOOL": "1",
}
LEFT = {  # what libraries read in Python and is left: none of it has a say in numbers
    "ABSL_PYTHON_PROFILE_FILE",
    "ABSL_RELOAD_DETECTOR",
    "ENABLE_RUNTIME_UPTIME_TELEMETRY",
    "NPY_PROMOTION_STATE",  # NumPy warns that it has had none since 2.2
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
    said: str
    project: Path
    home: Path

    @property
    def environment(self) -> dict[str, Any]:
        """The names that libraries `read`, and what was `left` with its values at the end."""
        content: dict[str, Any] = json.loads((self.project / "environment.json").read_text())
        return content

    @property
    def files(self) -> dict[str, str]:
        return contents(self.project / "data/models/w2-4")


@pytest.fixture(scope="module")
def prepared(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose trainings take many steps on few images, and learn. Not to be written to: copy it."""
    project = Path(shutil.copytree(fresh, tmp_path_factory.mktemp("backend") / "prepared", symlinks=True))
    edit_params(project, "source: fashion-mnist", "source: tests/sample")
    edit_params(project, "validation: 5000", "validation: 100")
    edit_params(project, "epochs: 20", "epochs: 2")
    edit_params(project, "batch_size: 128", "batch_size: 16")
    edit_params(project, "learning_rate: 0.001", "learning_rate: 0.01")
    for stage in ("fetch", "prepare"):
        run(sys.executable, "-m", f"stages.{stage}", cwd=project)
    return project


def trained(prepared: Path, place: Path, *command: str, **variables: str) -> Trained:
    """What the training does in a clean environment but for `variables`, with a home of its own."""
    project, home = Path(shutil.copytree(prepared, place / "project", symlinks=True)), place / "home"
    home.mkdir(exist_ok=True)
    clean = {name: value for name, value in ENVIRONMENT.items() if not name.startswith((*OWNED, "OPENBLAS_", "NPY_"))}
    done = subprocess.run(
        [sys.executable, *command], cwd=project, env=clean | {"HOME": str(home)} | variables,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Trained(done.stderr, project, home)


@pytest.fixture(scope="module")
def plain(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained(
        prepared, tmp_path_factory.mktemp("plain"), "-m", "stages.train", "w2-4",
    )  # fmt: skip


@pytest.fixture(scope="module")
def hostile(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The same training with every variable set at once, and Keras's configuration in the user's home and elsewhere."""
    place = tmp_path_factory.mktemp("hostile")
    for folder in ("home/.keras", "keras-home"):
        (place / folder).mkdir(parents=True)
        (place / folder / "keras.json").write_text(CONFIGURATION)
    variables = HOSTILE | OTHERS | {"KERAS_HOME": str(place / "keras-home")}
    return trained(prepared, place, "-c", RECORDING, **variables)


def test_training_is_the_same_to_the_byte_whatever_the_environment_and_the_home_say(
    plain: Trained, hostile: Trained
) -> None:
    assert set(plain.files) == {"history.csv", "layers.csv", "predictions.npz", "results.json", "seed-0.keras"}
    assert hostile.files == plain.files


def test_what_would_have_shortened_the_training_is_said_in_one_line_and_nothing_else(
    plain: Trained, hostile: Trained
) -> None:
    words = "KERAS_MAX_EPOCHS and KERAS_MAX_STEPS_PER_EPOCH ignored: params.yaml says how long a training is"
    assert [line for line in hostile.said.splitlines() if "ignored" in line] == [words]
    assert not [line for line in plain.said.splitlines() if "ignored" in line]


def test_training_leaves_nothing_in_the_home(plain: Trained) -> None:
    assert list(plain.home.iterdir()) == []


def test_all_that_libraries_read_from_the_environment_in_python_is_removed_or_known_to_have_no_say(
    hostile: Trained,
) -> None:
    read = set(hostile.environment["read"])
    assert {"KERAS_MAX_EPOCHS", "TF_FUNCTION_JIT_COMPILE_DEFAULT", "WRAPT_DISABLE_EXTENSIONS"} <= read
    assert {name for name in read if not name.startswith(OWNED)} - LEFT == set()


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_variable_that_changes_a_training_has_no_value_but_ours_in_it(hostile: Trained, name: str) -> None:
    assert hostile.environment["left"].get(name) == SET.get(name)
