"""Pieces of a Markdown page."""

import pytest

from tools.common.markdown import code, curve, number, plain, table


def test_table_has_a_row_a_line_and_says_how_many_it_leaves_out() -> None:
    assert len(table(["a", "b"], [["1", "2"]] * 53).splitlines()) == 2 + 53
    lines = table(["a", "b"], [["1", "2"]] * 53, at_most=50).splitlines()
    assert lines[:3] == ["| a | b |", "| --- | --- |", "| 1 | 2 |"]
    assert len(lines) == 2 + 50 + 2
    assert lines[-1] == "and 3 more"


@pytest.mark.parametrize(
    ("text", "as_code", "as_prose"),
    [
        ("a|b", "`a\\|b`", "a\\|b"),
        ("a\nb", "`a b`", "a b"),
        ("`rm`", "`'rm'`", "\\`rm\\`"),
        ("<img> & @all #1", "`<img> & @all #1`", "&lt;img> &amp; \\@all \\#1"),
        ("x" * 81, f"`{'x' * 79}…`", f"{'x' * 79}…"),
    ],
)
def test_text_stays_text_on_one_line(text: str, as_code: str, as_prose: str) -> None:
    assert code(text) == as_code
    assert plain(text) == as_prose


def test_numbers_are_those_of_the_files() -> None:
    shown = [number(1174160), number(0.8861), number(1.0), number(0.9 - 0.8, "+"), number(0), number(None)]
    assert shown == ["1174160", "0.8861", "1", "+0.1", "0", "-"]


def test_curve_shows_its_ends_and_its_course_on_the_scale_it_is_given() -> None:
    assert curve([8.0, 4.0, 2.0, 1.0], 1.0, 8.0) == "8 █▄▂▁ 1"
    assert curve([4.0, 1.0], 1.0, 8.0) == "4 ▄▁ 1"
    assert curve([3.0], 3.0, 3.0) == "3 ▁ 3"
    assert curve([], 0, 0) == "-"
    assert curve([float(value) for value in range(1000)], 0, 999).count("▁") < 5
    assert len(curve([float(value) for value in range(1000)], 0, 999)) == len("0  999") + 30
