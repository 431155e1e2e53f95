"""The store of checkpoints and results: what it finds, what it refuses, who may write it."""

import os
import shutil
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.checkpoints import (
    LOCAL,
    CheckpointStore,
    code_fingerprint,
    cpu_kind,
    fingerprint,
    locked,
    store_root,
)
from stages.training.results import SeedOutput, SeedResult, State
from tests.conftest import ROOT, run
from tests.kinds import SETTINGS, SMALL

NOBODY: dict[str, Any] = dict.fromkeys(
    ("test_loss", "test_accuracy", "validation_loss", "validation_accuracy", "epochs_to_learn", "diverged_epoch")
)
Damage = Callable[[bytes], bytes]
DAMAGES = [lambda _: b"", lambda stored: stored[:-5], lambda stored: stored[:90] + b"x" + stored[91:]]


def made_by(**changes: Any) -> dict[str, Any]:
    keys: dict[str, Any] = {"seed": 0, "data": "d", "code": "c"} | changes
    settings = SETTINGS.model_copy(update={key: value for key, value in keys.items() if hasattr(SETTINGS, key)})
    return fingerprint(SMALL.model_copy(update=keys.pop("of", {})), settings, keys["seed"], keys["data"], keys["code"])


def state(epochs: int, diverged: int | None = None) -> State:
    """Return a state whose every number shows its epochs."""
    weights = [np.full(k + 1, epochs, dtype=np.float32) for k in range(12)]
    rows = [[0.1 * epoch, 0.2, 0.3, 0.4] for epoch in range(1, epochs + 1)]
    return State(rows, weights, [np.array(7, dtype=np.int64), *weights], weights[:2], diverged)


def output(parameters: int) -> SeedOutput:
    result = SeedResult(**NOBODY, learned=False)
    return SeedOutput(result, parameters, 10, np.ones((2, 4)), np.ones((3, 4, 3)), b"model", np.ones((5, 10)))


def names(store: CheckpointStore) -> list[str]:
    return sorted(path.name for path in store.folder.glob("*.npz"))


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(made_by(), tmp_path, kind="K")


def test_state_and_output_are_loaded_as_they_were_saved(store: CheckpointStore) -> None:
    store.save(state(2), 2)
    found, note = store.load(2)
    assert (found.history, found.diverged_epoch, note) == (state(2).history, None, "")
    for group in ("weights", "optimizer", "layers"):
        pairs = zip(getattr(found, group), getattr(state(2), group), strict=True)
        assert all(ours.tobytes() == theirs.tobytes() and ours.dtype == theirs.dtype for ours, theirs in pairs)
    assert store.load_output(2) is None
    store.save_output(2, output(77))
    loaded = store.load_output(2)
    assert loaded
    assert (loaded[0].result, loaded[0].parameters, loaded[0].model, loaded[1]) == (output(7).result, 77, b"model", "")
    assert store.load_output(3) is None


def test_longest_checkpoint_that_is_not_too_long_is_loaded(store: CheckpointStore) -> None:
    assert store.load(1) == (State(), "")
    for epochs in (5, 20, 25):
        store.save(state(epochs), epochs)
    assert [store.load(most)[0].epochs for most in (4, 5, 24, 100)] == [0, 5, 20, 25]
    assert store.load(24)[1] == "resumes after epoch 20 of 24"
    assert store.load(4)[1] == "trains from scratch: the shortest checkpoint has 5 epochs"


def test_finished_lengths_stay_and_the_longest_of_an_unfinished_one(store: CheckpointStore) -> None:
    for epochs, end, stay in [
        (1, 9, ["unfinished-1.K.npz"]), (2, 9, ["unfinished-2.K.npz"]), (3, 3, ["epoch-3.K.npz"]),
        (5, 9, ["epoch-3.K.npz", "unfinished-5.K.npz"]),
        (1, 2, ["epoch-3.K.npz", "unfinished-1.K.npz", "unfinished-5.K.npz"]),
        (2, 2, ["epoch-2.K.npz", "epoch-3.K.npz", "unfinished-5.K.npz"]),
    ]:  # fmt: skip
        store.save(state(epochs), end)
        assert names(store) == stay


def test_diverged_training_is_found_for_every_length_from_its_epoch(store: CheckpointStore) -> None:
    store.save(state(3, diverged=4), 20)
    assert [store.load(most)[0].diverged_epoch for most in (3, 4, 20)] == [None, 4, 4]
    assert store.load(20)[1] == ""


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_file_is_named_and_not_used_nor_sent_and_replaced(store: CheckpointStore, damage: Damage) -> None:
    for epochs in (2, 3):
        store.save(state(epochs), epochs)
    store.save_output(3, output(1))
    whole = {path.name: path.read_bytes() for path in store.valid_files(3)}
    assert list(whole) == ["epoch-3.K.npz", "output-3.K.npz"]
    for name, content in whole.items():
        (store.folder / name).write_bytes(damage(content))
    found, note = store.load(3)
    assert (found.epochs, store.load_output(3)) == (2, None)
    assert note == f"{store.folder / 'epoch-3.K.npz'}: damaged; not used; resumes after epoch 2 of 3"
    assert [path.name for path in store.valid_files(3)] == ["epoch-2.K.npz"]
    assert store.import_files({"epoch-3.K.npz": damage(whole["epoch-3.K.npz"])}) == ["epoch-3.K.npz"]
    assert store.import_files(whole) == []
    assert store.load(3)[0].epochs == 3
    (store.folder / "epoch-3.K.npz").write_bytes(b"")
    store.save(state(3), 3)
    assert store.load(3)[0].epochs == 3


def test_file_of_another_training_is_not_used(store: CheckpointStore, tmp_path: Path) -> None:
    other = CheckpointStore(made_by(seed=1), tmp_path, kind="K")
    other.save(state(3), 3)
    content = {path.name: path.read_bytes() for path in other.valid_files(3)}
    assert store.import_files(content) == ["epoch-3.K.npz"]
    (other.folder / "epoch-3.K.npz").rename(store.folder / "epoch-3.K.npz")
    assert store.load(3) == (State(), f"{store.folder / 'epoch-3.K.npz'}: of another training; not used")


def test_finished_training_is_taken_from_another_kind_of_processor_and_an_unfinished_one_is_not(
    store: CheckpointStore, tmp_path: Path
) -> None:
    other = CheckpointStore(made_by(), tmp_path, kind="Other")
    other.save(state(2), 3)
    store.save(state(1), 3)
    assert store.load(3)[0].epochs == 1
    other.save(state(3), 3)
    other.save_output(3, output(5))
    assert (store.load(3)[0].epochs, store.load(3)[1]) == (3, "taken as Other trained it; this is K")
    assert [found and found[1] for found in (store.load_output(3),)] == ["taken as Other trained it; this is K"]
    assert store.load(4)[0].epochs == 1
    store.save(state(3), 3)
    assert store.load(3)[1] == ""


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"data": "e"}, {"code": "f"}, {"batch_size": 64}, {"learning_rate": 0.1}, {"threads": 1},
     {"ema_momentum": 0.5}, {"of": {"dense_units": 9}}],
)  # fmt: skip
def test_all_that_a_training_follows_from_is_in_its_fingerprint(change: dict[str, Any]) -> None:
    assert made_by(**change) != made_by()


def test_epochs_and_other_seeds_are_not_in_the_fingerprint_but_versions_are() -> None:
    assert made_by(epochs=50, seeds=[4, 0]) == made_by()
    assert {"tensorflow", "keras", "numpy"} <= made_by()["libraries"].keys()


def test_code_fingerprint_follows_from_names_and_bytes_of_modules_alone(tmp_path: Path) -> None:
    code = Path(shutil.copytree(ROOT / "stages/training", tmp_path / "elsewhere"))
    assert code_fingerprint(code) == code_fingerprint()
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
        (tmp_path / name / ".dvc/config").write_text(f"[cache]\ndir = {tmp_path}/cache\nshared = group\n")
        monkeypatch.chdir(tmp_path / name)
        assert store_root() == (tmp_path / "cache/trainings", True)
    (tmp_path / "one/.dvc/config").write_text("")
    monkeypatch.chdir(tmp_path / "one")
    assert store_root() == (tmp_path / "one/.dvc/cache/trainings", False)


def test_second_process_waits_until_the_first_has_ended(store: CheckpointStore) -> None:
    order, waits = [], threading.Event()
    left = store.folder / ".partial-epoch-1.K.npz"
    left.touch()

    def second() -> None:
        with locked(store.folder / "lock", waits.set):
            order.append("second")

    with store.lock(lambda: order.append("nobody has it")):
        assert not left.exists()
        thread = threading.Thread(target=second)
        thread.start()
        assert waits.wait(10)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_store_that_cannot_be_written_is_read_and_the_training_stored_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made up, because root may write what is read-only."""
    key = made_by()
    monkeypatch.chdir(tmp_path)
    store = CheckpointStore(key, tmp_path / "shared", kind="K")
    store.save(state(1), 1)
    monkeypatch.setattr(Path, "touch", _refuse_below(tmp_path / "shared", Path.touch))
    local = CheckpointStore(key, tmp_path / "shared", kind="K")
    assert f"Permission denied; this training is stored in {LOCAL}" in local.note
    assert local.load(1)[0].epochs == 1
    local.save(state(2), 2)
    assert local.load(2)[0].epochs == 2
    assert names(store) == ["epoch-1.K.npz"]


def _refuse_below(folder: Path, touch: Callable[..., None]) -> Callable[..., None]:
    def refusing(path: Path, *arguments: Any) -> None:
        if path.is_relative_to(folder):
            raise PermissionError(13, "Permission denied", str(path))
        touch(path, *arguments)

    return refusing


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become two users")
def test_two_users_of_a_shared_cache_continue_each_others_trainings() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # pytest's own is for root alone
        Path(folder).chmod(0o2775)
        os.chown(folder, 0, 12000)
        for before, user in enumerate((12001, 12002, 12001)):
            child = os.fork()  # another user may not start root's Python
            if not child:
                _train_as(user, Path(folder) / "store", before)
            assert os.waitpid(child, 0)[1] == 0


def _train_as(user: int, root: Path, before: int) -> None:
    """Train an epoch, leave a file as if killed, and end this process: with status 0 if `before` epochs were stored."""
    try:
        os.setgroups([])
        os.setgid(12000)
        os.setuid(user)
        os.umask(0o022)
        store = CheckpointStore(made_by(), root, shared=True, kind="K")
        with store.lock(lambda: None):
            assert (store.note, store.load(9)[0].epochs) == ("", before)
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
    maker: str, flags: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROCESSOR_KIND_OF_TESTS", raising=False)
    assert cpu_kind(CPU.format(maker, flags), "x86_64") == kind
    assert cpu_kind(CPU.format(maker, flags), "aarch64") == "aarch64"
    assert cpu_kind("", "x86_64") == "x86_64"
    assert run(sys.executable, "-c", "from stages.checkpoints import cpu_kind; print(cpu_kind())", cwd=ROOT).strip()
