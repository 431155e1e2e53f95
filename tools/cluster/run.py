"""Bring the pipeline up to date on a Dask cluster, one task a stage, and check the results out here.

    python -m tools.cluster.run [SCHEDULER [GIT]]

SCHEDULER is the address of a Dask scheduler (default: none, a cluster is started on this machine), GIT an address from
which its workers can take this revision (default: that of the Git remote `origin`, or this folder). Every stale stage
whose outputs DVC caches becomes a task (tools/cluster/worker.py), as its dependencies allow; results travel through
the project's DVC remote and its run-cache. What they lead to runs here, in `dvc repro --pull`, which trains nothing.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dvc.exceptions import DvcException
from dvc.repo import Repo

from stages.common.errors import InputError, reported_in_one_line
from stages.params import load_params
from tools.repro import ended_by_exception, stale_stages, tell

if TYPE_CHECKING:
    from distributed import Client, Future

    from tools.cluster.worker import Outcome, Study

PACKAGES = {"distributed": "distributed", "dvc_s3": "dvc-s3"}  # of the optional group, by module
LOCK = Path("requirements.lock")
CONNECT = 10  # seconds for a scheduler to answer
RETRIES = 2  # of a stage that did not fail by itself: where the remote stays away, or a worker's disk is full
PATIENCE = 60  # seconds with the remote before and after the run; a worker has more
MEMORY = {True: 2e9, False: 5e8}  # bytes, of a training and of another stage


class Task(NamedTuple):
    needs: list[str]  # the stages whose outputs it reads
    resources: dict[str, float]


def planned(stale: list[str], threads: int) -> tuple[dict[str, Task], list[str]]:
    """The stale stages that can run elsewhere, in order, and the others that they read.

    A stage can if all it writes is cached by DVC, so that its results travel, and all stale stages that it reads can.
    """
    with Repo() as repo:
        graph = repo.index.graph
        stages = {stage.addressing: stage for stage in graph}
        needs = {name: sorted(need.addressing for need in graph.successors(stage)) for name, stage in stages.items()}
        tasks: dict[str, Task] = {}
        for name in stale:
            if _travels(stages[name]) and not (set(needs[name]) & set(stale)) - tasks.keys():
                is_training = any("train" in getattr(dep, "params", ()) for dep in stages[name].deps)
                resources = {"threads": threads if is_training else 1, "memory": MEMORY[is_training]}
                tasks[name] = Task(needs[name], resources)
    return tasks, sorted({need for task in tasks.values() for need in task.needs} - tasks.keys())


def _travels(stage: Any) -> bool:
    """Whether DVC's run-cache takes the stage's results to another machine."""
    if stage.frozen or stage.always_changed or not (stage.cmd and stage.deps and stage.outs):
        return False
    return all(out.use_cache and not out.persist and out.is_in_repo for out in stage.outs)


def checked_study(git: str, embedded: bool) -> "Study":
    """What the workers are told. Raises InputError for a revision that they could not have, or without a remote."""
    from tools.cluster.worker import Study

    with Repo() as repo:
        written = {out.fs_path for out in repo.index.outs} | {str(Path("dvc.lock").absolute())}
        cache = str(Path(repo.cache.local.path).parents[1])
    differing = _git("diff", "--name-only", "--relative", "HEAD").splitlines()
    changed = [name for name in differing if str(Path(name).absolute()) not in written]
    if changed:
        raise InputError(
            f"{', '.join(changed)}: not committed; workers run a revision that others can have too: `git commit` first"
        )
    if not (has_remote() or embedded):
        raise InputError(
            ".dvc/config: core.remote is missing, through which results travel: `dvc remote add --default NAME URL`, "
            "then commit it"
        )
    origin = subprocess.run(["git", "remote", "get-url", "origin"], capture_output=True, text=True, check=False)
    places = ["" if embedded else origin.stdout.strip(), str(Path.cwd())]
    addresses = [git] if git else [place for place in places if place]
    return Study(_git("rev-parse", "HEAD").strip(), addresses, has_remote(), cache if embedded else "")


def has_remote() -> bool:
    """Whether .dvc/config, which is committed, names a default remote."""
    with Repo() as repo:
        return bool(repo.config.load_one("repo").get("core", {}).get("remote"))


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"git {' '.join(arguments)}: {' '.join(done.stderr.split())}")
    return done.stdout


@contextmanager
def connected(scheduler: str, threads: int) -> Iterator["Client"]:
    """A client of that scheduler, or of a cluster on this machine that ends with the block."""
    from distributed import Client, LocalCluster

    if scheduler:
        try:
            client = Client(scheduler, timeout=CONNECT)
        except (OSError, ValueError) as error:
            raise InputError(f"SCHEDULER holds {scheduler!r}: {error}") from None
        with client:
            yield client
    else:
        cores = max(os.cpu_count() or 1, threads)
        place = "localhost:0"
        with (
            LocalCluster(n_workers=1, threads_per_worker=cores, processes=False, dashboard_address=place) as cluster,
            Client(cluster) as client,
        ):
            yield client


def check_workers(client: "Client", tasks: dict[str, Task]) -> None:
    """Tell which workers can take part. Raises InputError where there are some and none can."""
    from tools.cluster.worker import Offer, environment

    pythons = client.get_versions()
    here = pythons["client"]["host"]["python"]
    for address, versions in pythons["workers"].items():
        if versions["host"]["python"].split(".")[:2] != here.split(".")[:2]:
            raise InputError(f"worker {address} runs Python {versions['host']['python']}, this is {here}")
    most = {name: max(task.resources[name] for task in tasks.values()) for name in ("threads", "memory")}
    client.register_plugin(Offer(most), name="width-and-depth")
    needed = most | {environment(LOCK): 1}
    workers = client.scheduler_info()["workers"]
    refused = []
    for address, worker in workers.items():
        offered = worker["resources"]
        if environment(LOCK) not in offered:
            theirs = next((name for name in offered if name.startswith("environment")), "environment unknown")
            refused.append(
                f"worker {address} refused: {LOCK} of its {theirs}, of this revision {environment(LOCK).split()[1]}; "
                "`make setup` there"
            )
        elif any(offered[name] < quantity for name, quantity in needed.items()):
            refused.append(f"worker {address} holds {_words(offered)}, a stage needs {_words(most)}")
    if refused and len(refused) == len(workers):
        raise InputError("; ".join(refused))
    for line in refused:
        tell(f"cluster: {line}")
    taking_part = len(workers) - len(refused)
    tell(f"stages: {len(tasks)}; workers: {taking_part}; dashboard: {client.dashboard_link}")


def _words(resources: dict[str, float]) -> str:
    return f"{resources['threads']:.0f} threads and {resources['memory'] / 1e9:.1f} GB"


def run_on_workers(
    client: "Client", tasks: dict[str, Task], study: "Study", run: Callable[..., "Outcome"]
) -> dict[str, str]:
    """Every stage where Dask puts it, told line by line. Gives the failed ones, each with the end of its log.

    Who runs this again while workers are busy with the revision joins in. An end by exception leaves them what they
    are at, and takes back what waits.
    """
    from distributed import as_completed, fire_and_forget

    from tools.cluster.worker import FAILED, TOPIC, environment

    begun = set()
    width = max(map(len, tasks))

    def hear(event: tuple[float, Any]) -> None:
        stage, what, worker = event[1]["stage"], event[1]["what"], event[1]["name"]  # Dask's `worker` is an address
        if stage in tasks:
            begun.add(stage)
            tell(f"{stage:{width}}  {what}  {worker}")

    client.subscribe_topic(TOPIC, hear)
    futures: dict[str, Future] = {}
    for stage, task in tasks.items():
        before = [futures[need] for need in task.needs if need in futures]
        futures[stage] = client.submit(
            lambda *arguments: run(*arguments),  # without a name, so that Dask sends it and what it calls by value
            stage, task.needs, study, *before,
            key=f"{stage}-{study.revision}",
            resources=task.resources | {environment(LOCK): 1},
            retries=RETRIES,
        )  # fmt: skip
    fire_and_forget(list(futures.values()))
    names = {future.key: stage for stage, future in futures.items()}
    failed = {}
    try:
        for future in as_completed(futures.values()):
            stage = names[future.key]
            word, why, worker, seconds = _outcome(future)
            tell(f"{stage:{width}}  {word}  {worker}  {seconds:.0f} s")
            if word == FAILED:
                failed[stage] = why
    except SystemExit:
        client.cancel([futures[stage] for stage in tasks if stage not in begun], force=True)
        raise
    return failed


def _outcome(future: "Future") -> "Outcome":
    from tools.cluster.worker import FAILED

    if future.status == "finished":
        outcome: Outcome = future.result()
        return outcome
    lost = f"{future.status}: the scheduler has lost it; the same command goes on from here"
    return FAILED, str(future.exception()) if future.status == "error" else lost, "", 0


def main() -> None:
    with reported_in_one_line("cluster"):
        scheduler, git = [*sys.argv[1:], "", ""][:2]
        if any(find_spec(module) is None for module in PACKAGES):
            raise InputError(
                f"{' and '.join(PACKAGES.values())} are needed, the optional group `cluster` of pyproject.toml: "
                ".venv/bin/uv pip install --requirement pyproject.toml --extra cluster"
            )
        try:
            threads = load_params().train.threads
            tasks, others = planned(list(stale_stages()), threads)
            if tasks:
                study = checked_study(git, embedded=not scheduler)
                run_study(scheduler, tasks, others, study, threads)
            pull = ["--pull"] if has_remote() else []
        except DvcException as error:
            raise InputError(str(error)) from None
        os.execvp("dvc", ["dvc", "repro", *pull])  # noqa: S606 - Ctrl-C and SIGTERM are DVC's own from here


def run_study(scheduler: str, tasks: dict[str, Task], others: list[str], study: "Study", threads: int) -> None:
    """Send, wait, and check out. Exits with the errors of the stages that failed."""
    import cloudpickle

    from tools.cluster import worker

    cloudpickle.register_pickle_by_value(worker)  # workers do not have it

    def say(what: str) -> None:
        tell(f"here: {what}")

    try:
        if study.remote and others:
            worker.push(Path.cwd(), say, "--with-deps", *others, patience=PATIENCE)
        with ended_by_exception("cluster"), connected(scheduler, threads) as client:
            check_workers(client, tasks)
            failed = run_on_workers(client, tasks, study, worker.run_stage)
        if failed:
            sys.exit("\n".join(f"cluster: {stage} failed; the end of its log:\n{why}" for stage, why in failed.items()))
        said = worker.restored(study, Path.cwd(), say, "--single-item", *tasks, patience=PATIENCE)
    except worker.TransferError as error:
        raise InputError(f"{error}; the same command goes on from here") from None
    if not said:
        raise InputError("a stage's outputs are not in the remote, though a worker has pushed them")
    tell(said)


if __name__ == "__main__":
    main()
