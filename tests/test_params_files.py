"""params.yaml that is another file than it should be: no YAML, no text, endless, or absent."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stages.params import PARAMS_FILE
from tests.test_params import REPOSITORY, TEXT, changed, project, refusal, write

__all__ = ["project"]  # a fixture of every test here

LAUGHS = "a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGED_LAUGHS = "a: &a {k: 1, l: 2}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 9)}]}}\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (TEXT.replace("w5-10:", "w2-4:"), "key 'w2-4' repeats"),
        (TEXT + "data: {}\n", "key 'data' repeats"),
        (TEXT + '"a\\nb": 1\n', r"a\nb"),
        (TEXT + "1: 1\n", "1 holds 1"),
        (TEXT + "[1]: 1\n", "(1,) holds (1,): keys should be strings"),
        (TEXT + "? {a: 1}\n: 1\n", "YAML"),
        (TEXT + f"{'k' * 1_000}: 1\n", "kkk"),
        (
            TEXT + f"{'k' * 10_000}: 1\n",
            f"line {len(TEXT.splitlines()) + 1}, column 10001: could not find expected ':'",
        ),
        (TEXT.replace("seed: 0 ", "seed: 0x" + "f" * 5_000), "data.seed"),
        (TEXT.replace("seed: 0 ", "seed: &a [*a] "), "data.seed"),
        (TEXT.replace("- 0\n", "- x\n" + "".join(f"  - x{i}\n" for i in range(10_000))), "train.seeds.0"),
        (TEXT + LAUGHS, "unknown key"),
        (TEXT.replace("seed: 0 ", "seed: !!bool x"), "YAML"),
        (TEXT.replace("seed: 0 ", "seed: !!int ''"), "YAML"),
        (TEXT.replace("seed: 0 ", "seed: !!timestamp x"), "YAML"),
        (TEXT.replace("seed: 0 ", "seed: !!map [1]"), "YAML"),
        (TEXT.replace("seed: 0 ", "seed: !!python/object/apply:os.getcwd []"), "YAML"),
        (TEXT.replace("seed: 0 ", "seed: 1" + ":0" * 300 + ".0"), "data.seed holds '1:0"),
        (TEXT.replace("batch_size: 128", "batch_size: 1:40"), "train.batch_size holds '1:40'"),
        (
            TEXT.replace("  blocks: 1\n", "  blocks: 1\n  blocks: 1\n"),
            "key 'blocks' repeats",
        ),
        (TEXT.replace("depth: ", "depth: &d ", 1) + "a: {<<: *d, blocks: 1, blocks: 2}\n", "key 'blocks' repeats"),
        (TEXT + "a: {<<: {blocks: 1, blocks: 2}}\n", "key 'blocks' repeats"),
        (TEXT + "a: &a {k: 1}\nb: {<<: *a, <<: *a}\n", "YAML"),
        (TEXT + MERGED_LAUGHS, "merges more than 10000 keys"),
        (TEXT + "---\n" + TEXT, "YAML"),
        ("data: [", "YAML"),
        ("data: *a", "YAML"),
        ("\tdata: 1", "YAML"),
        ("[" * 3_000, "YAML"),
        ("", "the file holds None"),
        ("- 1\n", "the file holds [1]"),
        ("hello", "the file holds 'hello'"),
    ],
    ids=range(32),
)
def test_what_is_no_such_file_is_refused_in_a_short_line(text: str, named: str) -> None:
    write(text)
    line = refusal()
    assert named in line
    assert len(line) < 3_000


@pytest.mark.parametrize("content", [b"\x00\x01\xff\xfe", b"\xff\xfe\x00", b"\x89PNG\r\n\x1a\n", b"data: \xe9"])
def test_bytes_that_are_no_text_are_refused(content: bytes) -> None:
    PARAMS_FILE.write_bytes(content)
    assert "YAML" in refusal()


def test_a_source_that_links_to_itself_ends_in_one_line(project: Path) -> None:
    (project / "loop").symlink_to("loop")
    write(changed("data.source", "loop"))
    done = stage("stages.fetch")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)


def stage(module: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        [sys.executable, "-m", module], env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("text", ["", TEXT.replace("max ", "min "), "a: [", TEXT + '"a\\nb": 1', None])
def test_the_command_refuses_a_bad_file_with_one_line_and_status_1(text: str | None) -> None:
    if text is not None:
        write(text)
    done = stage("stages.params")
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("params: params.yaml: ")


@pytest.mark.parametrize("text", [TEXT, TEXT.replace("width: ", "width: &a ").replace("depth: ", "depth: &a ")])
def test_the_command_is_silent_on_a_good_file(text: str) -> None:
    write(text)
    done = stage("stages.params")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
