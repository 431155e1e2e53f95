"""What a dvc.lock holds, and where parameters, data or outputs are others than it holds."""

from pathlib import PurePath
from typing import Any

from stages.common import InputError, read_yaml
from tools.common.pipeline import of_the_study, opened

Lock = dict[str, dict[str, Any]]  # the stages of a dvc.lock, by name


def is_code(path: str) -> bool:
    """Whether a dependency is code: what a result follows from, but no parameter and no data."""
    return path.startswith("stages/") and PurePath(path).suffix in (".py", ".jinja")


def read_lock(text: str) -> Lock:
    """The stages that a dvc.lock holds."""
    stages: Lock = read_yaml(text, "dvc.lock")["stages"]
    return stages


def of_the_pipeline(lock: Lock) -> Lock:
    """The lock's stages that dvc.yaml has: DVC leaves those in dvc.lock that it once had, as they were then."""
    with opened() as repo:
        names = {stage.addressing for stage in of_the_study(repo)}
    return {name: stage for name, stage in lock.items() if name in names}


def differing_values(lock: Lock) -> list[str]:
    """What the lock holds of parameters, data and outputs, and is another one here; new keys and files do not count."""
    found = []
    with opened() as repo:
        for stage in of_the_study(repo):
            if stage.addressing not in lock:
                continue
            for dep in stage.deps:
                if held := lock[stage.addressing].get("params", {}).get(dep.def_path):
                    found += [f"{dep.def_path}: {key}" for key in other_keys(held, dep.read_params())]
                elif not is_code(dep.def_path) and dep.hash_info and "modified" in dep.workspace_status().values():
                    found.append(dep.def_path)
            found += [out.def_path for out in stage.outs if "modified" in out.workspace_status().values()]
    return list(dict.fromkeys(found))


def other_keys(held: Any, here: Any, key: str = "") -> list[str]:
    """The dotted keys at which `here` lacks a value that is in `held`, or has another."""
    if not isinstance(held, dict) or not isinstance(here, dict):
        return [] if held == here and type(held) is type(here) else [key]
    return [
        other for name in held for other in other_keys(held[name], here.get(name), f"{key}.{name}" if key else name)
    ]


def changed_values(old: Lock, new: Lock) -> list[str]:
    """What one lock holds of parameters, data and outputs, and the other holds otherwise or not at all."""
    found = []
    for name, stage in old.items():
        after = new.get(name, {})
        for file, held in stage.get("params", {}).items():
            found += [f"{file}: {key}" for key in other_keys(held, after.get("params", {}).get(file))]
        for kind in ("deps", "outs"):
            here = {entry["path"]: entry["md5"] for entry in after.get(kind, [])}
            found += [
                entry["path"]
                for entry in stage.get(kind, [])
                if not is_code(entry["path"]) and here.get(entry["path"]) != entry["md5"]
            ]
    return list(dict.fromkeys(found))


def named_code(lock: Lock) -> dict[str, str]:
    """The MD5 of every file of code that a lock names, by path. Raises InputError where it names two of one file."""
    checksums: dict[str, str] = {}
    for stage in lock.values():
        for dep in stage.get("deps", []):
            if is_code(dep["path"]) and checksums.setdefault(dep["path"], dep["md5"]) != dep["md5"]:
                raise InputError(f"dvc.lock: names two versions of {dep['path']}; `make repro` makes it anew")
    return checksums


def named_params(lock: Lock) -> dict[str, Any]:
    """The values of params.yaml that a lock names, by dotted key."""
    return {
        key: value for stage in lock.values() for key, value in stage.get("params", {}).get("params.yaml", {}).items()
    }
