"""The store of checkpoints and outputs: which files it finds and refuses, and who may write it."""

import os
import shutil
import tempfile
import threading
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.checkpoints import CheckpointStore, code_fingerprint, cpu_kind, fingerprint, store_root
from stages.training.results import SeedOutput, SeedResult, State
from tests.conftest import ROOT
from tests.kinds import SETTINGS, SMALL

NOTHING: dict[str, Any] = dict.fromkeys(SeedResult.model_fields) | {"learned": False}
ELSEWHERE = "trained on Other; this is K"


def made_by(**changes: Any) -> dict[str, Any]:
    """Return the fingerprint of a training with these keys of its architecture, its settings or others changed."""
    keys: dict[str, Any] = {"seed": 0, "data": "d", "code": "c"} | changes
    architecture, settings = SMALL.model_copy(update=changes), SETTINGS.model_copy(update=changes)
    return fingerprint(architecture, settings, keys["seed"], keys["data"], keys["code"])


def state(epochs: int, diverged: int | None = None) -> State:
    """Return a state whose every number shows its epochs."""
    weights = [np.full(k + 1, epochs, dtype=np.float32) for k in range(12)]
    rows = [[0.1 * epoch, 0.2, 0.3, 0.4] for epoch in range(1, epochs + 1)]
    return State(rows, weights, [np.array(7, dtype=np.int64), *weights], weights[:2], diverged)


def output(parameters: int) -> SeedOutput:
    result = SeedResult(**NOTHING)
    return SeedOutput(result, parameters, 10, np.ones((2, 4)), np.ones((3, 4, 3)), b"model", np.ones((5, 10)))


def store_at(root: Path, kind: str = "K", **changes: Any) -> CheckpointStore:
    return CheckpointStore(made_by(**changes), root, kind)


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return store_at(tmp_path)


def test_state_and_output_are_loaded_as_they_were_saved(store: CheckpointStore) -> None:
    store.save(state(2), 2)
    found, note, _ = store.load(2)
    assert (found.history, found.diverged_epoch, note) == (state(2).history, None, "")
    for group in ("weights", "optimizer", "layers"):
        pairs = zip(getattr(found, group), getattr(state(2), group), strict=True)
        assert all(ours.tobytes() == theirs.tobytes() and ours.dtype == theirs.dtype for ours, theirs in pairs)
    assert store.load_output(2) is None
    store.save_output(2, output(77))
    loaded, note, _ = store.load_output(2) or pytest.fail("it was saved")
    assert (loaded.result, loaded.parameters, loaded.model, note) == (output(7).result, 77, b"model", "")
    assert store.load_output(3) is None


def test_longest_checkpoint_that_is_not_too_long_is_loaded(store: CheckpointStore) -> None:
    assert store.load(1) == (State(), "", None)
    for epochs in (5, 20, 25):
        store.save(state(epochs), epochs)
    assert [store.load(most).state.epochs for most in (4, 5, 24, 100)] == [0, 5, 20, 25]
    assert store.load(24).note == "resumes after epoch 20 of 24"
    assert store.load(4).note == "trains from scratch: the shortest checkpoint has 5 epochs"


def test_finished_lengths_stay_and_the_longest_of_an_unfinished_one(store: CheckpointStore) -> None:
    for epochs, end, stay in [
        (1, 9, ["unfinished-1.K.npz"]), (2, 9, ["unfinished-2.K.npz"]), (3, 3, ["epoch-3.K.npz"]),
        (5, 9, ["epoch-3.K.npz", "unfinished-5.K.npz"]),
        (1, 2, ["epoch-3.K.npz", "unfinished-1.K.npz", "unfinished-5.K.npz"]),
        (2, 2, ["epoch-2.K.npz", "epoch-3.K.npz", "unfinished-5.K.npz"]),
    ]:  # fmt: skip
        store.save(state(epochs), end)
        assert sorted(path.name for path in store.folder.glob("*.npz")) == stay


def test_length_that_was_loaded_stays_after_a_longer_training_goes_on(store: CheckpointStore) -> None:
    for epochs in (8, 9):
        store.save(state(epochs), 20)
        assert store.load(8).path == store.folder / "epoch-8.K.npz"


def test_folder_that_is_removed_by_who_has_the_lock_is_made_again(store: CheckpointStore) -> None:
    other = ExitStack()
    other.callback(shutil.rmtree, store.folder)
    other.enter_context(store.lock(lambda: None))
    with store.lock(other.close):
        assert store.folder.exists()


def test_diverged_training_is_found_for_every_length_from_its_epoch(store: CheckpointStore) -> None:
    store.save(state(3, diverged=4), 20)
    assert [store.load(most).state.diverged_epoch for most in (3, 4, 20)] == [None, 4, 4]
    assert store.load(20).note == ""


@pytest.mark.parametrize("damage", [lambda _: b"", lambda file: file[:-5], lambda file: file[:90] + b"x" + file[91:]])
def test_damaged_file_is_named_and_not_used_nor_sent(store: CheckpointStore, damage: Callable[[bytes], bytes]) -> None:
    for epochs in (2, 3):
        store.save(state(epochs), epochs)
    store.save_output(3, output(1))
    whole = {path.name: path.read_bytes() for path in store.valid_files(3)}
    assert list(whole) == ["epoch-3.K.npz", "output-3.K.npz"]
    for name, content in whole.items():
        (store.folder / name).write_bytes(damage(content))
    found, note, path = store.load(3)
    assert (found.epochs, store.load_output(3)) == (2, None)
    assert note == f"{store.folder / 'epoch-3.K.npz'}: damaged; not used; resumes after epoch 2 of 3"
    assert store.valid_files(3) == [path]
    assert store.import_files({"epoch-3.K.npz": damage(whole["epoch-3.K.npz"])}) == ["epoch-3.K.npz"]
    assert store.import_files(whole) == []
    assert store.load(3).state.epochs == 3


def test_file_of_another_training_or_name_is_not_used(store: CheckpointStore, tmp_path: Path) -> None:
    other = store_at(tmp_path, seed=1)
    other.save(state(3), 3)
    content = (other.folder / "epoch-3.K.npz").read_bytes()
    assert store.import_files({"epoch-3.K.npz": content}) == ["epoch-3.K.npz"]
    assert other.import_files({"../lock": content, "epoch-3.../K.npz": content}) == ["../lock", "epoch-3.../K.npz"]
    (other.folder / "epoch-3.K.npz").rename(store.folder / "epoch-3.K.npz")
    assert store.load(3).note == f"{store.folder / 'epoch-3.K.npz'}: of another training; not used"


def test_finished_training_is_taken_from_another_kind_of_processor_and_an_unfinished_one_is_not(
    store: CheckpointStore, tmp_path: Path
) -> None:
    other = store_at(tmp_path, "Other")
    other.save(state(2), 3)
    store.save(state(1), 3)
    assert store.load(3).state.epochs == 1
    other.save(state(3), 3)
    other.save_output(3, output(5))
    assert (store.load(3).state.epochs, store.load(3).note) == (3, ELSEWHERE)
    assert (store.load_output(3) or [])[1] == ELSEWHERE
    assert store.load(4).state.epochs == 1
    store.save(state(3), 3)
    assert store.load(3).note == ""


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"data": "e"}, {"code": "f"}, {"batch_size": 64}, {"learning_rate": 0.1}, {"threads": 1},
     {"ema_momentum": 0.5}, {"dense_units": 9}],
)  # fmt: skip
def test_all_that_a_training_follows_from_is_in_its_fingerprint(change: dict[str, Any]) -> None:
    assert made_by(**change) != made_by()
    assert made_by(epochs=50, seeds=[4, 0]) == made_by()
    assert {"tensorflow", "keras", "numpy"} <= made_by()["libraries"].keys()


def test_code_fingerprint_follows_from_names_and_bytes_of_modules_alone(tmp_path: Path) -> None:
    code = Path(shutil.copytree(ROOT / "stages/training", tmp_path / "elsewhere"))
    for name in (".#loop.py", "loop.pyc", "notes.txt"):
        (code / name).write_text("# other")
    assert code_fingerprint(code) == code_fingerprint()
    (code / "loop.py").rename(code / "loops.py")
    renamed = code_fingerprint(code)
    with (code / "fast.py").open("a") as file:
        file.write("# a remark\n")
    assert len({renamed, code_fingerprint(code), code_fingerprint()}) == 3


def test_store_is_one_for_all_folders_that_share_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two/deep"):
        (tmp_path / name / ".dvc").mkdir(parents=True)
        (tmp_path / name / ".dvc/config").write_text(f"[cache]\ndir = {tmp_path}/cache\n")
        monkeypatch.chdir(tmp_path / name)
        assert store_root() == tmp_path / "cache/trainings"
    (tmp_path / "two/deep/.dvc/config").write_text("")
    assert store_root() == tmp_path / "two/deep/.dvc/cache/trainings"


def test_second_process_waits_until_the_first_has_ended(store: CheckpointStore) -> None:
    order, waits = [], threading.Event()

    def train_too() -> None:
        with store.lock(waits.set):
            order.append("second")

    with store.lock(lambda: order.append("nobody has it")):
        thread = threading.Thread(target=train_too)
        thread.start()
        assert waits.wait(10)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become two users")
def test_two_users_of_a_shared_cache_continue_each_others_trainings() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # pytest's own is for root alone
        (Path(folder) / ".dvc/cache").mkdir(parents=True)
        (Path(folder) / ".dvc/config").write_text("[cache]\nshared = group\n")
        for path in (Path(folder), Path(folder) / ".dvc/cache"):
            path.chmod(0o2775)
            os.chown(path, 0, 12000)
        key = made_by()
        for before, user in enumerate((12001, 12002, 12001)):
            child = os.fork()  # another user may not start root's Python
            if not child:
                _train_as(user, Path(folder), key, before)
            assert os.waitpid(child, 0)[1] == 0


def _train_as(user: int, project: Path, key: dict[str, Any], before: int) -> None:
    """Train an epoch, leave a file as if killed, and end this process: with status 0 if `before` epochs were stored."""
    try:
        os.chdir(project)
        os.environ["HOME"] = str(project)  # root's is not readable
        os.setgroups([])
        os.setgid(12000)
        os.setuid(user)
        os.umask(0o022)
        store = CheckpointStore(key, store_root(), "K")
        with store.lock(lambda: None):
            assert store.load(9).state.epochs == before
            store.save(state(before + 1), 9)
            (store.folder / f".partial-unfinished-{before + 2}.K.npz").touch()
        os._exit(0)
    finally:
        traceback.print_exc()
        os._exit(1)


CPU = "processor\t: 0\nvendor_id\t: {}\nmodel name\t: Made Up avx512f\nflags\t\t: fpu {}\n\nflags\t: avx2\n"
AVX512 = "avx avx2 avx512f avx512bw avx512dq avx512vl"


@pytest.mark.parametrize(
    ("maker", "flags", "kind"),
    [
        ("GenuineIntel", "sse4_1 avx", "x86_64-GenuineIntel-none"),
        ("AuthenticAMD", "avx avx2 fma", "x86_64-AuthenticAMD-AVX2"),
        ("GenuineIntel", "avx avx2 avx512f avx512cd avx512er avx512pf", "x86_64-GenuineIntel-AVX2"),  # Knights Landing
        ("AuthenticAMD", f"{AVX512} avx512_bf16", "x86_64-AuthenticAMD-AVX-512"),
        ("GenuineIntel", f"{AVX512} avx512_fp16 amx_tile", "x86_64-GenuineIntel-AVX-512"),  # backend.py sets this limit
    ],
)
def test_kind_of_processor_names_maker_and_instructions(
    maker: str, flags: str, kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PROCESSOR_KIND_OF_TESTS", raising=False)
    (tmp_path / "cpuinfo").write_text(CPU.format(maker, flags))
    for machine, expected in (("x86_64", kind), ("aarch64", "aarch64")):
        monkeypatch.setattr("platform.machine", lambda machine=machine: machine)
        assert cpu_kind(tmp_path / "cpuinfo") == expected
        assert cpu_kind(tmp_path / "missing") == machine
