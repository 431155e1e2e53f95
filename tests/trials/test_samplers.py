"""Both samplers compared at as many epochs, on made-up courses and on a small search."""

import csv
from pathlib import Path

import pytest

from tests.in_process import called
from tests.trials.made_up import made_search, made_trial
from tools.samplers import SAMPLERS, Course, Point, common_epochs, course, main, page

COURSES = [
    Course("tpe", 0, [Point(10, 1.0), Point(21, 3.0), Point(33, 5.0)]),
    Course("random", 0, [Point(12, 1.5), Point(25, 2.0)]),
    Course("tpe", 1, [Point(9, 1.1), Point(20, 4.0), Point(30, 9.0)]),
    Course("random", 1, [Point(26, 2.5), Point(40, 8.0)]),
]


def test_samplers_are_compared_after_as_many_epochs_as_both_had_from_the_seed() -> None:
    """Not as many as all searches had, 25: a generation that ends an epoch later from one seed counts there."""
    assert common_epochs(COURSES) == 25
    assert [one.reached(25) for one in COURSES] == [3.0, 2.0, 4.0, 0.0]
    text = page("the command", COURSES)
    assert "Made by `the command`" in text
    assert [line for line in text.splitlines() if line.startswith("| ")] == [
        "| seed | epochs | tpe | random |",
        "| --- | --- | --- | --- |",
        "| 0 | 25 | 3.0000 | 2.0000 |",
        "| 1 | 30 | 9.0000 | 2.5000 |",
        "| mean |  | 6.0000 | 2.2500 |",
    ]


def test_a_course_is_of_all_that_came_before() -> None:
    search = made_search(sampler="random", seed=7)
    trials = [
        made_trial(0, 1000, 0.8, 0.85),
        made_trial(1, 2000, None),
        made_trial(2, 500, 0.6, generation=1),
        made_trial(3, 3000, 0.8, 0.84, 0.83, generation=1),
    ]
    told = course(trials, search, classes=10)
    assert (told.sampler, told.seed) == ("random", 7)
    assert [point.epochs for point in told.points] == [3, 7]
    first, second = (point.hypervolume for point in told.points)
    assert first == pytest.approx(4.493598)  # log(400,000 / 1,000) times 0.75
    assert second == pytest.approx(4.493598 + 0.346574)  # and log(2) times 0.5


@pytest.mark.parametrize("arguments", [[], ["0"], ["-1"], ["many"], ["1", "2"]])
def test_another_number_of_seeds_is_refused(tmp_path: Path, arguments: list[str]) -> None:
    said = called(main, tmp_path, *arguments, status=1)
    assert said == f"samplers: holds {' '.join(arguments)!r}, may hold a number of seeds from 1\n"


@pytest.mark.slow
def test_a_record_has_both_samplers_generation_by_generation_and_what_was_trained_is_found(project: Path) -> None:
    """Two searches and their trainings; the same command again tells that these are found."""
    said = called(main, project, "1")
    assert said.endswith("record: records/samplers\n")
    record = project / "records/samplers"
    assert {path.name for path in record.iterdir()} == {"README.md", "courses.csv", "courses.png", "params.yaml"}
    assert (record / "params.yaml").read_bytes() == (project / "params.yaml").read_bytes()
    rows = list(csv.DictReader((record / "courses.csv").read_text().splitlines()))
    assert [row["sampler"] for row in rows] == [sampler for sampler in SAMPLERS for _ in range(2)]
    before = {path.name: path.read_bytes() for path in record.iterdir()}
    assert "epochs" not in called(main, project, "1"), "a generation that trains nothing tells nothing"
    assert {path.name: path.read_bytes() for path in record.iterdir()} == before
