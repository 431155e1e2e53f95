"""The end of a Dask cluster that is here: which workers can take part, and every stage sent where Dask puts it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from distributed import Client, Future, LocalCluster, as_completed, fire_and_forget

from stages.common import InputError
from stages.cores import usable_cores
from tools.cluster.clone import Study
from tools.cluster.plan import Task
from tools.cluster.worker import FAILED, TOPIC, Offer, Outcome, environment
from tools.common.console import counted, tell

LOCK = Path("requirements.lock")
CONNECT = 10  # seconds for a scheduler to answer
RETRIES = 2  # of a stage that did not fail by itself: where the remote stays away, or a worker's disk is full


@contextmanager
def connected(scheduler: str, threads: int) -> Iterator[Client]:
    """A client of that scheduler, or of a cluster on this machine that ends with the block.

    Raises InputError for an address where no scheduler answers.
    """
    if scheduler:
        try:
            client = Client(scheduler, timeout=CONNECT)
        except (OSError, ValueError) as error:
            raise InputError(f"SCHEDULER holds {scheduler!r}: {error}") from None
        with client:
            yield client
    else:
        cores = max(usable_cores(), threads)
        place = "localhost:0"
        with (
            LocalCluster(n_workers=1, threads_per_worker=cores, processes=False, dashboard_address=place) as cluster,
            Client(cluster) as client,
        ):
            yield client


def check_workers(client: Client, tasks: dict[str, Task]) -> None:
    """Tell which workers can take part. Raises InputError where there are some and none can."""
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
    tell(f"{counted(len(tasks), 'stage')}; {counted(taking_part, 'worker')}; dashboard: {client.dashboard_link}")


def _words(resources: dict[str, float]) -> str:
    return f"{resources['threads']:.0f} threads and {resources['memory'] / 1e9:.1f} GB"


def run_on_workers(client: Client, tasks: dict[str, Task], study: Study, run: Callable[..., Outcome]) -> dict[str, str]:
    """Every stage where Dask puts it, told line by line. Gives the failed ones, each with the end of its log.

    Who runs this again while workers are busy with the revision joins in. An end by exception leaves them what they
    are at, and takes back what waits.
    """
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


def _outcome(future: Future) -> Outcome:
    if future.status == "finished":
        outcome: Outcome = future.result()
        return outcome
    lost = f"{future.status}: the scheduler has lost it; the same command goes on from here"
    return FAILED, str(future.exception()) if future.status == "error" else lost, "", 0
