"""What the page says of a made-up study, in which a wrong formula gives another number."""

import json
import re
from pathlib import Path

from tests.conftest import ROOT
from tests.made_up_study import RUNS, aggregate, write_study
from tests.report.conftest import elements, section, visible_text

LABELS = ["(2, 4)", "(8, 16)", "(10, 20)", "1 block", "2 blocks", "deep", "plain", "nan"]
CELL = "t[hd]"


def rows_of(markup: str) -> list[list[str]]:
    """Return the cells of a section's table, row by row."""
    return [elements(row, CELL) for row in re.findall(r"<tr.*?</tr>", markup, flags=re.DOTALL)]


def test_headline_tiles_and_accuracy_come_before_the_verdicts(text: str) -> None:
    header = text.partition("</header>")[0]
    assert elements(header, "title") == elements(header, "h1")
    assert "nan has the highest mean accuracy of eight networks, 98.8 %" in visible_text(header)
    runs = [run for name, seeds in RUNS.items() if name != "depth" for run in seeds]  # that baseline is the study's
    learned = sum(run.learned is not None for run in runs)
    assert elements(header, "dd")[::2] == ["98.75 %", "nan", f"{learned} of {len(runs)}"]
    sections = re.findall(r'<section id="(\w+)"', text)
    assert sections[:2] == ["accuracy", "verdicts"]
    assert re.findall(r'<a href="#(\w+)">', text) == sections


def test_verdicts_have_a_chip_of_their_own_and_statistics_are_folded(text: str, compared: Path) -> None:
    verdicts = json.loads((compared / "metrics/verdicts.json").read_text()).values()
    *rows, untested = section(text, "verdicts").split('class="verdict">')[1:]
    shown = [verdict for verdict in verdicts if verdict["verdict"] != "not tested"]
    assert len(rows) == len(shown) == 6
    for row, verdict in zip(rows, shown, strict=True):
        plain, _, folded = row.partition("<details>")
        assert verdict["verdict"] in visible_text(plain.partition("<p>")[0])
        assert elements(plain, "p")[:2] == [verdict["claim"], verdict["sentence"]]
        assert verdict["statistics"] in visible_text(folded)
    chips = dict(re.findall(r'<span class="chip (\w+)">.*?</span> ([\w ]+)</span>', "".join(rows)))
    assert chips == {
        "open": "undecided", "yes": "confirmed", "pick": "nan", "mixed": "contradicted in part",
    }  # fmt: skip
    assert "Verdict from 5 recorded seeds: ◑ contradicted in part" in visible_text(rows[3])
    assert "made up, of five seeds" in visible_text(rows[3].partition("<details>")[2])
    assert "The number of blocks has an optimum: " in visible_text(untested)
    unfolded = visible_text(re.sub("<details.*?</details>", "", text, flags=re.DOTALL))
    assert not re.search(r"\bnats\b|\bp [<=]|Holm|Fisher|McNemar", unfolded)


def test_one_seed_has_no_spread_and_names_of_classes_are_escaped(tmp_path: Path) -> None:
    """Without the custom networks (8, 16) is best, and gets three of six test images wrong."""
    (tmp_path / "stages").symlink_to(ROOT / "stages")
    write_study(tmp_path, chosen=[0])
    aggregate(tmp_path)
    text = (tmp_path / "plots/report.html").read_text()
    _, titles, *rows = rows_of(section(text, "table"))
    assert titles == ["network", "runs", "mean of all runs", "accuracy, %", "parameters", "FLOPs per image"]
    assert {row[0]: row[1:] for row in rows}["(8, 16)"] == ["1 of 1", "86.00", "92.00", "5,000", "1.9 M"]

    assert rows_of(section(text, "errors")) == [
        ["", "<b>two", "five", "nine"],
        ["<b>two", "100", "", ""],
        ["five", "", "33", "67"],
        ["nine", "50", "", "50"],
    ]
    assert elements(section(text, "errors"), "figcaption") == [
        "nine, predicted <b>two with 75.0 %", "five, predicted nine with 70.0 %", "five, predicted nine with 65.0 %",
    ]  # fmt: skip
    assert "<b>" not in text


def test_table_has_every_number_of_a_network_and_the_best_of_each_column(text: str) -> None:
    _, titles, *rows = rows_of(section(text, "table"))
    assert titles == [
        "network", "runs", "likely fraction, %", "mean of all runs", "of those that learned", "standard deviation",
        "95 % interval", "accuracy, %", "parameters", "FLOPs per image",
    ]  # fmt: skip
    assert [row[0].removesuffix(" ★") for row in rows] == LABELS
    assert rows[0] == [
        "(2, 4)", "2 of 4", "7 to 93", "65.33", "82.00", "2.83", "56.59 to 107.41", "59.00", "900", "0.2 M",
    ]  # fmt: skip
    assert rows[2][1:7] == ["1 of 4", "1 to 81", "43.50", "78.00", "-", "-"]
    assert elements(section(text, "table"), 'td class="best"') == ["800", "0.2 M", "98.75", "98.75", "99.00"]


def test_page_says_when_a_run_counts_as_learned_and_what_it_follows_from(text: str) -> None:
    """Half the training labels are of one class, a quarter of each other: 1.5 ln 2 nats."""
    why = visible_text(section(text, "why"))
    assert "ever fell below 0.993 nats, which is 2.2 / ln 10 of the chance-level loss" in why
    assert "the entropy of the training labels, 1.040 nats" in why
    assert "The data have 3 classes." in why
    assert "A run that learned: nan, seed 2" in why  # 99.5 % of the test images
    assert "A run that never learned: (2, 4), seed 7" in why
    provenance = section(text, "provenance")
    for part in ("12 train", "4 validation", "6 test"):
        assert f"<li>{part} images" in provenance
    settings = elements(provenance, "pre")[1]
    assert "seeds: - 7 - 0 - 1 - 2" in settings
    assert "ema_momentum: 0.9" in settings
    assert "kernel_size: 5" not in settings, "a default says nothing"


def test_learning_curves_have_every_seed_and_a_panel_per_family(text: str) -> None:
    curves = section(text, "curves")
    assert elements(curves, "h3") == ["Width: filters", "Depth: blocks", "Custom architectures"]
    assert len(re.findall('class="line seed', curves)) == 2 * 8 * 4
    assert len(re.findall('class="line mean', curves)) == 2 * 8


def test_page_is_one_file(text: str) -> None:
    markup = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert re.findall(r"""(?:src|href)="(?!data:|#)""", markup) == []
