"""Nothing that happens to a machine or a user loses earlier results, and nothing from a parameter is run."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.conftest import MODELS, ROOT, contents, documented, edit_params, ran_stages, run, training


def one_line(project: Path, *arguments: str) -> str:
    """What a stage says that fails."""
    output = run(*arguments, cwd=project, status=1)
    lines = [line for line in output.splitlines() if " epoch " not in line]
    assert len(lines) == 1, output
    return lines[0]


FULL_DISK = {
    "data/.partial-fashion_mnist.npz": (["-m", "stages.prepare"], "data/fashion_mnist.npz"),
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
    assert {path: path.read_bytes() for path in small.rglob("data/models/*/*")} == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_full_disk_where_trainings_are_kept_is_told_and_loses_nothing(small: Path) -> None:
    before = contents(small / MODELS / "w2-4")
    edit_params(small, "learning_rate: 0.001", "learning_rate: 0.002")
    store = small / ".dvc/cache/trainings"
    mount = 'mount -t tmpfs -o size=64k tmpfs "$1" && shift && exec "$@"'
    message = one_line(small, "unshare", "--mount", "sh", "-c", mount, "sh", str(store), *training("w2-4"))
    assert re.search(r"trainings/\w+/epoch-1.npz: No space left on device", message)
    assert contents(small / MODELS / "w2-4") == before


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
    message = one_line(small, *training("w2-4"))
    assert "data/fashion_mnist.npz: damaged" in message
    run(*message.split("`")[1].split(), cwd=small)
    assert path.read_bytes() == whole


def test_undo_of_a_refused_run_brings_the_results_back_and_keeps_the_edit(small: Path) -> None:
    """Git compares times in seconds, and DVC writes both values within one: here they have the same."""
    params, before = small / "params.yaml", contents(small / MODELS / "w2-4")
    committed = params.read_bytes()
    run("git", "config", "core.trustctime", "false", cwd=small)  # this time no test can set
    os.utime(params, (0, 0))
    run("git", "update-index", "--refresh", cwd=small)
    edited = committed.replace(b"threads: 2", b"threads: 0")
    params.write_bytes(edited)
    os.utime(params, (0, 0))
    assert run("git", "status", "--porcelain", cwd=small) == ""
    refused = run("dvc", "repro", cwd=small, status=255)
    assert "Traceback" not in refused
    assert "rm -f" not in refused
    assert "params.yaml.undone" in run("make", "undo", cwd=small)
    assert params.read_bytes() == committed
    assert (small / "params.yaml.undone").read_bytes() == edited
    assert contents(small / MODELS / "w2-4") == before
    assert run("git", "status", "--porcelain", cwd=small) == ""


def test_undo_works_where_nothing_was_trained_yet(fresh: Path, tmp_path: Path) -> None:
    project = Path(shutil.copytree(fresh, tmp_path / "project", symlinks=True))
    edit_params(project, "batch_size: 128", "batch_size: 0")
    run("git", "add", "params.yaml", cwd=project)  # as a `dvc exp run` that is killed leaves it
    run("make", "undo", cwd=project)
    assert run("git", "status", "--porcelain", cwd=project) == ""


@pytest.mark.parametrize("key", ["w1; touch x", "w1\ntouch x", "$(touch x)", "`touch x`", "w1 && touch x", "w1'"])
def test_study_key_never_reaches_a_shell(small: Path, key: str) -> None:
    path = small / "params.yaml"
    quoted = key.replace("\n", "\\n")
    path.write_text(path.read_text().replace("    w2-4:", f'    "{quoted}":'))
    output = run("dvc", "repro", cwd=small, status=255)
    assert "study.width" in output
    assert "Traceback" not in output
    assert not (small / "x").exists()


@pytest.mark.slow
def test_damaged_cache_is_noticed_and_repaired_by_training_again(small: Path) -> None:
    """One flipped bit, the file's date and permissions as they were: what DVC alone does not see."""
    assert "is what its name says" in run("make", "verify", cwd=small)
    whole = contents(small / MODELS / "w2-4")
    model = (small / MODELS / "w2-4/seed-0.keras").read_bytes()
    cached = next(path for path in (small / ".dvc/cache/files/md5").glob("??/*") if same(path, model))
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


def test_change_that_dates_do_not_show_is_seen_where_dvc_remembers_nothing(fresh: Path, tmp_path: Path) -> None:
    project = Path(shutil.copytree(fresh, tmp_path / "project", symlinks=True))
    run("dvc", "exp", "run", "-S", "data.source=tests/sample", "fetch", cwd=project)
    labels = project / "data/raw/t10k-labels-idx1-ubyte"
    content, stat = bytearray(labels.read_bytes()), labels.stat()
    content[-1] ^= 1
    with labels.open("r+b") as file:  # the same inode
        file.write(content)
    os.utime(labels, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert "up to date" in run("dvc", "status", "fetch", cwd=project)
    without_memory = documented("DVC_SITE_CACHE_DIR=$(mktemp -d) dvc status")
    output = run("sh", "-c", " ".join(without_memory), cwd=project)
    assert re.search(r"^fetch:\n\tchanged outs:\n\t\tmodified: +data/raw$", output, flags=re.MULTILINE)


def same(path: Path, content: bytes) -> bool:
    return path.stat().st_size == len(content) and path.read_bytes() == content


def test_every_test_that_a_promise_names_is_there() -> None:
    named, file = 0, ""
    for row in re.findall(r"^\|.*\| (.*) \|$", (ROOT / "docs/reliability.md").read_text(), flags=re.MULTILINE)[2:]:
        for path, test in re.findall(r"`(?:([\w/]*test_\w+\.py)(?:::)?)?(test_\w+)?…?`", row):
            file = path or file
            content = (ROOT / "tests" / file).read_text()
            assert f"def {test}" in content, f"{file}: {test}"
            named += 1
    assert named > 40
