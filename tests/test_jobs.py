"""Jobs: in this process, in worker processes, and side by side on slots."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stages.checkpoints import code_fingerprint
from stages.common import DATASET_FILE, LIBRARIES, InputError
from stages.jobs import SLURM, Job, Report, Trainings, count_usable_cores, train_job
from stages.runner import JobFailedError, Runner, SlotLostError, WorkerProcess, ended_by_exception, read_job_count
from tests.conftest import ROOT, start
from tests.kinds import KINDS, SETTINGS, SMALL, kind, sample
from tests.processes import bare_project, stored, stored_below, until, until_none_works_below

JOB = Job("small", SMALL, SETTINGS, 0, tested=True)
DROPPING = JOB._replace(name="dropping", architecture=kind(dropout=0.3), seed=4)
ENDLESS = JOB._replace(name="endless", settings=SETTINGS.model_copy(update={"epochs": 1000}))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which trainings run, and the current one."""
    folder = bare_project(tmp_path / "erster Versuch ü")
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.usefixtures("project")
def test_finished_job_is_trained_once_and_a_damaged_result_is_evaluated_again() -> None:
    trainings, events = Trainings(), list[dict[str, Any]]()
    other_name, longer = JOB._replace(name="other"), JOB._replace(settings=ENDLESS.settings)
    assert trainings.find_missing([JOB, other_name, longer, DROPPING]) == [JOB, longer, DROPPING]
    assert train_job(JOB, trainings, sample(), events.append)
    assert [event["epoch"] for event in events] == [1, 2, 3]
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "epochs"} <= events[0].keys()
    assert trainings.find_missing([JOB, other_name, longer]) == [longer]
    (path,) = trainings.open_store(JOB).folder.glob("output-*.npz")
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"x")
    assert trainings.find_missing([JOB]) == [JOB]
    for _ in range(2):
        assert train_job(JOB, trainings, sample(), events.append)
        assert path.read_bytes() == content
    assert len(events) == 3


def test_search_s_job_reads_no_test_image_and_leaves_no_result(project: Path) -> None:
    untested, trainings = JOB._replace(tested=False), Trainings()
    nothing: Any = None
    train_job(untested, trainings, sample()._replace(test=nothing), lambda _: None)
    assert trainings.find_missing([untested, JOB]) == [JOB]
    assert [Path(path).name.partition(".")[0] for path in stored(project, "*.npz")] == ["epoch-3"]


def test_paused_training_resumes_with_the_same_bytes(project: Path) -> None:
    train_job(DROPPING, Trainings(project / "whole"), sample(), lambda _: None)
    trainings, events = Trainings(project / "parts"), list[dict[str, Any]]()
    assert [train_job(DROPPING, trainings, sample(), events.append, 0) for _ in range(3)] == [False, False, True]
    assert [event["epoch"] for event in events if "epoch" in event] == [1, 2, 3]
    assert [event["note"] for event in events if "note" in event] == [f"resumes after epoch {n} of 3" for n in (1, 2)]
    assert stored_below(project / "parts") == stored_below(project / "whole")


class Worker(WorkerProcess):
    """A worker process of a project, and the events that it reported."""

    def __init__(self, project: Path) -> None:
        super().__init__()
        self.project, self.events, self.killed_after = project, list[Any](), 0

    def train(self, job: Job, root: str = "store") -> dict[str, Any]:
        """Return the answer to the job's request."""
        request = job.request(code_fingerprint(self.project / "stages/training"))
        return self.ask(self.project, request | {"arguments": [*request["arguments"], root]}, self._report)

    def _report(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        if event.get("epoch") == self.killed_after and self.process:
            self.process.kill()


@pytest.fixture
def worker(project: Path) -> Iterator[Worker]:
    worker = Worker(project)
    yield worker
    worker.close()


def test_second_job_of_a_worker_has_the_bytes_of_a_fresh_process(worker: Worker, project: Path) -> None:
    """The first has other seeds, layers and an average of its weights."""
    averaged = JOB._replace(settings=SETTINGS.model_copy(update={"ema_momentum": 0.9, "seeds": [7]}), seed=7)
    assert worker.train(averaged)["finished"]
    first, process = stored_below(project / "store"), worker.process
    answer = worker.train(DROPPING)
    second = dict(stored_below(project / "store").items() - first.items())
    assert answer["finished"]
    assert {f"{Path(path).parent.name}/{Path(path).name}" for path in answer["files"]} == second.keys()
    assert worker.train(DROPPING)["finished"], "and nothing is left to do"
    assert worker.process is process
    assert worker.train(DROPPING, "fresh")["finished"]
    assert worker.process is not process
    assert stored_below(project / "fresh") == second
    assert [event["epoch"] for event in worker.events] == [1, 2, 3] * 3


def test_worker_refuses_other_code_and_reports_bad_data_and_a_crash(worker: Worker, project: Path) -> None:
    crashed = worker.train(JOB._replace(architecture=kind(blocks=5)))["error"]
    assert "failed with exit status 1; the end of" in crashed
    assert "ValueError" in crashed.splitlines()[-1] or "dimension" in crashed
    assert len(crashed.splitlines()) <= 16
    assert worker.train(JOB._replace(settings=SETTINGS.model_copy(update={"learning_rate": 2.0**53})))["finished"]
    assert worker.events == [{"note": "the loss of epoch 1 is NaN or infinite, so training ends"}]
    assert worker.train(JOB)["finished"]
    with (project / "stages/training/loop.py").open("a") as code:
        code.write("# a remark\n")
    assert "stages/training: changed since this worker started" in worker.train(JOB)["error"]
    worker.close()
    (project / DATASET_FILE).write_bytes(b"cheese")
    assert f"{DATASET_FILE}: damaged" in worker.train(JOB)["error"]
    (project / LIBRARIES).write_text("numpy==1.0\n")
    assert "numpy: expected 1.0, got" in worker.train(JOB)["error"]


def test_killed_worker_names_the_signal_and_its_training_goes_on_from_the_last_epoch(
    worker: Worker, project: Path
) -> None:
    long = JOB._replace(settings=SETTINGS.model_copy(update={"epochs": 30}))
    worker.killed_after = 2
    assert worker.train(long)["error"].startswith("killed by signal 9 (SIGKILL), most often because memory ran out")
    worker.events.clear()
    assert worker.train(long)["finished"]
    first = next(event for event in worker.events if "epoch" in event)["epoch"]
    assert 3 <= first <= 30
    assert sorted(name.split("/")[1].partition(".")[0] for name in stored_below(project / "store")) == [
        "epoch-30", "output-30",
    ]  # fmt: skip


class MadeUpSlot:
    """A slot that calls a function instead of training."""

    def __init__(self, work: Callable[[Job], object], kind: tuple[int, bool] | None = None) -> None:
        self.name, self.kind, self.work, self.jobs, self.closed = "made up", kind, work, list[Job](), threading.Event()

    def run(self, job: Job, report: Report) -> None:
        self.jobs.append(job)
        report({"epoch": 3})
        self.work(job)

    def close(self) -> None:
        self.closed.set()


JOBS = [JOB._replace(seed=seed) for seed in range(6)]


def test_seeds_run_side_by_side_on_all_slots_and_a_line_per_job_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    meeting = threading.Barrier(3, timeout=10)
    slots = [MadeUpSlot(lambda _: meeting.wait()) for _ in range(3)]
    with Runner(slots) as runner:
        runner.run(JOBS)
        assert runner.trained_epochs == 6
    assert sorted(job.seed for slot in slots for job in slot.jobs) == list(range(6))
    assert all(slot.closed.is_set() for slot in slots)
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.partition(":")[0] for line in lines) == [f"small seed {seed}" for seed in range(6)]


def test_slot_gets_a_job_of_its_process_s_kind_first() -> None:
    normalized = JOB._replace(architecture=KINDS["normalization"])
    slot = MadeUpSlot(lambda _: None, kind=normalized.kind)
    with Runner([slot]) as runner:
        runner.run([JOB, normalized])
    assert slot.jobs == [normalized, JOB]


@pytest.mark.parametrize("finish_others", [False, True])
def test_failed_job_ends_the_rest_unless_the_others_are_to_finish(finish_others: bool) -> None:
    began = threading.Event()

    def work(job: Job) -> None:
        if job.seed == 0:
            assert began.wait(10)
            raise JobFailedError("out of cheese")
        began.set()
        if not finish_others:
            slots[1].closed.wait(10)

    slots = [MadeUpSlot(work), MadeUpSlot(work)]
    with (
        pytest.raises(JobFailedError, match=r"^out of cheese$"),
        Runner(slots, finish_others=finish_others) as runner,
    ):
        runner.run(JOBS)
    trained = sorted(job.seed for slot in slots for job in slot.jobs)
    assert trained == (list(range(6)) if finish_others else [0, 1])
    assert all(slot.closed.is_set() for slot in slots)


def test_job_of_a_lost_slot_goes_on_at_one_that_joins_later() -> None:
    def lose(_job: Job) -> None:
        raise SlotLostError("it left")

    lost, joining = MadeUpSlot(lose), MadeUpSlot(lambda _: None)
    rounds = [[], [joining]]
    with Runner([lost], lambda: rounds.pop(0) if rounds else []) as runner:
        runner.run(JOBS)
    assert (lost.jobs, joining.jobs) == (JOBS[:1], JOBS)


SIDE_BY_SIDE = """
from stages.runner import LocalSlot, Runner, ended_by_exception
from tests.test_jobs import ENDLESS
with ended_by_exception("jobs"), Runner([LocalSlot(), LocalSlot()]) as runner:
    runner.run([ENDLESS, ENDLESS._replace(seed=1)])
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_ended_run_leaves_no_process_and_loses_no_finished_epoch(project: Path, number: signal.Signals) -> None:
    process = start(sys.executable, "-c", SIDE_BY_SIDE, cwd=project, PYTHONPATH=str(ROOT))
    until(lambda: len(stored(project, "unfinished-*.npz")) > 1 or process.poll(), "an epoch of both")
    process.send_signal(number)
    message, _ = process.communicate(timeout=60)
    assert process.returncode == (-9 if number == signal.SIGKILL else 128 + number), message
    assert ("jobs: interrupted. Run the same command again." in message) == (number != signal.SIGKILL)
    until_none_works_below(project, 5)
    trainings = Trainings()
    assert all(trainings.open_store(job).load(1000).path for job in (ENDLESS, ENDLESS._replace(seed=1)))


def test_second_signal_does_not_cut_the_end_short_and_an_ignored_one_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup` does
    try:
        with pytest.raises(SystemExit) as ending, ended_by_exception("jobs"):  # noqa: PT012
            signal.raise_signal(signal.SIGHUP)
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                signal.raise_signal(signal.SIGINT)
        assert ending.value.code == 128 + signal.SIGTERM
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("count", ["0", "-1", "two", "1.5"])
def test_wrong_number_of_jobs_is_refused(monkeypatch: pytest.MonkeyPatch, count: str) -> None:
    monkeypatch.setenv("JOBS", count)
    with pytest.raises(InputError, match=rf"^JOBS: expected a number of trainings from 1, got '{count}'$"):
        read_job_count(3)
    monkeypatch.setenv("JOBS", "")
    assert read_job_count(3) == 3


@pytest.mark.parametrize(
    ("slurm", "cores"),
    [({}, 8), ({"CPUS_ON_NODE": "9", "CPUS_PER_TASK": "4"}, 4), ({"CPUS_ON_NODE": "", "CPUS_PER_TASK": "x"}, 8)],
)
def test_usable_cores_are_the_least_of_this_process_and_slurm(
    monkeypatch: pytest.MonkeyPatch, slurm: dict[str, str], cores: int
) -> None:
    monkeypatch.setattr("dask.system.cpu_count", lambda: 8)
    for name in SLURM:
        monkeypatch.setenv(name, slurm.get(name.removeprefix("SLURM_"), ""))
    assert count_usable_cores() == cores
