"""Nothing that happens to a machine makes the pipeline lose work or tell another number."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from stages.checkpoint import load_checkpoint, save_checkpoint
from stages.training import State
from tests.conftest import ENVIRONMENT, edit_params, ran_stages, run

KILLS = 21
MODELS = Path("data/models")


def command(name: str) -> list[str]:
    options = {"w2-4": ["--filters", "2", "4"], "depth-1": ["--blocks", "1"]}
    return [sys.executable, "-m", "stages.train", name, *options[name]]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module", autouse=True)
def ctrl_c_reaches_the_trainings() -> None:
    """Processes inherit that a job in the background ignores Ctrl-C; the tests may be one."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def whole(reduced: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two seeds of three epochs, and with what uninterrupted trainings of them wrote."""
    project = Path(shutil.copytree(reduced, tmp_path_factory.mktemp("reliability") / "whole", symlinks=True))
    edit_params(project, "  - 0\n", "  - 0\n  - 1\n")
    edit_params(project, "epochs: 1\n", "epochs: 3\n")
    for name in ("w2-4", "depth-1"):
        run(*command(name), cwd=project)
    return project


@pytest.fixture
def project(whole: Path, tmp_path: Path) -> Path:
    """A copy of `whole` without its trainings."""
    copy = Path(shutil.copytree(whole, tmp_path / "project", symlinks=True))
    shutil.rmtree(copy / MODELS / "w2-4")
    return copy


@pytest.mark.parametrize("name", ["w2-4", "depth-1"])
def test_one_loaded_core_gives_the_same_bytes_as_two_free_ones(project: Path, whole: Path, name: str) -> None:
    core = min(os.sched_getaffinity(0))
    busy = [sys.executable, "-c", f"import os; os.sched_setaffinity(0, {{{core}}})\nwhile True: pass"]
    load = [subprocess.Popen(busy) for _ in range(2)]
    try:
        pin = f"import os, sys; os.sched_setaffinity(0, {{{core}}}); os.execv(sys.argv[1], sys.argv[1:])"
        run(sys.executable, "-c", pin, *command(name), cwd=project)
    finally:
        for process in load:
            process.kill()
            process.wait()
    assert contents(project / MODELS / name) == contents(whole / MODELS / name)


def test_training_killed_at_random_moments_ends_with_the_same_bytes(project: Path, whole: Path) -> None:
    """SIGKILL, SIGTERM and Ctrl-C in turn, at moments drawn over the length of a whole training."""
    started = time.monotonic()
    run(*command("w2-4"), cwd=project)
    length = time.monotonic() - started
    shutil.rmtree(project / MODELS / "w2-4")

    generator = random.Random()
    signals = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT]
    expected = contents(whole / MODELS / "w2-4")
    kills = finished = resumed = 0
    while kills < KILLS:
        moment = generator.uniform(0.1, 1) * length
        how = signals[kills % len(signals)]
        process = subprocess.Popen(
            command("w2-4"), cwd=project, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            output, _ = process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            process.send_signal(how)
            output, _ = process.communicate(timeout=60)
            kills += 1
            print(f"{how.name} after {moment:.2f} s of {length:.2f} s; exit status {process.returncode}")
            assert "Traceback" not in output, output
            assert process.returncode in (-how, 128 + how) or "epoch 3/3" in output, output
        resumed += "goes on after epoch" in output
        if process.returncode == 0:
            assert contents(project / MODELS / "w2-4") == expected
            shutil.rmtree(project / MODELS / "w2-4")
            finished += 1
    print(run(*command("w2-4"), cwd=project))
    assert contents(project / MODELS / "w2-4") == expected
    assert resumed
    assert not (project / "data/checkpoints/w2-4").exists()


def interrupted(project: Path) -> Path:
    """Kill a training after its first checkpoint, and give that file."""
    checkpoint = project / "data/checkpoints/w2-4/seed-0.npz"
    process = subprocess.Popen(command("w2-4"), cwd=project, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    while not checkpoint.exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    return checkpoint


def test_repro_after_a_kill_goes_on_and_says_so(project: Path, whole: Path) -> None:
    interrupted(project)
    output = run("dvc", "repro", "-s", "train_width@w2-4", cwd=project)
    assert "w2-4 seed 0: goes on after epoch" in output
    assert contents(project / MODELS / "w2-4") == contents(whole / MODELS / "w2-4")


def test_pipeline_killed_as_a_whole_goes_on_at_the_next_repro(project: Path, whole: Path) -> None:
    """DVC and its training die together, as when a machine is switched off."""
    pipeline = subprocess.Popen(
        ["dvc", "repro", "-s", "train_width@w2-4"], cwd=project, env=ENVIRONMENT, stdout=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    while not (project / "data/checkpoints/w2-4/seed-0.npz").exists():
        assert pipeline.poll() is None
        time.sleep(0.02)
    os.killpg(pipeline.pid, signal.SIGKILL)
    pipeline.wait()
    output = run("dvc", "repro", "-s", "train_width@w2-4", cwd=project)
    assert "w2-4 seed 0: goes on after epoch" in output
    assert contents(project / MODELS / "w2-4") == contents(whole / MODELS / "w2-4")


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_damaged_checkpoint_is_noticed_said_and_started_over(project: Path, whole: Path, damage: str) -> None:
    checkpoint = interrupted(project)
    stored = bytearray(checkpoint.read_bytes())
    if damage == "flipped":
        stored[len(stored) // 2] ^= 1
    damaged = {"truncated": stored[: len(stored) // 2], "flipped": stored, "empty": bytearray()}
    checkpoint.write_bytes(damaged[damage])
    assert "w2-4 seed 0: starts over: data/checkpoints/w2-4/seed-0.npz is damaged" in run(*command("w2-4"), cwd=project)
    assert contents(project / MODELS / "w2-4") == contents(whole / MODELS / "w2-4")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("params.yaml", "learning_rate: 0.001", "learning_rate: 0.002"),
        ("params.yaml", "dense_units: 80 ", "dense_units: 81 "),
        ("stages/training.py", "One Keras training", "A Keras training"),
    ],
)
def test_checkpoint_of_other_parameters_or_code_is_not_taken_up(project: Path, file: str, old: str, new: str) -> None:
    interrupted(project)
    path = project / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    message = "seed 0: starts over: data/checkpoints/w2-4/seed-0.npz was made by other parameters, data or code"
    assert message in run(*command("w2-4"), cwd=project)


def test_checkpoint_of_other_data_is_not_taken_up(project: Path) -> None:
    interrupted(project)
    edit_params(project, "  seed: 0 ", "  seed: 1 ")
    run(sys.executable, "-m", "stages.prepare", cwd=project)
    assert "was made by other parameters, data or code" in run(*command("w2-4"), cwd=project)


def test_checkpoint_gives_back_what_was_saved(tmp_path: Path) -> None:
    weights = [np.arange(k + 1, dtype=np.float32) for k in range(12)]
    state = State([[0.1, 0.2, 0.3, 0.4]], weights, [np.array(7, dtype=np.int64), *weights], None)
    save_checkpoint(tmp_path / "c.npz", "maker", state)
    loaded, _ = load_checkpoint(tmp_path / "c.npz", "maker")
    assert loaded.history == state.history
    assert [a.tobytes() for a in loaded.weights] == [a.tobytes() for a in weights]
    assert loaded.optimizer[0].tobytes() == state.optimizer[0].tobytes()
    assert load_checkpoint(tmp_path / "c.npz", "another")[0] == State()
    assert [path.name for path in tmp_path.iterdir()] == ["c.npz"]


def test_second_training_of_the_same_name_is_refused_while_the_first_runs(project: Path) -> None:
    first = subprocess.Popen(command("w2-4"), cwd=project, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    while not (project / "data/checkpoints/w2-4/seed-0.npz").exists():
        time.sleep(0.02)
    first.send_signal(signal.SIGSTOP)
    output = run(*command("w2-4"), cwd=project, status=1)
    assert len(output.splitlines()) == 1
    assert "another training of w2-4 is running" in output
    first.send_signal(signal.SIGCONT)
    assert first.wait() == 0


def one_line(project: Path, *arguments: str) -> str:
    """What a stage says that fails."""
    output = run(*arguments, cwd=project, status=1)
    lines = [line for line in output.splitlines() if " epoch " not in line]
    assert len(lines) == 1, output
    return lines[0]


FULL_DISK = {
    "data/.partial-fashion_mnist.npz": (["-m", "stages.prepare"], "data/fashion_mnist.npz"),
    "data/checkpoints/w2-4/.partial-seed-0.npz": (command("w2-4")[1:], "data/checkpoints/w2-4/seed-0.npz"),
    "metrics/.partial-study.json": (["-m", "stages.aggregate"], "metrics/study.json"),
    "plots/.partial-width_curves.png": (["-m", "stages.aggregate"], "plots/width_curves.png"),
}


@pytest.mark.parametrize("unfinished", FULL_DISK)
def test_full_disk_is_told_with_the_file_and_loses_nothing(small: Path, unfinished: str) -> None:
    arguments, file = FULL_DISK[unfinished]
    before = {path: path.read_bytes() for path in small.rglob("data/models/*/*")}
    (small / unfinished).parent.mkdir(parents=True, exist_ok=True)
    (small / unfinished).symlink_to("/dev/full")
    message = one_line(small, sys.executable, *arguments)
    assert f"{file}: No space left on device" in message
    assert "earlier results: git checkout dvc.lock metrics plots && dvc checkout" in message
    assert {path: path.read_bytes() for path in small.rglob("data/models/*/*")} == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount; permissions do not bind it")
def test_read_only_output_folder_is_told(small: Path) -> None:
    mount = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
    for folder, arguments in (("metrics", ["-m", "stages.aggregate"]), ("data", ["-m", "stages.prepare"])):
        message = one_line(
            small, "unshare", "--mount", "sh", "-c", mount, "sh", str(small / folder), sys.executable, *arguments
        )
        assert "Read-only file system" in message
        assert f"{folder}/" in message


def test_truncated_data_set_is_told_and_brought_back_by_what_the_message_names(small: Path) -> None:
    path = small / "data/fashion_mnist.npz"
    whole = path.read_bytes()
    path.unlink()
    path.write_bytes(whole[:-1000])
    message = one_line(small, *command("w2-4"))
    assert "data/fashion_mnist.npz: damaged" in message
    run(*message.split("`")[1].split(), cwd=small)
    assert path.read_bytes() == whole


def test_refused_run_leaves_earlier_results_to_the_commands_that_it_names(small: Path) -> None:
    before = contents(small / MODELS / "w2-4")
    edit_params(small, "batch_size: 128", "batch_size: 0")
    output = run("dvc", "repro", cwd=small, status=255)
    assert "params.yaml: train.batch_size holds 0: input should be greater than or equal to 1" in output
    assert "Traceback" not in output
    assert "git checkout dvc.lock metrics plots && dvc checkout" in output
    run("git", "checkout", "--quiet", "dvc.lock", "metrics", "plots", cwd=small)
    run("dvc", "checkout", cwd=small)
    assert contents(small / MODELS / "w2-4") == before


@pytest.mark.parametrize("key", ["w1; touch x", "w1\ntouch x", "$(touch x)", "`touch x`", "w1 && touch x", "w1'"])
def test_study_key_never_reaches_a_shell(small: Path, key: str) -> None:
    path = small / "params.yaml"
    quoted = key.replace("\n", "\\n")
    path.write_text(path.read_text().replace("    w2-4:", f'    "{quoted}":'))
    output = run("dvc", "repro", cwd=small, status=255)
    assert "study.width" in output
    assert "Traceback" not in output
    assert not (small / "x").exists()


def test_damaged_cache_is_noticed_and_repaired_by_training_again(small: Path) -> None:
    """One flipped bit, the file's date and permissions as they were: what DVC alone does not see."""
    assert "is what its name says" in run("make", "verify", cwd=small)
    whole = contents(small / MODELS / "w2-4")
    cached = next(path for path in (small / ".dvc/cache/files/md5").glob("??/*") if same(path, whole["seed-0.keras"]))
    damaged, stat = bytearray(cached.read_bytes()), cached.stat()
    damaged[len(damaged) // 2] ^= 1
    cached.chmod(0o644)
    cached.write_bytes(damaged)
    cached.chmod(stat.st_mode)
    os.utime(cached, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    output = run("make", "verify", cwd=small, status=2)
    assert f"{cached} is damaged" in output
    assert output.count("is damaged") == 1
    cached.unlink()
    run("sh", "-c", re.findall("`(rm .*?)`", output)[0], cwd=small)
    assert ran_stages(run("dvc", "repro", cwd=small)) == ["train_width@w2-4"]
    assert contents(small / MODELS / "w2-4") == whole
    assert run("git", "status", "--porcelain", cwd=small) == ""
    assert "is what its name says" in run("make", "verify", cwd=small)


def same(path: Path, content: bytes) -> bool:
    return path.stat().st_size == len(content) and path.read_bytes() == content
