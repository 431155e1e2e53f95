"""What is kept of a training: which state is found, what is said, what stays."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest

from stages.checkpoints import IDENTITY, Identity, Kept, identity, states
from stages.locks import locked
from stages.training.architecture import Architecture, Train
from stages.training.loop import State

ARCHITECTURE = Architecture(filters=[2, 4], blocks=1, pooling="max", dense_units=8, activation="relu")
SETTINGS = Train(epochs=3, batch_size=128, learning_rate=0.001, threads=2, seeds=[0])


def made_by(**changes: object) -> Identity:
    settings = SETTINGS.model_copy(update={key: value for key, value in changes.items() if key in Train.model_fields})
    others = {"seed": 0, "data": "d", "processor": "p"} | changes
    return identity(ARCHITECTURE, settings, others["seed"], others["data"], others["processor"])  # type: ignore[arg-type]


def state(epochs: int, diverged: int | None = None) -> State:
    """A state whose every number tells its epochs."""
    weights = [np.full(k + 1, epochs, dtype=np.float32) for k in range(12)]
    rows = [[0.1 * epoch, 0.2, 0.3, 0.4] for epoch in range(1, epochs + 1)]
    return State(rows, weights, [np.array(7, dtype=np.int64), *weights], weights[:2], diverged)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(made_by(), tmp_path)


def test_state_comes_back_as_it_was_kept(kept: Kept) -> None:
    kept.keep(state(2), 2)
    found, note = kept.take(2)
    assert note == "2 of 2 epochs were trained before"
    assert (found.history, found.diverged_epoch) == (state(2).history, None)
    for group in ("weights", "optimizer", "layers"):
        pairs = zip(getattr(found, group), getattr(state(2), group), strict=True)
        assert all(ours.tobytes() == theirs.tobytes() and ours.dtype == theirs.dtype for ours, theirs in pairs)


def test_longest_state_that_is_not_too_long_is_taken(kept: Kept) -> None:
    for epochs in (5, 20, 25):
        kept.keep(state(epochs), epochs)
    assert [kept.longest(most) for most in (4, 5, 24, 100)] == [0, 5, 20, 25]
    assert len(kept.take(24).state.history) == 20
    assert kept.take(100).note == "25 of 100 epochs were trained before"


def test_fewer_epochs_than_any_that_is_kept_are_trained_anew_and_this_is_said(kept: Kept) -> None:
    assert kept.take(1) == (State(), "")
    kept.keep(state(3), 3)
    assert kept.take(1) == (State(), "trains 1 epoch anew, for what is kept of it has 3 epochs or more")


def test_ends_stay_and_of_what_did_not_end_the_longest(kept: Kept) -> None:
    def names() -> list[str]:
        return sorted(path.name for path in kept.folder.glob("*.npz"))

    for epochs in (1, 2):
        kept.keep(state(epochs), 9)
    kept.keep(state(3), 3)
    assert names() == ["epoch-3.npz"]
    for epochs in (4, 5, 6):
        kept.keep(state(epochs), 9)
    assert names() == ["epoch-3.npz", "unfinished-6.npz"]
    for epochs in (1, 2):  # a shorter training, from the start
        kept.keep(state(epochs), 2)
    assert names() == ["epoch-2.npz", "epoch-3.npz", "unfinished-6.npz"]
    kept.keep(state(7), 9)
    assert names() == ["epoch-2.npz", "epoch-3.npz", "unfinished-7.npz"]


def test_training_that_diverged_is_found_by_whoever_asks_for_as_many_epochs(kept: Kept) -> None:
    kept.keep(state(3, diverged=4), 20)
    assert kept.take(20).state.diverged_epoch == 4
    assert kept.take(4).state.diverged_epoch == 4
    assert kept.take(3).state == State()


@pytest.mark.parametrize(
    "damage", [lambda _: b"", lambda stored: stored[:-5], lambda stored: stored[:90] + b"x" + stored[91:]]
)
def test_damaged_state_is_said_and_the_one_before_it_taken(kept: Kept, damage: object) -> None:
    kept.keep(state(2), 2)
    kept.keep(state(3), 3)
    path = kept.folder / "epoch-3.npz"
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    found, note = kept.take(3)
    assert len(found.history) == 2
    assert note == f"{path} is damaged and not used; 2 of 3 epochs were trained before"


def test_state_of_another_training_is_said_and_not_used(kept: Kept, tmp_path: Path) -> None:
    other = Kept(made_by(seed=1), tmp_path)
    other.keep(state(3), 3)
    kept.folder.mkdir(parents=True)
    (other.folder / "epoch-3.npz").rename(kept.folder / "epoch-3.npz")
    assert kept.take(3) == (State(), f"{kept.folder / 'epoch-3.npz'} is of another training and not used")


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"data": "e"}, {"processor": "q"}, {"batch_size": 64}, {"learning_rate": 0.1}, {"threads": 1}],
)
def test_whatever_a_state_follows_from_is_part_of_its_identity(
    kept: Kept, tmp_path: Path, change: dict[str, object]
) -> None:
    kept.keep(state(3), 3)
    assert Kept(made_by(**change), tmp_path).longest(3) == 0


def test_states_are_taken_over_by_other_code_that_was_shown_to_give_the_same_bytes(kept: Kept, tmp_path: Path) -> None:
    for epochs in (2, 3):
        kept.keep(state(epochs), 2)
    other = Kept(made_by() | {"code": {"training/loop.py": "0" * 64}}, tmp_path)
    assert other.longest(3) == 0
    other.adopt(kept.folder)
    assert sorted(path.name for path in states(other.folder).values()) == ["epoch-2.npz", "unfinished-3.npz"]
    assert other.take(3).state.history == state(3).history
    assert kept.longest(3) == 3, "and where the old code lies, it goes on as well"


def test_epochs_and_other_seeds_are_no_part_of_an_identity(kept: Kept, tmp_path: Path) -> None:
    kept.keep(state(3), 3)
    assert Kept(made_by(epochs=50, seeds=[4, 0]), tmp_path).longest(3) == 3


def test_identity_names_code_and_versions_and_lies_beside_the_states(kept: Kept) -> None:
    with kept.held(lambda: None):
        content = json.loads((kept.folder / IDENTITY).read_text())
    assert content == made_by()
    assert {"training/loop.py", "network/fast.py"} <= set(content["code"])
    assert {"tensorflow", "keras", "numpy"} <= set(content["libraries"])


def test_who_comes_second_waits_until_the_first_has_ended(tmp_path: Path) -> None:
    order, waited = [], threading.Event()

    def second() -> None:
        with locked(tmp_path / "lock", waited.set):
            order.append("second")

    with locked(tmp_path / "lock", lambda: order.append("waited for nobody")):
        thread = threading.Thread(target=second)
        thread.start()
        assert waited.wait(10)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
